#!/usr/bin/env python3
# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Packs what gpu_shapes.py needs on a machine with a GPU: decoders in awkward
shapes that have every kernel among them, compiled for it, with what the
reference interpreter makes of their weights. Needs build/bin.

Elements of matrices are integers below 128 times a power of two, which f16,
bf16 and f32 all have: so the interpreter runs once for all of them. They repeat
along rows and along columns, so that gigabytes of weights make a small file."""

import argparse
import dataclasses
import json
import math
import pathlib
import shutil
import sys
import tarfile
import tempfile
import zlib

import numpy as np
import safetensors.numpy

from gpu_pack import ATOMIC, BIN, DENSE, EXACT, ROOT, read_info, run, share

sys.path.insert(0, str(ROOT / "test/Integration"))
from toys import Shape, Toy  # noqa: E402

PERIOD = 16381  # a prime
STEP = 4099  # from one row to the next
FIRST_MARGIN = 0.05  # of the first id of a text: no close choice for anybody
NEW_TOKENS = 16
PROMPTS = 40  # at most, for three that are not close choices
HELPERS = ("gpu_shapes.py", "gpu_check.py")

# Odd numbers of neurons, and some that fused MLPs are made for: multiples of 4,
# among them fewer than an H100 has multiprocessors.
SHAPES = {
    "wide": Shape(vocab=517, features=2560, heads=32, kv_heads=4, head_dim=80,
                  neurons=10243, layers=1),
    "heads": Shape(vocab=1031, features=2560, heads=32, kv_heads=32,
                   head_dim=80, neurons=1031, layers=1, norm="rms", bias=False,
                   gated=True, activation="silu", rope="half", rotated=80),
    "gemma": Shape(vocab=517, features=264, heads=4, kv_heads=1, head_dim=80,
                   neurons=1028, norm="rms", bias=False, gated=True,
                   activation="gelu_tanh", rope="half", rotated=80, window=9,
                   softcap=5.0, head_norms=True, weight_offset=1.0,
                   embed_scale=7.0, logit_cap=3.0, logit_scale=0.02),
    "neox": Shape(vocab=517, features=320, heads=4, kv_heads=4, head_dim=80,
                  neurons=10244, layers=1, activation="gelu",
                  rope="interleaved", rotated=24, rope_scale=1.25,
                  norm_scale=False, positions=640),
    "bloom": Shape(vocab=259, features=136, heads=6, kv_heads=2, head_dim=20,
                   neurons=516, alibi=True, activation="relu2",
                   masked_rows="zero", window=20, positions=640),
    "odd": Shape(vocab=517, features=257, heads=7, kv_heads=1, head_dim=31,
                 neurons=1031, activation="silu", rope="half", rotated=10),
    "quick": Shape(vocab=261, features=72, heads=3, kv_heads=3, head_dim=24,
                   neurons=68, gated=True, activation="quick_gelu"),
    "opt": Shape(vocab=517, features=2560, heads=4, kv_heads=4, head_dim=80,
                 neurons=2572, layers=1),
    "llama": Shape(vocab=1031, features=1288, heads=7, kv_heads=1, head_dim=80,
                   neurons=2248, layers=1, norm="rms", bias=False, gated=True,
                   activation="silu", rope="half", rotated=80),
    # Small, but with rows that are long enough to be streamed.
    "stream": Shape(vocab=261, features=1032, heads=3, kv_heads=1, head_dim=24,
                    neurons=68, layers=1),
    "gated-relu": Shape(vocab=517, features=264, heads=6, kv_heads=2,
                        head_dim=44, neurons=1031, norm="rms", gated=True,
                        activation="relu"),
    # Rows that clusters of two blocks share; all the rest is small.
    "cluster": Shape(vocab=261, features=10256, heads=2, kv_heads=1,
                     head_dim=24, neurons=308, layers=1),
    # The kernels of a layer of OPT-6.7B: as long rows of weights, and so many
    # that rings in shared memory go around.
    "layer": Shape(vocab=261, features=4096, heads=10, kv_heads=10,
                   head_dim=128, neurons=3080, layers=1),
}

# Flags of dejavu-compile, beside the kind of the weights.
BUILDS = {
    "wide": [("f16", DENSE), ("f16", EXACT), ("bf16", DENSE), ("f32", EXACT)],
    "heads": [("f16", ()), ("f32", ())],
    "opt": [("f16", DENSE), ("f16", EXACT), ("bf16", DENSE),
            ("f16", DENSE + ATOMIC), ("f16", EXACT + ATOMIC),
            ("bf16", DENSE + ATOMIC)],
    "llama": [("f16", ()), ("bf16", ()), ("f16", ATOMIC), ("bf16", ATOMIC)],
    "stream": [("f16", ()), ("f32", DENSE)],
    "bloom": [("f16", DENSE), ("f16", EXACT), ("bf16", EXACT), ("f32", DENSE),
              ("f16", EXACT + ATOMIC)],
    "gated-relu": [("f16", DENSE), ("f16", EXACT), ("bf16", EXACT),
                   ("f32", EXACT)],
    "cluster": [("f16", DENSE), ("f16", EXACT), ("f16", DENSE + ATOMIC),
                ("f16", EXACT + ATOMIC)],
    "layer": [("f16", DENSE), ("f16", EXACT), ("f16", DENSE + ATOMIC),
              ("f16", EXACT + ATOMIC)],
}
KINDS = ("f16", "bf16", "f32")

# batch, tokens, past, starts: 1 to 9 rows, chunks, padding at the left.
DECODES = [(1, 1, 5, None), (2, 1, 3, [0, 2]), (3, 1, 33, [0, 7, 33]),
           (4, 1, 1, None), (5, 1, 17, [17, 3, 0, 1, 16]), (6, 1, 2, None),
           (7, 1, 9, [0, 0, 9, 1, 2, 0, 8]), (8, 1, 4, None), (9, 1, 2, None)]
CHUNKS = [(1, 1, 0, None), (1, 19, 0, None), (3, 7, 0, [0, 3, 6]),
          (2, 5, 18, [0, 20]), (1, 33, 16, None)]
LONG = [(1, 1, 597, None), (3, 1, 517, [0, 33, 300]), (2, 3, 259, [0, 100])]


class Periodic(Toy):
    """A toy with weights as the head of this file says."""

    BASE = np.random.default_rng(0).integers(-127, 128, PERIOD)

    @classmethod
    def numbers(cls, name, rows, columns, size):
        """A matrix whose elements are about as large as `size`."""
        start = zlib.crc32(name.encode())
        where = (start + np.arange(rows, dtype=np.int64)[:, None] * STEP
                 + np.arange(columns, dtype=np.int64)) % PERIOD
        scale = 2.0 ** round(math.log2(size / cls.BASE.std()))
        return (cls.BASE[where] * scale).astype(np.float32)

    def add(self, name, *shape, size=None):
        if len(shape) == 1:
            self.weights[name] = self.numbers(
                name, 1, *shape, 0.05 if "_bias" in name else 0.5)[0]
        else:
            # The token counts for more than what all tokens have.
            self.weights[name] = self.numbers(
                name, *shape, 0.5 if name == "table" else
                size or 1 / math.sqrt(shape[-1]))

    def inputs(self, *args, **options):
        """Past keys and values that f16 and bf16 have as well."""
        inputs = super().inputs(*args, **options)
        for name, value in inputs.items():
            if name.startswith("past."):
                inputs[name] = self.numbers(
                    name, 1, max(value.size, 1), 1.0).ravel()[
                        :value.size].reshape(value.shape)
        return inputs


def cases_of(shape):
    """The cases of a shape, by name."""
    cases = DECODES + CHUNKS + (LONG if shape.positions > 600 else [])
    return {f"b{batch}t{tokens}p{past}": (batch, tokens, past, starts)
            for batch, tokens, past, starts in cases}


def save(path, arrays):
    """Writes a safetensors file."""
    safetensors.numpy.save_file(
        {name: np.ascontiguousarray(value) for name, value in arrays.items()},
        path)


def write_case(toy, source, path, case):
    """Inputs, and outputs of the interpreter."""
    inputs = path.with_suffix(".in")
    save(inputs, {f"in.{k}": v for k, v in toy.inputs(*case).items()})
    run(BIN / "dejavu-interpret", source, "--run-case", inputs, "--output",
        path.with_suffix(".out"))


def margins(toy, prompt, ids):
    """By how much each id's logit exceeds the next one's, over the greatest
    magnitude."""
    tokens = np.array([list(prompt) + ids[:-1]])
    inputs = toy.inputs(1, tokens.shape[1], 0)
    inputs["input_ids"] = tokens
    logits = toy.run(inputs)["logits"][0, len(prompt) - 1:]
    best = np.sort(logits, axis=1)
    return (best[:, -1] - best[:, -2]) / np.abs(logits).max(1)


def write_texts(toy, source):
    """Prompts, the interpreter's greedy ids, and how close each choice was."""
    random, texts = np.random.default_rng(3), []
    for _ in range(PROMPTS):
        prompt = random.integers(0, toy.shape.vocab,
                                 3 + 4 * len(texts)).tolist()
        out = run(BIN / "dejavu-interpret", source, "--prompt-ids",
                  ",".join(map(str, prompt)), "--max-new-tokens", NEW_TOKENS)
        ids = [int(i) for i in out.strip().split(",")]
        close = [round(float(m), 6) for m in margins(toy, prompt, ids)]
        if close[0] >= FIRST_MARGIN:
            texts.append({"prompt": prompt, "ids": ids, "margins": close})
        if len(texts) == 3:
            return texts
    sys.exit(f"error: {source}: the choices of {PROMPTS} prompts are close")


