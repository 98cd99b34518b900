# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes a predictor file (docs/Predictors.md) that knows nothing: random
weights, so that the active sets are drawn anew for each token and layer, of
the sizes that are asked for. For measuring speed: of 8-bit integers, as
calibration makes them.

    random_predictors.py OUT.safetensors --layers 24 --features 2048 \\
        --neurons 8192 --active-neurons 819 --heads 32 --active-heads 16"""

import argparse
import json
import pathlib

import numpy as np
import safetensors.numpy

SPREAD = 73.3  # the standard deviation of the factors' numbers


def entry(layer, unit, units, features, rank, count):
    """What the file says of a predictor that takes `count` units."""
    share = count / units
    return {"layer": layer, "unit": unit, "units": units, "features": features,
            "kind": "low_rank", "rank": rank, "select": "top_k", "k": count,
            "density": share, "recall": share, "active": share,
            "loss": 1 - share, "curve": []}


def write_predictors(path, *, layers, features, neurons, heads, model_name,
                     model_digest, seed=0):
    """`neurons` and `heads` are (units, rank, how many are active); `heads` may
    be None."""
    random = np.random.default_rng(seed)
    entries, tensors = [], {}
    for layer in range(layers):
        for unit, spec in (("neuron", neurons), ("kv_group", heads)):
            if spec is None:
                continue
            units, rank, count = spec
            entries.append(entry(layer, unit, units, features, rank, count))
            name = f"layers.{layer}.{unit}."
            for part, shape in (("first", (rank, features)),
                                ("second", (units, rank))):
                tensors[name + part] = random.integers(-127, 128, shape,
                                                       np.int8)
            tensors[name + "scale"] = np.full(
                units, SPREAD ** -2 * (features * rank) ** -0.5, np.float32)
            tensors[name + "bias"] = np.float32(0.1) * \
                random.standard_normal(units, np.float32)
    safetensors.numpy.save_file(tensors, path, metadata={
        "format": "dejavu-predictors-1", "model_name": model_name,
        "model_digest": model_digest, "sparsity": "predicted",
        "look_ahead": "full", "predictors": json.dumps(entries),
        "calibration": json.dumps({"trainer": "none, random"})})


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file", type=pathlib.Path)
    for name in ("layers", "features", "neurons", "active-neurons"):
        parser.add_argument(f"--{name}", type=int, required=True)
    for name, default in (("heads", 0), ("active-heads", 0), ("rank", 512),
                          ("head-rank", 8), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    for name in ("model-name", "model-digest"):
        parser.add_argument(f"--{name}", default="")
    options = parser.parse_args()
    heads = None
    if options.heads:
        heads = (options.heads, options.head_rank, options.active_heads)
    write_predictors(
        options.file, layers=options.layers, features=options.features,
        neurons=(options.neurons, options.rank, options.active_neurons),
        heads=heads, model_name=options.model_name,
        model_digest=options.model_digest, seed=options.seed)


if __name__ == "__main__":
    main()
