"""Sections 13 to 19 and 23: attributes, operands, values, operators."""
from malformed import *

# 13. Attributes ---------------------------------------------------------------

refuse("attribute_twice", "attribute 'axis' is given twice", without(
    lambda m: m.graph.node[0].attribute.append(helper.make_attribute("axis", 0)),
    lambda folder: one("Softmax", axis=1)))
refuse("attribute_foreign", "unknown attribute 'axes'",
       always(one("Softmax", axes=[1])))
refuse("attribute_kind", "attribute 'axis': expected type int, found ints",
       always(one("Softmax", axis=[1])))
refuse("attribute_untyped", "attribute 'axis': expected type int, found "
       "undefined", without(lambda m: m.graph.node[0].attribute[0].ClearField(
           "type"), lambda folder: one("Softmax", axis=1)))
refuse("attribute_kind_99", "found unknown", lambda folder: one(
    "Softmax", axis=1).SerializeToString().replace(b"\xa0\x01\x02",
                                                   b"\xa0\x01\x63"))
refuse("attribute_graph", "attribute 'axis': expected int, found a graph",
       without(lambda m: m.graph.node[0].attribute[0].g.SetInParent(),
               lambda folder: one("Softmax", axis=1)))
refuse("attribute_sparse", "attribute 'axis': expected int, found a sparse",
       without(lambda m: m.graph.node[0].attribute[0].sparse_tensor.SetInParent(),
               lambda folder: one("Softmax", axis=1)))
refuse("attribute_type_value", "attribute 'axis': expected int, found a type",
       without(lambda m: m.graph.node[0].attribute[0].tp.SetInParent(),
               lambda folder: one("Softmax", axis=1)))
refuse("graph_for_relu", "unknown attribute 'body'", always(one(
    "Relu", body=model().graph)))
refuse("attribute_required", "attribute 'axis' is missing",
       always(one("Concat", ["X", "X"])))
refuse("enum_unknown", "attribute 'approximate': expected 'none' or 'tanh', "
       "found 'fast'", always(one("Gelu", approximate="fast")))
for to, message in ((0, "element type is missing"), (4242, "4242 is unknown"),
                    (-1, "-1 is unknown"), (1 << 40, "is unknown"),
                    (8, "string is not supported")):
    refuse(f"cast_to_{to}", message, always(one("Cast", to=to)))
refuse("constant_two_values", "expected one attribute, found 2", always(one(
    "Constant", [], value_int=1, value_float=1.0)))
refuse("constant_no_value", "expected one attribute, found 0",
       always(one("Constant", [])))

# 12. Sparse tensors -----------------------------------------------------------


def sparse(values, indices, dims):
    def make(folder):
        tensor = onnx.SparseTensorProto(values=values, indices=indices)
        tensor.dims.extend(dims)
        return model([node("Constant", [], ["C"], "c", sparse_value=tensor),
                      node("Cast", ["C"], ["Y"], to=FLOAT)],
                     [], [helper.make_tensor_value_info("Y", FLOAT, None)])
    return make


def spoken(name, values, indices, dims, message):
    refuse(f"sparse_{name}", f"sparse tensor: {message}",
           sparse(values, indices, dims))


TWO = raw("", [2], struct.pack("<2f", 1.5, 2.5))
accept("sparse_linear", sparse(TWO, ints("", [1, 4]), [2, 3]),
       "[0.000000e+00, 1.500000e+00, 0.000000e+00], "
       "[0.000000e+00, 2.500000e+00, 0.000000e+00]")
accept("sparse_rows", sparse(TWO, ints("", [0, 1, 1, 1], [2, 2]), [2, 3]),
       "[0.000000e+00, 1.500000e+00, 0.000000e+00], "
       "[0.000000e+00, 2.500000e+00, 0.000000e+00]")
accept("sparse_empty", sparse(raw("", [0], b""), ints("", []), [2]),
       "dense<0.000000e+00> : tensor<2xf32>")
