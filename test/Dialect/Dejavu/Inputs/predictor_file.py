# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Files of predictors, docs/Predictors.md, made with nothing but Python: as
they should be, or with anything in them that a test wants."""

import json
import struct

#: The digest that files name unless told otherwise: that of no model.
DIGEST = "xxh3:0123456789abcdef"


def numbers(values, dtype="F32"):
    """Bytes of floating-point numbers."""
    if dtype == "BF16":
        return b"".join(struct.pack("<f", v)[2:] for v in values)
    return struct.pack(f"<{len(values)}{'e' if dtype == 'F16' else 'f'}",
                       *values)


def tensor(shape, dtype="F32", value=0.0, last=None):
    """A tensor that has `value` everywhere, and perhaps `last` at its end."""
    count = 1
    for dim in shape:
        count *= dim
    values = [value] * count
    if last is not None:
        values[-1] = last
    data = bytes(int(v) % 256 for v in values) if dtype in ("I8", "U8") \
        else numbers(values, dtype)
    return {"dtype": dtype, "shape": list(shape), "data": data}


def entry(layer, unit="neuron", units=16, features=8, kind="low_rank", rank=2,
          **fields):
    """An entry for a block of `units` units; one of low rank at the threshold 0
    unless `fields` say otherwise. A field of None is left out."""
    result = {"layer": layer, "unit": unit, "units": units,
              "features": features, "kind": kind, "select": "threshold",
              "threshold": 0.0}
    if kind == "low_rank":
        result["rank"] = rank
    result |= fields
    return {k: v for k, v in result.items() if v is not None}


def dense(layer, why, unit="neuron"):
    """An entry of a block that stays as it is."""
    return {"layer": layer, "unit": unit, "dense": why}


def tensors_of(entries, dtype="F32"):
    """The tensors that the entries need, of zeros."""
    result = {}
    for each in entries:
        if "kind" not in each:
            continue
        name = f"layers.{each['layer']}.{each['unit']}."
        units, features = each["units"], each["features"]
        if each["kind"] == "low_rank":
            result[name + "first"] = tensor([each["rank"], features], dtype)
            result[name + "second"] = tensor([units, each["rank"]], dtype)
            if dtype == "I8":
                result[name + "scale"] = tensor([units])
        else:
            result[name + "signs"] = tensor([units, (features + 7) // 8], "U8")
        result[name + "bias"] = tensor([units])
    return result


def make(entries, tensors=None, *, dtype="F32", header=None, **metadata):
    """The bytes of a file. `tensors` are added to those that the entries need,
    or replace them; one that is None is left out. `metadata` are added, too;
    `header` gets the header before it is written."""
    if isinstance(entries, list):
        data = tensors_of([e for e in entries if isinstance(e, dict)], dtype)
    else:
        data = {}
    data |= tensors or {}
    texts = {"format": "dejavu-predictors-1", "model_name": "tiny",
             "model_digest": DIGEST, "sparsity": "predicted",
             "look_ahead": "full",
             "predictors": entries if isinstance(entries, str)
             else json.dumps(entries)} | metadata
    head = {"__metadata__": {k: v for k, v in texts.items() if v is not None}}
    body = b""
    for name, each in data.items():
        if each is None:
            continue
        head[name] = {"dtype": each["dtype"], "shape": each["shape"],
                      "data_offsets": [len(body), len(body) + len(each["data"])]}
        body += each["data"]
    if header:
        header(head)
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + body
