# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Rows that are not active are never read: they are filled with NaN, and the
output stays the same to the last bit."""

import numpy as np
import onnx
import onnx.numpy_helper
import pytest

from conftest import DOCS, MODELS, load_case, oracle

# What is this close to the ReLU's edge may fall to either side of it.
EDGE = 1e-4


def mlps(model):
    """(pre-activation, relu output, down projection's initializer) of each
    MLP: Gemm -> Relu -> Gemm(transB)."""
    made = {o: n for n in model.graph.node for o in n.output}
    used = {i: n for n in model.graph.node for i in n.input}
    for node in model.graph.node:
        if node.op_type == "Relu":
            down = used[node.output[0]]
            assert made[node.input[0]].op_type == down.op_type == "Gemm"
            assert any(a.name == "transB" and a.i for a in down.attribute)
            yield node.input[0], down.input[1]


def gated_mlps(model):
    """(pre-activation of the gate, initializers of the up and the down
    projection) of each gated MLP: MatMul -> Relu -> Mul -> MatMul."""
    made = {o: n for n in model.graph.node for o in n.output}
    used = {i: n for n in model.graph.node for i in n.input}
    for node in model.graph.node:
        if node.op_type == "Relu":
            mul = used[node.output[0]]
            other, = set(mul.input) - {node.output[0]}
            up, down = made[other], used[mul.output[0]]
            assert [n.op_type for n in (mul, up, down)] == [
                "Mul", "MatMul", "MatMul"]
            yield node.input[0], up.input[1], down.input[1]


def poison(case, rows, target):
    """Writes a copy of the model to `target` whose down projections are NaN
    for every neuron that is inactive in all of `rows` of the case; the share
    of neurons that were poisoned in each layer."""
    model = onnx.load(str(MODELS / DOCS / "model.onnx"))
    found = list(mlps(model))
    assert len(found) == 6
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    for name, _ in found:
        probe.graph.output.append(
            onnx.helper.make_empty_tensor_value_info(name))
    inputs, _ = load_case(MODELS / DOCS / f"{case}.npz")
    before = oracle(probe.SerializeToString()).run([n for n, _ in found],
                                                   inputs)
    tensors = {t.name: t for t in model.graph.initializer}
    shares = []
    for value, (_, weight) in zip(before, found, strict=True):
        dead = (value.reshape(-1, value.shape[-1])[rows] < -EDGE).all(0)
        data = onnx.numpy_helper.to_array(tensors[weight]).copy()
        assert data.shape == (256, 1024)
        data[:, dead] = np.nan
        tensors[weight].CopyFrom(onnx.numpy_helper.from_array(data, weight))
        shares.append(dead.mean())
    target.mkdir()
    onnx.save(model, str(target / "model.onnx"))
    return shares, inputs


@pytest.mark.parametrize("case, rows", [
    ("decode_b1", [0]), ("decode_b3", [0, 1, 2])])
def test_inactive_rows_are_never_read(compiled, tmp_path, case, rows):
    shares, inputs = poison(case, rows, tmp_path / "poisoned")
    assert min(shares) > 0.1 and np.mean(shares) > 0.7, shares
    clean = compiled(DOCS, "--sparsity", "exact").run_case(inputs, tmp_path)
    made = compiled(tmp_path / "poisoned", "--sparsity", "exact")
    got = made.run_case(inputs, tmp_path)
    assert not np.isnan(got["logits"]).any()
    for name, value in clean.items():
        np.testing.assert_array_equal(got[name], value, err_msg=name)
    # The poison is real: the dense program reads it.
    dense = compiled(tmp_path / "poisoned", "--sparsity", "dense")
    assert np.isnan(dense.run_case(inputs, tmp_path)["logits"]).all()


def test_each_row_of_a_batch_has_its_own_set(compiled, tmp_path):
    """A row that is active in one sequence of the batch and not in another
    must not reach the other: zero times NaN is NaN."""
    _, inputs = poison("decode_b3", [1], tmp_path / "poisoned")
    clean = compiled(DOCS, "--sparsity", "exact").run_case(inputs, tmp_path)
    made = compiled(tmp_path / "poisoned", "--sparsity", "exact")
    got = made.run_case(inputs, tmp_path)
    np.testing.assert_array_equal(got["logits"][1], clean["logits"][1])
    assert np.isnan(got["logits"][0]).all()
    assert np.isnan(got["logits"][2]).all()


@pytest.mark.parametrize("case, rows", [
    ("decode_b1", [0]), ("decode_b3", [0, 1, 2])])
def test_inactive_rows_of_gated_mlps_are_never_read(compiled, tmp_path, case,
                                                    rows):
    """Of a neuron whose gate is zero neither the row of the up projection nor
    that of the down projection is read."""
    folder = MODELS / "zoo/llama-relu/dynamo-opset20"
    model = onnx.load(str(folder / "model.onnx"))
    found = list(gated_mlps(model))
    assert len(found) == 2
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    for name, _, _ in found:
        probe.graph.output.append(
            onnx.helper.make_empty_tensor_value_info(name))
    inputs, _ = load_case(folder / f"{case}.npz")
    gates = oracle(probe.SerializeToString()).run([n for n, _, _ in found],
                                                  inputs)
    tensors = {t.name: t for t in model.graph.initializer}
    for value, up, down in zip(gates, *list(zip(*found))[1:], strict=True):
        dead = (value.reshape(-1, value.shape[-1])[rows] < -EDGE).all(0)
        assert 0.05 < dead.mean() < 0.95
        for name in (up, down):
            data = onnx.numpy_helper.to_array(tensors[name]).copy()
            # [in, neurons] and [neurons, out].
            assert data.shape[0 if name == down else 1] == dead.size
            data[(dead,) if name == down else (slice(None), dead)] = np.nan
            tensors[name].CopyFrom(onnx.numpy_helper.from_array(data, name))
    (tmp_path / "poisoned").mkdir()
    onnx.save(model, str(tmp_path / "poisoned/model.onnx"))
    clean = compiled("zoo/llama-relu/dynamo-opset20", "--sparsity",
                     "exact").run_case(inputs, tmp_path)
    got = compiled(tmp_path / "poisoned", "--sparsity",
                   "exact").run_case(inputs, tmp_path)
    assert not np.isnan(got["logits"]).any()
    for name, value in clean.items():
        np.testing.assert_array_equal(got[name], value, err_msg=name)
    dense = compiled(tmp_path / "poisoned", "--sparsity", "dense")
    assert np.isnan(dense.run_case(inputs, tmp_path)["logits"]).all()
