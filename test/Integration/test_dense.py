# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Operators that no pattern of raise claims, many in each model, against ONNX
Runtime."""

import numpy as np
import pytest
from onnx import TensorProto, helper

from test_forward import Compiled, save

F32, F16, I64, I32, U8, BOOL = (
    TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.INT64,
    TensorProto.INT32, TensorProto.UINT8, TensorProto.BOOL)


class Graph:
    """A model that is written op by op; every result is an output."""

    def __init__(self, **inputs):
        self.inputs = inputs
        self.nodes, self.outputs, self.weights = [], [], {}

    def const(self, value):
        """The name of a constant."""
        name = f"c{len(self.weights)}"
        self.weights[name] = np.asarray(value)
        return name

    def add(self, op, inputs, dtype=F32, rank=2, count=1, **attributes):
        """The names of the results of an op."""
        number = len(self.nodes)
        names = [f"{op}_{number}_{i}" for i in range(count)]
        self.nodes.append(helper.make_node(op, inputs, names, name=names[0],
                                           **attributes))
        for name in names:
            self.outputs.append((name, dtype, [None] * rank))
        return names[0] if count == 1 else names

    def compile(self, folder):
        return Compiled(save(
            folder, self.nodes,
            [(n, t, s) for n, (t, s) in self.inputs.items()],
            self.outputs, self.weights))


def make_elementwise():
    graph = Graph(x=(F32, ["n", 8]), y=(F32, ["m", 8]), h=(F16, ["n", 8]),
                  i=(I64, ["n", 8]), j=(I64, ["m", 8]), u=(U8, ["n", 8]),
                  b=(BOOL, ["n", 8]))
    for op in ("Add", "Sub", "Mul", "Div", "Max", "Min"):
        graph.add(op, ["x", "y"])
        graph.add(op, ["i", "j"], I64)
    for op in ("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"):
        graph.add(op, ["x", "y"], BOOL)
        graph.add(op, ["i", "j"], BOOL)
    graph.add("Pow", ["x", graph.const(np.float32(2))])
    graph.add("Pow", ["i", graph.const(np.int64(3))], I64)
    graph.add("Mod", ["i", "j"], I64)
    graph.add("Mod", ["i", "j"], I64, fmod=1)
    for op in ("Neg", "Abs", "Exp", "Erf", "Tanh", "Sigmoid", "Relu", "Floor",
               "Ceil", "Round", "Sin", "Cos", "Softplus", "HardSwish", "Elu",
               "LeakyRelu", "Sign", "Reciprocal", "Gelu"):
        graph.add(op, ["x"])
    for op in ("Exp", "Tanh", "Relu", "Neg"):
        graph.add(op, ["h"], F16)
    graph.add("Log", [graph.add("Abs", ["x"])])
    graph.add("Sqrt", [graph.add("Abs", ["y"])])
    for to, source in ((I64, "x"), (F32, "i"), (F32, "u"), (F16, "x"),
                       (F32, "h"), (I32, "i"), (F32, "b"), (I64, "u")):
        graph.add("Cast", [source], to, to=to)
    graph.add("Cast", ["i"], BOOL, to=BOOL)
    graph.add("And", ["b", "b"], BOOL)
    graph.add("Not", ["b"], BOOL)
    graph.add("Where", ["b", "x", "y"])
    graph.add("Clip", ["x", graph.const(np.float32(-0.5)), ""])
    graph.add("IsNaN", ["x"], BOOL)
    return graph


def make_movement():
    graph = Graph(x=(F32, ["n", "m", 8]), i=(I64, ["k"]),
                  s=(I64, [3]), b=(BOOL, ["n", "m"]))
    const = graph.const
    graph.add("Transpose", ["x"], rank=3, perm=[2, 0, 1])
    shape = graph.add("Shape", ["x"], I64, rank=1)
    first = graph.add("Gather", [shape, const(np.int64(0))], I64, rank=0)
    row = graph.add("Unsqueeze", [first, const([0])], I64, rank=1)
    graph.add("Reshape", ["x", graph.add(
        "Concat", [row, const([-1, 2, 4])], I64, rank=1, axis=0)], rank=4)
    graph.add("Reshape", ["x", const([0, -1])])
    graph.add("Reshape", ["x", "s"], rank=3)
    graph.add("Flatten", ["x"])
    graph.add("Concat", ["x", "x"], rank=3, axis=-1)
    graph.add("Slice", ["x", const([1]), const([2**62]), const([2])], rank=3)
    graph.add("Slice", ["x", const([-1]), const([-2**62]), const([1]),
                        const([-1])], rank=3)
    graph.add("Slice", ["x", const([-3]), const([-1]), const([2])], rank=3)
    graph.add("Split", ["x"], rank=3, count=2, axis=2, num_outputs=2)
    graph.add("Expand", [graph.add("Slice", [
        "x", const([0]), const([1]), const([2])], rank=3),
        const([1, 1, 5])], rank=3)
    graph.add("Tile", ["x", const([1, 2, 3])], rank=3)
    graph.add("Pad", ["x", const([0, 1, 0, 2, 0, 0])], rank=3)
    graph.add("Pad", ["x", const([1, 0, 1, 0, 1, 1])], rank=3, mode="edge")
    graph.add("Trilu", ["x", const(np.int64(1))], rank=3)
    graph.add("Trilu", ["x"], rank=3, upper=0)
    graph.add("Gather", ["x", "i"], rank=3, axis=2)
    graph.add("GatherElements", [
        "x", graph.add("Cast", [graph.add(
            "Mul", ["x", const(np.float32(0))], rank=3)], I64, rank=3,
            to=I64)], rank=3, axis=1)
    graph.add("NonZero", ["b"], I64)
    graph.add("Compress", ["x", const([True, False, True])], rank=3, axis=2)
    graph.add("OneHot", ["i", const(np.int64(9)), const(
        np.array([0.5, 2], np.float32))])
    graph.add("TopK", ["x", const([3])], rank=3, count=2)
    graph.outputs[-1] = (graph.outputs[-1][0], I64, [None] * 3)
    graph.add("ArgMax", ["x"], I64, rank=2, axis=2, keepdims=0)
    graph.add("CumSum", ["x", const(np.int64(1))], rank=3)
    graph.add("CumSum", ["x", const(np.int64(2))], rank=3, exclusive=1,
              reverse=1)
    graph.add("Range", [const(np.int64(1)), first, const(np.int64(2))], I64,
              rank=1)
    graph.add("ConstantOfShape", [shape], rank=3)
    graph.add("ScatterND", ["x", const([[0], [0]]), graph.add("Expand", [
        graph.add("Slice", ["x", const([0]), const([1])], rank=3),
        const([2, 1, 1])], rank=3)], rank=3, reduction="add")
    graph.add("Einsum", ["x", "x"], rank=3, equation="nmi,nki->nmk")
    return graph


def make_sums():
    random = np.random.default_rng(5)
    graph = Graph(x=(F32, ["n", "m", 8]), y=(F32, ["n", 8, "k"]),
                  i=(I64, ["n", "m"]), p=(F32, [1, 4, "r", 6]))
    const = graph.const

    def weight(*shape):
        return const(random.standard_normal(shape).astype(np.float32))
    for op in ("Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "SumSquare",
               "LogSumExp"):
        graph.add("Reduce" + op, ["x", const([1])], rank=3)
        graph.add("Reduce" + op, ["x", const([-1])], keepdims=0)
    graph.add("ReduceSum", ["i", const([0])], I64)
    graph.add("ReduceMax", ["i"], I64)
    graph.add("ReduceMean", ["x"], rank=3)
    graph.add("Softmax", ["x"], rank=3)
    graph.add("Softmax", ["x"], rank=3, axis=1)
    graph.add("LogSoftmax", ["x"], rank=3)
    graph.add("Hardmax", ["x"], rank=3)
    graph.add("LayerNormalization", ["x", weight(8), weight(8)], rank=3,
              axis=-1)
    graph.add("LpNormalization", ["x"], rank=3, axis=1, p=1)
    graph.add("MatMul", ["x", "y"], rank=3)
    graph.add("MatMul", ["x", weight(8, 5)], rank=3)
    graph.add("MatMul", ["x", weight(3, 1, 8, 2)], rank=4)
    graph.add("Gemm", [graph.add("Flatten", ["x"], axis=2), weight(5, 8),
                       weight(5)], alpha=0.5, beta=2.0, transB=1)
    graph.add("Conv", ["p", weight(6, 2, 3, 3), weight(6)], rank=4, group=2,
              pads=[1, 0, 1, 0], strides=[2, 1])
    graph.add("Conv", ["p", weight(2, 4, 2, 2)], rank=4, dilations=[2, 1])
    graph.add("Conv", ["p", weight(2, 4, 2, 2)], rank=4, strides=[2, 2],
              auto_pad="SAME_UPPER")
    graph.add("MaxPool", ["p"], rank=4, kernel_shape=[2, 2], strides=[2, 2])
    graph.add("AveragePool", ["p"], rank=4, kernel_shape=[3, 2],
              pads=[1, 1, 1, 1])
    graph.add("GlobalAveragePool", ["p"], rank=4)
    graph.add("InstanceNormalization", ["p", weight(4), weight(4)], rank=4)
    return graph


@pytest.fixture(scope="module", name="movement")
def compile_movement(tmp_path_factory):
    return make_movement().compile(tmp_path_factory.mktemp("movement"))


def test_elementwise(tmp_path):
    random = np.random.default_rng(0)
    compiled = make_elementwise().compile(tmp_path)
    for n, m in ((3, 3), (3, 1), (1, 4)):
        compiled.check(
            x=random.standard_normal((n, 8)).astype(np.float32),
            y=random.standard_normal((m, 8)).astype(np.float32),
            h=random.standard_normal((n, 8)).astype(np.float16),
            i=random.integers(-20, 20, (n, 8)),
            j=random.integers(1, 6, (m, 8)) * random.choice([-1, 1], (m, 8)),
            u=random.integers(0, 256, (n, 8)).astype(np.uint8),
            b=random.integers(0, 2, (n, 8)).astype(bool))
    # What ONNX leaves open is an error, and shapes that don't fit are.
    case = {"x": np.ones((2, 8), np.float32), "y": np.ones((2, 8), np.float32),
            "h": np.ones((2, 8), np.float16), "i": np.ones((2, 8), np.int64),
            "j": np.zeros((2, 8), np.int64), "u": np.ones((2, 8), np.uint8),
            "b": np.ones((2, 8), bool)}
    assert "expected integer divisors other than 0" in compiled.refuse(**case)
    case["y"] = np.ones((3, 8), np.float32)
    case["j"] = np.ones((3, 8), np.int64)
    assert "expected shapes that broadcast" in compiled.refuse(**case)


def test_movement(movement):
    random = np.random.default_rng(1)
    for n, m, k in ((2, 3, 4), (3, 4, 1)):
        movement.check(x=random.standard_normal((n, m, 8)).astype(np.float32),
                       i=random.integers(-8, 8, k),
                       s=np.array([-1, n, 4]),
                       b=random.integers(0, 2, (n, m)).astype(bool))


def test_movement_checks(movement):
    case = {"x": np.ones((2, 3, 8), np.float32), "i": np.array([8]),
            "s": np.array([2, 3, 8]), "b": np.ones((2, 3), bool)}
    assert "expected indices within the dimension" in movement.refuse(**case)
    case.update(i=np.array([0]), s=np.array([5, 5, 5]))
    assert "expected a shape of as many elements" in movement.refuse(**case)


def test_sums(tmp_path):
    random = np.random.default_rng(2)
    compiled = make_sums().compile(tmp_path)
    for n, m, k, r in ((2, 3, 4, 5), (1, 1, 1, 3)):
        text = compiled.check(
            x=random.standard_normal((n, m, 8)).astype(np.float32),
            y=random.standard_normal((n, 8, k)).astype(np.float32),
            i=random.integers(-9, 9, (n, m)),
            p=random.standard_normal((1, 4, r, 6)).astype(np.float32))
        assert "ok" in text
