# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Predictors for the decoders of these tests: blocks of 16 neurons and 2 key
and value heads that read 8 features.

    predictors.py FOLDER [DIGEST]

writes all files; they name DIGEST if it is given.
"""

import pathlib
import sys

from predictor_file import dense, entry, make

PROFILE = {"density": 0.125, "active": 0.0625, "recall": 0.96875,
           "loss": 0.03125}
MIXED = [entry(0, threshold=-0.25, **PROFILE),
         entry(1, kind="sign_bit", select="top_k", k=3, threshold=None),
         entry(1, "kv_group", units=2, rank=1, select="top_k", k=1,
               threshold=None)]
EVERYWHERE = [entry(0), entry(0, "kv_group", units=2),
              entry(1), entry(1, "kv_group", units=2)]
THRESHOLDS = [{"layer": 0, "unit": "neuron", "units": 16, "threshold": 0.5} |
              PROFILE,
              {"layer": 1, "unit": "neuron", "units": 16, "threshold": 0.25,
               "down_threshold": 0.125}]

#: The arguments of `make` for each file.
FILES = {
    "mixed": (MIXED, {"dtype": "F16"}),
    "full": (EVERYWHERE, {}),
    "half": (EVERYWHERE, {"look_ahead": "half"}),
    "same": (EVERYWHERE, {"look_ahead": "same"}),
    "dense": ([dense(0, "recall 0.41 at density 0.9"), entry(1)], {}),
    "dense-everywhere": ([dense(0, ""), dense(0, "never idle", "kv_group"),
                          dense(1, "too good")], {}),
    "threshold": (THRESHOLDS, {"sparsity": "threshold", "look_ahead": None}),
    "threshold-dense": ([dense(0, "no magnitude loses little"),
                         THRESHOLDS[1] | {"down_threshold": 0.0}],
                        {"sparsity": "threshold"}),
}


def main(folder, digest=None):
    """Writes the files."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    options = {"model_digest": digest} if digest else {}
    for name, (entries, fields) in FILES.items():
        (folder / f"{name}.safetensors").write_bytes(
            make(entries, **fields, **options))


if __name__ == "__main__":
    main(*sys.argv[1:])
