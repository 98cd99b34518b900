"""Sections 4 to 6 and 20 to 22: graphs, functions, caches, names."""
from malformed import *

# 4. and 5. Graphs -------------------------------------------------------------

refuse("without_graph", "the model has no graph",
       without(lambda m: m.ClearField("graph")))
refuse("empty_graph", "the graph has no output",
       without(lambda m: m.graph.Clear()))
refuse("output_from_nowhere", "graph output 'Z' is produced by nothing",
       without(lambda m: setattr(m.graph.output[0], "name", "Z")))
refuse("output_unnamed", "a graph output has no name",
       without(lambda m: m.graph.output[0].ClearField("name")))
refuse("input_unnamed", "a graph input has no name",
       without(lambda m: m.graph.input.add()))
refuse("input_twice", "graph input 'X' is declared twice",
       without(lambda m: m.graph.input.append(value("X"))))
refuse("output_twice", "graph output 'Y' is declared twice",
       without(lambda m: m.graph.output.append(value("Y"))))
refuse("output_of_input_name", "output 'X' is already the name",
       without(lambda m: m.graph.node.append(node("Tanh", ["Y"], ["X"]))))
refuse("same_output_in_node", "output 'A' is already the name",
       without(lambda m: m.graph.node.append(
           node("Split", ["X"], ["A", "A"], axis=0, num_outputs=2))))
refuse("output_of_initializer_name", "output 'Y' is already the name",
       without(lambda m: m.graph.initializer.append(floats("Y", [2]))))
refuse("initializer_twice", "initializer 'W' is given twice",
       without(lambda m: m.graph.initializer.extend([floats("W", [2])] * 2)))
refuse("sparse_twice", "initializer 'W' is given twice", without(
    lambda m: (m.graph.initializer.append(floats("W", [2])),
               m.graph.sparse_initializer.add(values=floats("W", [1]),
                                              indices=ints("", [0]),
                                              dims=[2]))))
refuse("sparse_unnamed", "an initializer has no name", without(
    lambda m: m.graph.sparse_initializer.add(values=floats("", [1]),
                                             indices=ints("", [0]), dims=[2])))
refuse("three_in_circle", "through a cycle of 3 nodes", always(model([
    node("Add", ["X", "C"], ["A"], "a"), node("Relu", ["A"], ["B"], "b"),
    node("Relu", ["B"], ["C"], "c"), node("Relu", ["C"], ["Y"], "y")])))
refuse("input_from_nowhere", "input 'Q' is produced by nothing",
       without(lambda m: m.graph.node.append(node("Add", ["X", "Q"], ["Z"]))))
accept("used_before_defined", always(model([
    node("Relu", ["A"], ["Y"]), node("Tanh", ["X"], ["A"])])))

# 4. Graphs inside nodes -------------------------------------------------------


def body(nodes, outputs=("B",), inputs=(), initializers=()):
    return helper.make_graph(
        nodes, "body", [value(n, s, t) for n, s, t in inputs],
        [helper.make_tensor_value_info(n, FLOAT, None) for n in outputs],
        list(initializers))


def choose(then, other=None, outputs=("Y",), condition=None, more=()):
    """A model that has an If."""
    other = other or body([node("Tanh", ["X"], ["E"])], ["E"])
    chosen = node("If", ["C"], list(outputs), "choose", then_branch=then,
                  else_branch=other)
    inputs = [value("X")]
    tensors = []
    if condition is None:
        inputs.append(value("C", [], BOOL))
    else:
        tensors.append(helper.make_tensor("C", BOOL, [], [condition]))
    return model([chosen, *more], inputs,
                 [helper.make_tensor_value_info("Y", FLOAT, None)], tensors)


RELU = node("Relu", ["X"], ["B"])
accept("if", always(choose(body([RELU]))), "onnx.If(")
accept("if_true", always(choose(body([RELU]), condition=True)),
       "onnx.Relu(%arg0)")
accept("if_captures_later", always(choose(
    body([node("Relu", ["late"], ["B"])]),
    more=[node("Neg", ["X"], ["late"], "late")])), "onnx.If(")
accept("branches_of_other_shapes", always(choose(
    body([node("ReduceSum", ["X"], ["B"], keepdims=0)]))),
    "(tensor<i1>) -> tensor<*xf32>")
refuse("if_shadows", "output 'X' is already the name of another value",
       always(choose(body([node("Relu", ["X"], ["X"])], ["X"]))))
