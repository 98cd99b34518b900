"""Weights in every place that they may have, and constants of every type.

With --check FILE.mlir MODEL.onnx it compares the bytes that the weights of the
IR name with what the onnx package reads.
"""
import re

import numpy
from onnx import external_data_helper, numpy_helper

from cases import *


def array(name, dtype, shape=(2, 3)):
    values = numpy.arange(numpy.prod(shape)).reshape(shape) + 0.5
    return numpy_helper.from_array(values.astype(dtype), name)


def typed(name, dtype, dims, values):
    """A tensor with its values in the field of its type, not in raw_data."""
    return helper.make_tensor(name, dtype, dims, values)


def outputs_of(initializers):
    """A model with each initializer as an output."""
    outputs = [helper.make_tensor_value_info(f"out.{t.name}", t.data_type,
                                             list(t.dims))
               for t in initializers]
    nodes = [node("Identity", [t.name], [f"out.{t.name}"], t.name)
             for t in initializers]
    return model(nodes, inputs=[], outputs=outputs, initializers=initializers)


@case
def weights(folder):
    tensors = [array("raw32", "float32"), array("raw64", "float64", (5,)),
               array("raw16", "float16", (1, 7)),
               typed("bfloat", TensorProto.BFLOAT16, [2], [1.0, 2.0]),
               typed("typed32", FLOAT, [2, 2], [1.0, 2.0, 3.0, 4.0]),
               typed("typed64", TensorProto.DOUBLE, [2], [1.5, 2.5]),
               array("outside", "float32", (4, 4)),
               array("main", "float32", (3,))]
    # bfloat16 is made as int32_data: a weight must be plain bytes.
    tensors[3].ClearField("int32_data")
    tensors[3].raw_data = b"\x80\x3f\x00\x40"
    external_data_helper.set_external_data(tensors[6], "data.bin")
    result = outputs_of(tensors)
    data = model([node("Constant", [], ["C"], "c", value=array("", "float32")),
                  node("Relu", ["C"], ["out.C"], "C")]).graph.node
    result.graph.node.extend(data)
    result.graph.output.append(value("out.C"))
    for tensor in result.graph.initializer:
        if tensor.name == "outside":
            external_data_helper.save_external_data(tensor, str(folder))
            tensor.ClearField("raw_data")
    return result


@case
def constants(folder):
    return outputs_of([
        typed("f32", FLOAT, [], [1.5]), typed("f64", TensorProto.DOUBLE, [1, 1], [2.5]),
        typed("f16", TensorProto.FLOAT16, [], [1.0]),
        typed("bf16", TensorProto.BFLOAT16, [1], [-2.0]),
        typed("i8", TensorProto.INT8, [2], [-1, 127]),
        typed("i16", TensorProto.INT16, [2], [-2, 300]),
        typed("i32", TensorProto.INT32, [2], [-3, 70000]),
        typed("i64", INT64, [2], [-4, 1 << 40]),
        typed("u8", TensorProto.UINT8, [2], [0, 255]),
        typed("u16", TensorProto.UINT16, [2], [0, 65535]),
        typed("u32", TensorProto.UINT32, [2], [0, 4294967295]),
        typed("u64", TensorProto.UINT64, [2], [0, 1 << 63]),
        typed("bool", BOOL, [3], [True, False, True]),
        array("raw_i64", "int64", (2, 2)), array("raw_bool", "bool", (2,)),
        array("raw_f32", "float32", (1,)),
        typed("nothing", FLOAT, [0, 3], [])])


def check(ir, path):
    path = pathlib.Path(path)
    proto = onnx.load(path)
    expected = {t.name: t for t in proto.graph.initializer}
    for each in proto.graph.node:
        for attribute in each.attribute:
            if attribute.HasField("t"):
                expected[each.output[0]] = attribute.t
    pattern = re.compile(r'dejavu\.weight @(\S+) : tensor<\S+> from .*<"(.+)", '
                         r'offset = (\d+), length = (\d+)>')
    for name, file, offset, length in pattern.findall(open(ir).read()):
        data = (path.parent / file).read_bytes()
        data = data[int(offset):int(offset) + int(length)]
        tensor = expected[name.removesuffix("_1")]
        want = numpy_helper.to_array(tensor).tobytes()
        print(name, file, "same" if data == want else f"{data} != {want}")


if sys.argv[1] == "--check":
    check(*sys.argv[2:])
else:
    main()