spoken("order", TWO, ints("", [4, 1]), [2, 3], "expected indices that ascend")
spoken("repeated", TWO, ints("", [1, 1]), [2, 3], "expected indices that ascend")
spoken("range", TWO, ints("", [1, 6]), [2, 3], "expected indices in [0, 6)")
spoken("minus", TWO, ints("", [-1, 1]), [2, 3], "expected indices in [0, 6)")
spoken("row_range", TWO, ints("", [0, 1, 1, 3], [2, 2]), [2, 3],
       "expected indices in [0, 3), found 3")
spoken("form", TWO, ints("", [0, 1, 1], [3]), [2, 3],
       "expected indices of shape [2] or [2, 2], found [3]")
spoken("index_type", TWO, ints("", [0, 1], dtype=TensorProto.INT32), [2, 3],
       "expected indices of type i64")
spoken("values_rank", raw("", [1, 2], TWO.raw_data), ints("", [1, 4]), [2, 3],
       "expected values of rank 1")
spoken("values_short", raw("", [2], b"1234"), ints("", [1, 4]), [2, 3],
       "values: raw_data: expected 8 bytes")
spoken("no_dims", TWO, ints("", [1, 4]), [], "expected dims, found none")
spoken("dim_minus", TWO, ints("", [1, 4]), [2, -3],
       "expected no negative dimension, found -3")
spoken("bomb", TWO, ints("", [1, 4]), [1 << 20, 1 << 12],
       "expected no more than 256 MiB")
spoken("overflow", TWO, ints("", [1, 4]), [1 << 40, 1 << 40], "size of shape")
spoken("nibbles", raw("", [2], b"\x21", TensorProto.INT4), ints("", [1, 4]),
       [2, 3], "expected elements of whole bytes")
refuse("sparse_bombs", "expected no more than 256 MiB", without(
    lambda m: [m.graph.sparse_initializer.add(
        values=raw(f"W{i}", [1], b"1234"), indices=ints("", [i]),
        dims=[32 << 20]) for i in range(4)]))
refuse("sparse_without_indices", "found no indices", without(
    lambda m: m.graph.sparse_initializer.add(values=raw("W", [1], b"1234"),
                                             dims=[8])))

# 14. Operands -----------------------------------------------------------------

refuse("input_missing", "expected 2 inputs, found 1", always(one("Add")))
refuse("inputs_too_many", "expected 2 inputs, found 3",
       always(one("Add", ["X"] * 3)))
refuse("no_inputs", "expected 1 input, found 0", always(one("Relu", [])))
refuse("input_absent", "input 0 is required but absent",
       always(one("Add", ["", "X"])))
refuse("concat_absent", "input 1 is required but absent",
       always(one("Concat", ["X", "", "X"], axis=0)))
refuse("outputs_too_many", "expected 1 output, found 2",
       always(one("Relu", outputs=2)))
refuse("output_absent", "output 0 is required but absent", without(
    lambda m: m.graph.node.append(helper.make_node("Relu", ["X"], [""], "n"))))
refuse("no_op_type", "op_type is missing",
       without(lambda m: m.graph.node[0].ClearField("op_type")))

# 15. Ranges -------------------------------------------------------------------

for perm in ([0, 2], [0, 0], [0], [-1, 0], [1 << 40, 0]):
    refuse(f"perm_{len(REFUSED)}", "expected perm to be a permutation",
           always(one("Transpose", perm=perm)))
for op, axis in (("Softmax", 2), ("Softmax", -3), ("Concat", 1 << 62)):
    refuse(f"axis_{op}_{axis}", "expected axis in [-2, 2)",
           always(one(op, axis=axis)))
refuse("squeeze_axis", "expected axis in [-2, 2), found 5",
       always(one("Squeeze", ["X", "A"], [ints("A", [5])])))
refuse("squeeze_not_1", "to be 1, found 3",
       always(one("Squeeze", ["X", "A"], [ints("A", [1])])))
refuse("unsqueeze_twice", "expected each axis once",
       always(one("Unsqueeze", ["X", "A"], [ints("A", [0, 0])])))
