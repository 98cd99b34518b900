"""Nodes that are not as their operators want them."""
from cases import *


def one(op, inputs=("X",), outputs=("Y",), initializers=(), opset=20,
        **attributes):
    return model([node(op, inputs, outputs, "n", **attributes)],
                 outputs=[helper.make_tensor_value_info(o, FLOAT, None)
                          for o in outputs[:1]],
                 initializers=initializers, opset=opset)


def ints(name, values, dims=None):
    return helper.make_tensor(name, INT64,
                              [len(values)] if dims is None else dims, values)


@case
def unsupported(folder):
    result = model([node("Foo", ["X"], ["A"], "x/y"),
                    node("Add", ["A", "A"], ["B"], "z"),
                    node("Foo", ["B"], ["C"], "x/z"),
                    node("Gelu", ["C"], ["D"], "gelu"),
                    node("Add", ["D", "D"], ["Y"], "add")], opset=17)
    result.graph.node[1].domain = "com.microsoft"
    result.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return result


@case
def unknown_domain(folder):
    result = one("Relu")
    result.graph.node[0].domain = "com.microsoft"
    return result


@case
def no_op_type(folder):
    result = one("Relu")
    result.graph.node[0].ClearField("op_type")
    return result


@case
def unnamed(folder):
    result = one("Relu", ["nowhere"])
    result.graph.node[0].ClearField("name")
    return result


@case
def attribute_missing(folder):
    return one("Concat", ["X", "X"])


@case
def attribute_duplicate(folder):
    result = one("Softmax", axis=1)
    result.graph.node[0].attribute.append(helper.make_attribute("axis", 0))
    return result


@case
def attribute_type(folder):
    return one("Softmax", axis=1.0)


@case
def attribute_without_type(folder):
    result = one("Softmax", axis=1)
    result.graph.node[0].attribute[0].ClearField("type")
    return result


@case
def attribute_stray(folder):
    result = one("Softmax", axis=1)
    result.graph.node[0].attribute[0].f = 1.0
    return result


@case
def attribute_unknown(folder):
    return one("Softmax", axes=1)


@case
def attribute_newer(folder):
    return one("Reshape", ["X", "S"], initializers=[ints("S", [6])], opset=13,
               allowzero=1)


@case
def attribute_reference(folder):
    result = one("Softmax", axis=1)
    result.graph.node[0].attribute[0].ref_attr_name = "axis"
    return result


@case
def attribute_range(folder):
    return one("Gemm", ["X", "X"], transA=2)


@case
def attribute_enum(folder):
    return one("Gelu", approximate="sigmoid")


@case
def too_few_inputs(folder):
    return one("Add", ["X"])


@case
def too_many_inputs(folder):
    return one("Relu", ["X", "X"])


@case
def too_many_outputs(folder):
    return one("Relu", ["X"], ["Y", "Z"])


@case
def input_absent(folder):
    return one("Add", ["", "X"])


@case
def variadic_absent(folder):
    return one("Max", ["X", "", "X"])


@case
def output_absent(folder):
    return model([node("Relu", ["X"], [""], "n"), node("Relu", ["X"], ["Y"])])


@case
def softmax_axis(folder):
    return one("Softmax", axis=2)


@case
def old_softmax_axis(folder):
    return one("Softmax", opset=11, axis=-3)


@case
def concat_axis(folder):
    return one("Concat", ["X", "X"], axis=-3)


@case
def gather_axis(folder):
    return one("Gather", ["X", "I"], initializers=[ints("I", [0])], axis=2)


@case
def gather_index(folder):
    return one("Gather", ["X", "I"], initializers=[ints("I", [0, 3])], axis=1)


@case
def transpose_perm(folder):
    return one("Transpose", perm=[0, 2])


@case
def transpose_repeated(folder):
    return one("Transpose", perm=[1, 1])


@case
def transpose_short(folder):
    return one("Transpose", perm=[0])


@case
def squeeze_axis(folder):
    return one("Squeeze", ["X", "A"], initializers=[ints("A", [0])])