refuse("if_shadows_by_initializer", "initializer 'X' has the name of a value",
       always(choose(body([RELU], initializers=[floats("X", [2])]))))
refuse("if_input", "graph input 'X' has the name of a value outside",
       always(choose(body([RELU], inputs=[("X", [2], FLOAT)]))))
refuse("if_too_many_inputs", "subgraph 'then_branch': expected 0 inputs",
       always(choose(body([RELU], inputs=[("Q", [2], FLOAT)]))))
refuse("if_dangling", "input 'Q' is produced by nothing",
       always(choose(body([node("Relu", ["Q"], ["B"])]))))
refuse("if_uses_sibling", "input 'E' is produced by nothing",
       always(choose(body([node("Relu", ["E"], ["B"])]))))
refuse("if_outputs", "subgraph 'then_branch': expected 1 outputs, found 2",
       always(choose(body([RELU], ["B", "X"]))))
refuse("if_no_outputs", "subgraph 'then_branch': the graph has no output",
       always(choose(body([RELU], []))))
refuse("if_types", "expected branches with outputs of one element type",
       always(choose(body([node("Shape", ["X"], ["B"])]))))
refuse("if_condition", "node 'choose' (ai.onnx::If)", without(
    lambda m: m.graph.input[1].type.tensor_type.shape.dim.add(dim_value=2),
    lambda folder: choose(body([RELU]))))
refuse("if_own_output", "through a cycle of 1 node",
       always(choose(body([node("Relu", ["Y"], ["B"])]))))
refuse("if_bad_inside", "node 'inner' (ai.onnx::Concat): attribute 'axis' is "
       "missing", always(choose(body([node("Concat", ["X", "X"], ["B"],
                                           "inner")]))))
refuse("if_unknown_inside", "unsupported operators: ai.onnx::Foo (1 node, "
       "first 'inner')", always(choose(body([node("Foo", ["X"], ["B"],
                                                  "inner")]))))
refuse("if_without_else", "attribute 'else_branch' is missing", without(
    lambda m: m.graph.node[0].attribute.pop(0)
    if m.graph.node[0].attribute[0].name == "else_branch"
    else m.graph.node[0].attribute.pop(1),
    lambda folder: choose(body([RELU]))))
refuse("branch_no_graph", "attribute 'then_branch' has no graph", without(
    lambda m: [a.ClearField("g") for a in m.graph.node[0].attribute
               if a.name == "then_branch"],
    lambda folder: choose(body([RELU]))))
refuse("external_inside", "subgraph 'then_branch': initializer 'W': external "
       "location '../x'", always(choose(body(
           [node("Relu", ["W"], ["B"])], initializers=[TensorProto(
               name="W", data_type=FLOAT, dims=[2],
               data_location=TensorProto.EXTERNAL,
               external_data=[onnx.StringStringEntryProto(
                   key="location", value="../x")])]))))


def nested(depth):
    # Written by hand: protobuf writes no more than 100 levels.
    def at(level):
        return b"B" + b"x" * level
    graph = b""
    for level in range(depth, -1, -1):
        inner = graph
        if level == depth:
            part = field(1, field(1, b"X") + field(2, at(level)) +
                         field(4, b"Relu"))
        else:
            attributes = [
                field(5, field(1, name) + field(6, inner) + b"\xa0\x01\x05")
                for name in (b"then_branch", b"else_branch")[:1]]
            attributes.append(field(5, field(1, b"else_branch") + field(
                6, field(1, field(1, b"X") + field(2, b"E%d" % level) +
                         field(4, b"Relu")) +
                field(12, field(1, b"E%d" % level))) + b"\xa0\x01\x05"))
            part = field(1, field(1, b"C") + field(2, at(level)) +
                         field(4, b"If") + b"".join(attributes))
        graph = part + field(12, field(1, at(level) if level else b"Y"))
        if not level:
            graph = graph.replace(field(2, b"B"), field(2, b"Y"), 1)
    base = model(inputs=[value("X"), value("C", [], BOOL)])
    inputs = b"".join(field(11, i.SerializeToString())
                      for i in base.graph.input)
    return field(1, 10) + field(8, field(2, 20)) + field(7, graph + inputs)


refuse("nested_too_deep", "expected subgraphs of a depth of at most 32",
       lambda folder: nested(40))
refuse("nested_much_too_deep", "expected subgraphs of a depth of at most 32",
       lambda folder: nested(2000))


