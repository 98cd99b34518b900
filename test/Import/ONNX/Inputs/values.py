"""Operators whose attributes or constant inputs are not as they must be, and
those of com.microsoft in forms that are not supported."""
from cases import *

UINT8 = TensorProto.UINT8


def one(op, inputs, initializers=(), extra=(), outputs=("Y",), opset=21,
        domain="", shape=(2, 4), **attributes):
    result = model([node(op, inputs, outputs, "n", domain=domain,
                         **attributes)],
                   [value("X", shape), *extra],
                   [helper.make_tensor_value_info(outputs[0], FLOAT, None)],
                   initializers, opset)
    if domain:
        result.opset_import.append(helper.make_opsetid(domain, 1))
    return result


def tensor(name, values, dtype=INT64, dims=None):
    return helper.make_tensor(name, dtype,
                              [len(values)] if dims is None else dims, values)


def microsoft(op, inputs, **more):
    return one(op, inputs, domain="com.microsoft", **more)


@case
def pad_mode(folder):
    return one("Pad", ["X", "P"], [tensor("P", [0, 1, 0, 1])], mode="mirror")


@case
def pad_negative(folder):
    return one("Pad", ["X", "P"], [tensor("P", [-2, 0, -1, 0])])


@case
def auto_pad(folder):
    return one("MaxPool", ["X"], shape=(1, 2, 8), kernel_shape=[2],
               auto_pad="same")


@case
def tile_negative(folder):
    return one("Tile", ["X", "R"], [tensor("R", [1, -1])])


@case
def top_k(folder):
    return one("TopK", ["X", "K"], [tensor("K", [5])], outputs=("Y", "I"))


@case
def one_hot(folder):
    return one("OneHot", ["I", "D", "V"],
               [tensor("I", [1]), tensor("D", [-3]),
                tensor("V", [0, 1], FLOAT)])


@case
def training(folder):
    return one("Dropout", ["X", "", "T"], [tensor("T", [True], BOOL, [])])


@case
def batch_training(folder):
    return one("BatchNormalization", ["X", "S", "S", "S", "S"],
               [tensor("S", [1, 1, 1, 1], FLOAT)], training_mode=1)


@case
def zero_scale(folder):
    return one("QuantizeLinear", ["X", "S"], [tensor("S", [0], FLOAT, [])])


@case
def reduce_axis(folder):
    return one("ReduceSum", ["X", "A"], [tensor("A", [2])])


@case
def group_norm(folder):
    return one("GroupNormalization", ["X", "S", "S"],
               [tensor("S", [1, 1, 1], FLOAT)], opset=18, num_groups=3)


@case
def missing_input(folder):
    return microsoft("GroupQueryAttention", ["X", "X", "X", "", "", "", "T"],
                     initializers=[tensor("T", [4], TensorProto.INT32, [])],
                     shape=(1, 2, 16), num_heads=2, kv_num_heads=2)


@case
def quantised_cache(folder):
    return microsoft("GroupQueryAttention", ["X", "X", "X", "", "", "N", "T"],
                     initializers=[tensor("T", [4], TensorProto.INT32, []),
                                   tensor("N", [3], TensorProto.INT32)],
                     shape=(1, 2, 16), num_heads=2, kv_num_heads=2,
                     k_quant_type="PER_TENSOR")


@case
def quant_type(folder):
    return microsoft("QMoE", ["X", "P", "A", "S", "", "B", "T"],
                     extra=[value("P", (2, 2))],
                     initializers=[tensor("A", [0] * 16, UINT8, [2, 4, 2]),
                                   tensor("S", [1] * 8, FLOAT, [2, 4]),
                                   tensor("B", [0] * 16, UINT8, [2, 4, 2]),
                                   tensor("T", [1] * 8, FLOAT, [2, 4])],
                     quant_type="fp4")


@case
def rotary_scale(folder):
    return microsoft("RotaryEmbedding", ["X", "I", "C", "C"], shape=(1, 2, 8),
                     initializers=[tensor("I", [0, 1], dims=[1, 2]),
                                   tensor("C", [1] * 8, FLOAT, [4, 2])],
                     scale=0.5)


@case
def bits(folder):
    return microsoft("MatMulNBits", ["X", "W", "S"], shape=(1, 16),
                     initializers=[tensor("W", [0] * 8, UINT8, [1, 1, 8]),
                                   tensor("S", [1], FLOAT)],
                     K=16, N=1, bits=5, block_size=16)


@case
def weights(folder):
    return microsoft("MatMulNBits", ["X", "W", "S"], shape=(1, 16),
                     initializers=[tensor("W", [0] * 7, UINT8, [1, 1, 7]),
                                   tensor("S", [1], FLOAT)],
                     K=16, N=1, bits=4, block_size=16)


main()
