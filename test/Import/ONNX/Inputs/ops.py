"""Graphs of operators: each operator once, and those that opsets differ in."""
from cases import *

UNKNOWN = "NS"  # two dimensions that are not known


def ints(name, *values):
    return helper.make_tensor(name, INT64, [len(values)], values)


def scalar(name, number):
    return helper.make_tensor(name, INT64, [], [number])


def chain(steps, inputs, initializers=(), opset=20):
    """A node for each (op, inputs, attributes); the output of a node is named
    like its operator, and all are outputs of the graph."""
    nodes = [node(op, names, [op], **attributes)
             for op, names, attributes in steps]
    outputs = [onnx.ValueInfoProto(name=op) for op, _, _ in steps]
    for output in outputs:
        output.type.tensor_type.elem_type = FLOAT
    # The types of outputs are not what is tested: declare none but one.
    result = model(nodes, inputs, [value(steps[-1][0], None)], initializers,
                   opset)
    result.graph.output[0].type.tensor_type.ClearField("shape")
    return result


def typed_output(result, dtype):
    result.graph.output[0].type.tensor_type.elem_type = dtype
    return result


@case
def math(folder):
    x, b, i = value("X", ["N", 8]), value("B", [8]), value("I", [4], INT64)
    steps = [(op, ["X", "B"], {}) for op in ["Add", "Sub", "Mul", "Div"]]
    steps += [("Pow", ["X", "two"], {}), ("Max", ["X", "B", "X"], {}),
              ("Min", ["X"], {})]
    steps += [(op, ["X"], {}) for op in ["Neg", "Sqrt", "Erf", "IsNaN"]]
    steps += [(op, ["I", "two"], {}) for op in
              ["Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"]]
    steps += [("And", ["Equal", "Less"], {}), ("Or", ["And", "Less"], {}),
              ("Not", ["Or"], {}), ("Where", ["IsNaN", "B", "X"], {})]
    return chain(steps, [x, b, i], [scalar("two", 2)])


@case
def nn(folder):
    x = value("X", ["N", 64])
    q, k = value("Q", ["N", 4, "S", 16]), value("K", ["N", 2, "T", 16])
    p = value("P", ["N", 2, "P", 16])
    w, c = value("W", [16, 64]), value("C", [16])
    result = chain([
        ("MatMul", ["Q", "W"], {}),
        ("Gemm", ["X", "W", "C"], {"transB": 1, "alpha": 0.5}),
        ("Softmax", ["Gemm"], {"axis": 0}), ("Relu", ["Gemm"], {}),
        ("Sigmoid", ["Gemm"], {}), ("Tanh", ["Gemm"], {}),
        ("Gelu", ["Gemm"], {"approximate": "tanh"}),
        ("CumSum", ["X", "one"], {"reverse": 1}),
        ("LayerNormalization", ["Gemm", "C", "C"], {"epsilon": 1e-3}),
    ], [x, q, k, p, w, c], [scalar("one", 1)], 23)
    result.graph.node.extend([
        node("LayerNormalization", ["Gemm", "C"], ["n", "mean", "dev"], "norm",
             stash_type=TensorProto.FLOAT),
        node("Attention", ["Q", "K", "K"], ["a"], "plain", scale=0.25,
             is_causal=1),
        node("Attention", ["Q", "K", "K", "", "P", "P"], ["b", "pk", "pv"],
             "past", softmax_precision=TensorProto.FLOAT),
    ])
    return result


@case
def scalar_axes(folder):
    return chain([("Unsqueeze", ["X", "one"], {}),
                  ("ReduceSum", ["Unsqueeze", "one"], {})],
                 [value("X", ["N", 8])], [scalar("one", 1)])


@case
def tensor(folder):
    x = value("X", ["N", 1, 8])
    result = chain([
        ("Shape", ["X"], {"start": 1}), ("Identity", ["X"], {}),
        ("Cast", ["X"], {"to": TensorProto.FLOAT16}),
        ("Reshape", ["X", "shape"], {}), ("Flatten", ["X"], {"axis": 2}),
        ("Squeeze", ["X", "one"], {}), ("Unsqueeze", ["X", "one"], {}),
        ("Expand", ["X", "wide"], {}),
        ("Concat", ["X", "X", "X"], {"axis": -1}),
        ("Gather", ["X", "pairs"], {"axis": 2}), ("GatherND", ["X", "pairs"], {}),
        ("Slice", ["X", "one", "end", "two", "two"], {}),
        ("Transpose", ["X"], {}), ("Range", ["from", "to", "by"], {}),
        ("ConstantOfShape", ["wide"], {}), ("Constant", [], {"value_ints": [1, 2]}),
    ], [x], [
        ints("shape", 0, -1), ints("one", 1), ints("two", 2), ints("end", 1 << 62),
        ints("wide", 5, 1), scalar("from", 1), scalar("to", 10), scalar("by", 4),
        helper.make_tensor("pairs", INT64, [3, 2], [0, 0, 0, 0, 0, 0])])
    return typed_output(result, INT64)


@case
def microsoft(folder):
    result = model([node("Gelu", ["X"], ["Y"], domain="com.microsoft")],
                   opset=13)
    result.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return result