def loop(inner, operands=("M", "", "X"), outputs=("Y",), **more):
    return model([node("Loop", list(operands), list(outputs), "loop",
                       body=inner)],
                 [value("X"), value("M", [], INT64)],
                 [helper.make_tensor_value_info("Y", FLOAT, None)], **more)


TURN = [("i", [], INT64), ("c", [], BOOL), ("x", None, FLOAT)]
KEEP = node("Identity", ["c"], ["d"], "keep")
accept("loop", always(loop(body([KEEP, node("Relu", ["x"], ["B"])],
                                ["d", "B"], TURN))), "onnx.Loop(")
accept("loop_grows", always(loop(body(
    [KEEP, node("Concat", ["x", "X"], ["B"], axis=0)], ["d", "B"], TURN))),
    "-> tensor<?x3xf32>")
refuse("loop_inputs", "subgraph 'body': expected 3 inputs, found 2",
       always(loop(body([KEEP, node("Relu", ["X"], ["B"])], ["d", "B"],
                        TURN[:2]))))
refuse("loop_outputs", "subgraph 'body': expected at least 2 outputs, found 1",
       always(loop(body([KEEP], ["d"], TURN))))
refuse("loop_type", "for what is carried along", always(loop(body(
    [KEEP, node("Shape", ["x"], ["B"])], ["d", "B"], TURN))))
refuse("loop_declared", "subgraph 'body': graph input 'x': declared as",
       always(loop(body([KEEP, node("Relu", ["X"], ["B"])], ["d", "B"],
                        TURN[:2] + [("x", None, INT64)]))))
refuse("loop_results", "expected at most 1 outputs, found 2", always(loop(
    body([KEEP, node("Relu", ["x"], ["B"])], ["d", "B"], TURN),
    outputs=("Y", "Z"))))


def scan(inner, count=1, **attributes):
    return model([node("Scan", ["X"], ["Y"], "scan", body=inner,
                       num_scan_inputs=count, **attributes)],
                 outputs=[helper.make_tensor_value_info("Y", FLOAT, None)])


SLICE = body([node("Relu", ["x"], ["B"])], ["B"], [("x", None, FLOAT)])
accept("scan", always(scan(SLICE, scan_input_axes=[-1])),
       "(tensor<2x3xf32>) -> tensor<3x2xf32>")
refuse("scan_none", "expected num_scan_inputs from 1 to 1, found 0",
       always(scan(SLICE, 0)))
refuse("scan_many", "expected num_scan_inputs from 1 to 1, found 99",
       always(scan(SLICE, 99)))
refuse("scan_axis", "expected axis in [-2, 2), found 2",
       always(scan(SLICE, scan_input_axes=[2])))
refuse("scan_axes", "expected 1 scan_input_axes, found 2",
       always(scan(SLICE, scan_input_axes=[0, 0])))
refuse("scan_output_axes", "expected 1 scan_output_axes, found 2",
       always(scan(SLICE, scan_output_axes=[0, 0])))
refuse("scan_output_axis", "expected axis in [-2, 2), found 7",
       always(scan(SLICE, scan_output_axes=[7])))

# 6. Functions -----------------------------------------------------------------


def function(name, nodes, inputs=("a",), outputs=("b",), attributes=(),
             defaults=(), opset=20, overload="", domain="my"):
    result = helper.make_function(
        domain, name, list(inputs), list(outputs), list(nodes),
        [helper.make_opsetid("", opset), helper.make_opsetid("my", 1)],
        attributes=list(attributes), attribute_protos=list(defaults))
    result.overload = overload
    return result


def call(name, inputs=("X",), outputs=("Y",), label=None, overload="",
         domain="my", **attributes):
    result = helper.make_node(name, list(inputs), list(outputs),
                              label or name, domain=domain, **attributes)
    result.overload = overload
    return result


def calling(functions, nodes=None, **more):
    result = model(nodes or [call("F")], outputs=[
        helper.make_tensor_value_info("Y", FLOAT, None)], **more)
    result.opset_import.append(helper.make_opsetid("my", 1))
    result.functions.extend(functions)
    return result


def reference(made, attribute, target, kind):
    made.attribute.add(name=attribute, ref_attr_name=target, type=kind)
    return made


FUNCTION = function("F", [node("Relu", ["a"], ["b"])])
accept("function", always(calling([FUNCTION])), "onnx.Relu(%arg0)")
accept("function_overrides", lambda folder: with_domain(calling(
    [function("Relu", [node("Tanh", ["a"], ["b"])], domain="com.microsoft")],
    [call("Relu", domain="com.microsoft")])), "onnx.Tanh(%arg0)")
