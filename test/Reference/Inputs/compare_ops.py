# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compares every op of the onnx dialect with ONNX Runtime, on random tensors of
awkward shapes: importer and interpreter together. All cases of a family are
nodes of one model, which is made twice: with dimensions that are not known and
integers as inputs, and with static shapes and integers as initializers.

Usage: compare_ops.py FOLDER [FAMILY...]
"""

import pathlib
import re
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import safetensors.numpy
from onnx import TensorProto, helper

RNG = np.random.default_rng(20)
MAX, MIN = np.iinfo(np.int64).max, np.iinfo(np.int64).min
# Sums are in another order and precision than ONNX Runtime's.
RTOL, ATOL = 2e-5, 2e-5


def f(*shape):
    """Normal floats."""
    return RNG.standard_normal(shape).astype(np.float32)


def i(*values, dtype=np.int64):
    return np.array(values, dtype)


def s(value, dtype=np.int64):
    """A scalar."""
    return np.array(value, dtype)


def ints(low, high, *shape, dtype=np.int64):
    return RNG.integers(low, high, shape).astype(dtype)


def bools(*shape):
    return RNG.integers(0, 2, shape).astype(bool)


def special(*shape):
    """Floats with infinities, NaN and zeros of both signs among them."""
    x = f(*shape)
    flat = x.reshape(-1)
    for k, value in enumerate([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0]):
        flat[k::11] = value
    return x


def case(op, *inputs, outputs=1, **attributes):
    return op, inputs, outputs, attributes


def math_cases():
    shapes = [((2, 3), (3,)), ((4, 1, 3), (5, 1)), ((), (2, 2)), ((0, 3), (1,)),
              ((1,), (1, 1, 1)), ((2, 1, 2, 1), (3, 1, 5))]
    for op in ("Add", "Sub", "Mul", "Div"):
        for a, b in shapes:
            yield case(op, f(*a), f(*b))
        yield case(op, ints(-9, 9, 3, 1), ints(1, 9, 4) * i(1, -1, 1, -1))
        yield case(op, ints(-9, 9, 5, dtype=np.int32), s(-3, np.int32))
        yield case(op, special(3, 4), f(4))
        yield case(op, f(3, 2).astype(np.float64), f(2).astype(np.float64))
    yield case("Pow", np.abs(f(3, 4)), f(4))
    yield case("Pow", f(3, 4), s(3.0, np.float32))
    yield case("Pow", f(3, 1), i(2, -1, 0))
    yield case("Pow", ints(-4, 4, 5), s(3))
    yield case("Pow", special(12), s(2.0, np.float32))
    for op in ("Max", "Min"):
        yield case(op, f(2, 1), f(3), f(4, 1, 1))
        yield case(op, f(2, 3))
        yield case(op, ints(-9, 9, 2, 2), s(0))
        yield case(op, ints(0, 9, 0, 2), s(0))
        yield case(op, special(4, 5), special(5, 4).T.copy())
    for op in ("Neg", "Sqrt", "Erf", "Relu", "Sigmoid", "Tanh", "Gelu",
               "IsNaN"):
        yield case(op, f(3, 0, 2))
        yield case(op, 3 * f(3, 7))
        yield case(op, f())
        if op != "Sqrt":  # of no use below zero
            yield case(op, special(13))
    yield case("Sqrt", np.abs(f(9)))
    yield case("Sin", 9 * f(4, 3))
    yield case("Cos", 9 * f(4, 3))
    yield case("Reciprocal", special(3, 5))
    yield case("Neg", ints(-9, 9, 7))
    yield case("Relu", ints(-9, 9, 7, dtype=np.int32))
    yield case("Gelu", 2 * f(5, 3), approximate="tanh")
    yield case("Gelu", 2 * f(5, 3), approximate="none")
    for op in ("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"):
        yield case(op, ints(0, 3, 4, 1), ints(0, 3, 5))
        yield case(op, special(3, 4), special(4))
        yield case(op, ints(0, 3, 7, dtype=np.int32), s(1, np.int32))
    yield case("Equal", bools(3, 1), bools(4))
    for op in ("And", "Or"):
        yield case(op, bools(3, 1, 2), bools(4, 1))
        yield case(op, bools(0), bools(1))
    yield case("Not", bools(3, 3))
    yield case("Not", bools())
    yield case("Where", bools(3, 1), f(2), f(4, 1, 1))
    yield case("Where", bools(3), special(1), s(-1.0, np.float32))
    yield case("Where", bools(2, 2), ints(0, 9, 2), ints(0, 9, 2, 1))
    yield case("Where", bools(1, 0), ints(0, 9, 1), s(3))


def shape_cases():
    yield case("ConstantOfShape", i(2, 3))
    yield case("ConstantOfShape", i(3, 0), value=helper.make_tensor(
        "v", TensorProto.INT64, [1], [7]))
    yield case("ConstantOfShape", i(), value=helper.make_tensor(
        "v", TensorProto.BOOL, [1], [True]))
    for start, limit, delta in ((0, 7, 2), (7, 0, -3), (3, 3, 1), (5, 1, 2),
                                (-4, 5, 3)):
        yield case("Range", s(start), s(limit), s(delta))
    yield case("Range", s(0.5, np.float32), s(2.6, np.float32),
               s(0.25, np.float32))
    yield case("Identity", f(2, 0))
    types = {TensorProto.BOOL: bool, TensorProto.INT64: np.int64,
             TensorProto.INT32: np.int32, TensorProto.FLOAT: np.float32,
             TensorProto.DOUBLE: np.float64, TensorProto.FLOAT16: np.float16,
             TensorProto.INT8: np.int8, TensorProto.UINT8: np.uint8}
    for to in types:
        for source in types.values():
            x = (3 * np.abs(f(9))).astype(source)
            yield case("Cast", x, to=to)
    yield case("Cast", 50 * f(40), to=TensorProto.INT64)
    yield case("Cast", i(255, 256, -1, 128), to=TensorProto.INT8)
    yield case("Cast", 1e-4 * f(40), to=TensorProto.FLOAT16)
    x = f(2, 0, 4, 1)
    for attributes in ({}, {"start": 1}, {"start": -2}, {"end": -1},
                       {"start": 3, "end": 1}, {"start": -9, "end": 9}):
        yield case("Shape", x, **attributes)
    yield case("Shape", f())
    yield case("Reshape", f(2, 3, 4), i(4, -1))
    yield case("Reshape", f(2, 3, 4), i(0, 0, 2, 2))
    yield case("Reshape", f(2, 3, 4), i(-1))
    yield case("Reshape", f(1, 1), i())
    yield case("Reshape", f(0, 3), i(3, 0), allowzero=1)
    yield case("Reshape", f(0, 3), i(0, 3, 1))
    yield case("Reshape", ints(0, 9, 6), i(2, -1))
    for axis in (0, 1, 2, 3, -1, -2, -3):
        yield case("Flatten", f(2, 3, 4), axis=axis)
    yield case("Flatten", f(), axis=0)
    yield case("Flatten", f(3, 0), axis=1)
    yield case("Squeeze", f(1, 2, 1, 3), i(0, -2))
    yield case("Squeeze", f(1, 2, 1), i(2))
    yield case("Unsqueeze", f(2, 3), i(0, -1, 2))
    yield case("Unsqueeze", f(), i(0))
    yield case("Expand", f(3, 1), i(2, 1, 4))
    yield case("Expand", f(3, 1), i(1))
    yield case("Expand", f(1, 3), i(0, 3))
    yield case("Expand", bools(2, 1), i(1, 1, 2, 5))
    yield case("Expand", f(), i(2, 2))


def data_cases():
    yield case("Concat", f(2, 3, 1), f(2, 0, 1), f(2, 5, 1), axis=1)
    yield case("Concat", f(2, 3), f(2, 1), axis=-1)
    yield case("Concat", ints(0, 9, 3), axis=0)
    yield case("Concat", bools(1, 2), bools(3, 2), axis=0)
    yield case("Gather", f(5, 3), ints(-5, 5, 2, 4))
    yield case("Gather", f(2, 5, 3), ints(-5, 5, 4), axis=1)
    yield case("Gather", f(2, 5, 3), s(-1), axis=-1)
    yield case("Gather", ints(0, 9, 4), s(2, np.int32))
    yield case("Gather", f(4, 3), ints(0, 4, 0, 2))
    yield case("GatherND", f(3, 4, 5), ints(-3, 3, 6, 2))
    yield case("GatherND", f(3, 4, 5), ints(-3, 3, 2, 1, 3))
    yield case("GatherND", bools(2, 4, 5), ints(0, 4, 2, 3, 2), batch_dims=1)
    yield case("GatherND", f(2, 3, 4), ints(0, 4, 2, 3, 1), batch_dims=2)
    x = f(5, 7)
    yield case("Slice", x, i(1), i(4))
    yield case("Slice", x, i(1, 6), i(MAX, MIN), i(0, 1), i(2, -2))
    yield case("Slice", x, i(-3, -1), i(-1, -9), i(-1, 0), i(1, -1))
    yield case("Slice", x, i(4), i(2), i(0))
    yield case("Slice", x, i(99), i(MIN), i(1), i(-3))
    yield case("Slice", x, i(MIN), i(MAX), i(1), i(6))
    yield case("Slice", x, i(2, dtype=np.int32), i(9, dtype=np.int32),
               i(1, dtype=np.int32), i(1, dtype=np.int32))
    yield case("Slice", f(0, 3), i(0), i(5))
    yield case("Slice", ints(0, 9, 6), i(0), i(6), i(0), i(4))
    yield case("Transpose", f(2, 3, 4))
    yield case("Transpose", f(2, 3, 4), perm=[1, 2, 0])
    yield case("Transpose", bools(2, 0, 4), perm=[2, 0, 1])
    yield case("Transpose", f())
    for exclusive in (0, 1):
        for reverse in (0, 1):
            yield case("CumSum", f(2, 4, 3), s(1), exclusive=exclusive,
                       reverse=reverse)
            yield case("CumSum", ints(0, 9, 3, 5), s(-1),
                       exclusive=exclusive, reverse=reverse)
    yield case("GatherElements", f(3, 4, 5), ints(-4, 4, 3, 2, 5), axis=1)
    yield case("GatherElements", f(3, 4), ints(0, 3, 6, 3), axis=-2)
    yield case("GatherElements", ints(0, 9, 5), ints(0, 5, 0, dtype=np.int32))
    for sizes, axis in ((i(1, 0, 4), 1), (i(2, 1), 0), (i(3), -1)):
        yield case("Split", f(3, 5, 3), sizes, axis=axis, outputs=len(sizes))
    for parts, axis in ((2, 1), (3, 2), (1, 0), (5, -2)):
        yield case("Split", f(3, 5, 7), axis=axis, num_outputs=parts,
                   outputs=parts)
    yield case("CumSum", f(2, 0), s(1))
    yield case("CumSum", f(2, 3), s(0, np.int32))


def nn_cases():
    for a, b in (((3, 4), (4, 5)), ((2, 3, 4), (4, 5)), ((4,), (4, 5)),
                 ((3, 4), (4,)), ((4,), (4,)), ((2, 1, 3, 4), (5, 4, 2)),
                 ((0, 4), (4, 3)), ((3, 0), (0, 2)), ((2, 3, 4), (4,)),
                 ((4,), (2, 4, 3)), ((1, 33), (33, 65))):
        yield case("MatMul", f(*a), f(*b))
    yield case("MatMul", ints(-9, 9, 3, 4), ints(-9, 9, 2, 4, 5))
    yield case("MatMul", ints(-9, 9, 3, 4, dtype=np.int32),
               ints(-9, 9, 4, 1, dtype=np.int32))
    for a, b, c, attributes in (
            ((3, 4), (4, 5), None, {}),
            ((3, 4), (5, 4), (5,), {"transB": 1}),
            ((4, 3), (4, 5), (3, 1), {"transA": 1, "alpha": 0.5}),
            ((4, 3), (5, 4), (), {"transA": 1, "transB": 1, "beta": -2.0}),
            ((3, 4), (4, 5), (3, 5), {"alpha": 2.0, "beta": 0.0}),
            ((1, 4), (4, 1), (1, 1), {}), ((0, 4), (4, 5), (5,), {})):
        inputs = [f(*a), f(*b)] + ([] if c is None else [f(*c)])
        yield case("Gemm", *inputs, **attributes)
    for axis in (-1, 0, 1, -2):
        yield case("Softmax", 5 * f(3, 4, 5), axis=axis)
    yield case("Softmax", f(2, 0))
    yield case("Softmax", f(1, 1))
    for axis in (-1, 0, 1):
        yield case("RMSNormalization", 3 * f(2, 3, 8), f(8), axis=axis,
                   epsilon=1e-3)
    yield case("RMSNormalization", f(2, 3, 8), f(3, 8), axis=1)
    for axes in (i(1), i(-1, 0), i(2, 0, 1)):
        yield case("ReduceMean", f(2, 3, 5), axes)
        yield case("ReduceMean", f(2, 3, 5), axes, keepdims=0)
    yield case("ReduceMean", f(2, 3, 5))
    yield case("ReduceMean", f(2, 3, 5), keepdims=0)
    yield case("ReduceMean", f(2, 3, 5), noop_with_empty_axes=1)
    yield case("ReduceMean", ints(-9, 9, 4, 3), i(0))
    yield case("ReduceMean", f(0, 3), i(1))
    masked = f(3, 4)
    masked[0, 1:] = -np.inf
    masked[1] = np.finfo(np.float32).min
    yield case("Softmax", masked)
    yield case("LayerNormalization", f(2, 3, 8), f(8), f(8), epsilon=1e-3)
    yield case("LayerNormalization", f(2, 3, 8), f(8))
    yield case("LayerNormalization", f(2, 3, 8), f(3, 8), f(3, 8), axis=1,
               outputs=3)
    yield case("LayerNormalization", 100 + f(4, 5), f(5), f(5), axis=-1)
    yield case("LayerNormalization", f(1, 1), f(1), f(1))


def attention_cases():
    def qkv(batch, heads, kv_heads, queries, keys, size, value_size=None):
        return (f(batch, heads, queries, size), f(batch, kv_heads, keys, size),
                f(batch, kv_heads, keys, value_size or size))

    yield case("Attention", *qkv(2, 3, 3, 4, 5, 8))
    yield case("Attention", *qkv(1, 4, 2, 3, 3, 8), is_causal=1)
    yield case("Attention", *qkv(2, 4, 1, 2, 5, 8, 3), scale=0.7, softcap=0.9)
    yield case("Attention", *qkv(2, 2, 2, 3, 4, 8), f(3, 4))
    yield case("Attention", *qkv(2, 2, 2, 3, 4, 8), f(2, 1, 3, 4))
    # A row that sees nothing, by a boolean mask, by minus infinity and by the
    # lowest number.
    seen = bools(2, 1, 3, 4)
    seen[:, :, 0] = False
    seen[:, :, 1:, 0] = True
    yield case("Attention", *qkv(2, 2, 2, 3, 4, 8), seen)
    yield case("Attention", *qkv(2, 2, 2, 3, 4, 8), seen[0, 0], is_causal=1)
    for low in (-np.inf, np.finfo(np.float32).min):
        yield case("Attention", *qkv(2, 2, 2, 3, 4, 8),
                   np.where(seen, 0, low).astype(np.float32))
    # With a past.
    for causal in (0, 1):
        yield case("Attention", *qkv(2, 4, 2, 3, 3, 8), None, f(2, 2, 5, 8),
                   f(2, 2, 5, 8), is_causal=causal, outputs=3)
    yield case("Attention", *qkv(2, 2, 2, 1, 1, 8), bools(2, 1, 1, 6) | True,
               f(2, 2, 5, 8), f(2, 2, 5, 8), is_causal=1, outputs=3)
    yield case("Attention", *qkv(2, 2, 2, 3, 3, 8), None, f(2, 2, 0, 8),
               f(2, 2, 0, 8), is_causal=1, outputs=3)
    # Rank 3.
    yield case("Attention", f(2, 3, 24), f(2, 5, 12), f(2, 5, 6),
               q_num_heads=4, kv_num_heads=2)
    yield case("Attention", f(2, 3, 8), f(2, 3, 8), f(2, 3, 8), bools(3, 3) | (
        np.eye(3) > 0), q_num_heads=2, kv_num_heads=2)
    # Rotary embedding, with a table of positions and without.
    for interleaved in (0, 1):
        yield case("RotaryEmbedding", f(2, 3, 4, 8), f(9, 4), f(9, 4),
                   ints(0, 9, 2, 4), interleaved=interleaved)
        yield case("RotaryEmbedding", f(2, 3, 4, 8), f(2, 4, 2), f(2, 4, 2),
                   interleaved=interleaved, rotary_embedding_dim=4)
        yield case("RotaryEmbedding", f(2, 4, 24), f(9, 4), f(9, 4),
                   ints(0, 9, 2, 4), interleaved=interleaved, num_heads=3)
    # What came before softmax. ONNX Runtime writes another number than minus
    # infinity for what is masked, so mode 2 goes without a boolean mask.
    for mode in range(4):
        yield case("Attention", *qkv(1, 2, 2, 3, 4, 8), f(3, 4), None, None,
                   qk_matmul_output_mode=mode, softcap=0.5,
                   outputs=(0, 3))


def padded_attention_cases():
    """What opset 24 added."""
    for causal in (0, 1):
        yield case("Attention", f(2, 2, 3, 8), f(2, 2, 6, 8), f(2, 2, 6, 8),
                   None, None, None, i(4, 6), is_causal=causal)
    yield case("Attention", f(2, 2, 3, 8), f(2, 2, 6, 8), f(2, 2, 6, 8),
               f(3, 6), None, None, i(4, 3))
    # More queries than keys: the first of them see nothing.
    yield case("Attention", f(2, 2, 3, 8), f(2, 2, 6, 8), f(2, 2, 6, 8),
               None, None, None, i(1, 3), is_causal=1)


def old_cases():
    """Forms of opset 12 that the importer rewrites."""
    for op in ("LogSoftmax", "Hardmax"):
        for axis in (0, 1, -1):
            yield case(op, f(2, 3, 4), axis=axis)
    for op in ("ReduceSum", "ReduceMax", "ReduceL2"):
        yield case(op, f(2, 3, 4), axes=[0, 2])
        yield case(op, f(2, 3, 4), axes=[-1], keepdims=0)
        yield case(op, f(2, 3, 4))
    for axis in (0, 1, 2, -1):
        yield case("Softmax", f(2, 3, 4), axis=axis)
    yield case("Softmax", f(2, 3, 4))
    yield case("Squeeze", f(1, 2, 1), axes=[0, 2])
    yield case("Squeeze", f(1, 2, 1), axes=[-1])
    yield case("Unsqueeze", f(2, 3), axes=[0, 3])
    yield case("Slice", f(5, 7), i(1, 6), i(MAX, MIN), i(0, 1), i(2, -2))
    yield case("Max", f(2, 1), f(3))


def elementwise_cases():
    for op in ("Abs", "Exp", "Floor", "Ceil", "Round", "Sign", "IsInf"):
        yield case(op, 3 * f(3, 7))
        yield case(op, special(13))
        yield case(op, f(2, 0))
    for op in ("Tan", "Atan", "Sinh", "Cosh", "Asinh"):
        yield case(op, 2 * f(3, 7))
    for op in ("Asin", "Acos", "Atanh"):
        yield case(op, np.tanh(f(4, 5)))
    yield case("Acosh", 1 + np.abs(f(9)))
    yield case("Log", np.abs(f(3, 7)))
    yield case("Round", np.arange(-3.5, 4, 0.5, dtype=np.float32))
    yield case("Abs", ints(-9, 9, 7))
    yield case("Sign", ints(-9, 9, 7, dtype=np.int32))
    yield case("IsInf", special(12), detect_negative=0)
    yield case("IsInf", special(12), detect_positive=0)
    for fmod in (0, 1):
        yield case("Mod", ints(-9, 9, 3, 5), i(4, -3, 2, -1, 7), fmod=fmod)
    yield case("Mod", ints(-9, 9, 5, dtype=np.int32), s(-4, np.int32))
    yield case("Mod", f(3, 4), f(4), fmod=1)
    yield case("Mod", special(12), s(0.7, np.float32), fmod=1)
    one, two = s(-1.0, np.float32), s(0.5, np.float32)
    yield case("Clip", f(3, 5), one, two)
    yield case("Clip", f(3, 5), one)
    yield case("Clip", f(3, 5), None, two)
    yield case("Clip", f(3, 5), two, one)
    yield case("Clip", f(3, 5))
    yield case("Clip", ints(-9, 9, 7), s(-2), s(3))
    for op in ("Sum", "Mean"):
        yield case(op, f(2, 1), f(3), f(4, 1, 1))
        yield case(op, f(2, 3))
    yield case("Xor", bools(3, 1), bools(4))
    for op in ("BitwiseAnd", "BitwiseOr", "BitwiseXor"):
        yield case(op, ints(-99, 99, 3, 1, dtype=np.int32),
                   ints(-99, 99, 4, dtype=np.int32))
    yield case("BitwiseNot", ints(-99, 99, 5))
    for direction in ("LEFT", "RIGHT"):
        yield case("BitShift", ints(0, 256, 9, dtype=np.uint8),
                   ints(0, 8, 9, dtype=np.uint8), direction=direction)


def activation_cases():
    for op in ("Softplus", "Softsign", "Mish", "HardSwish", "HardSigmoid",
               "Elu", "Selu", "LeakyRelu", "ThresholdedRelu", "Celu"):
        yield case(op, 4 * f(3, 7))
        yield case(op, f(0, 2))
    for op in ("Elu", "LeakyRelu", "ThresholdedRelu", "Celu"):
        yield case(op, 4 * f(3, 7), alpha=0.3)
    yield case("HardSigmoid", 4 * f(9), alpha=0.1, beta=0.6)
    yield case("Selu", 4 * f(9), alpha=0.5, gamma=2.0)
    yield case("Shrink", 2 * f(9), lambd=0.7, bias=0.2)
    yield case("PRelu", f(2, 3, 4), f(3, 1))
    yield case("PRelu", f(2, 3), f(1))
    for axis in (-1, 0, 1):
        yield case("LogSoftmax", 5 * f(3, 4, 5), axis=axis)
        yield case("Hardmax", f(3, 4, 5), axis=axis)
        for p in (1, 2):
            yield case("LpNormalization", f(3, 4, 5), axis=axis, p=p)
    yield case("LpNormalization", np.zeros((2, 3), np.float32))
    yield case("Dropout", f(3, 4), outputs=2)
    yield case("Dropout", f(3, 4), s(0.3, np.float32), s(False, bool))


def reduce_cases():
    for op in ("Sum", "Max", "Min", "Prod", "L1", "L2", "SumSquare",
               "LogSum", "LogSumExp"):
        x = np.abs(f(2, 3, 4)) + 0.1
        for axes in (i(1), i(-1, 0)):
            yield case("Reduce" + op, x, axes)
            yield case("Reduce" + op, x, axes, keepdims=0)
        yield case("Reduce" + op, x, keepdims=0)
    for op in ("Sum", "Max", "Min", "Prod"):
        yield case("Reduce" + op, ints(-5, 5, 4, 3), i(0))
    yield case("ReduceSum", f(2, 3), noop_with_empty_axes=1)
    yield case("ReduceSum", f(0, 3), i(0))
    yield case("ReduceProd", f(0, 3), i(0))
    yield case("ReduceMax", np.nan_to_num(special(11, 3), nan=0.5), i(0))
    yield case("ReduceLogSumExp", 100 * f(3, 4), i(1))
    for op in ("ArgMax", "ArgMin"):
        for axis in (0, 1, -1):
            yield case(op, f(3, 4, 5), axis=axis)
            yield case(op, f(3, 4, 5), axis=axis, keepdims=0)
        yield case(op, ints(0, 3, 4, 9), axis=1)
        yield case(op, ints(0, 3, 4, 9), axis=1, select_last_index=1)
    for largest in (0, 1):
        yield case("TopK", f(3, 7), i(3), largest=largest, outputs=2)
        yield case("TopK", ints(0, 4, 3, 7), i(5), axis=-1, largest=largest,
                   outputs=2)
        yield case("TopK", f(5, 3, 2), i(2), axis=0, largest=largest, outputs=2)
    yield case("TopK", f(2, 3), i(0), outputs=2)


def index_cases():
    for reduction in ("none", "add", "mul", "max", "min"):
        yield case("ScatterND", f(5, 3), i(1, -1, 3).reshape(3, 1), f(3, 3),
                   reduction=reduction)
        yield case("ScatterElements", f(3, 5), i(0, 2, 4, -2).reshape(2, 2),
                   f(2, 2), axis=1, reduction=reduction)
    yield case("ScatterND", f(4, 5, 6), ints(-4, 4, 2, 2), f(2, 6))
    yield case("ScatterND", ints(0, 9, 4), i(2).reshape(1, 1), i(7))
    yield case("ScatterElements", f(3, 5), i(2, 1).reshape(1, 2), f(1, 2))
    yield case("ScatterElements", f(4), i(1, 1, 2), f(3), reduction="add")
    yield case("Tile", f(2, 3), i(2, 3))
    yield case("Tile", f(2, 3), i(0, 1))
    yield case("Tile", ints(0, 9, 4), i(3))
    zero = s(0.5, np.float32)
    yield case("Pad", f(2, 3), i(1, 0, 0, 2))
    yield case("Pad", f(2, 3), i(1, 0, 0, 2), zero)
    yield case("Pad", f(4, 5), i(-1, 2, 0, -3), zero)
    yield case("Pad", f(4, 5), i(1, 2), zero, i(-1))
    for mode in ("reflect", "edge", "wrap"):
        yield case("Pad", f(4, 5), i(1, 2, 3, 0), mode=mode)
    for upper in (0, 1):
        for k in (-2, 0, 1, 9):
            yield case("Trilu", f(2, 4, 5), s(k), upper=upper)
        yield case("Trilu", f(3, 3), upper=upper)
    yield case("EyeLike", f(3, 4), k=1)
    yield case("EyeLike", ints(0, 9, 4, 3), k=-2, dtype=TensorProto.FLOAT)
    for axis in (-1, 0, 1):
        yield case("OneHot", ints(-4, 6, 2, 3), s(4), np.float32([0.5, 2]),
                   axis=axis)
    yield case("OneHot", ints(0, 4, 3), i(4), i(0, 1))
    yield case("NonZero", bools(3, 4))
    yield case("NonZero", ints(-1, 2, 2, 3, 2))
    yield case("NonZero", f(0, 2))
    yield case("Compress", f(3, 4), i(1, 0, 1).astype(bool), axis=0)
    yield case("Compress", f(3, 4), i(0, 1).astype(bool), axis=-1)
    yield case("Compress", f(3, 4), i(0, 1, 1, 0, 1).astype(bool))
    yield case("ReverseSequence", f(4, 3, 2), i(1, 4, 2))
    yield case("ReverseSequence", f(3, 4), i(1, 4, 2), batch_axis=0,
               time_axis=1)
    for mode in ("DCR", "CRD"):
        yield case("DepthToSpace", f(2, 8, 2, 3), blocksize=2, mode=mode)
    yield case("SpaceToDepth", f(2, 3, 4, 6), blocksize=2)
    yield case("Size", f(2, 0, 3))
    yield case("Size", f(2, 4, 3))
    yield case("CastLike", 9 * f(5), i(1))
    yield case("CastLike", ints(0, 9, 5), f(2).astype(np.float16))


def conv_cases():
    yield case("Conv", f(2, 3, 9), f(4, 3, 3))
    yield case("Conv", f(2, 3, 9), f(4, 3, 3), f(4), pads=[1, 2], strides=[2])
    yield case("Conv", f(1, 4, 9), f(4, 1, 3), f(4), group=4, pads=[2, 0])
    yield case("Conv", f(1, 4, 7, 8), f(6, 2, 3, 2), group=2, strides=[2, 1],
               pads=[1, 0, 1, 2])
    yield case("Conv", f(1, 2, 9, 9), f(3, 2, 3, 3), dilations=[2, 3],
               kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    for auto in ("SAME_UPPER", "SAME_LOWER", "VALID"):
        yield case("Conv", f(1, 2, 8, 7), f(3, 2, 3, 4), strides=[2, 3],
                   auto_pad=auto)
        yield case("MaxPool", f(1, 2, 8, 7), kernel_shape=[3, 2],
                   strides=[2, 2], auto_pad=auto)
        yield case("AveragePool", f(1, 2, 8, 7), kernel_shape=[3, 2],
                   strides=[2, 2], auto_pad=auto)
    for ceil in (0, 1):
        yield case("MaxPool", f(2, 2, 7, 8), kernel_shape=[2, 3],
                   strides=[2, 2], pads=[0, 1, 1, 1], ceil_mode=ceil,
                   outputs=2)
        for padded in (0, 1):
            yield case("AveragePool", f(2, 2, 7, 8), kernel_shape=[2, 3],
                       strides=[2, 2], pads=[0, 1, 1, 1], ceil_mode=ceil,
                       count_include_pad=padded)
    yield case("MaxPool", f(1, 1, 9), kernel_shape=[3], dilations=[2])
    yield case("MaxPool", f(1, 2, 5, 4), kernel_shape=[2, 2], storage_order=1,
               outputs=2)
    for op in ("GlobalAveragePool", "GlobalMaxPool"):
        yield case(op, f(2, 3, 4, 5))
    positive = np.abs(f(3)) + 0.1
    yield case("BatchNormalization", f(2, 3, 4), f(3), f(3), f(3), positive)
    yield case("InstanceNormalization", f(2, 3, 4, 2), f(3), f(3))
    yield case("GroupNormalization", f(2, 4, 5), f(4), f(4), num_groups=2,
               epsilon=1e-3)
    yield case("MeanVarianceNormalization", f(2, 3, 4, 5), axes=[0, 1, 2, 3])
    yield case("MeanVarianceNormalization", f(2, 3, 4, 5), axes=[0, 2, 3])


def einsum_cases():
    for equation, *shapes in (
            ("ij,jk->ik", (3, 4), (4, 5)), ("bhqd,bhkd->bhqk", (2, 3, 4, 5),
                                            (2, 3, 6, 5)),
            ("ij,jk", (3, 4), (4, 5)), ("ii->i", (4, 4)), ("ii", (3, 3)),
            ("i,j->ij", (3,), (4,)),
            ("...ij,...jk->...ik", (2, 3, 4), (1, 4, 5)),
            ("b...d,d->b...", (2, 3, 4, 5), (5,)), ("ijk->k", (2, 3, 4)),
            (" a b , b -> b a ", (3, 4), (4,)), ("i,i,i->i", (3,), (3,), (3,))):
        yield case("Einsum", *(f(*shape) for shape in shapes),
                   equation=equation)


def quant_cases():
    scale, zero = s(0.1, np.float32), s(7, np.uint8)
    yield case("QuantizeLinear", 9 * f(3, 4), scale)
    yield case("QuantizeLinear", 20 * f(3, 4), scale, zero)
    yield case("QuantizeLinear", 20 * f(3, 4), scale, s(-7, np.int8))
    columns = np.abs(f(4)) + 0.1
    for axis, size in ((0, 3), (1, 4), (-1, 4)):
        yield case("QuantizeLinear", 20 * f(3, 4), columns[:size],
                   ints(-9, 9, size, dtype=np.int8), axis=axis)
        yield case("DequantizeLinear", ints(0, 256, 3, 4, dtype=np.uint8),
                   columns[:size], ints(0, 9, size, dtype=np.uint8), axis=axis)
    yield case("DequantizeLinear", ints(-9, 9, 5, dtype=np.int8), scale)
    yield case("DequantizeLinear", ints(-999, 999, 5, dtype=np.int32), scale)
    yield case("DequantizeLinear", ints(-99, 99, 3, 8, dtype=np.int8),
               np.abs(f(3, 2)), ints(-9, 9, 3, 2, dtype=np.int8), axis=1,
               block_size=4)
    yield case("DynamicQuantizeLinear", 3 * f(3, 7), outputs=3)
    yield case("DynamicQuantizeLinear", np.abs(f(9)), outputs=3)
    yield case("DynamicQuantizeLinear", -np.abs(f(9)), outputs=3)
    a, b = ints(0, 256, 3, 4, dtype=np.uint8), ints(-99, 99, 4, 5,
                                                   dtype=np.int8)
    yield case("MatMulInteger", a, b)
    yield case("MatMulInteger", a, b, zero)
    yield case("MatMulInteger", a, b, zero, ints(-9, 9, 5, dtype=np.int8))
    yield case("QLinearMatMul", a, scale, zero, b.astype(np.uint8), scale, zero,
               s(4.0, np.float32), zero)
    yield case("ConvInteger", ints(0, 256, 1, 2, 9, dtype=np.uint8),
               ints(0, 256, 3, 2, 3, dtype=np.uint8), zero, pads=[1, 1])


FAMILIES = {
    "math": (23, math_cases), "shape": (23, shape_cases),
    "data": (23, data_cases), "nn": (23, nn_cases),
    "attention": (23, attention_cases),
    "padded-attention": (24, padded_attention_cases), "old": (12, old_cases),
    "elementwise": (20, elementwise_cases),
    "activation": (20, activation_cases), "reduce": (20, reduce_cases),
    "index": (20, index_cases), "conv": (21, conv_cases),
    "einsum": (20, einsum_cases), "quant": (21, quant_cases),
}


BY_HAND = pathlib.Path(__file__).parents[1] / "onnx-control-flow.mlir"
REFERENCE = pathlib.Path(__file__).parents[3] / "lib/Reference"


def check_coverage():
    """Fails if an op of the dialect that the interpreter has lacks a case.
    Those that ONNX Runtime has not, or that hold graphs, are tested by hand."""
    ops = {op for file in REFERENCE.glob("Onnx*.cpp")
           for op in re.findall(r"onnx::([A-Z]\w+)Op\b", file.read_text())}
    covered = {op for _, cases in FAMILIES.values() for op, *_ in cases()}
    covered |= set(re.findall(r"onnx\.(\w+)\(", BY_HAND.read_text()))
    # Constants are what importing makes of initializers.
    missing = ops - covered - {"Constant"}
    assert len(ops) > 40 and not missing, missing


def build(cases, opset, static):
    """(model, inputs, case of each output)."""
    nodes, values, results = [], {}, {}
    initializers, graph_inputs, graph_outputs = [], [], []
    for number, (op, inputs, outputs, attributes) in enumerate(cases):
        names = []
        for k, array in enumerate(inputs):
            if array is None:
                names.append("")
                continue
            name = f"x{number}_{k}"
            names.append(name)
            kind = helper.np_dtype_to_tensor_dtype(array.dtype)
            if static and array.dtype.kind == "i" and k > 0:
                initializers.append(onnx.numpy_helper.from_array(array, name))
                continue
            values[name] = np.ascontiguousarray(array).reshape(array.shape)
            shape = (array.shape if static else
                     [f"{name}_d{d}" for d in range(array.ndim)])
            graph_inputs.append(helper.make_tensor_value_info(name, kind,
                                                              shape))
        wanted = range(outputs) if isinstance(outputs, int) else outputs
        made = [f"y{number}_{k}" if k in wanted else ""
                for k in range(max(wanted) + 1)]
        nodes.append(helper.make_node(op, names, made, name=f"case{number}",
                                      **attributes))
        for name in filter(None, made):
            results[name] = (number, op, attributes,
                             [None if a is None else a.shape for a in inputs])
    model = helper.make_model(
        helper.make_graph(nodes, "cases", graph_inputs, [], initializers),
        opset_imports=[helper.make_opsetid("", opset)], ir_version=11)
    # The graph must say the types of its outputs.
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    types = {v.name: v for v in inferred.graph.value_info}
    for name in results:
        # ONNX does not infer the type of MeanVarianceNormalization.
        kind = (types[name].type.tensor_type.elem_type if name in types
                else TensorProto.FLOAT)
        graph_outputs.append(helper.make_tensor_value_info(name, kind, None))
    model.graph.output.extend(graph_outputs)
    return model, values, results


def compare(folder, family, static):
    """The failures of one model."""
    opset, cases = FAMILIES[family]
    model, values, results = build(list(cases()), opset, static)
    folder = folder / f"{family}-{'static' if static else 'dynamic'}"
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / "model.onnx")
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = (
        onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL)
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        str(folder / "model.onnx"), options,
        providers=["CPUExecutionProvider"])
    wanted = dict(zip(results, session.run(list(results), values)))
    safetensors.numpy.save_file({f"in.{k}": v for k, v in values.items()},
                                folder / "in.safetensors")
    subprocess.run(["dejavu-interpret", folder, "--run-case",
                    folder / "in.safetensors", "--output",
                    folder / "out.safetensors"], check=True)
    found = safetensors.numpy.load_file(folder / "out.safetensors")
    failures = []
    for name, about in results.items():
        want, got = wanted[name], found[f"out.{name}"]
        if want.shape != got.shape or want.dtype != got.dtype:
            failures.append(f"{about}: expected {want.dtype} {want.shape}, "
                            f"found {got.dtype} {got.shape}")
        elif not np.allclose(got, want, RTOL, ATOL, equal_nan=True):
            failures.append(f"{about}: expected\n{want}\nfound\n{got}")
    print(f"{folder.name}: {len(results)} results")
    return failures


def main():
    folder = pathlib.Path(sys.argv[1])
    check_coverage()
    failures = [failure for family in sys.argv[2:] or FAMILIES
                for static in (False, True)
                for failure in compare(folder, family, static)]
    print("\n".join(failures))
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