@case
def slices(folder):
    """Slices of unequal kinds; each is checked by its type."""
    x = value("X", [10, "N"])
    big = (1 << 63) - 1
    named = [("all", [0], [big], [0], [1]), ("back", [-1], [-big - 1], [0], [-1]),
             ("some", [-3], [9], [0], [1]), ("none", [7], [3], [0], [1]),
             ("odd", [1], [10], [-2], [3]), ("unknown", [1], [4], [1], [1]),
             ("whole", [0], [big], [1], [1])]
    nodes, tensors = [], []
    for name, *rest in named:
        tensors += [ints(f"{name}.{i}", *each) for i, each in enumerate(rest)]
        nodes.append(node("Slice", ["X"] + [f"{name}.{i}" for i in range(4)],
                          [name], name))
    nodes.append(node("Slice", ["X", "all.0", "all.1", "", "all.3"], ["noaxes"],
                      "noaxes"))
    return model(nodes, [x], [value("noaxes", None)], tensors)


@case
def shape_chain(folder):
    """The shape of a Reshape and an Expand, computed as exporters do it."""
    nodes = [
        node("Shape", ["X"], ["s"], "s"),
        node("Gather", ["s", "zero"], ["batch"], "batch"),
        node("Gather", ["s", "two"], ["width"], "width"),
        node("Div", ["width", "four"], ["size"], "size"),
        node("Cast", ["size"], ["size64"], "size64", to=INT64),
        node("Unsqueeze", ["batch", "axis"], ["b1"], "b1"),
        node("Unsqueeze", ["size64", "axis"], ["s1"], "s1"),
        node("Concat", ["b1", "minus", "fours", "s1"], ["shape"], "shape",
             axis=0),
        node("Reshape", ["X", "shape"], ["heads"], "heads"),
        node("ConstantOfShape", ["rank"], ["ones"], "ones",
             value=ints("v", 1)),
        node("Mul", ["ones", "minus"], ["minuses"], "minuses"),
        node("Equal", ["wanted", "minuses"], ["isminus"], "isminus"),
        node("Where", ["isminus", "ones", "wanted"], ["target"], "target"),
        node("Expand", ["Z", "target"], ["wide"], "wide"),
    ]
    tensors = [scalar("zero", 0), scalar("two", 2), scalar("four", 4),
               ints("axis", 0), ints("minus", -1), ints("fours", 4),
               ints("rank", 3), ints("wanted", 6, -1, 5)]
    return model(nodes, [value("X", ["N", "S", 64]), value("Z", [1, 7, 1])],
                 [value("heads", None), value("wide", None)], tensors)


@case
def old_forms(folder):
    """What was different in opset 11."""
    nodes = [
        node("Unsqueeze", ["X"], ["u"], "u", axes=[0, -1]),
        node("Squeeze", ["u"], ["q"], "q", axes=[0]),
        node("Squeeze", ["L"], ["all"], "all"),
        node("Softmax", ["Z"], ["last"], "last", axis=2),
        node("Softmax", ["Z"], ["flat"], "flat"),
        node("GatherND", ["X", "i"], ["g"], "g"),
        node("Reshape", ["X", "shape"], ["r"], "r"),
    ]
    return model(nodes, [value("X"), value("L", [1, 4, 1]), value("Z", ["N", 3, 4])],
                 [value("flat", None)],
                 [ints("shape", 6), helper.make_tensor("i", INT64, [1, 1], [0])],
                 opset=11, ir_version=6)


@case
def families(folder):
    """Operators of other families than OPT."""
    x, q = value("X", ["N", "S", 64]), value("Q", ["N", 4, "S", 16])
    table, ids = value("T", [32, 8]), value("P", ["N", "S"], INT64)
    nodes = [
        node("Sin", ["X"], ["sin"]), node("Cos", ["X"], ["cos"]),
        node("Reciprocal", ["X"], ["reciprocal"]),
        node("ReduceMean", ["X", "last"], ["mean"]),
        node("ReduceMean", ["X"], ["all"], keepdims=0),
        node("ReduceMean", ["X"], ["same"], noop_with_empty_axes=1),
        node("RMSNormalization", ["X", "scale"], ["rms"], epsilon=1e-6),
        node("RotaryEmbedding", ["Q", "T", "T", "P"], ["rope"]),
        node("RotaryEmbedding", ["X", "T", "T", "P"], ["flatrope"],
             num_heads=4, rotary_embedding_dim=8, interleaved=1),
        node("Split", ["X", "sizes"], ["a", "b", "c"], axis=-1),
        node("Split", ["X"], ["d", "e", "f"], axis=2, num_outputs=3),
        node("GatherElements", ["X", "where"], ["g"], axis=1),
    ]
    return model(nodes, [x, q, table, ids], [value("g", None)], [
        ints("last", -1), ints("sizes", 16, 16, 32),
        helper.make_tensor("scale", FLOAT, [64], [1.0] * 64),
        helper.make_tensor("where", INT64, [1, 2, 3], [0] * 6)], opset=23)


@case
def old_families(folder):
    nodes = [
        node("ReduceMean", ["X"], ["mean"], axes=[-1], keepdims=0),
        node("Split", ["X"], ["a", "b"], axis=1, split=[1, 2]),
        node("Split", ["X"], ["c", "d"]),
    ]
    return model(nodes, [value("X")], [value("d", None)], opset=11,
                 ir_version=6)


main()
