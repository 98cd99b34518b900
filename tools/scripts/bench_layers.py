#!/usr/bin/env python3
# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Decoder layers and whole models of one row on a GPU, against the memory floor
and against PyTorch.

    bench_layers.py pack -o layers.tar.xz            # where the compiler is
    tar xf layers.tar.xz && cd layers                # on a machine with a GPU
    ./bench_layers.py run --json F.json
    ./bench_layers.py run --json F.json --purposes whole --contexts 256,2048

Ours: executables of synthetic models (docs/Synthetic.md) under --bench. A layer
is the difference of two numbers of layers over the difference of their numbers;
what is left of the smaller one is the head (embeddings, the last norm, logits,
the choice of an id, and the host). A context is the mean over the 64 steps that
are timed; where a model has too few positions for that, it is that of the last
of 16 steps. Exact against dense are programs of equal weights.

PyTorch's (needs torch): the same layer in f16 as it is best there: one product
for queries, keys and values, cuBLAS, scaled_dot_product_attention on a static
cache, all of it in a CUDA graph that goes through layers of at least four times
the L2 cache; the median of 50 replays.

The floor is bytes over the greater of 3.10 TB/s and the read bandwidth of the
same run. The bytes of a layer are its weights and its cache, of the type of
elements that the program has there."""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
DOCS, DOCS_CONTEXT = "opt-docs-7m", 256  # of the repository
HELPERS = ("bench_layers.py", "bench_kernels.py", "bench_attention.py",
           "sampling.py")
CONTEXTS = (256, 1024, 2016)
NEW_TOKENS = 64
LAST_TOKENS = 16  # up to the last position of a model
PURPOSES = ("layer", "whole", "sparse", "docs")
SIZES = {"f32": 4, "f16": 2, "bf16": 2}
DENSITY = 0.1

# features, heads, heads of the cache, neurons, gated; two numbers of layers;
# all layers, where that many fit.
MODELS = {"opt-66b": ((9216, 72, 72, 36864, False), (4, 8), None),
          "opt-30b": ((7168, 56, 56, 28672, False), (4, 8), 48),
          "opt-6.7b": ((4096, 32, 32, 16384, False), (4, 8), 32),
          "llama-3-8b": ((4096, 32, 8, 14336, True), (4, 8), 32)}
SPARSE = ("opt-6.7b", 32)  # exact against dense, with DENSITY


def wanted_programs():
    """(name, what it is for, model, layers, flags) of all executables."""
    for model, (_, counts, whole) in MODELS.items():
        for layers in counts:
            yield (f"{model}-{layers}", "layer", model, layers,
                   ("--sparsity", "dense"))
        if whole:
            yield (f"{model}-{whole}", "whole", model, whole,
                   ("--sparsity", "dense"))
    model, layers = SPARSE
    for sparsity in ("dense", "exact"):
        yield (f"{model}-{layers}-{sparsity}-{DENSITY}", "sparse", model,
               layers, ("--sparsity", sparsity, "--synthetic-density",
                        DENSITY))


def describe(program, info, purpose):
    """What the other machine must know of an executable."""
    each = [layer["attention"]["kv_heads"] * layer["attention"]["head_dim"]
            for layer in info["layers"]]
    element = info.get("cache_dtype", "f32")
    return {"name": program.name, "purpose": purpose,
            "model": info["model"]["name"], "sparsity": info["sparsity"],
            "layers": len(each), "cache": element,
            "positions": info["max_context"],
            "bytes_per_token": info["bytes_per_token"]["dense"],
            # Of a step in all layers.
            "cache_bytes": 2 * sum(each) * SIZES[element]}


def pack(options):
    """Compiles everything to a file."""
    from gpu_pack import BIN, MODELS as FOLDERS, run

    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary, "layers")
        folder.mkdir()
        for helper in HELPERS:
            shutil.copy(HERE / helper, folder)
        made = []

        def make(name, purpose, *flags):
            run(BIN / "dejavu-compile", *flags, "--target", options.target,
                "--weights", "f16", "-o", folder / name)
            info = json.loads(run(folder / name, "--info"))
            made.append(describe(folder / name, info, purpose))

        for name, purpose, model, layers, flags in wanted_programs():
            if purpose in options.purposes and re.search(options.only, name):
                make(name, purpose, "--synthetic", model, "--layers", layers,
                     *flags)
        if "docs" in options.purposes and re.search(options.only, DOCS):
            for sparsity in ("dense", "exact"):
                make(f"{DOCS}-{sparsity}", "docs", FOLDERS / DOCS,
                     "--sparsity", sparsity)
            # They have the same weights.
            (folder / f"{DOCS}-exact.safetensors").unlink()
        (folder / "programs.json").write_text(json.dumps(made), "utf-8")
        with tarfile.open(options.output, "w:xz", preset=6) as archive:
            archive.add(folder, "layers")
    print(f"{options.output}: {len(made)} programs,"
          f" {options.output.stat().st_size} bytes")


def choose_steps(context, positions):
    """(tokens of the prompt, steps that are timed) for a context."""
    if context + NEW_TOKENS // 2 <= positions:
        return context - NEW_TOKENS // 2, NEW_TOKENS
    return context - LAST_TOKENS, LAST_TOKENS


def mean_context(context, positions):
    """Keys that a step reads, its own among them."""
    prompt, steps = choose_steps(context, positions)
    return prompt + (steps + 1) / 2


def bench(program, prompt, steps, repeats, *flags):
    """What --bench says of an executable; None, with a message, if it fails."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "bench.json")
        done = subprocess.run(
            [str(HERE / program["name"]), "--bench", "--prompt-length",
             str(prompt), "--new-tokens", str(steps), "--repeats",
             str(repeats), "--json", str(file), *flags], text=True,
            capture_output=True, check=False)
        if done.returncode:
            print(f"{program['name']}: {done.stderr.strip()[-300:]}",
                  flush=True)
            return None
        result = json.loads(file.read_text("utf-8"))
    return {"us": result["ms_per_token"] * 1e3,
            "prefill_ms": result["prefill_ms"],
            "mlp_density": result["mlp_density"],
            "bytes_per_token": result["bytes_per_token"],
            "seconds": round(time.monotonic() - start, 1)}


