# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The tree itself: format, generated pages, links, what the build says, what is
installed and what an executable needs."""

import os
import pathlib
import re
import subprocess
import time

import pytest

from conftest import DOCS, MODELS, ROOT, ZOO, fail, run, succeed, tool

SCRIPTS = ROOT / "tools/scripts"
TOOLS = ("dejavu-import-onnx", "dejavu-compile", "dejavu-run", "dejavu-opt",
         "dejavu-interpret")


def tracked(pattern):
    """Tracked files, as paths from the root."""
    out = succeed("git", "-C", ROOT, "ls-files", "--", pattern)
    return [pathlib.Path(line) for line in out.splitlines()]


def test_format():
    succeed(SCRIPTS / "format.sh", "--check")


def test_generated_pages_are_current():
    succeed(SCRIPTS / "generate_docs.py", "--check")


def test_a_stale_page_is_found(tmp_path):
    """The check above can fail: in a copy of the tree a page is changed."""
    for folder in ("include", "docs", "tools/scripts"):
        subprocess.run(["cp", "-r", "--parents", folder, tmp_path], cwd=ROOT,
                       check=True)
    page = tmp_path / "docs/Passes.md"
    page.write_text(page.read_text("utf-8") + "\nmore\n", encoding="utf-8")
    assert fail(tmp_path / "tools/scripts/generate_docs.py",
                "--check") == ("not current, run `make docs`: docs/Passes.md")


def test_links():
    """Every relative link of a page leads to a file of the tree."""
    broken = []
    for page in tracked("*.md"):
        text = (ROOT / page).read_text("utf-8")
        for link in re.findall(r"\]\(([^)#\s]+)", text):
            if "://" not in link and not (ROOT / page.parent / link).exists():
                broken.append(f"{page}: {link}")
    assert not broken, broken


def test_an_unknown_system_is_told_at_once(tmp_path):
    other = tmp_path / "os-release"
    other.write_text("ID=plan9\nVERSION_ID=4\n")
    start = time.monotonic()
    error = fail(SCRIPTS / "build.sh",
                 env=dict(os.environ, DEJAVU_OS_RELEASE=str(other)))
    assert "plan9 4" in error and "Debian 12" in error
    assert time.monotonic() - start < 1


def test_a_second_build_does_nothing():
    """Nothing is installed, nothing compiled."""
    start = time.monotonic()
    done = run("make", "-C", ROOT, "build",
               env={k: v for k, v in os.environ.items() if k != "MAKEFLAGS"})
    assert done.returncode == 0, done.stderr
    assert "will be installed" not in done.stderr
    assert "no work to do" in done.stderr, done.stderr
    assert time.monotonic() - start < 20


@pytest.mark.parametrize("name", TOOLS)
def test_help_and_version(name):
    assert "--help" in succeed(tool(name), "--help")
    assert "0.1.0" in succeed(tool(name), "--version")


def test_help_of_an_executable(compiled):
    made = compiled(ZOO[0], "--sparsity", "exact")
    text = succeed(made.path, "--help")
    for flag in ("--prompt-ids", "--max-new-tokens", "--temperature", "--top-p",
                 "--seed", "--ignore-eos", "--info", "--run-case", "--output",
                 "--eval-tokens", "--eval-first", "--eval-limit", "--json",
                 "--activations", "--sites", "--first-window", "--windows",
                 "--bench",
                 "--prompt-length", "--new-tokens", "--stream", "--tap",
                 "--threads", "--verify", "--weights", "--version"):
        assert flag in text, flag
    assert "0.1.0" in succeed(made.path, "--version")


def test_an_executable_needs_no_compiler(compiled):
    """The runtime is a product of its own."""
    made = compiled(DOCS, "--sparsity", "exact")
    needed = re.findall(r"NEEDED.*\[(.*)\]", succeed("readelf", "-d",
                                                     made.path))
    assert needed
    assert not [name for name in needed if re.search("LLVM|MLIR|dejavu", name)]


def test_install(tmp_path):
    """What is installed works without the build folder."""
    succeed("cmake", "--install", ROOT / "build", "--prefix", tmp_path / "p")
    installed = tmp_path / "p"
    for name in TOOLS:
        assert os.access(installed / "bin" / name, os.X_OK), name
    assert (installed / "include/dejavu-rt/abi.h").is_file()
    succeed(installed / "bin/dejavu-compile", MODELS / ZOO[0], "-o",
            tmp_path / "out")
    succeed(installed / "bin/dejavu-run", tmp_path / "out", "--input",
            MODELS / ZOO[0] / "decode_b1.npz")


def test_the_sum_of_all_tests(tmp_path):
    """How `make check` counts: failures and errors, skips, and tests that were
    never run."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("check", SCRIPTS / "check.py")
    check = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(check)
    file = tmp_path / "results.xml"
    file.write_text("""<testsuites><testsuite>
      <testcase classname="a" name="1"/>
      <testcase classname="a" name="2" status="run"/>
      <testcase classname="a" name="3"><failure message="no"/></testcase>
      <testcase classname="a" name="4"><error message="no"/></testcase>
      <testcase classname="a" name="5"><skipped/></testcase>
      <testcase classname="a" name="6" status="notrun"/>
    </testsuite></testsuites>""")
    assert check.count(file) == (2, ["a: 3", "a: 4"], 2)


def test_demo():
    """The last lines of `make demo`, and that they fit together."""
    out = succeed(ROOT / ".venv/bin/python", SCRIPTS / "demo.py", timeout=300)
    lines = out.splitlines()[-7:]
    assert float(re.fullmatch(r"dense: (\S+) tokens/s", lines[0])[1]) > 0
    assert float(re.fullmatch(r"sparse: (\S+) tokens/s", lines[1])[1]) > 0
    # The up projections in full, and a part of the down projections.
    read = float(re.fullmatch(r"MLP weights read: (\S+) %", lines[2])[1])
    assert 50 < read < 65
    assert lines[3] == "texts equal: yes"
    assert all(re.match(r"(build/bin/dejavu-compile |\./|\.venv/bin/dejavu )",
                        line) for line in lines[4:])