accept("function_overload", always(calling(
    [FUNCTION, function("F", [node("Tanh", ["a"], ["b"])], overload="2")],
    [call("F", overload="2")])), "onnx.Tanh(%arg0)")
accept("function_not_called", always(calling([FUNCTION, function(
    "G", [node("Foo", ["a"], ["b"])])])), "onnx.Relu")


def with_domain(result):
    result.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return result


refuse("function_twice", "function 'my::F' is defined twice",
       always(calling([FUNCTION, FUNCTION])))
refuse("function_unnamed", "a function of domain 'my' has no name",
       always(calling([FUNCTION, function("", [])])))
refuse("function_missing", "unsupported operators: my::G (1 node, first 'G')",
       always(calling([FUNCTION], [call("G")])))
refuse("overload_missing", "unsupported operators: my::F:3 (1 node",
       always(calling([FUNCTION], [call("F", overload="3")])))
refuse("overload_of_operator", "unsupported operators: ai.onnx::Relu:fast",
       without(lambda m: setattr(m.graph.node[0], "overload", "fast")))
refuse("calls_itself", "functions that do not call themselves, found 'my::F' "
       "-> 'my::F'", always(calling([function("F", [call("F", ["a"], ["b"])])])))
refuse("calls_each_other", "'my::F' -> 'my::G' -> 'my::F'", always(calling(
    [function("F", [call("G", ["a"], ["b"])]),
     function("G", [call("F", ["a"], ["b"])])])))
refuse("circle_not_called", "'my::G' -> 'my::G'", always(calling(
    [FUNCTION, function("G", [call("G", ["a"], ["b"])])])))
refuse("circle_through_if", "'my::F' -> 'my::F'", always(calling([function(
    "F", [node("If", ["c"], ["b"],
               then_branch=body([call("F", ["a", "c"], ["B"])]),
               else_branch=body([node("Relu", ["a"], ["E"])], ["E"]))],
    ["a", "c"])], [call("F", ["X", "X"])])))
refuse("call_too_many_inputs", "expected 0 to 1 inputs, found 2",
       always(calling([FUNCTION], [call("F", ["X", "X"])])))
refuse("call_too_many_outputs", "expected 1 output, found 2",
       always(calling([FUNCTION], [call("F", ["X"], ["Y", "Z"])])))
refuse("call_attribute", "node 'F' (my::F): unknown attribute 'alpha'",
       always(calling([FUNCTION], [call("F", alpha=1.0)])))
refuse("call_without_input", "node 'F/relu' (ai.onnx::Relu): input 0 is "
       "required but absent", always(calling([FUNCTION], [call("F", [])])))
refuse("function_dangling", "input 'q' is produced by nothing", always(calling(
    [function("F", [node("Relu", ["q"], ["b"])])])))
refuse("function_output", "function 'my::F': output 'b' is produced by nothing",
       always(calling([function("F", [node("Relu", ["a"], ["c"])])])))
refuse("function_captures", "input 'X' is produced by nothing", always(calling(
    [function("F", [node("Relu", ["X"], ["b"])])])))
refuse("function_input_twice", "function 'my::F': input 'a' is declared twice",
       always(calling([function("F", [node("Relu", ["a"], ["b"])],
                                ["a", "a"])])))
refuse("function_opset", "function 'my::F': opset 99 of ai.onnx", always(
    calling([function("F", [node("Relu", ["a"], ["b"])], opset=99)])))
refuse("function_domain", "domain 'your' is not in opset_import", always(
    calling([function("F", [call("G", ["a"], ["b"], domain="your")])])))
refuse("function_cycle", "through a cycle of 1 node", always(calling(
    [function("F", [node("Add", ["a", "b"], ["b"])])])))
refuse("function_constant", "node 'c' (ai.onnx::Constant): attribute 'value': "
       "raw_data: expected 8 bytes", always(calling([function(
           "F", [node("Constant", [], ["b"], "c", value=raw("", [2],
                                                            b"123"))])])))
refuse("function_default_tensor", "function 'my::F': attribute 'v': raw_data",
       always(calling([function("F", [node("Relu", ["a"], ["b"])], defaults=[
           helper.make_attribute("v", raw("", [2], b"123"))])])))
refuse("function_attribute_twice", "attribute 'v' is declared twice",
       always(calling([function("F", [node("Relu", ["a"], ["b"])],
                                attributes=["v", "v"])])))
