# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Generates with the interpreter: the ids must be those that were recorded from
ONNX Runtime, and the value at each tap site that of compiled executables.

Usage: compare_executable.py MODELS FOLDER
"""

import json
import pathlib
import subprocess
import sys

import numpy as np
import safetensors.numpy

PROMPTS, NEW = 3, 8
TOLERANCE = 1e-4


def run(*command, prompts):
    """The lines of a command that gets prompts on standard input."""
    text = "".join(",".join(map(str, prompt)) + "\n" for prompt in prompts)
    done = subprocess.run([str(part) for part in command], input=text,
                          stdout=subprocess.PIPE, text=True, check=True)
    return [[int(i) for i in line.split(",")]
            for line in done.stdout.splitlines()]


def main():
    models, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    model = models / "opt-docs-7m"
    recorded = json.loads(
        (models / "goldens/opt-docs-7m/greedy.json").read_text())["cases"]
    # Prompts of different lengths, so that the batch has padding.
    cases = sorted({len(case["prompt"]): case
                    for case in recorded}.items())[:PROMPTS]
    assert len(cases) == PROMPTS
    prompts = [case["prompt"] for _, case in cases]
    wanted = [case["ids"][:NEW] for _, case in cases]

    taps = folder / "interpreter.safetensors"
    found = run("dejavu-interpret", model, "--prompt-ids", "-",
                "--max-new-tokens", NEW, "--tap", taps, prompts=prompts)
    assert found == wanted, (found, wanted)
    oracle = safetensors.numpy.load_file(taps)
    print(f"ids: {len(found)} prompts as recorded")

    # A row ends after an id that ends sequences; the others go on.
    end = wanted[0][2]
    short = [ids[:ids.index(end) + 1] if end in ids else ids
             for ids in wanted]
    assert short != wanted
    found = run("dejavu-interpret", model, "--prompt-ids", "-",
                "--max-new-tokens", NEW, "--eos", end, prompts=prompts)
    assert found == short, (found, short)

    for sparsity in ("dense", "exact"):
        made = folder / sparsity
        subprocess.run(["dejavu-compile", model, "-o", made, "--sparsity",
                        sparsity], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        taps = folder / f"{sparsity}.taps.safetensors"
        found = run(made.resolve(), "--prompt-ids", "-", "--max-new-tokens",
                    NEW, "--ignore-eos", "--tap", taps, prompts=prompts)
        assert found == wanted, (sparsity, found, wanted)
        values = safetensors.numpy.load_file(taps)
        assert len(values) > 100 and values.keys() == oracle.keys(), sparsity
        for name, want in oracle.items():
            got = values[name]
            assert got.shape == want.shape, (sparsity, name)
            assert np.allclose(got, want, TOLERANCE, TOLERANCE), (
                sparsity, name, np.abs(got - want).max())
        print(f"{sparsity}: {len(oracle)} taps agree")


if __name__ == "__main__":
    main()