for shape, message in (([-1, -1], "expected one -1 at most"),
                       ([-2, 3], "no other negative dimension"),
                       ([0, 0, 0], "expected a dimension 2 to copy"),
                       ([7], "expected a shape for the 6 elements"),
                       ([4, -1], "expected a shape for the 6 elements"),
                       ([1] * 9 + [6], "rank")):
    refuse(f"reshape_{len(REFUSED)}", message,
           always(one("Reshape", ["X", "S"], [ints("S", shape)])))
refuse("split_sizes", "expected parts of 3 elements together", always(one(
    "Split", ["X", "S"], [ints("S", [1, 1])], outputs=2, axis=1)))
refuse("slice_step", "steps that are not zero", always(one(
    "Slice", ["X", "Z", "E", "Z", "Z"], [ints("Z", [0]), ints("E", [2])])))
refuse("slice_axis", "expected axis in [-2, 2)", always(one(
    "Slice", ["X", "Z", "E", "E"], [ints("Z", [0]), ints("E", [2])])))
refuse("slice_lengths", "of one length", always(one(
    "Slice", ["X", "Z", "E"], [ints("Z", [0, 0]), ints("E", [2])])))
refuse("expand_clash", "broadcasts with", always(one(
    "Expand", ["X", "S"], [ints("S", [2, 5])])))
refuse("expand_minus", "broadcasts with", always(one(
    "Expand", ["X", "S"], [ints("S", [2, -3])])))

# 16. Constant indices ---------------------------------------------------------

for op, indices, more in (
        ("Gather", ints("I", [0, 2]), {}),
        ("Gather", ints("I", [-3]), {}),
        ("Gather", ints("I", list(range(2)) * 100 + [7]), {}),
        ("Gather", ints("I", [9], [], TensorProto.INT32), {}),
        ("Gather", ints("I", [3] * 300), {"axis": 1}),
        ("GatherElements", ints("I", [0, 0, 2], [1, 3]), {}),
        ("GatherND", ints("I", [0, 3], [1, 2]), {}),
        ("GatherND", ints("I", [2], [1, 1]), {}),
        ("GatherND", ints("I", [-3, 0], [2, 1]), {})):
    refuse(f"index_{op}_{len(REFUSED)}", "expected indices in [-",
           always(one(op, ["X", "I"], [indices], **more)))
refuse("index_tuple", "expected index tuples", always(one(
    "GatherND", ["X", "I"], [ints("I", [0, 0, 0], [1, 3])])))
for op, indices, updates in (
        ("ScatterND", ints("I", [5], [1, 1]), [1, 3]),
        ("ScatterND", ints("I", [0, -9], [1, 2]), [1]),
        ("ScatterElements", ints("I", [2, 0, 0], [1, 3]), [1, 3])):
    refuse(f"index_{op}_{len(REFUSED)}", "expected indices in [-",
           always(one(op, ["X", "I", "U"], [indices, floats("U", updates)])))
accept("index_minus", always(one("Gather", ["X", "I"], [ints("I", [-2, 1])])))
accept("scatter_rows", always(one("ScatterND", ["X", "I", "U"], [
    ints("I", [1], [1, 1]), floats("U", [1, 3])])))

# 17. Shapes that only exhaust memory ------------------------------------------

HUGE = [1 << 20, 1 << 14]
for name, op, operands, tensors, more in (
        ("filled", "ConstantOfShape", ["S"], [ints("S", HUGE)], {}),
        ("expanded", "Expand", ["W", "S"],
         [ints("S", HUGE), floats("W", [1, 1])], {}),
        ("ranged", "Range", ["A", "B", "C"],
         [ints("A", [0], []), ints("B", [1 << 40], []), ints("C", [1], [])], {}),
        ("tiled", "Tile", ["X", "S"], [ints("S", HUGE)], {}),
        ("padded", "Pad", ["X", "S"], [ints("S", [0, 0, 1 << 16, 1 << 16])], {}),
        ("one_hot", "OneHot", ["I", "D", "V"],
         [ints("I", [0]), ints("D", [1 << 40], []),
          raw("V", [2], b"\0" * 8)], {})):
    refuse(f"bomb_{name}", "expected a result of at most 2048 MiB",
           always(one(op, operands, tensors, **more)))
