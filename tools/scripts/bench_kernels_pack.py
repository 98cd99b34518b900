#!/usr/bin/env python3
# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles the kernels that bench_kernels.py measures, on a machine with the
compiler: FOLDER/NAME.cubin and FOLDER/kernels.json."""

import argparse
import json
import pathlib
import subprocess
import sys

BIN = pathlib.Path(__file__).resolve().parents[2] / "build" / "bin"

# name, features, neurons, gated: the shapes of one MLP
MLPS = [("opt-66b", 9216, 36864, False), ("opt-175b-of-8", 12288, 6144, False),
        ("opt-30b", 7168, 28672, False), ("4096x14336", 4096, 14336, False),
        ("opt-6.7b", 4096, 16384, False), ("gated-4096x14336", 4096, 14336, True),
        ("2560x10240", 2560, 10240, False), ("5120x20480", 5120, 20480, False)]
# ending of the name, flags: sets of neurons, or all that are not zero
FORMS = [("", ["--set"]), ("-atomic", ["--set", "--reduction", "atomic"]),
         ("-exact", ["--exact", "--counts"])]
LINEARS = [("9216x9216", 9216, 9216), ("4096x4096", 4096, 4096),
           ("12288x4096", 4096, 12288),
           ("opt-lm-head", 4096, 50272)]
VOCABULARIES = (7, 512, 50272, 128256)

ONE_ROW = [(1, 256), (1, 1024), (1, 2048)]
# name, query heads, heads of the cache, size, element, what else; `steps` are
# rows and contexts to measure.
ATTENTIONS = [
    ("small", 6, 2, 16, "f16", {"rotated": 8, "small": True}),
    ("7over1x80", 7, 1, 80, "f16", {"rotated": 32}),
    ("6over2x33", 6, 2, 33, "bf16", {"zero": True, "window": 20}),
    ("8over8x64", 8, 8, 64, "f32", {"rotated": 64, "interleaved": True}),
    ("16over1x64", 16, 1, 64, "bf16", {"alibi": True}),
    ("4over4x96", 4, 4, 96, "f16", {"softcap": 30.0, "window": 40}),
    ("8over2x128", 8, 2, 128, "f16", {"zero": True, "alibi": True,
                                      "rotated": 64}),
    ("4over2x256", 4, 2, 256, "f16", {"rotated": 256, "softcap": 30.0,
                                     "window": 40}),
    ("32over8x128", 32, 8, 128, "f16",
     {"rotated": 128, "steps": [(16, 4096), (4, 1024), (1, 4096), *ONE_ROW]}),
    ("32over32x128", 32, 32, 128, "f16", {"steps": ONE_ROW}),
    ("32over32x64", 32, 32, 64, "f16", {"steps": ONE_ROW}),
    ("72over72x128", 72, 72, 128, "f16", {"steps": ONE_ROW}),
    ("32over8x128-f32", 32, 8, 128, "f32", {"steps": [(16, 4096)]})]


def main():
    """The command line."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=pathlib.Path)
    arguments.add_argument("--chip", default="sm_90")
    arguments.add_argument("--only", default="", help="names that hold this")
    options = arguments.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    made = []

    def make(name, facts, *flags):
        if options.only not in name:
            return
        source = options.folder / f"{name}.mlir"
        cubin = options.folder / f"{name}.cubin"
        subprocess.run([BIN / "dejavu-kernels", "--chip", options.chip, *flags,
                        "-o", source], check=True)
        report = subprocess.run([BIN / "dejavu-ptx", source, "--cubin",
                                 "--resources", "-o", cubin], check=True,
                                stdout=subprocess.PIPE, text=True).stdout
        source.unlink()
        made.append({"name": name, "file": cubin.name, **facts,
                     "kernels": json.loads(report)["kernels"]})

    for name, features, neurons, gated in MLPS:
        for kind, flags in FORMS:
            exact = "--exact" in flags
            facts = {"family": "fused-ffn", "features": features,
                     "neurons": neurons, "gated": gated, "exact": exact,
                     "reduction": "atomic" if "atomic" in flags
                     else "deterministic"}
            make(f"ffn-{name}{kind}", facts, "--family", "fused-ffn", "--in",
                 str(features), "--out", str(neurons), *flags,
                 *(["--gated"] if gated else []))
    for name, features, out in LINEARS:
        for rows in (1, 2, 8):
            make(f"linear-{name}-rows{rows}",
                 {"family": "linear", "in": features, "out": out,
                  "rows": rows}, "--family",
                 "matrix-linear" if rows > 1 else "streamed-linear", "--in",
                 str(features), "--out", str(out))
    for name, heads, kv_heads, dim, element, more in ATTENTIONS:
        facts = {"family": "attention", "heads": heads, "kv_heads": kv_heads,
                 "head_dim": dim, "element": element, **more}
        flags = ["--heads", heads, "--kv-heads", kv_heads, "--head-dim", dim,
                 "--element", element, "--rotated", more.get("rotated", 0),
                 "--window", more.get("window", 0),
                 "--softcap", more.get("softcap", 0)]
        flags += [flag for key, flag in (
            ("interleaved", "--interleaved"), ("alibi", "--alibi"),
            ("zero", "--mask-to-zero")) if more.get(key)]
        make(f"attention-{name}", facts, "--family", "attention",
             *map(str, flags))
    for size in VOCABULARIES:
        make(f"sample-{size}", {"family": "sample", "vocabulary": size},
             "--family", "sample", "--out", str(size))
    (options.folder / "kernels.json").write_text(json.dumps(made, indent=1),
                                                 encoding="utf-8")
    print(f"{len(made)} kernels in {options.folder}", file=sys.stderr)


if __name__ == "__main__":
    main()