@case
def old_unsqueeze_axis(folder):
    return one("Unsqueeze", opset=11, axes=[3, 3])


@case
def reshape_two(folder):
    return one("Reshape", ["X", "S"], initializers=[ints("S", [-1, -1])])


@case
def reshape_count(folder):
    return one("Reshape", ["X", "S"], initializers=[ints("S", [4, -1])])


@case
def reshape_copy(folder):
    return one("Reshape", ["X", "S"], initializers=[ints("S", [2, 3, 0])])


@case
def expand_shape(folder):
    return one("Expand", ["X", "S"], initializers=[ints("S", [2, 4])])


@case
def expand_bomb(folder):
    return one("Expand", ["X", "S"],
               initializers=[ints("S", [1 << 62, 1 << 62, 2, 3])])


@case
def constant_of_shape(folder):
    return one("ConstantOfShape", ["S"], initializers=[ints("S", [2, -1])])


@case
def slice_step(folder):
    return one("Slice", ["X", "Z", "E", "Z", "Z"],
               initializers=[ints("Z", [0]), ints("E", [1])])


@case
def slice_lengths(folder):
    return one("Slice", ["X", "S", "E"],
               initializers=[ints("S", [0]), ints("E", [1, 1])])


@case
def matmul_shapes(folder):
    return one("MatMul", ["X", "X"])


@case
def add_shapes(folder):
    return one("Add", ["X", "B"], initializers=[
        helper.make_tensor("B", FLOAT, [2], [1.0, 2.0])])


@case
def add_types(folder):
    return one("Add", ["X", "B"], initializers=[ints("B", [1])])


@case
def split_sum(folder):
    return one("Split", ["X", "S"], ["Y", "Z"], initializers=[ints("S", [1, 1])],
               axis=1)


@case
def split_count(folder):
    return one("Split", ["X", "S"], ["Y", "Z"], initializers=[ints("S", [3])],
               axis=1)


@case
def split_negative(folder):
    return one("Split", ["X", "S"], ["Y", "Z"], initializers=[ints("S", [-1, 4])],
               axis=1)


@case
def split_neither(folder):
    return one("Split", ["X"], ["Y", "Z"])


@case
def split_both(folder):
    return one("Split", ["X", "S"], ["Y", "Z"], initializers=[ints("S", [1, 2])],
               axis=1, num_outputs=2)


@case
def split_number(folder):
    return one("Split", ["X"], ["Y", "Z"], num_outputs=3)


@case
def old_split_unequal(folder):
    return one("Split", ["X"], ["Y", "Z"], opset=13, axis=1)


@case
def reduce_axis(folder):
    return one("ReduceMean", ["X", "A"], initializers=[ints("A", [-3])])


@case
def reduce_twice(folder):
    return one("ReduceMean", ["X", "A"], initializers=[ints("A", [-1, 1])])


@case
def rms_axis(folder):
    return one("RMSNormalization", ["X", "X"], opset=23, axis=2)


@case
def rotary_odd(folder):
    return one("RotaryEmbedding", ["X4", "C", "C"], opset=23, initializers=[
        helper.make_tensor("X4", FLOAT, [1, 1, 1, 3], [0.0] * 3),
        helper.make_tensor("C", FLOAT, [1, 1, 1], [0.0])])


@case
def rotary_rank(folder):
    return one("RotaryEmbedding", ["X", "C", "C"], opset=23, initializers=[
        helper.make_tensor("C", FLOAT, [1, 1, 1], [0.0])])


@case
def elements_rank(folder):
    return one("GatherElements", ["X", "I"], initializers=[ints("I", [0])])


@case
def not_float(folder):
    return one("Not", ["X"])


@case
def cast_type(folder):
    return one("Cast", to=4242)


@case
def cast_string(folder):
    return one("Cast", to=TensorProto.STRING)


@case
def constant_two(folder):
    return one("Constant", [], value_int=1, value_float=1.0)


@case
def constant_string(folder):
    return one("Constant", [], value_string="x")


main()
