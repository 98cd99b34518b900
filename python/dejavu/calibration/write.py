# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The file of predictors: docs/Predictors.md."""

import json

import numpy as np
from safetensors.numpy import save

from dejavu.output import replacing

PRECISION = 6


def rounded(value):
    """A share for people and machines alike."""
    return round(float(value), PRECISION)


def entry_of(model, layer, unit, candidate, tensors):
    """The entry of one block; its tensors are added to `tensors`."""
    entry = {"layer": layer.index, "unit": unit}
    if candidate.is_plain:
        entry["dense"] = "nothing that saves bytes loses little enough"
        return entry
    entry["units"] = layer.neurons if unit == "neuron" else layer.kv_heads
    if candidate.predictor is not None:
        entry["features"] = model.features
        name = f"layers.{layer.index}.{unit}."
        *parts, bias = candidate.predictor
        if len(parts) == 1:
            signs = parts[0]
            entry["kind"] = "sign_bit"
            tensors[name + "signs"] = np.packbits(signs < 0, axis=1,
                                                  bitorder="little")
        else:
            entry |= {"kind": "low_rank", "rank": len(parts[0])}
            for part, array in zip(("first", "second", "scale"), parts):
                tensors[name + part] = np.ascontiguousarray(array)
        tensors[name + "bias"] = np.ascontiguousarray(bias, np.float32)
    if candidate.k is None:
        entry |= {"select": "threshold", "threshold": candidate.threshold}
    else:
        entry |= {"select": "top_k", "k": candidate.k}
    if candidate.down_threshold is not None:
        entry["down_threshold"] = candidate.down_threshold
    for key in ("density", "recall", "active", "loss"):
        entry[key] = min(max(rounded(getattr(candidate, key)), 0.0), 1.0)
    if candidate.curve:
        entry["curve"] = [[rounded(v) for v in point]
                          for point in candidate.curve]
    return entry


def write_predictors(path, model, look_ahead, sparsity, setting, calibration):
    """Writes the file for `setting`, {(layer, unit): candidate}."""
    tensors, entries = {}, []
    for (index, unit), candidate in sorted(setting.items()):
        if unit == "kv_group" and candidate.is_plain:
            continue
        entries.append(entry_of(model, model.layers[index], unit, candidate,
                                tensors))
    manifest = model.manifest["model"]
    metadata = {"format": "dejavu-predictors-1",
                "model_name": manifest.get("name", ""),
                "model_digest": manifest["digest"], "sparsity": sparsity,
                "look_ahead": look_ahead, "predictors": json.dumps(entries),
                "calibration": json.dumps(calibration)}
    with replacing(path, binary=True) as file:
        file.write(save(tensors, metadata))
