# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Small decoders of any shape, as raised IR with random weights, and what they
compute, in numpy and f64."""

import dataclasses
import math

import numpy as np


@dataclasses.dataclass(frozen=True)
class Shape:
    """The sizes and kinds that kernels are generated for."""

    vocab: int = 37
    features: int = 80
    heads: int = 2
    kv_heads: int = 2
    head_dim: int = 16
    neurons: int = 257
    layers: int = 2
    activation: str = "relu"
    norm: str = "layer"
    masked_rows: str = "uniform"
    bias: bool = True
    positions: int = 64


class Toy:
    """A decoder: `write` puts its IR and weights into a folder, `run` is the
    oracle."""

    EPSILON = 1e-5
    OFFSET = 2  # of the position table, as in OPT

    def __init__(self, shape, seed=0):
        self.shape = shape
        self.random = np.random.default_rng(seed)
        self.weights = {}
        self.transposed = set()
        s = shape
        width, narrow = s.heads * s.head_dim, s.kv_heads * s.head_dim
        self.add("table", s.vocab, s.features)
        self.add("places", s.positions + self.OFFSET, s.features)
        for i in range(s.layers):
            self.add(f"scale{i}", s.features)
            self.add(f"shift{i}", s.features)
            for name, out, into in (("q", width, s.features),
                                    ("k", narrow, s.features),
                                    ("v", narrow, s.features),
                                    ("o", s.features, width),
                                    ("up", s.neurons, s.features)):
                self.add(f"{name}{i}", out, into)
                self.add(f"{name}_bias{i}", out)
            self.add(f"down{i}", s.neurons, s.features,
                     size=1 / math.sqrt(s.neurons))
            self.add(f"down_bias{i}", s.features)
            # Stored the other way round: packing transposes.
            self.transposed |= {f"q{i}", f"down{i}"}
        self.add("head", s.vocab, s.features)

    def add(self, name, *shape, size=None):
        """A random weight; rows of a matrix have a length of about one."""
        size = size or (1 / math.sqrt(shape[-1]) if len(shape) == 2 else 0.5)
        value = self.random.standard_normal(shape) * size
        self.weights[name] = value.astype(np.float32)

    def write(self, folder):
        """Writes toy.mlir and its weights; the path of the former."""
        folder.mkdir(exist_ok=True)
        data, lines = bytearray(), []
        for name, value in self.weights.items():
            kind = "x".join(map(str, value.shape)) + "xf32"
            recipe = ""
            if name in self.transposed:
                value = np.ascontiguousarray(value.T)
                stored = "x".join(map(str, value.shape))
                recipe = (f" as tensor<{stored}xf32> via "
                          "[#dejavu.transpose<[1, 0]>]")
            lines.append(
                f'dejavu.weight @{name} : tensor<{kind}> from #dejavu.source<'
                f'"weights.bin", offset = {len(data)}, '
                f"length = {value.nbytes}>{recipe}")
            data += value.tobytes()
        (folder / "weights.bin").write_bytes(data)
        lines += [self.signature(), self.entry("prefill"),
                  self.entry("decode")]
        source = folder / "model.onnx"
        (folder / "toy.mlir").write_text(
            f'module attributes {{dejavu.source = "{source}"}} {{\n'
            + "\n".join(lines) + "\n}\n", encoding="utf-8")
        return folder / "toy.mlir"

    def signature(self):
        def caches(word):
            return "".join(
                f', #dejavu.binding<"{word}.{i}.{kind}", {kind}, {i}>'
                for i in range(self.shape.layers) for kind in ("key", "value"))
        return ('dejavu.signature inputs [#dejavu.binding<"input_ids", ids>, '
                '#dejavu.binding<"attention_mask", attention_mask>, '
                f'#dejavu.binding<"position_ids", positions>{caches("past")}] '
                f'outputs [#dejavu.binding<"logits", logits>'
                f'{caches("present")}]')

    def entry(self, name):
        """The function @prefill or @decode."""
        s = self.shape
        tokens, last = ("?", "?") if name == "prefill" else ("1", "1")
        ids = f"tensor<?x{tokens}xi64>"
        x, q, k = (f"tensor<?x{tokens}x{n}xf32>"
                   for n in (s.features, s.heads * s.head_dim,
                             s.kv_heads * s.head_dim))
        logits = f"tensor<?x{last}x{s.vocab}xf32>"
        cache = f"!dejavu.kv_cache<{s.kv_heads} x {s.head_dim}>"
        caches = ", ".join(f"%c{i}: {cache}" for i in range(s.layers))
        results = ", ".join([logits] + [cache] * s.layers)
        first = ", %from: index" if name == "prefill" else ""

        def bias(word):
            return f", @{word}" if s.bias else ""

        def norm(result, value, i):
            shift = f", @shift{i}" if s.norm == "layer" else ""
            return (f"  %{result} = dejavu.norm {s.norm} %{value}, @scale{i}"
                    f"{shift} {{epsilon = {self.EPSILON:.9e} : f32}} : {x}")

        out = [f"func.func @{name}(%ids: {ids}, %positions: {ids}, "
               f"%starts: tensor<?xi64>{first}, {caches}) -> ({results}) "
               f"attributes {{dejavu.entry = #dejavu.entry<{name}>}} {{",
               f"  %t = dejavu.embed %ids, @table : {ids} -> {x}",
               f"  %p = dejavu.embed %positions, @places "
               f"{{offset = {self.OFFSET} : i64}} : {ids} -> {x}",
               f"  %x0 = dejavu.residual_add %t, %p : {x}"]
        for i in range(s.layers):
            out.append(norm(f"n{i}", f"x{i}", i))
            for word, kind in (("q", q), ("k", k), ("v", k)):
                out.append(f"  %{word}{i} = dejavu.linear %n{i}, @{word}{i}"
                           f"{bias(f'{word}_bias{i}')} : {x} -> {kind}")
            out += [
                f"  %d{i} = dejavu.kv_append %c{i}, %k{i}, %v{i} : {cache}, "
                f"{k}",
                f"  %a{i}, %e{i} = dejavu.attention %q{i}, %d{i}, %starts "
                f"scale = {1 / math.sqrt(s.head_dim):.9e} "
                f"masked_rows = {s.masked_rows} : {q}, {cache}, tensor<?xi64>",
                f"  %o{i} = dejavu.linear %a{i}, @o{i}{bias(f'o_bias{i}')} : "
                f"{q} -> {x}",
                f"  %r{i} = dejavu.residual_add %x{i}, %o{i} : {x}",
                norm(f"m{i}", f"r{i}", i),
                f"  %f{i} = dejavu.ffn {s.activation} %m{i}, up = @up{i}"
                f"{bias(f'up_bias{i}')} down = @down{i}"
                f"{bias(f'down_bias{i}')} : {x}",
                f"  %x{i + 1} = dejavu.residual_add %r{i}, %f{i} : {x}"]
        start = " from %from" if name == "prefill" else ""
        ends = ", ".join(f"%e{i}" for i in range(s.layers))
        out += [f"  %l = dejavu.lm_head %x{s.layers}, @head{start} : {x} -> "
                f"{logits}", f"  return %l, {ends} : {results}", "}"]
        return "\n".join(out)

    # --- The oracle ----------------------------------------------------------

    def activate(self, x):
        kind = self.shape.activation
        if kind == "relu":
            return np.maximum(x, 0)
        if kind == "relu2":
            return np.maximum(x, 0) ** 2
        if kind == "silu":
            return x / (1 + np.exp(-x))
        if kind == "gelu":
            return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))
        assert kind == "gelu_tanh"
        return x * 0.5 * (1 + np.tanh(math.sqrt(2 / math.pi)
                                      * (x + 0.044715 * x ** 3)))

    def run(self, inputs, rounding=lambda x: x):
        """The outputs for `inputs`, by name; matrices go through
        `rounding`."""
        s = self.shape
        w = {name: (rounding(value) if value.ndim == 2 else value)
             .astype(np.float64) for name, value in self.weights.items()}

        def bias(name):
            return w[name] if s.bias else 0

        def norm(x, i):
            if s.norm == "rms":
                root = np.sqrt((x * x).mean(-1, keepdims=True) + self.EPSILON)
                return x / root * w[f"scale{i}"]
            centred = x - x.mean(-1, keepdims=True)
            root = np.sqrt((centred ** 2).mean(-1, keepdims=True)
                           + self.EPSILON)
            return centred / root * w[f"scale{i}"] + w[f"shift{i}"]

        ids = inputs["input_ids"]
        batch, tokens = ids.shape
        starts = (inputs["attention_mask"] == 0).sum(1)
        x = (w["table"][ids]
             + w["places"][inputs["position_ids"] + self.OFFSET])
        outputs = {}
        for i in range(s.layers):
            n = norm(x, i)
            q, k, v = (n @ w[f"{c}{i}"].T + bias(f"{c}_bias{i}") for c in "qkv")

            def heads(value, count):
                return value.reshape(batch, tokens, count,
                                     s.head_dim).transpose(0, 2, 1, 3)
            k = np.concatenate([inputs[f"past.{i}.key"],
                                heads(k, s.kv_heads)], 2)
            v = np.concatenate([inputs[f"past.{i}.value"],
                                heads(v, s.kv_heads)], 2)
            outputs[f"present.{i}.key"], outputs[f"present.{i}.value"] = k, v
            group = s.heads // s.kv_heads
            k, v = (np.repeat(each, group, 1) for each in (k, v))
            scores = (heads(q, s.heads) @ k.transpose(0, 1, 3, 2)
                      / math.sqrt(s.head_dim))
            steps = np.arange(k.shape[2])
            times = steps[-tokens:]
            seen = ((steps[None, None, :] <= times[None, :, None])
                    & (steps[None, None, :] >= starts[:, None, None]))
            none = ~seen.any(-1)
            seen |= none[..., None]
            scores = np.where(seen[:, None], scores, -np.inf)
            scores[np.broadcast_to(none[:, None, :, None], scores.shape)] = 0
            p = np.exp(scores - scores.max(-1, keepdims=True))
            p /= p.sum(-1, keepdims=True)
            a = p @ v
            if s.masked_rows == "zero":
                a[np.broadcast_to(none[:, None, :, None], a.shape)] = 0
            a = a.transpose(0, 2, 1, 3).reshape(batch, tokens, -1)
            r = x + a @ w[f"o{i}"].T + bias(f"o_bias{i}")
            m = norm(r, i)
            h = self.activate(m @ w[f"up{i}"].T + bias(f"up_bias{i}"))
            x = r + h @ w[f"down{i}"] + bias(f"down_bias{i}")
        outputs["logits"] = x @ w["head"].T
        return outputs

    def inputs(self, batch, tokens, past, starts=None, seed=1):
        """Random inputs; `starts` is the padding of each row."""
        s, random = self.shape, np.random.default_rng(seed)
        starts = np.zeros(batch, int) if starts is None else np.array(starts)
        times = np.arange(past + tokens)
        mask = (times[None] >= starts[:, None]).astype(np.int64)
        positions = np.maximum(mask.cumsum(1) - 1, 0)[:, past:]
        inputs = {
            "input_ids": random.integers(0, s.vocab, (batch, tokens)),
            "attention_mask": mask,
            "position_ids": np.ascontiguousarray(positions)}
        for i in range(s.layers):
            for kind in ("key", "value"):
                inputs[f"past.{i}.{kind}"] = random.standard_normal(
                    (batch, s.kv_heads, past, s.head_dim)).astype(np.float32)
        return inputs