refuse("bomb_of_sums", "expected at most 2^40 elements", always(model(
    [node("ConstantOfShape", ["S"], ["A"]),
     node("Unsqueeze", ["A", "one"], ["B"]), node("Add", ["A", "B"], ["Y"])],
    [], [helper.make_tensor_value_info("Y", FLOAT, None)],
    [ints("S", [1 << 24]), ints("one", [1])])))
refuse("reduced_to_death", "delta that is not zero", always(one(
    "Range", ["A", "A", "A"], [ints("A", [0], [])])))
accept("filled_mask", always(one("Expand", ["X", "S"], [ints("S", [512, 2, 3])])))

# 18. Types and shapes that clash ----------------------------------------------

W = floats("W", [4, 5])
refuse("matmul", "node 'n' (ai.onnx::MatMul)", always(one("MatMul", ["X", "W"],
                                                          [W])))
refuse("gemm", "node 'n' (ai.onnx::Gemm)", always(one("Gemm", ["X", "W"], [W])))
refuse("gemm_bias", "node 'n' (ai.onnx::Gemm)", always(one(
    "Gemm", ["X", "V", "C"], [floats("V", [3, 5]), floats("C", [4])])))
refuse("broadcast", "expected operands that broadcast", always(one(
    "Add", ["X", "W"], [W])))
refuse("element_types", "expected operands of one element type", always(one(
    "Add", ["X", "I"], [ints("I", [1])])))
refuse("concat_shapes", "expected inputs that differ along axis 0 alone",
       always(one("Concat", ["X", "W"], [W], axis=0)))
refuse("concat_ranks", "expected inputs of one rank", always(one(
    "Concat", ["X", "V"], [floats("V", [3])], axis=0)))
refuse("where_type", "node 'n' (ai.onnx::Where)", always(one(
    "Where", ["X", "X", "X"])))
refuse("norm_scale", "node 'n' (ai.onnx::LayerNormalization)", always(one(
    "LayerNormalization", ["X", "V"], [floats("V", [5])])))
refuse("attention_heads", "node 'n' (ai.onnx::Attention)", always(one(
    "Attention", ["X", "X", "X"], shape=(1, 4, 10), opset=23, q_num_heads=3,
    kv_num_heads=3)))
refuse("attention_groups", "node 'n' (ai.onnx::Attention)", always(one(
    "Attention", ["X", "X", "X"], shape=(1, 4, 30), opset=23, q_num_heads=3,
    kv_num_heads=2)))
refuse("rotary_odd", "node 'n' (ai.onnx::RotaryEmbedding)", always(one(
    "RotaryEmbedding", ["X", "C", "C"], [floats("C", [1, 4, 1])],
    shape=(1, 2, 4, 3), opset=23)))

# 19. Operators ----------------------------------------------------------------



def with_my(result):
    result.opset_import.append(helper.make_opsetid("my", 1))
    return result


refuse("operator_unknown", "unsupported operators: ai.onnx::Frobnicate (3 "
       "nodes, first 'a'), my::Relu (1 node, first 'd')", always(with_my(model(
           [node("Frobnicate", ["X"], ["A"], "a"),
            node("Frobnicate", ["A"], ["B"], "b"),
            node("Frobnicate", ["B"], ["C"], "c"),
            helper.make_node("Relu", ["C"], ["Y"], "d", domain="my")]))))
refuse("operator_of_other_domain", "unsupported operators: com.microsoft::Add",
       always(one("Add", ["X", "X"], domain="com.microsoft")))
refuse("operator_too_new", "ai.onnx::RMSNormalization (1 node, first 'n', needs "
       "opset 23)", always(one("RMSNormalization", ["X", "V"],
                               [floats("V", [3])], opset=22)))
refuse("attention_of_microsoft", "node 'n' (com.microsoft::Attention)",
       always(one("Attention", ["X", "X", "X"], domain="com.microsoft",
                  q_num_heads=1)))
