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
