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
LINEARS = [("9216x9216", 9216, 9216), ("4096x4096", 4096, 4096),
           ("opt-lm-head", 4096, 50272)]
VOCABULARIES = (7, 512, 50272, 128256)


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
        facts = {"family": "fused-ffn", "features": features,
                 "neurons": neurons, "gated": gated}
        make(f"ffn-{name}", facts, "--family", "fused-ffn", "--in",
             str(features), "--out", str(neurons), "--set",
             *(["--gated"] if gated else []))
    for name, features, out in LINEARS:
        for rows in (1, 8):
            make(f"linear-{name}-rows{rows}",
                 {"family": "linear", "in": features, "out": out,
                  "rows": rows}, "--family", "linear", "--in", str(features),
                 "--out", str(out), "--rows", str(rows))
    make("attention-32over8x128",
         {"family": "attention", "heads": 32, "kv_heads": 8, "head_dim": 128},
         "--family", "attention")
    for size in VOCABULARIES:
        make(f"sample-{size}", {"family": "sample", "vocabulary": size},
             "--family", "sample", "--out", str(size))
    (options.folder / "kernels.json").write_text(json.dumps(made, indent=1),
                                                 encoding="utf-8")
    print(f"{len(made)} kernels in {options.folder}", file=sys.stderr)


if __name__ == "__main__":
    main()