accept("gelu_of_microsoft", always(one("Gelu", domain="com.microsoft",
                                       opset=13)), "onnx.Gelu(")
accept("simplified_norm", always(one("SimplifiedLayerNormalization",
                                     ["X", "V"], [floats("V", [3])], axis=-1)),
       "onnx.SimplifiedLayerNormalization(")

# 23. Quantised products -------------------------------------------------------


def nbits(n=32, k=64, bits=4, block=32, weight=None, scales=None, zero=None,
          zero_type=TensorProto.UINT8):
    blocks = (k + block - 1) // block if block > 0 else 1
    weight = weight or [n, blocks, max(block * bits // 8, 1)]
    scales = scales or [n * blocks]
    tensors = [raw("B", weight, b"\1" * weight[0] * weight[1] * weight[2],
                   TensorProto.UINT8), floats("S", scales)]
    inputs = ["X", "B", "S"]
    if zero:
        tensors.append(raw("Z", zero, b"\1" * zero[0], zero_type))
        inputs.append("Z")
    return one("MatMulNBits", inputs, tensors, shape=(2, 64),
               domain="com.microsoft", N=n, K=k, bits=bits, block_size=block)


accept("nbits", always(nbits()), "MatMulNBits")
for name, make in (("bits_3", lambda: nbits(bits=3)),
                   ("bits_16", lambda: nbits(bits=16)),
                   ("bits_0", lambda: nbits(bits=0)),
                   ("block_24", lambda: nbits(block=24)),
                   ("block_8", lambda: nbits(block=8)),
                   ("block_0", lambda: nbits(block=0)),
                   ("k", lambda: nbits(k=96)),
                   ("n_minus", lambda: nbits(weight=[32, 2, 16], n=-32,
                                             scales=[64])),
                   ("weight", lambda: nbits(weight=[32, 2, 8])),
                   ("scales", lambda: nbits(scales=[63])),
                   ("zero", lambda: nbits(zero=[7]))):
    refuse(f"nbits_{name}", "node 'n' (com.microsoft::MatMulNBits)",
           lambda folder, make=make: make())


def dequantize(shape=(4, 8), scale=(4,), zero=None, scales=None, **attributes):
    tensors = [raw("Q", shape, b"\1" * shape[0] * shape[1], TensorProto.INT8)]
    count = 1
    for dim in scale:
        count *= dim
    tensors.append(raw("S", scale, struct.pack(f"<{count}f",
                                               *(scales or [0.5] * count))))
    inputs = ["Q", "S"]
    if zero is not None:
        tensors.append(raw("Z", zero, b"\0" * zero[0], TensorProto.INT8))
        inputs.append("Z")
    return one("DequantizeLinear", inputs, tensors, opset=21, **attributes)


accept("dequantize", always(dequantize(axis=0)), "DequantizeLinear")
for name, make in (("axis", lambda: dequantize(axis=5)),
                   ("count", lambda: dequantize(axis=1)),
                   ("block", lambda: dequantize(scale=(4, 3), axis=1,
                                                block_size=2)),
                   ("block_minus", lambda: dequantize(scale=(4, 4), axis=1,
                                                      block_size=-2)),
                   ("zero_point", lambda: dequantize(axis=0, zero=[3]))):
    refuse(f"dequantize_{name}", "node 'n' (ai.onnx::DequantizeLinear)",
           lambda folder, make=make: make())
# A block of zeros may have a scale of zero, but nothing is divided by it.
accept("dequantize_by_zero", always(dequantize(axis=0, scale=(4,),
                                               scales=[0.5, 0.5, 0.0, 0.5])))
for name, scale in (("zero", 0.0), ("nan", float("nan")),
                    ("infinite", float("inf")), ("minus", -0.5)):
    refuse(f"quantize_{name}", "expected a scale that is", always(one(
        "QuantizeLinear", ["X", "S"], [helper.make_tensor("S", FLOAT, [],
                                                          [scale])])))
