# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Edits a golden case so that it no longer fits the model, and prints what
dejavu-interpret says to each edit.

Usage: break_cases.py MODELS FOLDER
"""

import pathlib
import subprocess
import sys

import numpy as np
import safetensors.numpy

IDS, MASK = "in.input_ids", "in.attention_mask"
KEY = "in.past_key_values.0.key"
EDITS = {
    "short mask": lambda case: case | {MASK: case[MASK][:, :2]},
    "empty mask": lambda case: case | {MASK: 0 * case[MASK]},
    "short keys": lambda case: case | {KEY: case[KEY][:, :, :1]},
    "few sequences": lambda case: case | {IDS: case[IDS][:1]},
    "missing input": lambda case: {name: array for name, array in case.items()
                                   if name != KEY},
    "unknown input": lambda case: case | {"in.other": case[IDS]},
    "unknown id": lambda case: case | {IDS: 0 * case[IDS] + 1000},
    "narrow ids": lambda case: case | {IDS: case[IDS].astype(np.int32)},
}


def main():
    models, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True)
    model = models / "zoo/opt/dynamo-opset20"
    case = {name: array
            for name, array in np.load(model / "decode_b3.npz").items()
            if name.startswith("in.")}
    for label, edit in EDITS.items():
        output = folder / "out.safetensors"
        safetensors.numpy.save_file(
            {name: np.ascontiguousarray(array)
             for name, array in edit(case).items()},
            folder / "in.safetensors")
        done = subprocess.run(
            ["dejavu-interpret", model, "--raise", "--run-case",
             folder / "in.safetensors", "--output", output],
            capture_output=True, text=True, check=False)
        assert done.returncode == 1 and not output.exists(), (label, done)
        assert not done.stdout and done.stderr.count("\n") == 1, (label, done)
        print(f"{label}: {done.stderr.strip()}")


if __name__ == "__main__":
    main()
