"""Graphs whose parts do not fit together."""
from cases import *


@case
def cycle(folder):
    return model([node("Relu", ["X"], ["A"], "before"),
                  node("Add", ["A", "C"], ["B"], "first"),
                  node("Relu", ["B"], ["C"], "second"),
                  node("Relu", ["C"], ["Y"], "after")])


@case
def own_output(folder):
    return model([node("Add", ["X", "Y"], ["Y"], "self")])


@case
def dangling(folder):
    return model([node("Add", ["X", "nowhere"], ["Y"], "add")])


@case
def duplicate_value(folder):
    return model([node("Relu", ["X"], ["Y"], "one"),
                  node("Tanh", ["X"], ["Y"], "two")])


@case
def shadows_input(folder):
    return model([node("Relu", ["X"], ["X"], "shadow"),
                  node("Relu", ["X"], ["Y"])])


@case
def duplicate_initializer(folder):
    one = helper.make_tensor("W", FLOAT, [1], [1.0])
    return model([node("Add", ["X", "W"], ["Y"])], initializers=[one, one])


@case
def unnamed_initializer(folder):
    one = helper.make_tensor("", FLOAT, [1], [1.0])
    return model(initializers=[one])


@case
def duplicate_input(folder):
    return model(inputs=[value("X"), value("X")])


@case
def duplicate_output(folder):
    return model(outputs=[value("Y"), value("Y")])


@case
def unproduced_output(folder):
    return model(outputs=[value("Z")])


@case
def no_output(folder):
    return model(outputs=[])


@case
def negative_dimension(folder):
    return model(inputs=[value("X", [2, -3])])


@case
def huge_input(folder):
    return model(inputs=[value("X", [1 << 40, 1 << 40])])


@case
def high_rank(folder):
    return model(inputs=[value("X", [1] * 9)])


@case
def string_input(folder):
    return model(inputs=[value("X", dtype=TensorProto.STRING)])


@case
def untyped_input(folder):
    result = model()
    result.graph.input[0].ClearField("type")
    return result


@case
def wrong_default(folder):
    one = helper.make_tensor("W", INT64, [3], [1, 2, 3])
    return model([node("Add", ["X", "W"], ["Y"])],
                 inputs=[value("X"), value("W", [3])], initializers=[one])


@case
def wrong_output_type(folder):
    return model(outputs=[value("Y", dtype=INT64)])


@case
def wrong_output_shape(folder):
    return model(outputs=[value("Y", [2, 4])])


@case
def quantized(folder):
    result = model()
    result.graph.quantization_annotation.add().tensor_name = "X"
    return result


@case
def strange_names(folder):
    # Bytes that are no UTF-8, in a field that protobuf's Python keeps from us.
    data = model([node("Add", ["X", "badname"], ["Y"], "a\nb\x1b[31mc")])
    return data.SerializeToString().replace(b"badname", b"bad\xff\x00me")


main()
