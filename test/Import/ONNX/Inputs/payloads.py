"""Tensors whose data do not fit them."""
import struct

from cases import *


def with_tensor(tensor):
    """A model that adds `tensor` to its input."""
    return model([node("Add", ["X", "W"], ["Y"])], initializers=[tensor])


def raw(dims, data, dtype=FLOAT):
    result = TensorProto(name="W", data_type=dtype)
    result.dims.extend(dims)
    result.raw_data = data
    return result


def typed(dims, dtype, **fields):
    result = TensorProto(name="W", data_type=dtype)
    result.dims.extend(dims)
    for field, values in fields.items():
        getattr(result, field).extend(values)
    return result


@case
def short_raw(folder):
    return with_tensor(raw([3], b"\0" * 11))


@case
def long_raw(folder):
    return with_tensor(raw([3], b"\0" * 16))


@case
def empty_raw(folder):
    return with_tensor(raw([3], b""))


@case
def data_in_empty(folder):
    return with_tensor(raw([0], b"\0" * 4))


@case
def no_data(folder):
    return with_tensor(typed([3], FLOAT))


@case
def short_floats(folder):
    return with_tensor(typed([3], FLOAT, float_data=[1.0, 2.0]))


@case
def long_ints(folder):
    return with_tensor(typed([2], INT64, int64_data=[1, 2, 3]))


@case
def wrong_field(folder):
    return with_tensor(typed([2], FLOAT, int64_data=[1, 2]))


@case
def both_payloads(folder):
    tensor = typed([1], FLOAT, float_data=[1.0])
    tensor.raw_data = b"\0" * 4
    return with_tensor(tensor)


@case
def raw_twice(folder):
    # Two runs of raw_data (field 9) in one tensor.
    data = with_tensor(raw([1], b"abcd")).SerializeToString()
    part = b"\x4a\x04abcd"
    position = data.index(part)
    # The tensor and the graph grow by six bytes: both lengths are one byte.
    tensor = raw([1], b"abcd").SerializeToString()
    start = data.index(tensor)
    graph_start = data.index(b"\x3a")
    out = bytearray(data)
    out[start - 1] += 6
    out[graph_start + 1] += 6
    return bytes(out[:position]) + part + bytes(out[position:])


@case
def negative_dim(folder):
    return with_tensor(raw([-1], b""))


@case
def overflow(folder):
    return with_tensor(raw([1 << 32, 1 << 32], b""))


@case
def overflow_behind_zero(folder):
    return with_tensor(raw([0, 1 << 32, 1 << 32], b""))


@case
def rank(folder):
    return with_tensor(raw([1] * 9, b"\0" * 4))


@case
def type_missing(folder):
    tensor = raw([1], b"\0" * 4)
    tensor.ClearField("data_type")
    return with_tensor(tensor)


@case
def type_unknown(folder):
    return with_tensor(raw([1], b"\0" * 4, 99))


@case
def type_string(folder):
    return with_tensor(typed([1], TensorProto.STRING, string_data=[b"x"]))


@case
def narrow(folder):
    return with_tensor(typed([2], TensorProto.INT8, int32_data=[1, 200]))


@case
def data_location(folder):
    tensor = raw([1], b"\0" * 4)
    data = with_tensor(tensor)
    data.graph.initializer[0].data_location = TensorProto.EXTERNAL
    return data.SerializeToString().replace(b"\x70\x01", b"\x70\x07")


@case
def in_attribute(folder):
    tensor = raw([3], b"\0" * 11)
    return model([node("Constant", [], ["C"], "c", value=tensor),
                  node("Add", ["X", "C"], ["Y"])])


main()
