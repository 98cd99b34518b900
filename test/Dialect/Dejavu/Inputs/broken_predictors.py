# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Files that are not what a file of predictors must be, and for the decoder of
predictors.py files that do not fit it.

    broken_predictors.py FOLDER
"""

import json
import math
import pathlib
import struct
import sys

from predictor_file import dense, entry, make, tensor, tensors_of
from predictors import THRESHOLDS

GOOD = [entry(0), entry(1)]
NEURONS = "layers.1.neuron."
FILES = {}


def bad(name, *arguments, **fields):
    """A file of that name, made of the arguments of `make`."""
    FILES[name] = make(*arguments, **fields)


def bad_entry(name, use="predicted", **fields):
    """A file whose second entry has such fields. None takes away."""
    second = {k: v for k, v in (entry(1) | fields).items() if v is not None}
    bad(name, json.dumps([entry(0), second]), tensors_of(GOOD), sparsity=use)


def bad_tensor(name, part, replaced, kind="low_rank"):
    """A file that has that tensor for the second entry."""
    bad(name, [entry(0), entry(1, kind=kind)], {NEURONS + part: replaced})


def bad_header(name, edit):
    """A file whose header is edited, where `edit` gets the header."""
    bad(name, GOOD, header=edit)


def field_of_first(**fields):
    """Edits what the header says of one tensor. None takes away."""
    def edit(header):
        each = header[NEURONS + "first"] | fields
        header[NEURONS + "first"] = {k: v for k, v in each.items()
                                     if v is not None}
    return edit


good = make(GOOD)
# Not safetensors.
FILES["empty"] = b""
FILES["seven"] = good[:7]
FILES["long"] = struct.pack("<Q", len(good) - 7) + good[8:]
FILES["endless"] = struct.pack("<Q", 2**64 - 1) + good[8:]
FILES["truncated"] = good[:-1]
FILES["onnx"] = b"\x08\x0a\x12\x07pytorch\x1a\x051.0.0"
FILES["text"] = struct.pack("<Q", 8) + b"{predict"
FILES["array"] = struct.pack("<Q", 8) + b"[1, 2]  "
FILES["brackets"] = struct.pack("<Q", 1000001) + b"[" * 1000001
bad("other", GOOD, format="pt")
bad("no-format", GOOD, format=None)
bad_header("no-metadata", lambda header: header.pop("__metadata__"))
bad_header("number", lambda header:
           header.update({"__metadata__": {"format": 1}}))

# The header of a tensor.
bad_header("no-object", lambda header: header.update({"x": 1}))
bad_header("no-dtype", field_of_first(dtype=None))
bad_header("no-shape", field_of_first(shape=None))
bad_header("no-range", field_of_first(data_offsets=None))
bad_header("one-offset", field_of_first(data_offsets=[0]))
bad_header("dtype", field_of_first(dtype="I64"))
bad_header("zero", field_of_first(shape=[0, 8]))
bad_header("negative", field_of_first(shape=[-2, -8]))
bad_header("fraction", field_of_first(shape=[2, 0.5]))
bad_header("scalar", field_of_first(shape=[], data_offsets=[0, 4]))
bad_header("overflow", field_of_first(shape=[2**31] * 3))
bad_header("range", field_of_first(data_offsets=[0, 60]))
bad_header("backwards", field_of_first(data_offsets=[64, 0]))
bad_header("before", field_of_first(data_offsets=[-64, 0]))
bad_header("beyond", field_of_first(data_offsets=[2**62, 2**62 + 64]))

# Metadata.
bad("no-digest", GOOD, model_digest=None)
bad("sparsity", GOOD, sparsity="exact")
bad("no-sparsity", GOOD, sparsity=None)
bad("look-ahead", GOOD, look_ahead="next")
bad("no-look-ahead", GOOD, look_ahead=None)
bad("no-predictors", GOOD, predictors=None)
bad("predictors-text", "[{]")
bad("predictors-object", "{}")
bad("predictors-none", [])
bad("predictors-number", "[1]")

# Entries.
bad_entry("no-layer", layer=None)
bad_entry("layer-negative", layer=-1)
bad_entry("layer-fraction", layer=0.5)
bad_entry("unit", unit="head")
bad("duplicate", [entry(0), entry(1), entry(0, threshold=1.0)])
bad("duplicate-dense", [entry(0), entry(1), dense(1, "twice")])
bad_entry("no-units", units=0)
bad_entry("density", density=1.5)
bad_entry("recall", density=0.5, recall=-0.5)
bad_entry("loss", density=0.5, loss="much")
bad_entry("select", select="exact")
bad_entry("k-none", select="top_k")
bad_entry("k-negative", select="top_k", k=-1)
bad_entry("k-more", select="top_k", k=17)
bad_entry("k-fraction", select="top_k", k=1.5)
bad_entry("no-threshold", threshold=None)
bad_entry("threshold-text", threshold="0")
bad("threshold-huge", json.dumps(GOOD).replace("0.0", "1e999"))
bad_entry("no-features", features=0)
bad_entry("kind", kind="mlp")
bad_entry("no-kind", kind=None)
bad_entry("no-rank", rank=0)
bad_entry("other-rank", rank=3)
bad_entry("magnitude-negative", "threshold", threshold=-0.5)
bad_entry("magnitude-top-k", "threshold", select="top_k", k=1)
bad_entry("down-negative", "threshold", down_threshold=-0.5)
bad("down-huge", json.dumps([entry(0, down_threshold=7)]).replace("7", "1e999"),
    sparsity="threshold")

# Tensors.
bad_tensor("no-first", "first", None)
bad_tensor("no-second", "second", None)
bad_tensor("no-bias", "bias", None)
bad_tensor("no-signs", "signs", None, "sign_bit")
bad_tensor("first-shape", "first", tensor([8, 2]))
bad_tensor("first-rank", "first", tensor([16]))
bad_tensor("first-type", "first", tensor([2, 8], "U8"))
bad_tensor("first-half", "first", tensor([2, 8], "F16"))
bad_tensor("first-integer", "first", tensor([2, 8], "I8"))
bad_tensor("second-shape", "second", tensor([2, 16]))
bad_tensor("bias-shape", "bias", tensor([17]))
bad_tensor("bias-type", "bias", tensor([16], "F16"))
bad_tensor("bias-integer", "bias", tensor([16], "I8"))
for name, scale in (("no-scale", None), ("scale-shape", tensor([1])),
                    ("scale-type", tensor([16], "F16")),
                    ("scale-nan", tensor([16], last=math.nan))):
    bad(name, GOOD, {NEURONS + "scale": scale}, dtype="I8")
bad_tensor("signs-shape", "signs", tensor([16, 2], "U8"), "sign_bit")
bad_tensor("signs-type", "signs", tensor([16, 1], "F32"), "sign_bit")
bad_tensor("signs-signed", "signs", tensor([16, 1], "I8"), "sign_bit")
bad_tensor("first-nan", "first", tensor([2, 8], last=math.nan))
bad_tensor("bias-inf", "bias", tensor([16], last=-math.inf))
bad("second-inf", GOOD, {NEURONS + "second":
                         tensor([16, 2], "F16", last=math.inf)}, dtype="F16")
bad("first-bf16", GOOD, {NEURONS + "first":
                         tensor([2, 8], "BF16", math.nan)}, dtype="BF16")

# What does not fit the model.
bad("missing-layer", [entry(0)])
bad("missing-neurons", [entry(0), entry(1, "kv_group", units=2)])
bad("third-layer", GOOD + [entry(2)])
bad("third-dense", GOOD + [dense(2, "there is none")])
bad("units", [entry(0), entry(1, units=15)])
bad("features", [entry(0, features=4), entry(1)])
bad("heads", GOOD + [entry(1, "kv_group", units=4)])
bad("heads-features", GOOD + [entry(0, "kv_group", units=2, features=9)])
bad("magnitude-missing", THRESHOLDS[:1], sparsity="threshold")
bad("magnitude-third", THRESHOLDS + [THRESHOLDS[0] | {"layer": 2}],
    sparsity="threshold")
bad("magnitude-units", [THRESHOLDS[0] | {"units": 32}, THRESHOLDS[1]],
    sparsity="threshold")

# What is wrong in ways that are easy to miss.
FILES["deep-header"] = struct.pack("<Q", 500000) + b"[" * 500000
bad("deep-predictors", "[" * 500000)
bad("signs-unused", [entry(0), entry(1, kind="sign_bit", features=9)],
    {NEURONS + "signs": tensor([16, 2], "U8", value=2.0)})
bad_entry("threshold-f32", threshold=1e300)
bad_entry("down-text", "threshold", down_threshold="0.5")


def main(folder):
    """Writes the files."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in FILES.items():
        (folder / f"{name}.safetensors").write_bytes(data)


if __name__ == "__main__":
    main(*sys.argv[1:])