class Report:
    """All figures of a run."""

    def __init__(self, bandwidth, repeats):
        self.bandwidth, self.repeats = bandwidth, repeats
        self.layers, self.wholes, self.sparse = [], [], []
        self.failed = []

    def floor(self, size):
        """Microseconds that reading so many bytes takes."""
        return size / self.bandwidth * 1e6

    def bench(self, program, context, *flags):
        """A program at a context."""
        result = bench(program, *choose_steps(context, program["positions"]),
                       self.repeats, *flags)
        if not result:
            self.failed.append(f"{program['name']} {context}")
        return result

    def add_layer(self, fewer, more, context):
        """The difference of two programs."""
        small, large = self.bench(fewer, context), self.bench(more, context)
        if not small or not large:
            return
        step = more["layers"] - fewer["layers"]
        layer = (large["us"] - small["us"]) / step
        weights = (more["bytes_per_token"] - fewer["bytes_per_token"]) / step
        cache = round(fewer["cache_bytes"] // fewer["layers"]
                      * mean_context(context, fewer["positions"]))
        head_bytes = fewer["bytes_per_token"] - fewer["layers"] * weights
        self.layers.append({
            "model": fewer["model"], "context": context,
            "layer_us": round(layer, 2),
            "floor_us": round(self.floor(weights + cache), 2),
            "ratio": round(layer / self.floor(weights + cache), 4),
            "head_us": round(small["us"] - fewer["layers"] * layer, 2),
            "head_floor_us": round(self.floor(head_bytes), 2),
            "weight_bytes": round(weights), "cache_bytes": cache,
            "cache": fewer["cache"]})
        print(json.dumps(self.layers[-1]), flush=True)

    def add_whole(self, program, context):
        """A whole model, and the sum of its parts if they are known."""
        result = self.bench(program, context)
        if not result:
            return
        floor = self.floor(program["bytes_per_token"]
                           + program["cache_bytes"]
                           * mean_context(context, program["positions"]))
        row = {"model": program["model"], "layers": program["layers"],
               "context": context,
               "steps": choose_steps(context, program["positions"])[1],
               "us": round(result["us"], 1), "floor_us": round(floor, 1),
               "ratio": round(result["us"] / floor, 4),
               "prefill_ms": round(result["prefill_ms"], 1),
               "seconds": result["seconds"]}
        for layer in self.layers:
            if (layer["model"], layer["context"]) == (program["model"],
                                                      context):
                parts = (program["layers"] * layer["layer_us"]
                         + layer["head_us"])
                row["sum_us"] = round(parts, 1)
                row["over_sum"] = round(result["us"] / parts, 4)
        self.wholes.append(row)
        print(json.dumps(row), flush=True)

    def add_sparse(self, program, context, *flags):
        """One of two programs that are compared."""
        result = self.bench(program, context, *flags)
        if not result:
            return
        # Of the neurons that were active.
        floor = self.floor(result["bytes_per_token"]
                           + program["cache_bytes"]
                           * mean_context(context, program["positions"]))
        self.sparse.append({
            "model": program["model"], "sparsity": program["sparsity"],
            "context": context, "us": round(result["us"], 1),
            "floor_us": round(floor, 1),
            "mlp_density": round(result["mlp_density"], 4)})
        print(json.dumps(self.sparse[-1]), flush=True)