accept("function_default", always(calling([function(
    "F", [reference(node("Softmax", ["a"], ["b"]), "axis", "k", 2)],
    defaults=[helper.make_attribute("k", 0)])])), "{axis = 0 : i64}")
accept("function_attribute", always(calling([function(
    "F", [reference(node("Softmax", ["a"], ["b"]), "axis", "k", 2)],
    ["a"], attributes=["k"])], [call("F", k=0)])), "{axis = 0 : i64}")
refuse("reference_unknown", "refers to 'q', which function 'my::F' does not",
       always(calling([function("F", [reference(
           node("Softmax", ["a"], ["b"], "s"), "axis", "q", 2)])])))
refuse("reference_type", "attribute 'axis': expected type int, found float",
       always(calling([function("F", [reference(
           node("Softmax", ["a"], ["b"], "s"), "axis", "k", 2)],
           attributes=["k"])], [call("F", k=1.5)])))
refuse("reference_default_type", "expected type int, but 'k' of function",
       always(calling([function("F", [reference(
           node("Softmax", ["a"], ["b"], "s"), "axis", "k", 2)],
           defaults=[helper.make_attribute("k", 0.5)])])))
refuse("reference_and_value", "expected a reference to 'k' alone", without(
    lambda m: setattr(m.functions[0].node[0].attribute[0], "i", 1),
    lambda folder: calling([function("F", [reference(
        node("Softmax", ["a"], ["b"], "s"), "axis", "k", 2)],
        attributes=["k"])])))
refuse("reference_outside", "refers to a function's attribute outside",
       without(lambda m: reference(m.graph.node[0], "axis", "k", 2),
               lambda folder: one("Softmax")))
refuse("reference_required", "attribute 'axis' is missing", always(calling(
    [function("F", [reference(node("Concat", ["a", "a"], ["b"]), "axis", "k",
                              2)], attributes=["k"])])))


def chain(count, calls):
    """F0 calls F1 so many times, F1 calls F2, ..."""
    functions = [function("F0" if i == 0 else f"F{i}",
                          [call(f"F{i + 1}", ["a" if j == 0 else f"v{j}"],
                                ["b" if j == calls - 1 else f"v{j + 1}"],
                                f"c{j}") for j in range(calls)])
                 for i in range(count)]
    return functions + [function(f"F{count}", [node("Relu", ["a"], ["b"])])]


refuse("calls_multiply", "expected at most 1048576 nodes when calls",
       lambda folder: calling(chain(40, 2), [call("F0")]))
refuse("calls_too_deep", "expected calls that nest up to 64 deep",
       lambda folder: calling(chain(100, 1), [call("F0")]))
accept("calls_deep", lambda folder: calling(chain(20, 1), [call("F0")]),
       "onnx.Relu(%arg0)")

# 20. Caches -------------------------------------------------------------------


def caches(pasts, presents, more=()):
    """A model with inputs and outputs of these names, and shapes if given."""
    def info(entry):
        name, shape = entry if isinstance(entry, tuple) else (entry, CACHE)
        dtype = FLOAT
        if shape and isinstance(shape[-1], str) and shape[-1] == "half":
            shape, dtype = shape[:-1], TensorProto.FLOAT16
        return value(name, shape, dtype)
    inputs = [info(p) for p in pasts]
    outputs = [info(p) for p in presents]
    # Of the shape of X nothing is known, so any will do.
    nodes = [node("Cast", ["X"], [o.name], to=o.type.tensor_type.elem_type)
             for o in outputs]
    return model(nodes + [node("Relu", ["X"], ["Y"])],
                 [value("X", None)] + inputs + [value(m, None) for m in more],
                 outputs + [value("Y", None)])


CACHE = ["B", 8, "P", 32]


def both(layers, past="past_key_values.{}.{}", present="present.{}.{}"):
    return ([past.format(i, k) for i in layers for k in ("key", "value")],
            [present.format(i, k) for i in layers for k in ("key", "value")])


P, Q = both(range(2))
accept("caches", always(caches(P, Q)))
accept("caches_returned_alone", always(caches([], Q)))
accept("caches_of_encoder", always(caches(
    ["past_key_values.0.decoder.key", "past_key_values.0.encoder.key"],
    ["present.0.decoder.key"])))
accept("caches_of_some_layers", always(caches(*both([1, 3]),
                                              more=["past_conv.0"])))
