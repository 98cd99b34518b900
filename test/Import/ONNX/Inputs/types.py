"""Tensors of all types, in all fields they may be in."""
import numpy as np

from cases import *

T = TensorProto
NARROW = [("int8", T.INT8), ("uint8", T.UINT8), ("int4", T.INT4),
          ("uint4", T.UINT4), ("int2", T.INT2), ("uint2", T.UINT2)]
FLOAT8 = [("e4m3fn", T.FLOAT8E4M3FN), ("e4m3fnuz", T.FLOAT8E4M3FNUZ),
          ("e5m2", T.FLOAT8E5M2), ("e5m2fnuz", T.FLOAT8E5M2FNUZ)]


def tensor(name, dtype, dims, **fields):
    result = TensorProto(name=name, data_type=dtype)
    result.dims.extend(dims)
    for field, data in fields.items():
        if field == "raw_data":
            result.raw_data = data
        else:
            getattr(result, field).extend(data)
    return result


def casts(tensors):
    """A model that uses all of them."""
    return model([node("Cast", [t.name], [t.name + "_y"], to=FLOAT)
                  for t in tensors], [],
                 [value(t.name + "_y", None) for t in tensors], tensors, 25, 13)


@case
def weights(folder):
    """In the file as the machine has them."""
    width = {"int8": 8, "uint8": 8, "int4": 4, "uint4": 4, "int2": 2, "uint2": 2}
    result = [tensor(n, t, [3, 5], raw_data=bytes(-(-15 * width[n] // 8)))
              for n, t in NARROW]
    result += [tensor(n, t, [3], raw_data=b"\x38\x40\xb8") for n, t in FLOAT8]
    result.append(tensor("fp4", T.FLOAT4E2M1, [3], raw_data=b"\x21\x03"))
    result.append(tensor("wide", INT64, [64, 129],
                         raw_data=bytes(64 * 129 * 8)))
    result.append(tensor("few", INT64, [64, 128], raw_data=bytes(64 * 128 * 8)))
    return casts(result)


@case
def constants(folder):
    """As numbers, one for each element or byte."""
    return casts([
        tensor("i4", T.INT4, [3], int32_data=[0xf1, 7]),
        tensor("u4", T.UINT4, [2, 2], int32_data=[0xf1, 0x72]),
        tensor("u2", T.UINT2, [5], int32_data=[0xe4, 3]),
        tensor("f4", T.FLOAT4E2M1, [2], int32_data=[0x21]),
        tensor("e5", T.FLOAT8E5M2, [2], int32_data=[0x3c, 0xc0]),
        tensor("f16", T.FLOAT16, [2], int32_data=[0x3c00, 0xc000]),
        tensor("bf16", T.BFLOAT16, [2], int32_data=[0x3f80, 0xc000]),
        tensor("u64", T.UINT64, [2], uint64_data=[0, (1 << 64) - 1]),
        tensor("i32", T.INT32, [2], int32_data=[-1, 1 << 30]),
    ])


@case
def unpacked(folder):
    """Floats and ints one by one, as the first writers had them."""
    data = casts([tensor("f", FLOAT, [2], float_data=[1.0, 2.0]),
                  tensor("d", T.DOUBLE, [2], double_data=[1.0, 2.0])])
    data = data.SerializeToString()
    floats = np.array([1, 2], "<f4").tobytes()
    doubles = np.array([1, 2], "<f8").tobytes()
    # The same number of bytes: the tensor's name shrinks, a number is dropped.
    packed = b"\x22\x08" + floats
    assert packed in data and b"\x52\x10" + doubles in data
    data = data.replace(packed, b"\x25" + floats[:4] + b"\x25" + floats[4:])
    data = data.replace(b"\x52\x10" + doubles,
                        b"\x51" + doubles[:8] + b"\x51" + doubles[8:])
    return data


main()
