"""Names, order and the optional parts of a graph."""
from cases import *


def one(name="W"):
    return helper.make_tensor(name, FLOAT, [3], [1.0, 2.0, 3.0])


@case
def unsorted(folder):
    return model([node("Relu", ["B"], ["Y"], "last"),
                  node("Add", ["A", "X"], ["B"], "middle"),
                  node("Tanh", ["X"], ["A"], "first")])


@case
def names(folder):
    result = model([node("Relu", ["X"], ["A"], "layers.0/relu"),
                    node("Add", ["A", "W"], ["B"], "quote\"d"),
                    node("Tanh", ["B"], ["Y"])], initializers=[one()])
    result.graph.node[2].ClearField("name")
    return result


@case
def dims(folder):
    result = model(inputs=[value("X", ["batch", "past + 1", 4, None])],
                   outputs=[value("Y", ["batch", None, 4, 5])])
    result.graph.input[0].type.tensor_type.shape.dim[3].ClearField("value")
    return result


@case
def numerals(folder):
    return model(inputs=[value("X", ["batch", "12", "-3", "2x"])],
                 outputs=[value("Y", ["batch", "12", None, "007"])])


@case
def unranked(folder):
    return model(inputs=[value("X", None)], outputs=[value("Y", [1, "n"])])


@case
def ir3(folder):
    """IR version 3 lists initializers as inputs."""
    return model([node("Add", ["X", "W"], ["Y"])],
                 inputs=[value("X"), value("W", [3])], initializers=[one()],
                 opset=11, ir_version=3)


@case
def unused(folder):
    return model(initializers=[one("never")])


@case
def direct(folder):
    """Outputs that no node makes."""
    return model([], inputs=[value("X")],
                 outputs=[value("X"), value("W", [3])], initializers=[one()])


@case
def trailing_absent(folder):
    return model([node("Gemm", ["X", "W", ""], ["Y"])], outputs=[value("Y", [2, 2])],
                 initializers=[helper.make_tensor("W", FLOAT, [3, 2], [0.0] * 6)])


@case
def other_domain(folder):
    result = model([node("Relu", ["X"], ["Y"])])
    result.graph.node[0].domain = "ai.onnx"
    result.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return result


main()
