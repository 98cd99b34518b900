"""Functions that a model brings along, and graphs inside nodes."""
from cases import *


def function(name, nodes, inputs, outputs, attributes=(), defaults=(),
             opset=20):
    return helper.make_function(
        "my", name, inputs, outputs, nodes,
        [helper.make_opsetid("", opset), helper.make_opsetid("my", 1)],
        attributes=list(attributes), attribute_protos=list(defaults))


def call(op, inputs, outputs, name=None, **attributes):
    return node(op, inputs, outputs, name, domain="my", **attributes)


def reference(made, attribute, target, kind):
    made.attribute.add(name=attribute, ref_attr_name=target, type=kind)
    return made


def calling(functions, nodes, **more):
    result = model(nodes, outputs=[value("Y", None)], **more)
    result.opset_import.append(helper.make_opsetid("my", 1))
    result.functions.extend(functions)
    return result


def body(nodes, outputs, inputs=(), initializers=()):
    return helper.make_graph(nodes, "body", list(inputs),
                             [value(o, None) for o in outputs],
                             list(initializers))


@case
def layers(folder):
    """A layer that is called twice, with a function inside."""
    layer = function("Layer", [
        call("Scale", ["x", "w"], ["s"], "scale"),
        reference(node("Softmax", ["s"], ["y"], "soft"), "axis", "dim", 2),
    ], ["x", "w"], ["y"], attributes=["dim"])
    scale = function("Scale", [node("Mul", ["a", "b"], ["c"], "mul")],
                     ["a", "b"], ["c"])
    return calling([layer, scale], [
        call("Layer", ["X", "W"], ["A"], "layers.0", dim=0),
        call("Layer", ["A", "W"], ["Y"], "layers.1", dim=1)],
        initializers=[helper.make_tensor("W", FLOAT, [3], [1, 2, 3])])


@case
def attributes(folder):
    """Attributes by reference: tensors, defaults, and one that is absent."""
    made = function("F", [
        reference(node("Constant", [], ["c"], "c"), "value", "v", 4),
        node("Add", ["x", "c"], ["s"], "add"),
        reference(node("LeakyRelu", ["s"], ["t"], "leaky"), "alpha", "a", 1),
        reference(node("Softmax", ["t"], ["y"], "soft"), "axis", "k", 2),
    ], ["x"], ["y"], attributes=["v", "k"],
        defaults=[helper.make_attribute("a", 0.25)])
    v = helper.make_tensor("", FLOAT, [3], [1, 2, 3])
    return calling([made], [call("F", ["X"], ["A"], "one", v=v),
                            call("F", ["A"], ["Y"], "two", v=v, a=0.5, k=0)])


@case
def optional_input(folder):
    """What a call leaves out is left out inside."""
    made = function("F", [node("Clip", ["x", "low", "high"], ["y"])],
                    ["x", "low", "high"], ["y"])
    return calling([made], [call("F", ["X", "", "six"], ["Y"])],
                   initializers=[helper.make_tensor("six", FLOAT, [], [6])])


@case
def other_opset(folder):
    """A function means what its own opset means."""
    made = function("F", [node("Softmax", ["x"], ["y"])], ["x"], ["y"],
                    opset=11)
    return calling([made], [call("F", ["X"], ["Y"])],
                   inputs=[value("X", [2, 3, 4])])


@case
def inside_if(folder):
    """A function with an If inside, whose branches refer to an attribute."""
    made = function("F", [node(
        "If", ["c"], ["y"], "choose",
        then_branch=body([reference(node("Softmax", ["x"], ["t"], "soft"),
                                    "axis", "k", 2)], ["t"]),
        else_branch=body([node("Tanh", ["x"], ["e"], "tanh")], ["e"]))],
        ["x", "c"], ["y"], attributes=["k"])
    return calling([made], [call("F", ["X", "C"], ["Y"], "f", k=0)],
                   inputs=[value("X"), value("C", [], BOOL)])


@case
def merged(folder):
    """A branch with weights of its own and of the graph around it."""
    w = helper.make_tensor("W", FLOAT, [3], [1, 2, 3])
    inner = helper.make_tensor("V", FLOAT, [3], [4, 5, 6])
    return model([
        node("If", ["C"], ["Y"], "choose",
             then_branch=body([node("Add", ["X", "W"], ["t"], "outer"),
                               node("Mul", ["t", "V"], ["u"], "inner")], ["u"],
                              initializers=[inner]),
             else_branch=body([node("ReduceSum", ["X"], ["e"], "sum",
                                    keepdims=1)], ["e"])),
        node("Mul", ["X", "W"], ["Z"], "later")],
        [value("X", ["n", 3]), value("C", [1], BOOL)],
        [value("Y", None), value("Z", None)], [w])


@case
def known(folder):
    """A condition that follows from shapes: one branch alone is built."""
    shape = [node("Shape", ["X"], ["s"], "shape"),
             node("Gather", ["s", "one"], ["d"], "dim"),
             node("Equal", ["d", "three"], ["c"], "equal")]
    chosen = node("If", ["c"], ["Y"], "choose",
                  then_branch=body([node("Relu", ["X"], ["t"], "then")], ["t"]),
                  else_branch=body([node("Tanh", ["X"], ["e"], "else")], ["e"]))
    return model(shape + [chosen], [value("X", ["n", 3])], [value("Y", None)],
                 [helper.make_tensor("one", INT64, [], [1]),
                  helper.make_tensor("three", INT64, [], [3])])


@case
def loop(folder):
    """A loop that appends a row in each turn, and stacks them."""
    turn = body([node("Identity", ["c"], ["d"], "keep"),
                 node("Concat", ["x", "X"], ["more"], "concat", axis=0),
                 node("ReduceMean", ["more"], ["mean"], "mean", keepdims=0)],
                ["d", "more", "mean"],
                [value("i", [], INT64), value("c", [], BOOL),
                 value("x", ["k", 3])])
    return model([node("Loop", ["M", "", "X"], ["Y", "Z"], "loop", body=turn)],
                 [value("X"), value("M", [], INT64)],
                 [value("Y", None), value("Z", None)])


@case
def scan(folder):
    """Running sums along the second dimension."""
    turn = body([node("Add", ["sum", "x"], ["next"], "add"),
                 node("Identity", ["next"], ["out"], "out")], ["next", "out"],
                [value("sum", [2]), value("x", [2])])
    return model([node("Scan", ["zero", "X"], ["S", "Y"], "scan", body=turn,
                       num_scan_inputs=1, scan_input_axes=[1],
                       scan_output_axes=[1])],
                 outputs=[value("S", None), value("Y", None)],
                 initializers=[helper.make_tensor("zero", FLOAT, [2], [0, 0])])


main()
