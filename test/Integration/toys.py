# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Small decoders of any shape, as raised IR with random weights, and what they
compute, in numpy and f64."""

import dataclasses
import math

import numpy as np


KINDS = {"float32": "f32", "float16": "f16", "int8": "i8", "uint8": "ui8"}


def describe(value):
    """The type of a weight."""
    return f"tensor<{'x'.join(map(str, value.shape))}x{KINDS[value.dtype.name]}>"


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
    gated: bool = False
    rope: str = ""  # or "half", "interleaved"
    rotated: int = 0  # features of a head that take part
    rope_scale: float = 1.0
    window: int = 0
    softcap: float = 0.0
    alibi: bool = False
    head_norms: bool = False  # of queries and keys
    weight_offset: float = 0.0
    norm_scale: bool = True
    embed_scale: float = 1.0
    logit_scale: float = 1.0
    logit_cap: float = 0.0


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
        # How weights are stored, if it is in another way: the array, its type
        # and the recipe.
        self.sources = {}
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
            if s.gated:
                self.add(f"gate{i}", s.neurons, s.features)
                self.add(f"gate_bias{i}", s.neurons)
            if s.head_norms:
                self.add(f"q_norm{i}", s.head_dim)
                self.add(f"k_norm{i}", s.head_dim)
            self.add(f"down{i}", s.neurons, s.features,
                     size=1 / math.sqrt(s.neurons))
            self.add(f"down_bias{i}", s.features)
            # Stored the other way round: packing transposes.
            self.transposed |= {f"q{i}", f"down{i}"}
        self.add("head", s.vocab, s.features)
        if s.rope:
            self.weights["frequencies"] = (
                self.random.random(s.rotated // 2) * 2).astype(np.float32)
        self.slopes = (self.random.random(s.heads) if s.alibi
                       else np.zeros(s.heads)).astype(np.float32)

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
            kind = describe(value)
            recipe = ""
            if name in self.transposed:
                value = np.ascontiguousarray(value.T)
                recipe = (f" as {describe(value)} via "
                          "[#dejavu.transpose<[1, 0]>]")
            elif name in self.sources:
                value, stored, steps = self.sources[name]
                recipe = f" as {stored} via [{steps}]"
            lines.append(
                f'dejavu.weight @{name} : {kind} from #dejavu.source<'
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

        def attributes(**values):
            """An attribute dictionary without what is the default."""
            text = ", ".join(f"{k} = {v}" for k, v in values.items() if v)
            return f" {{{text}}}" if text else ""

        def f32(value, default=0.0):
            return f"{value:.9e} : f32" if value != default else ""

        def norm(result, value, i):
            scale = f", @scale{i}" if s.norm_scale else ""
            shift = (f", @shift{i}" if s.norm == "layer" and s.norm_scale
                     else "")
            more = attributes(epsilon=f32(self.EPSILON),
                              weight_offset=f32(s.weight_offset))
            return (f"  %{result} = dejavu.norm {s.norm} %{value}{scale}"
                    f"{shift}{more} : {x}")

        def prepare(result, value, which, i, heads, kind):
            """Norm and rotation of queries or keys."""
            if s.head_norms:
                out.append(f"  %{result}n = dejavu.norm rms %{value}, "
                           f"@{which}_norm{i}"
                           + attributes(epsilon=f32(self.EPSILON),
                                        groups=f"{heads} : i64")
                           + f" : {kind}")
                value = f"{result}n"
            if s.rope:
                style = " interleaved" if s.rope == "interleaved" else ""
                out.append(f"  %{result}r = dejavu.rope %{value}, %angles "
                           f"heads = {heads}{style} : {kind}, {angles}")
                value = f"{result}r"
            return value

        angles = f"tensor<?x{tokens}x{s.rotated}xf32>"

        out = [f"func.func @{name}(%ids: {ids}, %positions: {ids}, "
               f"%starts: tensor<?xi64>{first}, {caches}) -> ({results}) "
               f"attributes {{dejavu.entry = #dejavu.entry<{name}>}} {{",
               f"  %t = dejavu.embed %ids, @table"
               + attributes(scale=f32(s.embed_scale, 1.0))
               + f" : {ids} -> {x}",
               f"  %p = dejavu.embed %positions, @places "
               f"{{offset = {self.OFFSET} : i64}} : {ids} -> {x}",
               f"  %x0 = dejavu.residual_add %t, %p : {x}"]
        if s.rope:
            out.append(f"  %angles = dejavu.rope_table %positions, "
                       f"@frequencies"
                       + attributes(scale=f32(s.rope_scale, 1.0))
                       + f" : {ids} -> {angles}")
        slopes = ", ".join(f"{slope:.9e}" for slope in self.slopes)
        special = attributes(
            alibi=f"array<f32: {slopes}>" if s.alibi else "",
            softcap=f32(s.softcap), window=f"{s.window} : i64"
            if s.window else "")
        for i in range(s.layers):
            out.append(norm(f"n{i}", f"x{i}", i))
            for word, kind in (("q", q), ("k", k), ("v", k)):
                out.append(f"  %{word}{i} = dejavu.linear %n{i}, @{word}{i}"
                           f"{bias(f'{word}_bias{i}')} : {x} -> {kind}")
            query = prepare(f"qq{i}", f"q{i}", "q", i, s.heads, q)
            key = prepare(f"kk{i}", f"k{i}", "k", i, s.kv_heads, k)
            gate = (f"gate = @gate{i}{bias(f'gate_bias{i}')} " if s.gated
                    else "")
            out += [
                f"  %d{i} = dejavu.kv_append %c{i}, %{key}, %v{i} : {cache}, "
                f"{k}",
                f"  %a{i}, %e{i} = dejavu.attention %{query}, %d{i}, %starts "
                f"scale = {1 / math.sqrt(s.head_dim):.9e} masked_rows = "
                f"{s.masked_rows}{special} : {q}, {cache}, tensor<?xi64>",
                f"  %o{i} = dejavu.linear %a{i}, @o{i}{bias(f'o_bias{i}')} : "
                f"{q} -> {x}",
                f"  %r{i} = dejavu.residual_add %x{i}, %o{i} : {x}",
                norm(f"m{i}", f"r{i}", i),
                f"  %f{i} = dejavu.ffn {s.activation} %m{i}, {gate}up = @up{i}"
                f"{bias(f'up_bias{i}')} down = @down{i}"
                f"{bias(f'down_bias{i}')} : {x}",
                f"  %x{i + 1} = dejavu.residual_add %r{i}, %f{i} : {x}"]
        start = " from %from" if name == "prefill" else ""
        ends = ", ".join(f"%e{i}" for i in range(s.layers))
        capped = attributes(scale=f32(s.logit_scale, 1.0),
                            softcap=f32(s.logit_cap))
        out += [f"  %l = dejavu.lm_head %x{s.layers}, @head{start}{capped} : "
                f"{x} -> {logits}", f"  return %l, {ends} : {results}", "}"]
        return "\n".join(out)

    # --- The oracle ----------------------------------------------------------

    def activate(self, x):
        kind = self.shape.activation
        if kind == "relu":
            return np.maximum(x, 0)
        if kind == "relu2":
            return np.maximum(x, 0) ** 2
        if kind in ("silu", "quick_gelu"):
            return x / (1 + np.exp(-(1.702 if kind == "quick_gelu" else 1)
                                   * x))
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

        def rms(x):
            return x / np.sqrt((x * x).mean(-1, keepdims=True) + self.EPSILON)

        def norm(x, i):
            scale = w[f"scale{i}"] + s.weight_offset if s.norm_scale else 1
            if s.norm == "rms":
                return rms(x) * scale
            return (rms(x - x.mean(-1, keepdims=True)) * scale
                    + (w[f"shift{i}"] if s.norm_scale else 0))

        def cap(x, limit):
            return limit * np.tanh(x / limit) if limit else x

        def prepare(x, which, i):
            """Norm and rotation of [batch, heads, tokens, head_dim]."""
            if s.head_norms:
                x = rms(x) * w[f"{which}_norm{i}"]
            if not s.rope:
                return x
            half = s.rotated // 2
            # The angles are f32.
            angle = (inputs["position_ids"].astype(np.float32)[..., None]
                     * self.weights["frequencies"]).astype(np.float64)
            cos, sin = (s.rope_scale * f(angle)[:, None]
                        for f in (np.cos, np.sin))
            first, second = ((slice(0, s.rotated, 2), slice(1, s.rotated, 2))
                             if s.rope == "interleaved" else
                             (slice(0, half), slice(half, s.rotated)))
            turned = x.copy()
            turned[..., first] = x[..., first] * cos - x[..., second] * sin
            turned[..., second] = x[..., second] * cos + x[..., first] * sin
            return turned

        ids = inputs["input_ids"]
        batch, tokens = ids.shape
        starts = (inputs["attention_mask"] == 0).sum(1)
        x = (w["table"][ids] * s.embed_scale
             + w["places"][inputs["position_ids"] + self.OFFSET])
        outputs = {}
        for i in range(s.layers):
            n = norm(x, i)
            q, k, v = (n @ w[f"{c}{i}"].T + bias(f"{c}_bias{i}") for c in "qkv")

            def heads(value, count):
                return value.reshape(batch, tokens, count,
                                     s.head_dim).transpose(0, 2, 1, 3)
            q = prepare(heads(q, s.heads), "q", i)
            k = np.concatenate([inputs[f"past.{i}.key"],
                                prepare(heads(k, s.kv_heads), "k", i)], 2)
            v = np.concatenate([inputs[f"past.{i}.value"],
                                heads(v, s.kv_heads)], 2)
            outputs[f"present.{i}.key"], outputs[f"present.{i}.value"] = k, v
            group = s.heads // s.kv_heads
            k, v = (np.repeat(each, group, 1) for each in (k, v))
            scores = cap(q @ k.transpose(0, 1, 3, 2) / math.sqrt(s.head_dim),
                         s.softcap)
            steps = np.arange(k.shape[2])
            times = steps[-tokens:]
            distances = times[:, None] - steps[None, :]
            scores -= self.slopes[:, None, None] * distances
            seen = ((distances >= 0)
                    & (steps[None, None, :] >= starts[:, None, None]))
            if s.window:
                seen &= distances < s.window
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
            up = m @ w[f"up{i}"].T + bias(f"up_bias{i}")
            if s.gated:
                h = up * self.activate(m @ w[f"gate{i}"].T
                                       + bias(f"gate_bias{i}"))
            else:
                h = self.activate(up)
            x = r + h @ w[f"down{i}"] + bias(f"down_bias{i}")
        outputs["logits"] = cap(s.logit_scale * (x @ w["head"].T), s.logit_cap)
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
