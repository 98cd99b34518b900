# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Files of predictors, as `dejavu calibrate` writes them, with contents that
tests choose: docs/Predictors.md."""

import json

import numpy as np
import safetensors.numpy


class PredictorFile:
    """Entries and tensors; `write` makes the file."""

    def __init__(self, info, look_ahead="full", sparsity="predicted"):
        """`info` is the manifest of a program of the model."""
        self.metadata = {
            "format": "dejavu-predictors-1",
            "model_name": info["model"]["name"],
            "model_digest": info["model"]["digest"],
            "sparsity": sparsity, "look_ahead": look_ahead}
        self.layers = info["layers"]
        self.features = info["hidden"]
        self.entries, self.tensors = [], {}

    def units(self, layer, unit):
        """How many units of that kind the layer has."""
        block = self.layers[layer]
        return block["mlp"]["neurons"] if unit == "neuron" \
            else block["attention"]["kv_heads"]

    def dense(self, layer, unit="neuron", why="a test wants it"):
        """An entry without a predictor."""
        self.entries.append({"layer": layer, "unit": unit, "dense": why})

    def add(self, layer, unit="neuron", *, first=None, second=None, scale=None,
            bias=None, signs=None, features=None, **fields):
        """An entry. `first` is [rank, features], `second` [units, rank], `bias`
        [units]: zeros of rank 1 unless given. Factors of int8 have a `scale`
        [units]."""
        units = self.units(layer, unit)
        features = features or self.features
        entry = {"layer": layer, "unit": unit, "units": units,
                 "features": features, "kind": "low_rank"}
        name = f"layers.{layer}.{unit}."
        if signs is not None:
            entry["kind"] = "sign_bit"
            self.tensors[name + "signs"] = signs
        else:
            first = np.zeros((1, features), np.float32) if first is None \
                else first
            second = np.zeros((units, len(first)), first.dtype) \
                if second is None else second
            entry["rank"] = len(first)
            self.tensors[name + "first"] = first
            self.tensors[name + "second"] = second
            if scale is not None:
                self.tensors[name + "scale"] = scale.astype(np.float32)
        self.tensors[name + "bias"] = np.zeros(units, np.float32) \
            if bias is None else bias.astype(np.float32)
        self.entries.append(entry | fields)

    def add_everywhere(self, unit="neuron", **fields):
        """The same entry for all layers."""
        for layer in range(len(self.layers)):
            self.add(layer, unit, **fields)

    def threshold(self, layer, threshold, **fields):
        """An entry of a file for threshold sparsity."""
        self.entries.append({"layer": layer, "unit": "neuron",
                             "units": self.units(layer, "neuron"),
                             "threshold": threshold} | fields)

    def write(self, path):
        """Writes it; the path."""
        safetensors.numpy.save_file(
            {k: np.ascontiguousarray(v) for k, v in self.tensors.items()},
            path, self.metadata | {"predictors": json.dumps(self.entries)})
        return path


def scripted(units, selected):
    """A bias that selects just those units, at the threshold 0."""
    bias = np.full(units, -1.0, np.float32)
    bias[list(selected)] = 1.0
    return bias


def pack_signs(weights):
    """The signs of weights [units, features] as the file has them."""
    return np.packbits(weights < 0, axis=1, bitorder="little")