def describe(model, info):
    """What gpu_shapes.py must know of an executable's code."""
    code = info.get("cuda", {"kernels": [], "images": []})
    clusters = {name for image in code["images"] for name, facts in
                zip(code["kernels"], image["kernels"]) if facts["cluster"] > 1}
    return {"name": model, "sparsity": info["sparsity"],
            "cache": info.get("cache_dtype", "f32"),
            "kernels": code["kernels"], "clusters": sorted(clusters)}


def pack_shape(name, shape, folder, scratch, target):
    """One shape: its cases, and an executable for each kind of weights."""
    toy = Periodic(shape)
    source = toy.write(scratch / name)
    cases = folder / "cases" / name
    cases.mkdir(parents=True)
    for case, facts in cases_of(shape).items():
        write_case(toy, source, cases / case, facts)
    texts = write_texts(toy, source)
    made, files = [], []
    for kind, flags in BUILDS.get(name, [(kind, ()) for kind in KINDS]):
        if target == "cpu" and flags[-2:] == ATOMIC:
            continue
        model = "-".join([name, kind, *flags[1::2]])
        run(BIN / "dejavu-compile", source, "--compile-from", "raise",
            "--target", target, "--weights", kind, *flags, "-o",
            folder / model)
        weights = folder / f"{model}.safetensors"
        share(weights, files)
        files.append(weights)
        info = read_info(folder / model)
        made.append({**describe(model, info), "shape": name, "weights": kind,
                     "texts": texts, "facts": dataclasses.asdict(shape)})
    shutil.rmtree(scratch / name)
    return made


