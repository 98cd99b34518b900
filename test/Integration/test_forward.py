# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models without a cache: their own inputs and outputs, against ONNX Runtime."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from conftest import fail, run, succeed, tool

F32, I64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


def save(folder, nodes, inputs, outputs, weights):
    """Writes a model; inputs and outputs are (name, type, shape)."""
    folder.mkdir(exist_ok=True)
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info(*i) for i in inputs],
        [helper.make_tensor_value_info(*o) for o in outputs],
        [numpy_helper.from_array(v, k) for k, v in weights.items()])
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model)
    onnx.save(model, folder / "model.onnx")
    return folder / "model.onnx"


class Compiled:
    """A toy, compiled."""

    def __init__(self, model):
        self.model = model
        self.out = model.parent / "out"
        done = run(tool("dejavu-compile"), model, "-o", self.out)
        assert done.returncode == 0, done.stderr
        self.log = done.stderr

    def check(self, **inputs):
        """Runs a case: the outputs must be those of ONNX Runtime."""
        session = onnxruntime.InferenceSession(
            self.model, providers=["CPUExecutionProvider"])
        wanted = session.run(None, inputs)
        case = self.save(inputs, {
            o.name: value for o, value in zip(session.get_outputs(), wanted)})
        return succeed(tool("dejavu-run"), self.out, "--input", case)

    def save(self, inputs, outputs):
        case = self.model.parent / "case.npz"
        np.savez(case, **{f"in.{k}": v for k, v in inputs.items()},
                 **{f"out.{k}": v for k, v in outputs.items()})
        return case

    def refuse(self, **inputs):
        """The error about inputs that don't fit."""
        case = self.save(inputs, {"y": np.zeros(1, np.float32)})
        return fail(tool("dejavu-run"), self.out, "--input", case)


@pytest.fixture(scope="module", name="mlp")
def make_mlp(tmp_path_factory):
    """Lookups, a norm, an MLP; all of it is raised. The first output comes
    twice, and so does an input and a weight."""
    random = np.random.default_rng(0)

    def weight(*shape):
        return (random.standard_normal(shape) / 4).astype(np.float32)
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["t"], name="lookup"),
        helper.make_node("Add", ["t", "x"], ["r"]),
        helper.make_node("LayerNormalization", ["r", "scale", "shift"], ["n"],
                         epsilon=1e-5),
        helper.make_node("MatMul", ["n", "up"], ["u"]),
        helper.make_node("Add", ["u", "up_bias"], ["v"]),
        helper.make_node("Relu", ["v"], ["a"]),
        helper.make_node("MatMul", ["a", "down"], ["f"]),
        helper.make_node("Add", ["f", "r"], ["y"]),
        helper.make_node("Identity", ["y"], ["y_again"]),
        helper.make_node("Identity", ["x"], ["x_too"]),
        helper.make_node("Identity", ["up_bias"], ["bias"])]
    weights = {"table": weight(20, 16), "scale": weight(16),
               "shift": weight(16), "up": weight(16, 24),
               "up_bias": weight(24), "down": weight(24, 16)}
    rows = ["batch", "seq", 16]
    return Compiled(save(
        tmp_path_factory.mktemp("mlp"), nodes,
        [("ids", I64, ["batch", "seq"]), ("x", F32, rows)],
        [("y", F32, rows), ("y_again", F32, rows), ("x_too", F32, rows),
         ("bias", F32, [24])], weights))


def random_rows(*shape):
    return np.random.default_rng(1).standard_normal(
        (*shape, 16)).astype(np.float32)


@pytest.mark.parametrize("batch,seq", [(1, 1), (2, 5), (3, 0)])
def test_raised(mlp, batch, seq):
    ids = np.random.default_rng(2).integers(-20, 20, (batch, seq))
    text = mlp.check(ids=ids, x=random_rows(batch, seq))
    assert text.count("ok") == 4


