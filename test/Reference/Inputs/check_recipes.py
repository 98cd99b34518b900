# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random recipes, as dejavu-interpret reads them and as numpy does."""

import pathlib
import re
import subprocess
import sys

import numpy as np

KINDS = {"f32": np.float32, "f16": np.float16, "f64": np.float64,
         "i8": np.int8, "ui8": np.uint8, "i16": np.int16, "i32": np.int32}
# Bits and range of packed integers.
PACKED = {"ui4": (4, 0, 16), "i4": (4, -8, 8), "ui2": (2, 0, 4)}


def pack(values, bits):
    """Consecutive elements, the first one in the lowest bits."""
    flat = values.reshape(-1).astype(np.int64) & ((1 << bits) - 1)
    each = 8 // bits
    flat = np.pad(flat, (0, -len(flat) % each)).reshape(-1, each)
    return (flat << (np.arange(each) * bits)).sum(1).astype(np.uint8)


def describe(shape, kind):
    return f"tensor<{'x'.join(map(str, shape))}x{kind}>"


class Weights:
    """The declarations, and the bytes they point to."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.data, self.lines, self.wanted = bytearray(), [], {}

    def stored(self, shape, kind):
        """Small integers of a kind, and where they lie. Quarters, if they may
        be: what is printed then is exact."""
        if kind in PACKED:
            bits, low, high = PACKED[kind]
            values = self.random.integers(low, high, shape)
            raw = pack(values, bits)
        else:
            low = 0 if kind.startswith("ui") else -50
            values = self.random.integers(low, 50, shape).astype(KINDS[kind])
            if kind[0] == "f":
                values = values / KINDS[kind](4)
            raw = values
        # Two bytes that belong to nobody.
        offset = len(self.data) + 2
        self.data += b"\xff\xff" + raw.tobytes()
        return values.astype(np.float64), (
            f'from <"data.bin", offset = {offset}, length = {raw.nbytes}>')

    def scales(self, shape, axis, block, kind, extra):
        """A weight with an element for each block, and what it comes to for
        each element; `extra` is padding along the axis."""
        small = [n if self.random.random() < 0.7 else 1 for n in shape]
        blocks = -(-shape[axis] // block)
        small[axis] = blocks + extra
        name = f"s{len(self.lines)}"
        values, where = self.stored(small, kind)
        self.lines.append(
            f"dejavu.weight @{name} : {describe(small, kind)} {where}")
        values = np.take(values, range(blocks), axis)
        spread = np.take(values, np.arange(shape[axis]) // block, axis)
        return name, np.broadcast_to(spread, shape)

    def add(self, rank, kind):
        shape = list(self.random.integers(1, 8, rank))
        value, where = self.stored(shape, kind)
        stored, steps = describe(shape, kind), []
        isFloat = kind[0] == "f"
        for _ in range(self.random.integers(1, 5)):
            choice = self.random.integers(4)
            if choice == 0:
                order = self.random.permutation(rank)
                steps.append(f"#dejavu.transpose<{list(map(int, order))}>")
                value = value.transpose(order)
            elif choice == 1:
                ranges, taken = [], []
                for _ in range(self.random.integers(1, 4)):
                    first = int(self.random.integers(value.shape[0]))
                    count = int(self.random.integers(
                        1, value.shape[0] - first + 1))
                    ranges += [first, count]
                    taken += range(first, first + count)
                steps.append(f"#dejavu.take_rows<{ranges}>")
                value = value[taken]
            elif choice == 2 and isFloat:
                kind = ("f16", "f32", "bf16")[self.random.integers(3)]
                steps.append(f"#dejavu.cast<{kind}>")
            elif choice == 3 and not isFloat:
                axis = int(self.random.integers(rank))
                block = int(self.random.integers(1, 4))
                extra = int(self.random.integers(2))
                name, scale = self.scales(value.shape, axis, block,
                                          ("f32", "f16")[extra], extra)
                zeros, zero = "", int(self.random.integers(-3, 9))
                tail = f", zero_point = {zero}"
                if self.random.random() < 0.6:
                    zeros, zero = self.scales(
                        value.shape, axis, block,
                        ("ui4", "i8", "ui8", "f32")[self.random.integers(4)],
                        1 - extra)
                    zeros, tail = f" zero_points = @{zeros}", ""
                steps.append(
                    f"#dejavu.dequantize<scales = @{name}{zeros}, "
                    f"axis = {axis}, block_size = {block}{tail}>")
                value = (value - zero) * scale
                kind, isFloat = "f32", True
        if kind in PACKED:
            steps.append("#dejavu.cast<f32>")
            kind = "f32"
        name = f"w{len(self.lines)}"
        recipe = f" as {stored} via [{', '.join(steps)}]" if steps else ""
        self.lines.append(f"dejavu.weight @{name} : "
                          f"{describe(value.shape, kind)} {where}{recipe}")
        self.wanted[name] = (describe(value.shape, kind), value, recipe)


def main(folder, interpreter):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights = Weights(7)
    for rank in (1, 2, 2, 2, 3):
        for kind in (*KINDS, *PACKED):
            for _ in range(8):
                weights.add(rank, kind)
    (folder / "data.bin").write_bytes(weights.data)
    functions = [
        f"func.func @load_{name}() -> {kind} {{ %0 = dejavu.load_weight @{name} : "
        f"{kind} return %0 : {kind} }}"
        for name, (kind, _, _) in weights.wanted.items()]
    (folder / "weights.mlir").write_text(
        'module attributes {dejavu.source = "model.onnx"} {\n'
        + "\n".join(weights.lines + functions) + "\n}\n")
    printed = subprocess.run([interpreter, "weights.mlir"], cwd=folder,
                             check=True, capture_output=True, text=True)
    lines = printed.stdout.split("\n")
    seen = 0
    for title, line in zip(lines[::2], lines[1::2]):
        kind, want, recipe = weights.wanted[title.removeprefix("@load_")]
        assert line.startswith(kind), (title, line, kind)
        got = np.array([float(x) for x in re.findall(
            r"-?[\d.]+(?:e[+-]?\d+)?", line[len(kind):])])
        np.testing.assert_allclose(got, want.reshape(-1), rtol=1e-2 if "bf16"
                                   in recipe else 1e-5, err_msg=recipe)
        seen += 1
    assert seen == len(weights.wanted) > 300, seen


main(*sys.argv[1:])