def torch_layer_us(model, context):
    """Microseconds of PyTorch's layer."""
    import torch

    from bench_kernels import time_graph

    features, heads, kv_heads, neurons, gated = MODELS[model][0]
    size = features // heads
    functional = torch.nn.functional
    half = {"device": "cuda", "dtype": torch.float16}

    def matrix(out, into):
        return torch.randn(out, into, **half) * into ** -0.5

    def vector(size, bias=True):
        return torch.randn(size, **half) * 0.1 if bias and not gated else None

    class Layer:
        """Weights and cache; called with a row, returns the next one."""

        def __init__(self):
            self.scales = [torch.ones(features, **half) for _ in range(2)]
            self.shifts = [vector(features) for _ in range(2)]
            width = features + 2 * kv_heads * size
            self.qkv, self.qkv_bias = matrix(width, features), vector(width)
            self.out = matrix(features, features), vector(features)
            self.up = matrix(neurons * (2 if gated else 1), features)
            self.up_bias = vector(neurons)
            self.down = matrix(features, neurons), vector(features)
            self.keys, self.values = (
                torch.randn(1, kv_heads, context, size, **half)
                for _ in range(2))
            self.cos, self.sin = (torch.rand(size, **half) for _ in range(2))

        def bytes(self):
            return 2 * (self.qkv.numel() + self.out[0].numel()
                        + self.up.numel() + self.down[0].numel())

        def norm(self, x, which):
            if gated:
                return functional.rms_norm(x, (features,), self.scales[which])
            return functional.layer_norm(x, (features,), self.scales[which],
                                         self.shifts[which])

        def rotate(self, x):
            first, second = x.chunk(2, -1)
            return x * self.cos + torch.cat((-second, first), -1) * self.sin

        def __call__(self, x):
            made = functional.linear(self.norm(x, 0), self.qkv, self.qkv_bias)
            q, k, v = (part.view(1, -1, 1, size) for part in made.split(
                [features, kv_heads * size, kv_heads * size], -1))
            if gated:
                q, k = self.rotate(q), self.rotate(k)
            self.keys[:, :, -1:].copy_(k)
            self.values[:, :, -1:].copy_(v)
            mixed = functional.scaled_dot_product_attention(
                q, self.keys, self.values, enable_gqa=heads != kv_heads)
            x = x + functional.linear(mixed.view(1, features), *self.out)
            up = functional.linear(self.norm(x, 1), self.up, self.up_bias)
            if gated:
                gate, up = up.chunk(2, -1)
                up = functional.silu(gate) * up
            else:
                up = functional.relu(up)
            return x + functional.linear(up, *self.down)

    layers = [Layer()]
    cache = torch.cuda.get_device_properties(0).L2_cache_size
    layers += [Layer() for _ in range(max(1, -(-4 * cache
                                               // layers[0].bytes())))]
    layers *= -(-8 // len(layers))
    x = torch.randn(1, features, **half)
    with torch.no_grad():
        if not bool(torch.isfinite(layers[0](x)).all()):
            raise SystemExit(f"{model}: PyTorch's layer is not finite")
        # Each launch of the graph is a layer behind the one before.
        state = [x]

        def launch(layer):
            state[0] = layer(state[0])

        def begin(layer):
            state[0] = layer(x)
        us = time_graph([lambda: begin(layers[0])]
                        + [lambda l=layer: launch(l) for layer in layers[1:]])
    del layers, state
    torch.cuda.empty_cache()
    return us


def find_products(torch):
    """Has our programs find the cuBLASLt that PyTorch brings, for prompts."""
    folder = pathlib.Path(torch.__file__).parents[1] / "nvidia"
    found = sorted(folder.glob("*/lib/libcublasLt.so.1[23]"))
    if found:
        os.environ.setdefault("DEJAVU_CUBLASLT", str(found[-1]))


def run(options):
    """Measures everything that was packed."""
    import torch

    from bench_kernels import LEAST_BANDWIDTH, bandwidths, describe_run

    find_products(torch)
    torch.manual_seed(0)
    read, copy = bandwidths()
    torch.cuda.empty_cache()
    print(f"{torch.cuda.get_device_name()}: read {read / 1e12:.3f} TB/s",
          flush=True)
    programs = [program for program in json.loads(
        (HERE / "programs.json").read_text("utf-8"))
        if program["purpose"] in options.purposes
        and re.search(options.only, program["name"])]
    report = Report(max(read, LEAST_BANDWIDTH), options.repeats)
    by_model = {}
    for program in programs:
        if program["purpose"] == "layer":
            by_model.setdefault(program["model"], []).append(program)
    for model, pair in by_model.items():
        for context in options.contexts:
            report.add_layer(*pair, context)
            us = torch_layer_us(model, int(mean_context(context,
                                                        pair[0]["positions"])))
            print(f"{model} {context}: PyTorch {us:.1f} us", flush=True)
            for layer in report.layers:
                if (layer["model"], layer["context"]) == (model, context):
                    layer["torch_us"] = round(us, 2)
    for program in programs:
        for context in options.contexts:
            if program["purpose"] == "whole":
                report.add_whole(program, context)
            elif program["purpose"] == "sparse":
                report.add_sparse(program, context)
        if program["purpose"] == "docs":
            report.add_sparse(program, DOCS_CONTEXT, "--weights", str(
                HERE / f"{DOCS}-dense.safetensors"))
    options.json.write_text(json.dumps({
        **describe_run(read, copy, report.bandwidth),
        "new_tokens": NEW_TOKENS, "last_tokens": LAST_TOKENS,
        "repeats": options.repeats,
        "layers": report.layers, "wholes": report.wholes,
        "sparse": report.sparse, "failed": report.failed}, indent=1) + "\n",
        encoding="utf-8")
    return 1 if report.failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    commands = parser.add_subparsers(required=True)
    packing = commands.add_parser("pack", help="compile the programs")
    packing.add_argument("-o", "--output", default="layers.tar.xz",
                         type=pathlib.Path)
    packing.add_argument("--target", default="cuda:sm_90")
    packing.set_defaults(function=pack)
    running = commands.add_parser("run", help="measure, on a GPU")
    running.add_argument("--json", type=pathlib.Path, required=True)
    running.add_argument("--repeats", type=int, default=3)
    running.add_argument("--contexts", type=lambda text: [
        int(context) for context in text.split(",")], default=CONTEXTS)
    running.set_defaults(function=run)
    for command in (packing, running):
        command.add_argument("--purposes", type=lambda text: text.split(","),
                             default=PURPOSES, help="these alone, with commas:"
                             f" {', '.join(PURPOSES)}")
        command.add_argument("--only", default="",
                             help="programs whose name has this (a pattern)")
    options = parser.parse_args()
    return options.function(options)


if __name__ == "__main__":
    sys.exit(main())
