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
         ("-exact", ["--exact"])]
LINEARS = [("9216x9216", 9216, 9216), ("4096x4096", 4096, 4096),
           ("opt-lm-head", 4096, 50272)]


def main():
    """The command line."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=pathlib.Path)
    arguments.add_argument("--chip", default="sm_90")
    options = arguments.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    made = []

    def make(name, facts, *flags):
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
        for rows in (1, 8):
            make(f"linear-{name}-rows{rows}",
                 {"family": "linear", "in": features, "out": out,
                  "rows": rows}, "--family", "linear", "--in", str(features),
                 "--out", str(out), "--rows", str(rows))
    make("attention-32over8x128",
         {"family": "attention", "heads": 32, "kv_heads": 8, "head_dim": 128},
         "--family", "attention")
    (options.folder / "kernels.json").write_text(json.dumps(made, indent=1),
                                                 encoding="utf-8")
    print(f"{len(made)} kernels in {options.folder}", file=sys.stderr)


if __name__ == "__main__":
    main()