accept("caches_stacked", always(caches(
    [("past_0", [2, "B", 8, "P", 32])], [("present_0", [2, "B", 8, "T", 32])])))
accept("cache_grows", always(caches(
    [("past_key_values.0.key", [1, 8, 15, 32])],
    [("present.0.key", [1, 8, 16, 32])])))
refuse("cache_lost", "expected an output with the value of layer 1",
       always(caches(P, Q[:-1])))
refuse("cache_from_nothing", "expected an input with the value of layer 1",
       always(caches(P[:-1], Q)))
refuse("cache_layer_missing", "expected caches of all layers before 2, found "
       "none of layer 1", always(caches(*both([0, 2]))))
refuse("cache_first_missing", "found none of layer 0",
       always(caches(*both([1]))))
refuse("cache_twice", "the key of layer 0 is 'past_key_values.0.key' already",
       always(caches(P + ["past_key_values.00.key"], Q)))
refuse("cache_type", "expected what 'past_key_values.0.key' has, element type "
       "1, found 10", always(caches([("past_key_values.0.key", CACHE)],
                                    [("present.0.key", CACHE + ["half"])])))
refuse("cache_heads", "dimension 1 of 8, found 4", always(caches(
    [("past_key_values.0.key", CACHE)], [("present.0.key", ["B", 4, "P", 32])])))
refuse("cache_head_size", "dimension 3 of 32, found 64", always(caches(
    [("past_key_values.0.key", CACHE)], [("present.0.key", ["B", 8, "P", 64])])))
refuse("cache_rank", "rank 4, found 3", always(caches(
    [("past_key_values.0.key", CACHE)], [("present.0.key", ["B", "P", 32])])))
refuse("cache_shrinks", "dimension 2 of 16, found 15", always(caches(
    [("past_key_values.0.key", [1, 8, 16, 32])],
    [("present.0.key", [1, 8, 15, 32])])))

# 21. and 22. Names ------------------------------------------------------------


def renamed(before, after):
    """Bytes for bytes, of the same length: protobuf would not write them."""
    def make(folder):
        data = model([node("Relu", ["inputxx"], ["outputx"], "nodexxx")],
                     [value("inputxx", ["dimsxxx", 2])],
                     [value("outputx", None)]).SerializeToString()
        assert len(before) == len(after) and before in data
        return data.replace(before, after)
    return make


refuse("input_no_utf8", r"graph input 'in\xFF\xFEtxx': expected a name in UTF-8",
       renamed(b"inputxx", b"in\xff\xfetxx"))
refuse("input_surrogate", "expected a name in UTF-8",
       renamed(b"inputxx", b"in\xed\xa0\x80xx"))
refuse("input_escape", r"graph input 'in\x1B[2Jx': expected a name without "
       "control", renamed(b"inputxx", b"in\x1b[2Jx"))
refuse("output_newline", r"output 'out\x0Autx': expected a name without "
       "control", renamed(b"outputx", b"out\nutx"))
refuse("input_nul", r"'in\x00utxx'", renamed(b"inputxx", b"in\0utxx"))
refuse("dim_no_utf8", r"dimension '\xC0\xAFmsxxx': expected a name in UTF-8",
       renamed(b"dimsxxx", b"\xc0\xafmsxxx"))
refuse("dim_newline", "expected a name without control",
       renamed(b"dimsxxx", b"dims\n\n\n"))
accept("node_newline", renamed(b"nodexxx", b"no\nde\x1bx"))
accept("names_of_the_world", renamed(b"inputxx", "\u043f\u0443\u0442x".encode()))
refuse("input_long", "expected a name of at most 16384 bytes, found 1048576",
       without(lambda m: (m.graph.node[0].input.__setitem__(0, "x" * (1 << 20)),
                          setattr(m.graph.input[0], "name", "x" * (1 << 20)))))
refuse("dim_long", "expected a name of at most 1024 bytes, found 100000",
       without(lambda m: setattr(
           m.graph.input[0].type.tensor_type.shape.dim[0], "dim_param",
           "(" * 100000)))
refuse("node_name_long", "...", without(
    lambda m: m.graph.node.append(node("Foo", ["X"], ["Z"], "n" * (1 << 20)))))
accept("dims_of_all_kinds", without(lambda m: [setattr(
    d, "dim_param", t) for d, t in zip(
        m.graph.input[0].type.tensor_type.shape.dim,
        ("past_sequence_length + 1", "Max(1, s3 // 2) - ((x"))]))
