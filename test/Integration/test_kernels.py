# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The kernels of the CPU against the reference interpreter and against numpy,
in shapes that no vector divides."""

import json
import shutil

import numpy as np
import pytest
import safetensors.numpy

from conftest import fail, run, succeed, tool
from test_weights import rounded
from toys import Shape, Toy, describe

SHAPES = {
    "one of everything": Shape(vocab=1, features=1, heads=1, kv_heads=1,
                               head_dim=1, neurons=1),
    "below a vector": Shape(vocab=5, features=3, heads=3, kv_heads=1,
                            head_dim=1, neurons=7),
    "odd": Shape(vocab=19, features=7, heads=3, kv_heads=3, head_dim=7,
                 neurons=33, bias=False),
    "several vectors": Shape(),
    "more than a tile": Shape(vocab=131, features=257, heads=4, kv_heads=2,
                              head_dim=80, neurons=101, norm="rms"),
    "wide heads": Shape(vocab=16, features=64, heads=1, kv_heads=1,
                        head_dim=257, neurons=64, masked_rows="zero"),
    # What families add to OPT.
    "llama": Shape(vocab=41, features=96, heads=6, kv_heads=2, head_dim=20,
                   neurons=130, norm="rms", bias=False, gated=True,
                   activation="silu", rope="half", rotated=20),
    "odd llama": Shape(vocab=7, features=33, heads=4, kv_heads=1, head_dim=7,
                       neurons=35, norm="rms", gated=True, rope="interleaved",
                       rotated=6, rope_scale=1.25, head_norms=True, window=3),
    "gemma": Shape(features=48, heads=4, kv_heads=4, head_dim=80, neurons=96,
                   norm="rms", bias=False, gated=True, activation="gelu_tanh",
                   rope="half", rotated=80, window=9, softcap=5.0,
                   head_norms=True, weight_offset=1.0, embed_scale=7.0,
                   logit_cap=3.0, logit_scale=0.5),
    "neox": Shape(features=64, heads=4, kv_heads=4, head_dim=16, neurons=96,
                  activation="gelu", rope="half", rotated=6, norm_scale=False),
    "bloom": Shape(features=64, heads=6, kv_heads=2, head_dim=12, alibi=True,
                   softcap=2.0, activation="relu2", gated=True, window=20,
                   masked_rows="zero"),
    # Above the size from which threads share a weight.
    "threads": Shape(vocab=1003, features=259, heads=4, kv_heads=4,
                     head_dim=32, neurons=517, layers=1),
    "gated threads": Shape(vocab=37, features=259, heads=8, kv_heads=2,
                           head_dim=32, neurons=517, layers=1, gated=True,
                           rope="half", rotated=32),
}

THREADED = {
    # Columns of the down projection: less than a vector, and no whole vectors.
    "narrow": Shape(vocab=17, features=7, heads=1, kv_heads=1, head_dim=7,
                    neurons=5003, layers=1, gated=True),
    "wide": Shape(vocab=17, features=1037, heads=4, kv_heads=2, head_dim=16,
                  neurons=67, layers=1),
}

# batch, tokens, past, starts: decode if there is one token and a past.
CASES = [
    (1, 1, 5, None), (2, 1, 3, [0, 2]), (3, 1, 33, [0, 7, 33]),
    (4, 1, 1, None), (5, 1, 17, [17, 3, 0, 1, 16]), (9, 1, 2, None),
    (1, 1, 0, None), (1, 19, 0, None), (3, 7, 0, [0, 3, 6]),
    (2, 5, 18, [0, 20]), (1, 33, 16, None),
]


class Program:
    """A compiled toy or, with a `command` of its own, the interpreter on it."""

    def __init__(self, path, *command):
        self.path = path
        self.command = command or (path,)

    def run(self, inputs, *flags):
        """All outputs, by name."""
        folder = self.path.parent
        safetensors.numpy.save_file(
            {f"in.{k}": np.ascontiguousarray(v) for k, v in inputs.items()},
            folder / "case.safetensors")
        succeed(*self.command, "--run-case", folder / "case.safetensors",
                "--output", folder / "out.safetensors", *flags)
        return {k.removeprefix("out."): v for k, v in
                safetensors.numpy.load_file(folder /
                                            "out.safetensors").items()}


def compile_toy(toy, folder, *flags, lanes=None):
    """Compiles with dejavu-compile; with `lanes`, for vectors of that size."""
    source, start = toy.write(folder), "raise"
    if lanes:
        lowered = folder / "lowered.mlir"
        succeed(tool("dejavu-opt"), source, "--dejavu-sparsify",
                f"--dejavu-lower-cpu=lanes={lanes}", "-o", lowered)
        source, start = lowered, "lower"
    done = run(tool("dejavu-compile"), source, "--compile-from", start, "-o",
               folder / "toy", *flags)
    assert done.returncode == 0, done.stderr
    return Program(folder / "toy")


def assert_close(got, want, case, tolerance=2e-5):
    """All outputs, by name."""
    assert got.keys() == want.keys()
    for name, value in want.items():
        assert got[name].shape == value.shape
        np.testing.assert_allclose(got[name], value, rtol=tolerance,
                                   atol=tolerance, err_msg=f"{case} {name}")


def assert_any_threads(program, toy, case):
    """The same bits for any number of threads."""
    inputs = toy.inputs(*case)
    want = program.run(inputs, "--threads", 1)
    for threads in (2, 3, 7):
        got = program.run(inputs, "--threads", threads)
        for name, value in want.items():
            np.testing.assert_array_equal(
                got[name], value, err_msg=f"{case} {name} {threads} threads")


def compare(program, toy, case, rounding=lambda x: x):
    """The program's outputs and numpy's for one of CASES."""
    inputs = toy.inputs(*case)
    assert_close(program.run(inputs), toy.run(inputs, rounding), case)


@pytest.mark.parametrize("sparsity", ("dense", "exact"))
@pytest.mark.parametrize("name", SHAPES)
def test_shapes(name, sparsity, tmp_path):
    toy = Toy(SHAPES[name])
    program = compile_toy(toy, tmp_path, "--sparsity", sparsity)
    for case in CASES:
        compare(program, toy, case)


# Of the decode cases one row and several, and sets of neurons that differ.
@pytest.mark.parametrize("dtype", ("f32", "f16"))
@pytest.mark.parametrize("sparsity", ("dense", "exact"))
@pytest.mark.parametrize("name", ("threads", "gated threads", "wide", "narrow",
                                  "more than a tile"))
def test_any_number_of_threads(name, sparsity, dtype, tmp_path):
    """Threads share kernels, never a sum; more threads than there is work for
    do no harm. Shapes that are worth threads."""
    toy = Toy(THREADED.get(name) or SHAPES[name])
    program = compile_toy(toy, tmp_path, "--sparsity", sparsity, "--weights",
                          dtype)
    for case in ((1, 1, 5, None), (5, 1, 17, [17, 3, 0, 1, 16])):
        assert_any_threads(program, toy, case)


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_in_the_interpreter(name, tmp_path):
    """Generated code against the oracle of all paths, on the same IR."""
    toy = Toy(SHAPES[name])
    program = compile_toy(toy, tmp_path, "--sparsity", "exact")
    sparse = tmp_path / "sparse.mlir"
    succeed(tool("dejavu-opt"), toy.write(tmp_path), "--dejavu-sparsify", "-o",
            sparse)
    is_exact = toy.shape.activation in ("relu", "relu2")
    assert ("dejavu.sparse_linear" in sparse.read_text()) == is_exact
    oracle = Program(program.path, tool("dejavu-interpret"), sparse)
    for case in CASES:
        inputs = toy.inputs(*case)
        assert_close(program.run(inputs), oracle.run(inputs), case)


@pytest.mark.parametrize("name", ("more than a tile", "odd llama", "gemma"))
@pytest.mark.parametrize("lanes", (4, 8, 16))
def test_vector_sizes(lanes, name, tmp_path):
    toy = Toy(SHAPES[name])
    program = compile_toy(toy, tmp_path, lanes=lanes)
    for case in CASES:
        compare(program, toy, case)


@pytest.mark.parametrize("activation",
                         ("relu", "relu2", "gelu", "gelu_tanh", "silu",
                          "quick_gelu"))
def test_activations(activation, tmp_path):
    toy = Toy(Shape(activation=activation))
    program = compile_toy(toy, tmp_path)
    for case in CASES:
        compare(program, toy, case)


@pytest.mark.parametrize("dtype", ("f16", "bf16"))
@pytest.mark.parametrize("name", ("one of everything", "odd",
                                  "more than a tile", "threads",
                                  "odd llama", "bloom"))
def test_narrow_weights(name, dtype, tmp_path):
    toy = Toy(SHAPES[name])
    program = compile_toy(toy, tmp_path, "--weights", dtype)
    for case in CASES:
        compare(program, toy, case, rounding=lambda x: rounded(x, dtype))


@pytest.mark.parametrize("sparsity", ("dense", "exact"))
@pytest.mark.parametrize("name", ("odd", "more than a tile", "threads",
                                  "odd llama", "bloom", "gated threads"))
def test_a_row_is_the_same_in_every_batch(name, sparsity, tmp_path):
    """In decode, to the last bit."""
    toy = Toy(SHAPES[name])
    program = compile_toy(toy, tmp_path, "--sparsity", sparsity)
    inputs = toy.inputs(9, 1, 21, [0, 5, 1, 20, 0, 17, 16, 3, 2])
    together = program.run(inputs)
    for row in range(9):
        alone = program.run({k: v[row:row + 1] for k, v in inputs.items()})
        for key, value in alone.items():
            np.testing.assert_array_equal(together[key][row:row + 1], value,
                                          err_msg=f"{row} {key}")


def test_threads_change_nothing(tmp_path):
    toy = Toy(SHAPES["threads"])
    program = compile_toy(toy, tmp_path)
    inputs = toy.inputs(3, 1, 21, [0, 5, 1])
    want = program.run(inputs)
    for count in ("1", "3", "7"):
        succeed(program.path, "--threads", count, "--run-case",
                tmp_path / "case.safetensors", "--output",
                tmp_path / "again.safetensors")
        again = safetensors.numpy.load_file(tmp_path / "again.safetensors")
        for key, value in want.items():
            np.testing.assert_array_equal(again[f"out.{key}"], value)


def test_inactive_rows_are_not_read(tmp_path):
    """NaN in every row of the down projection that no row of the batch
    needs."""
    toy = Toy(Shape(layers=1))
    inputs = toy.inputs(3, 1, 9)
    want = compile_toy(toy, tmp_path / "clean").run(inputs)
    # Neurons whose weights and bias make them inactive whatever comes.
    dead = np.arange(toy.shape.neurons) % 3 != 0
    toy.weights["up0"][dead] = 0
    toy.weights["up_bias0"][dead] = -1
    clean = compile_toy(toy, tmp_path / "clean").run(inputs)
    assert not np.array_equal(clean["logits"], want["logits"])
    toy.weights["down0"][dead] = np.nan
    poisoned = compile_toy(toy, tmp_path / "poisoned").run(inputs)
    for name, value in clean.items():
        np.testing.assert_array_equal(poisoned[name], value, err_msg=name)
    dense = compile_toy(toy, tmp_path / "dense", "--sparsity", "dense")
    assert np.isnan(dense.run(inputs)["logits"]).all()


def test_inactive_rows_of_a_gated_mlp_are_not_read(tmp_path):
    """NaN in the rows of both projections that no row of the batch needs."""
    toy = Toy(Shape(layers=1, gated=True))
    inputs = toy.inputs(3, 1, 9)
    dead = np.arange(toy.shape.neurons) % 3 != 0
    toy.weights["gate0"][dead] = 0
    toy.weights["gate_bias0"][dead] = -1
    clean = compile_toy(toy, tmp_path / "clean").run(inputs)
    assert np.isfinite(clean["logits"]).all()
    for word in ("up", "up_bias", "down"):
        poison = Toy(Shape(layers=1, gated=True))
        poison.weights = {k: v.copy() for k, v in toy.weights.items()}
        poison.weights[f"{word}0"][dead] = np.nan
        poisoned = compile_toy(poison, tmp_path / word).run(inputs)
        for name, value in clean.items():
            np.testing.assert_array_equal(poisoned[name], value, err_msg=name)
    dense = compile_toy(poison, tmp_path / "dense", "--sparsity", "dense")
    assert np.isnan(dense.run(inputs)["logits"]).all()


def test_a_nan_is_active(tmp_path):
    """A NaN in a neuron reaches the output: it is not zero."""
    toy = Toy(Shape(layers=1))
    toy.weights["up_bias0"][5] = np.nan
    program = compile_toy(toy, tmp_path)
    assert np.isnan(program.run(toy.inputs(1, 1, 3))["logits"]).all()


def symbols(file, which):
    """Names in an object file."""
    return set(succeed("/usr/lib/llvm-22/bin/llvm-nm", which,
                       "--just-symbol-name", file).split())


# What generated code may call, besides the runtime's callbacks.
OPENMP = ("__kmpc_", "omp_get_")
ALLOWED = {"dnnl_sgemm", "memcpy", "memset", "memmove"}


@pytest.mark.parametrize("activation", ("relu", "gelu", "gelu_tanh", "silu"))
@pytest.mark.parametrize("dtype", ("f32", "f16", "bf16"))
def test_calls_of_generated_code(activation, dtype, tmp_path):
    """The object file needs OpenMP, oneDNN and the runtime, and nothing
    else."""
    toy = Toy(Shape(activation=activation))
    compile_toy(toy, tmp_path, "--weights", dtype, "--dump-code",
                tmp_path / "code")
    needed = symbols(tmp_path / "code/model.o", "--undefined-only")
    other = {s for s in needed
             if not s.startswith(OPENMP + ("dejavu_rt_",))} - ALLOWED
    assert not other and "dnnl_sgemm" in needed


def test_calls_for_angles(tmp_path):
    """Rotary embedding needs libm on top: large angles want it."""
    compile_toy(Toy(SHAPES["llama"]), tmp_path, "--dump-code",
                tmp_path / "code")
    needed = symbols(tmp_path / "code/model.o", "--undefined-only")
    other = {s for s in needed
             if not s.startswith(OPENMP + ("dejavu_rt_",))} - ALLOWED
    assert other <= {"cosf", "sinf", "sincosf"}


def test_code_does_not_grow_with_layers(tmp_path):
    """Layers of one shape share kernels: what grows are calls."""
    functions = []
    for layers in (2, 12):
        folder = tmp_path / str(layers)
        compile_toy(Toy(Shape(layers=layers)), folder, "--dump-code",
                    folder / "code")
        functions.append(symbols(folder / "code/model.o", "--defined-only"))
    assert functions[0] == functions[1]


def test_unused_weights_are_not_packed(tmp_path):
    toy = Toy(Shape(bias=False, norm="rms"))
    compile_toy(toy, tmp_path)
    info = json.loads(succeed(tmp_path / "toy", "--info"))
    names = [weight["name"] for weight in info["weights"]]
    assert names and not [n for n in names if "bias" in n or "shift" in n]
    packed = safetensors.numpy.load_file(tmp_path / "toy.safetensors")
    assert {n for n in packed if not n.startswith("__padding_")} == set(names)
    for name in names:
        np.testing.assert_array_equal(packed[name], toy.weights[name])


def test_recipes_of_large_weights(tmp_path):
    """Weights of several panels: taken from packed, transposed and quantised
    ones. The packed file has what numpy makes of them, and nothing else."""
    s = Shape(vocab=2600, features=1030, heads=6, kv_heads=2, head_dim=64,
              neurons=33, layers=1, bias=False)
    toy, random = Toy(s), np.random.default_rng(5)
    toy.transposed.clear()
    # Query, key and value of each group of heads, [in, out], as GPT-2 does.
    packed = random.standard_normal((s.features, 2 * (3 + 1 + 1) * 64))
    packed = packed.astype(np.float32) / 32
    groups = packed.T.reshape(2, 5, 64, s.features)
    for name, place, count in (("q0", 0, 3), ("k0", 3, 1), ("v0", 4, 1)):
        ranges = ", ".join(f"{(g * 5 + place) * 64}, {count * 64}"
                           for g in range(2))
        toy.weights[name] = np.ascontiguousarray(
            groups[:, place:place + count]).reshape(-1, s.features)
        toy.sources[name] = (packed, describe(packed),
                             "#dejavu.transpose<[1, 0]>, "
                             f"#dejavu.take_rows<[{ranges}]>")
    # Rows of a transposed matrix in reverse order.
    head = random.standard_normal((s.features, s.vocab)).astype(np.float32)
    toy.weights["head"] = np.ascontiguousarray(head.T[::-1])
    toy.sources["head"] = (head, describe(head), "#dejavu.transpose<[1, 0]>, "
                           "#dejavu.take_rows<["
                           + ", ".join(f"{i}, 1" for i in
                                       reversed(range(s.vocab))) + "]>")
    # Four bits, in blocks of 100 columns.
    values = random.integers(0, 16, (s.vocab, s.features), dtype=np.uint8)
    scales = (random.random((s.vocab, 11)) / 16).astype(np.float16)
    zeros = random.integers(0, 16, (s.vocab, 11), dtype=np.uint8)
    toy.weights |= {"table.scales": scales, "table.zeros": zeros}
    spread = np.arange(s.features) // 100
    toy.weights["table"] = (
        (values.astype(np.float32) - zeros[:, spread])
        * scales.astype(np.float32)[:, spread])
    toy.sources["table"] = (
        values[:, ::2] | values[:, 1::2] << 4,
        f"tensor<{s.vocab}x{s.features}xui4>",
        "#dejavu.dequantize<scales = @table.scales zero_points = "
        "@table.zeros, axis = 1, block_size = 100>")
    program = compile_toy(toy, tmp_path)
    packed = safetensors.numpy.load_file(tmp_path / "toy.safetensors")
    assert "table" in packed and "table.scales" not in packed
    for name, value in packed.items():
        if not name.startswith("__padding_"):
            np.testing.assert_array_equal(value, toy.weights[name], name)
    compare(program, toy, (2, 1, 3, [0, 2]))


@pytest.mark.parametrize("gated", (False, True))
def test_sites_are_the_same_dense_and_exact(gated, tmp_path):
    shape = Shape(gated=gated)
    infos = []
    for sparsity in ("dense", "exact"):
        program = compile_toy(Toy(shape), tmp_path / sparsity, "--sparsity",
                              sparsity)
        infos.append(json.loads(succeed(program.path, "--info")))
    taps = [info["taps"] for info in infos]
    assert taps[0] == taps[1]
    assert [t["op"] for t in taps[0]][:8] == [
        "embed", "embed", "residual_add", "norm", "linear", "linear",
        "linear", "attention"]
    assert [t["layer"] for t in taps[0]] == sorted(
        t["layer"] for t in taps[0])
    # What is skipped is what the dense program reads more than always.
    dense, exact = (info["bytes_per_token"] for info in infos)
    assert dense["dense"] == dense["always"] == exact["dense"]
    assert [s["bytes_per_unit"] for s in exact["selects"]] == [
        # With an up row goes its bias.
        shape.features * 4 * (2 if gated else 1) + 4 * gated] * shape.layers
    assert exact["dense"] - exact["always"] == sum(
        s["bytes_per_unit"] * shape.neurons for s in exact["selects"])
    assert all(layer["mlp"]["gated"] == gated for info in infos
               for layer in info["layers"])


def test_missing_and_short_weights(tmp_path):
    toy = Toy(Shape())
    source = toy.write(tmp_path)
    data = tmp_path / "weights.bin"
    command = (tool("dejavu-compile"), source, "--compile-from", "raise", "-o",
               tmp_path / "toy")
    whole = data.read_bytes()
    data.write_bytes(whole[:-1])
    assert str(data) in fail(*command)
    data.unlink()
    assert str(data) in fail(*command)
    assert not (tmp_path / "toy").exists()
    assert not (tmp_path / "toy.safetensors").exists()


def test_context_beyond_the_positions(tmp_path):
    toy = Toy(Shape())
    source = toy.write(tmp_path)
    command = (tool("dejavu-compile"), source, "--compile-from", "raise", "-o",
               tmp_path / "toy", "--max-context")
    assert "64" in fail(*command, "65")
    succeed(*command, "64")
    shutil.rmtree(tmp_path)