def executables_first(folder):
    """The files of a folder; what is alike stands together, for the sake of
    compression."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(files, key=lambda path: (
        path.suffix == ".safetensors", len(path.relative_to(folder).parts),
        path.name.split("-")[1:2], path.name))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("-o", "--output", default="gpu_shapes.tar.xz",
                        type=pathlib.Path)
    parser.add_argument("--target", default="cuda:sm_90",
                        help="with cpu, gpu_shapes.py can be tried without a"
                        " GPU")
    parser.add_argument("--shapes", default=",".join(SHAPES),
                        help="these alone, with commas")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        scratch = pathlib.Path(temporary)
        folder = scratch / "shapes"
        folder.mkdir()
        for helper in HELPERS:
            shutil.copy(pathlib.Path(__file__).with_name(helper), folder)
        made = []
        for name in args.shapes.split(","):
            made += pack_shape(name, SHAPES[name], folder, scratch,
                               args.target)
            print(f"{name}: {len(made)} models", file=sys.stderr, flush=True)
        (folder / "models.json").write_text(json.dumps(made), "utf-8")
        with tarfile.open(args.output, "w:xz", preset=6) as archive:
            for path in executables_first(folder):
                archive.add(path, pathlib.Path("shapes",
                                               path.relative_to(folder)))
    print(f"{args.output}: {len(made)} models, {args.output.stat().st_size}"
          " bytes")


if __name__ == "__main__":
    main()
