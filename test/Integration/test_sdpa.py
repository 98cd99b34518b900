# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Attention without a cache, in @forward, against numpy in f64, as is the
reference interpreter."""

import dataclasses

import numpy as np
import pytest

from conftest import succeed, tool
from test_kernels import Program, assert_close


@dataclasses.dataclass(frozen=True)
class Op:
    """One dejavu.sdpa. A dimension of the mask is one of "bhqk", "1" or, where
    only the run knows, "?"."""

    mask: str = ""
    kind: str = "i1"
    rows: str = "uniform"
    causal: bool = False
    cap: float = 0.0


OPS = (Op(), Op(causal=True), Op(causal=True, rows="zero", cap=2.0),
       Op(mask="b11k"), Op(mask="b11k", rows="zero", causal=True),
       Op(mask="11qk", kind="f32"), Op(mask="bhqk", kind="f32", cap=0.5),
       Op(mask="bhq1", rows="zero"), Op(mask="????"),
       Op(mask="1h??", kind="f32", rows="zero"))

# heads, kv_heads, head_dim, value_dim
SIZES = ((3, 3, 5, 5), (4, 2, 16, 9), (6, 1, 33, 80))


def attend(op, heads, kv_heads, q, k, v, mask):
    """The op in f64; the mask has been drawn."""
    batch, queries, keys = q.shape[0], q.shape[1], k.shape[1]

    def split(x, count):
        x = x.astype(np.float64).reshape(batch, x.shape[1], count, -1)
        return np.repeat(x.transpose(0, 2, 1, 3), heads // count, 1)
    scores = split(q, heads) @ split(k, kv_heads).transpose(0, 1, 3, 2) * 0.25
    if op.cap:
        scores = op.cap * np.tanh(scores / op.cap)
    if mask is not None and op.kind == "f32":
        scores = (scores.astype(np.float32) + mask).astype(np.float64)
    elif mask is not None:
        scores = np.where(mask, scores, -np.inf)
    if op.causal:
        seen = np.arange(keys) <= np.arange(queries)[:, None] + keys - queries
        scores = np.where(seen, scores, -np.inf)
    most = scores.max(-1, keepdims=True)
    weights = np.exp(scores - np.where(np.isinf(most), 0, most))
    total = weights.sum(-1, keepdims=True)
    weights = np.divide(weights, total, where=total != 0, out=np.full(
        weights.shape, 1 / keys if op.rows == "uniform" else 0.0))
    out = weights @ split(v, kv_heads)
    return out.transpose(0, 2, 1, 3).reshape(batch, queries, -1)


def write(folder, heads, kv_heads, size, value_size):
    """The module: keys and values of their own length, a mask for each op."""
    q, k, v, out = (f"tensor<?x?x{n}xf32>" for n in (
        heads * size, kv_heads * size, kv_heads * value_size,
        heads * value_size))
    arguments = [f'%q: {q} {{onnx.dims = ["b", "s", "f"]}}',
                 f'%k: {k} {{onnx.dims = ["b", "t", "g"]}}',
                 f'%v: {v} {{onnx.dims = ["b", "t", "h"]}}']
    names, body = ["q", "k", "v"], []
    for i, op in enumerate(OPS):
        mask, types = "", [q, k, v]
        if op.mask:
            dims = [{"1": "1", "h": str(heads)}.get(d, "?") for d in op.mask]
            types.append(f"tensor<{'x'.join(dims)}x{op.kind}>")
            arguments.append(f"%m{i}: {types[-1]}")
            names.append(f"m{i}")
            mask = f" mask(%m{i})"
        cap = f" {{softcap = {op.cap:e} : f32}}" if op.cap else ""
        body.append(
            f"  %r{i} = dejavu.sdpa %q, %k, %v{mask} heads = {heads} "
            f"kv_heads = {kv_heads} scale = 0.25 masked_rows = {op.rows}"
            f"{' causal' if op.causal else ''}{cap} : ({', '.join(types)}) -> "
            f"{out}")
    results = [f"r{i}" for i in range(len(OPS))]
    bindings = [", ".join(f'#dejavu.binding<"{n}", plain>' for n in some)
                for some in (names, results)]
    folder.mkdir(exist_ok=True)
    (folder / "sdpa.mlir").write_text(
        f'module attributes {{dejavu.source = "{folder / "model.onnx"}"}} {{\n'
        f"dejavu.signature inputs [{bindings[0]}] outputs [{bindings[1]}]\n"
        f"func.func @forward({', '.join(arguments)}) -> "
        f"({', '.join([out] * len(OPS))}) attributes {{dejavu.entry = "
        "#dejavu.entry<forward>} {\n" + "\n".join(body)
        + f"\n  return {', '.join('%' + r for r in results)} : "
        + ", ".join([out] * len(OPS)) + "\n}\n}\n", encoding="utf-8")
    return folder / "sdpa.mlir"


def draw(random, op, full):
    """A mask; the last query and sequence see nothing, wherever it can say
    so. Dimensions that only the run knows are sometimes 1."""
    shape = [1 if d == "1" or (d == "?" and random.random() < 0.4) else n
             for d, n in zip(op.mask, full)]
    if op.kind == "i1":
        mask = random.random(shape) < 0.7
        mask[-1, -1, -1] = False
        return mask
    mask = random.standard_normal(shape).astype(np.float32)
    mask[random.random(shape) < 0.2] = -np.inf
    mask[random.random(shape) < 0.2] = np.finfo(np.float32).min
    mask[-1, -1, -1] = np.finfo(np.float32).min
    mask[0, 0, 0] = -np.inf
    return mask


@pytest.mark.parametrize("sizes", SIZES)
def test_sdpa(sizes, tmp_path):
    heads, kv_heads, size, value_size = sizes
    source = write(tmp_path, *sizes)
    succeed(tool("dejavu-compile"), source, "--compile-from", "raise", "-o",
            tmp_path / "sdpa")
    program = Program(tmp_path / "sdpa")
    oracle = Program(tmp_path / "sdpa", tool("dejavu-interpret"), source)
    random = np.random.default_rng(3)
    for batch, queries, keys in ((1, 1, 1), (2, 5, 5), (3, 1, 40), (1, 33, 17),
                                 (2, 20, 35)):
        inputs = {name: random.standard_normal(
            (batch, length, width)).astype(np.float32) * 2
            for name, length, width in (
                ("q", queries, heads * size), ("k", keys, kv_heads * size),
                ("v", keys, kv_heads * value_size))}
        want = {}
        for i, op in enumerate(OPS):
            mask = None
            if op.mask:
                mask = draw(random, op, (batch, heads, queries, keys))
                inputs[f"m{i}"] = mask
            want[f"r{i}"] = attend(op, heads, kv_heads, inputs["q"],
                                   inputs["k"], inputs["v"], mask)
        case = (sizes, batch, queries, keys)
        assert_close(program.run(inputs), want, case)
        assert_close(oracle.run(inputs), want, case)