def test_closing_lines(mlp):
    assert "raised: 0 attention blocks, 1 MLPs, a model without a cache" \
        in mlp.log
    assert "sparse: 0 of 1 MLPs (dense: many tokens at once need nearly every" \
        " neuron)" in mlp.log
    assert "bytes per run: " in mlp.log and "bytes per token" not in mlp.log
    assert f"next: dejavu-run {mlp.out} --input case.npz" in mlp.log


def test_info(mlp):
    manifest = json.loads(succeed(mlp.out, "--info"))
    assert manifest["form"] == "forward"
    assert manifest["signature"]["inputs"] == [
        {"name": "ids", "role": "plain", "dtype": "I64",
         "shape": ["batch", "seq"]},
        {"name": "x", "role": "plain", "dtype": "F32",
         "shape": ["batch", "seq", "16"]}]
    assert manifest["bytes_per_run"] == 4 * (20 * 16 + 2 * 16 + 24
                                             + 2 * 16 * 24)


def test_wrong_inputs(mlp):
    ids, x = np.zeros((2, 3), np.int64), random_rows(2, 3)
    assert "'in.x': expected seq = 3 as in 'in.ids', found [2, 4, 16]" \
        in mlp.refuse(ids=ids, x=random_rows(2, 4))
    assert "'in.ids': expected I64 [batch, seq], found I32 [2, 3]" \
        in mlp.refuse(ids=ids.astype(np.int32), x=x)
    assert "'in.ids': expected I64 [batch, seq], found I64 [3]" \
        in mlp.refuse(ids=ids[0], x=x)
    assert "input 'in.x' is missing" in mlp.refuse(ids=ids)
    ids[1, 1] = 20
    assert "node 'lookup': index 20 is out of range for 20 rows" \
        in mlp.refuse(ids=ids, x=x)
    for flags in (["--prompt-ids", "1"], ["--bench"]):
        assert "this model has no cache" in fail(mlp.out, *flags)


def test_unused_weights_and_max_context(mlp, tmp_path):
    error = fail(tool("dejavu-compile"), mlp.model, "-o", tmp_path / "out",
                 "--max-context", 8)
    assert "--max-context: expected a model with a cache" in error


def test_interpreter(mlp, tmp_path):
    """The oracle runs the raised form, too."""
    from safetensors.numpy import load_file, save_file
    ids = np.array([[1, 2, 3]])
    save_file({"in.ids": ids, "in.x": random_rows(1, 3)}, tmp_path / "in")
    succeed(tool("dejavu-interpret"), mlp.model, "--raise", "--run-case",
            tmp_path / "in", "--output", tmp_path / "a")
    succeed(mlp.out, "--run-case", tmp_path / "in", "--output", tmp_path / "b")
    a, b = load_file(tmp_path / "a"), load_file(tmp_path / "b")
    assert a.keys() == b.keys()
    for name, value in a.items():
        np.testing.assert_allclose(value, b[name], rtol=1e-5, atol=1e-5)


# --- What no pattern claims --------------------------------------------------


