# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The examples of the README are run, and print what stands there. Numbers with
a decimal point may differ in their last digits from machine to machine."""

import os
import re
import subprocess

from conftest import ROOT


def examples():
    """(command, expected output) of every `$ ` line."""
    text = (ROOT / "README.md").read_text("utf-8")
    for block in re.findall(r"^```\n(\$ .*?)^```", text, re.S | re.M):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, output = part.partition("\n")
            yield command, output


def words(text):
    """Words; a number with a decimal point is a float of three digits."""
    return [f"{float(w):.3g}" if re.fullmatch(r"\d+\.\d+", w) else w
            for w in text.split()]


def test_examples(tmp_path):
    """In order, in an empty folder with the clone's build/ and .venv/."""
    for name in ("build", ".venv"):
        os.symlink(ROOT / name, tmp_path / name)
    found = list(examples())
    assert len(found) >= 8
    for command, output in found:
        done = subprocess.run(command, shell=True, cwd=tmp_path, check=False,
                              stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.STDOUT, timeout=300)
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        assert words(done.stdout) == words(output), command