@pytest.fixture(scope="module", name="mixed")
def make_mixed(tmp_path_factory):
    """Types and ranks of all kinds: scalars, bools, bytes, halves, empty
    outputs, constants, and an output that the shape of an input decides."""
    f16, u8, i32, f64 = (TensorProto.FLOAT16, TensorProto.UINT8,
                         TensorProto.INT32, TensorProto.DOUBLE)
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["total"], keepdims=0),
        helper.make_node("Greater", ["x", "limit"], ["above"]),
        helper.make_node("Not", ["flag"], ["unset"]),
        helper.make_node("Shape", ["x"], ["sizes"]),
        helper.make_node("Cast", ["x"], ["half"], to=f16),
        helper.make_node("Add", ["half", "h"], ["halves"]),
        helper.make_node("Add", ["bytes", "bytes"], ["twice"]),
        helper.make_node("Mul", ["d", "d"], ["square"]),
        helper.make_node("Cast", ["i"], ["long"], to=I64),
        helper.make_node("Slice", ["x", "zero", "zero"], ["nothing"]),
        helper.make_node("Identity", ["answer"], ["constant"]),
        helper.make_node("Where", ["above", "x", "limit"], ["chosen"]),
    ]
    weights = {"zero": np.array([0]), "answer": np.array(42, np.int32)}
    return Compiled(save(
        tmp_path_factory.mktemp("mixed"), nodes,
        [("x", F32, ["n", "m"]), ("limit", F32, []), ("flag", BOOL, ["n"]),
         ("h", f16, ["n", "m"]), ("bytes", u8, [2, 1, "k", 1, 1, 1, 1, 2]),
         ("d", f64, []), ("i", i32, ["m"])],
        [("total", F32, []), ("above", BOOL, ["n", "m"]),
         ("unset", BOOL, ["n"]), ("sizes", I64, [2]),
         ("halves", f16, ["n", "m"]),
         ("twice", u8, [2, 1, "k", 1, 1, 1, 1, 2]), ("square", f64, []),
         ("long", I64, ["m"]), ("nothing", F32, [0, "m"]),
         ("constant", i32, []), ("chosen", F32, ["n", "m"])], weights))


@pytest.mark.parametrize("n,m,k", [(2, 3, 2), (1, 1, 1), (0, 4, 0)])
def test_all_types(mixed, n, m, k):
    random = np.random.default_rng(n)
    # Halves: ONNX Runtime does not round x.
    text = mixed.check(
        x=random.standard_normal((n, m)).astype(np.float16)
        .astype(np.float32),
        limit=np.array(0.25, np.float32), flag=random.random(n) < 0.5,
        h=random.standard_normal((n, m)).astype(np.float16),
        bytes=random.integers(0, 256, (2, 1, k, 1, 1, 1, 1, 2),
                              dtype=np.uint8),
        d=np.array(1.5), i=random.integers(-9, 9, m, dtype=np.int32))
    assert text.count("ok") == 11


def test_generic_code_between_kernels(tmp_path):
    """A table of positions that the graph counts, a factor that no pattern
    knows, a sum over tokens: dejavu ops and generic ones take turns."""
    random = np.random.default_rng(3)
    table = random.standard_normal((12, 8)).astype(np.float32)
    nodes = [
        helper.make_node("Shape", ["x"], ["n"], start=1, end=2),
        helper.make_node("Squeeze", ["n"], ["count"]),
        helper.make_node("Range", ["nought", "count", "one"], ["steps"]),
        helper.make_node("Unsqueeze", ["steps", "axis"], ["places"]),
        helper.make_node("Gather", ["table", "places"], ["p"], name="places"),
        helper.make_node("Add", ["x", "p"], ["r"]),
        helper.make_node("LayerNormalization", ["r", "scale"], ["norm"]),
        helper.make_node("Sin", ["norm"], ["sine"]),
        helper.make_node("MatMul", ["sine", "w"], ["l"]),
        helper.make_node("ReduceMean", ["l", "one_axis"], ["y"], keepdims=0)]
    model = Compiled(save(
        tmp_path / "model", nodes, [("x", F32, ["b", "s", 8])],
        [("y", F32, ["b", 4])],
        {"table": table, "scale": table[0].copy(), "w": table[:8, :4].copy(),
         "nought": np.array(0), "one": np.array(1), "axis": np.array([0]),
         "one_axis": np.array([1])}))
    for batch, tokens in ((1, 1), (3, 12)):
        model.check(x=random.standard_normal(
            (batch, tokens, 8)).astype(np.float32))
    # Too long for the table: the generated code says where.
    error = model.refuse(x=np.zeros((1, 13, 8), np.float32))
    assert "index 12" in error and "12" in error
