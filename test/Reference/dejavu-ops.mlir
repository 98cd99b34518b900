// The dejavu dialect. The weights' file holds NaN, 1, 2, 3, ..., so that a
// weight at offset 4 n begins with n. Expected values are computed by hand.
// RUN: mkdir -p %t && %python %S/Inputs/write_floats.py %t/floats.bin
// RUN: cp %s %t/ops.mlir && cd %t && dejavu-interpret ops.mlir | FileCheck %s

module attributes {dejavu.source = "model.onnx"} {

// [1, 2], [5, 6], [[1, 2], [3, 4]], [[1, 2], [3, 4], [5, 6]] and, transposed,
// [[1, 3], [2, 4]].
dejavu.weight @v12 : tensor<2xf32> from #dejavu.source<"floats.bin", offset = 4, length = 8>
dejavu.weight @v34 : tensor<2xf32> from #dejavu.source<"floats.bin", offset = 12, length = 8>
dejavu.weight @v56 : tensor<2xf32> from #dejavu.source<"floats.bin", offset = 20, length = 8>
dejavu.weight @v123 : tensor<3xf32> from #dejavu.source<"floats.bin", offset = 4, length = 12>
dejavu.weight @m22 : tensor<2x2xf32> from #dejavu.source<"floats.bin", offset = 4, length = 16>
dejavu.weight @m32 : tensor<3x2xf32> from #dejavu.source<"floats.bin", offset = 4, length = 24>
dejavu.weight @transposed : tensor<2x2xf16>
    from #dejavu.source<"floats.bin", offset = 4, length = 16>
    as tensor<2x2xf32> via [#dejavu.transpose<[1, 0]>, #dejavu.cast<f16>]
// [[NaN, 1], [2, 3], [4, 5]].
dejavu.weight @nan : tensor<3x2xf32> from #dejavu.source<"floats.bin", offset = 0, length = 24>

// CHECK-LABEL: @load_weight
// CHECK-NEXT: tensor<3x2xf32> {{\[\[}}1, 2], [3, 4], [5, 6]]
// CHECK-NEXT: tensor<2x2xf16> {{\[\[}}1, 3], [2, 4]]
func.func @load_weight() -> (tensor<3x2xf32>, tensor<2x2xf16>) {
  %0 = dejavu.load_weight @m32 : tensor<3x2xf32>
  %1 = dejavu.load_weight @transposed : tensor<2x2xf16>
  return %0, %1 : tensor<3x2xf32>, tensor<2x2xf16>
}

// CHECK-LABEL: @embed
// CHECK-NEXT: tensor<1x2x2xf32> {{\[\[\[}}1, 2], [5, 6]]]
// CHECK-NEXT: tensor<1x2x2xf32> {{\[\[\[}}3, 4], [1, 2]]]
// CHECK-NEXT: tensor<1x2x2xf32> {{\[\[\[}}0.5, 1], [2.5, 3]]]
func.func @embed() -> (tensor<1x2x2xf32>, tensor<1x2x2xf32>,
                       tensor<1x2x2xf32>) {
  %ids = arith.constant dense<[[0, 2]]> : tensor<1x2xi64>
  %0 = dejavu.embed %ids, @m32 : tensor<1x2xi64> -> tensor<1x2x2xf32>
  %shifted = arith.constant dense<[[0, -1]]> : tensor<1x2xi64>
  %1 = dejavu.embed %shifted, @m32 {offset = 1 : i64}
      : tensor<1x2xi64> -> tensor<1x2x2xf32>
  %2 = dejavu.embed %ids, @m32 {scale = 5.0e-1 : f32}
      : tensor<1x2xi64> -> tensor<1x2x2xf32>
  return %0, %1, %2 : tensor<1x2x2xf32>, tensor<1x2x2xf32>, tensor<1x2x2xf32>
}

// [1, 3] has mean 2 and variance 1; the mean of the squares of [1, 7] is 25.
// CHECK-LABEL: @norm
// CHECK-NEXT: tensor<1x1x2xf32> {{\[\[\[}}2, 6]]]
// CHECK-NEXT: tensor<1x1x2xf32> {{\[\[\[}}0.2, 2.8]]]
// CHECK-NEXT: tensor<1x1x2xf32> {{\[\[\[}}2, 10]]]
func.func @norm() -> (tensor<1x1x2xf32>, tensor<1x1x2xf32>, tensor<1x1x2xf32>) {
  %x = arith.constant dense<[[[1.0, 3.0]]]> : tensor<1x1x2xf32>
  %y = arith.constant dense<[[[1.0, 7.0]]]> : tensor<1x1x2xf32>
  %0 = dejavu.norm layer %x, @v12, @v34 {epsilon = 0.0 : f32} : tensor<1x1x2xf32>
  %1 = dejavu.norm rms %y, @v12 {epsilon = 0.0 : f32} : tensor<1x1x2xf32>
  %2 = dejavu.residual_add %x, %y : tensor<1x1x2xf32>
  return %0, %1, %2 : tensor<1x1x2xf32>, tensor<1x1x2xf32>, tensor<1x1x2xf32>
}

// Two groups of two features share a scale. An offset of 1 makes [2, 3] of it.
// CHECK-LABEL: @norm_variants
// CHECK-NEXT: tensor<1x1x4xf32> {{\[\[\[}}0.2, 2.8, -1.4, 0.4]]]
// CHECK-NEXT: tensor<1x1x4xf32> {{\[\[\[}}-1, 1, 1, -1]]]
// CHECK-NEXT: tensor<1x1x2xf32> {{\[\[\[}}-2, 3]]]
func.func @norm_variants() -> (tensor<1x1x4xf32>, tensor<1x1x4xf32>,
                               tensor<1x1x2xf32>) {
  %x = arith.constant dense<[[[1.0, 7.0, -7.0, 1.0]]]> : tensor<1x1x4xf32>
  %0 = dejavu.norm rms %x, @v12 {epsilon = 0.0 : f32, groups = 2 : i64}
      : tensor<1x1x4xf32>
  %y = arith.constant dense<[[[1.0, 3.0, 9.0, 5.0]]]> : tensor<1x1x4xf32>
  %1 = dejavu.norm layer %y {epsilon = 0.0 : f32, groups = 2 : i64}
      : tensor<1x1x4xf32>
  %z = arith.constant dense<[[[1.0, 3.0]]]> : tensor<1x1x2xf32>
  %2 = dejavu.norm layer %z, @v12
      {epsilon = 0.0 : f32, weight_offset = 1.0 : f32} : tensor<1x1x2xf32>
  return %0, %1, %2 : tensor<1x1x4xf32>, tensor<1x1x4xf32>, tensor<1x1x2xf32>
}

// CHECK-LABEL: @linear
// CHECK-NEXT: tensor<1x2x3xf32> {{\[\[\[}}1, 4, 7], [0, 1, 2]]]
// CHECK-NEXT: tensor<1x2x3xf32> {{\[\[\[}}0, 4, 16], [0, 0, 0]]]
// CHECK-NEXT: tensor<1x2x2xf32> {{\[\[\[}}-1, 0], [-2, -2]]]
func.func @linear() -> (tensor<1x2x3xf32>, tensor<1x2x3xf32>,
                        tensor<1x2x2xf32>) {
  %x = arith.constant dense<[[[2.0, -1.0], [1.0, -1.0]]]> : tensor<1x2x2xf32>
  %0 = dejavu.linear %x, @m32, @v123 : tensor<1x2x2xf32> -> tensor<1x2x3xf32>
  %1 = dejavu.linear %x, @m32 activation = relu2
      : tensor<1x2x2xf32> -> tensor<1x2x3xf32>
  %2 = dejavu.linear %x, @transposed : tensor<1x2x2xf32> -> tensor<1x2x2xf32>
  return %0, %1, %2 : tensor<1x2x3xf32>, tensor<1x2x3xf32>, tensor<1x2x2xf32>
}

// gelu(1) = 0.841345, its tanh form 0.841192, silu(1) = 0.731059.
// CHECK-LABEL: @activations
// CHECK-NEXT: tensor<1x1x2xf32> {{\[\[\[}}0.841345, 2.99595]]]
// CHECK-NEXT: tensor<1x1x2xf32> {{\[\[\[}}0.841192, 2.99636]]]
// CHECK-NEXT: tensor<1x1x2xf32> {{\[\[\[}}0.731059, 2.85772]]]
// CHECK-NEXT: tensor<1x1x2xf32> {{\[\[\[}}0.845796, 2.98193]]]
func.func @activations() -> (tensor<1x1x2xf32>, tensor<1x1x2xf32>,
                             tensor<1x1x2xf32>, tensor<1x1x2xf32>) {
  %x = arith.constant dense<[[[1.0, 0.0]]]> : tensor<1x1x2xf32>
  %0 = dejavu.linear %x, @m22 activation = gelu
      : tensor<1x1x2xf32> -> tensor<1x1x2xf32>
  %1 = dejavu.linear %x, @m22 activation = gelu_tanh
      : tensor<1x1x2xf32> -> tensor<1x1x2xf32>
  %2 = dejavu.linear %x, @m22 activation = silu
      : tensor<1x1x2xf32> -> tensor<1x1x2xf32>
  %3 = dejavu.linear %x, @m22 activation = quick_gelu
      : tensor<1x1x2xf32> -> tensor<1x1x2xf32>
  return %0, %1, %2, %3 : tensor<1x1x2xf32>, tensor<1x1x2xf32>,
      tensor<1x1x2xf32>, tensor<1x1x2xf32>
}

// CHECK-LABEL: @lm_head
// CHECK-NEXT: tensor<2x2x2xf32> {{\[\[\[}}1, 3], [2, 4]], {{\[\[}}3, 7], [0, 0]]]
// CHECK-NEXT: tensor<2x1x2xf32> {{\[\[\[}}7, 10]], {{\[\[}}5, 6]]]
// CHECK-NEXT: tensor<2x0x2xf32>
// CHECK-NEXT: tensor<2x2x2xf32> {{\[\[\[}}0.924234, 1.8103], [1.52319, 1.92806]], {{\[\[}}1.8103, 1.99636], [0, 0]]]
func.func @lm_head() -> (tensor<2x2x2xf32>, tensor<2x?x2xf32>,
                         tensor<2x?x2xf32>, tensor<2x2x2xf32>) {
  %x = arith.constant dense<[[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0], [0.0, 0.0]]]>
      : tensor<2x2x2xf32>
  %0 = dejavu.lm_head %x, @m22 : tensor<2x2x2xf32> -> tensor<2x2x2xf32>
  %from = arith.constant 1 : index
  %1 = dejavu.lm_head %x, @m22, @v56 from %from
      : tensor<2x2x2xf32> -> tensor<2x?x2xf32>
  %all = arith.constant 2 : index
  %2 = dejavu.lm_head %x, @m22 from %all : tensor<2x2x2xf32> -> tensor<2x?x2xf32>
  // 2 tanh(x / 2) of [1, 3], [2, 4], [3, 7] and [0, 0].
  %3 = dejavu.lm_head %x, @m22 {scale = 1.0 : f32, softcap = 2.0 : f32}
      : tensor<2x2x2xf32> -> tensor<2x2x2xf32>
  return %0, %1, %2, %3 : tensor<2x2x2xf32>, tensor<2x?x2xf32>,
      tensor<2x?x2xf32>, tensor<2x2x2xf32>
}

// The hidden layer is [0, 2, 4] for the first token and nothing for the second.
// Sparse, the row of an inactive neuron is not read: it holds a NaN.
// CHECK-LABEL: @ffn
// CHECK-NEXT: tensor<1x2x2xf32> {{\[\[\[}}31, 38], [5, 6]]]
// CHECK-NEXT: tensor<1x2x2xf32> {{\[\[\[}}nan, 26], [nan, 0]]]
// CHECK-NEXT: active {{\[\[}}1, 2], []]
// CHECK-NEXT: tensor<1x2x2xf32> {{\[\[\[}}31, 38], [5, 6]]]
// CHECK-NEXT: tensor<1x2x2xf32> {{\[\[\[}}20, 26], [0, 0]]]
func.func @ffn() -> (tensor<1x2x2xf32>, tensor<1x2x2xf32>,
                     !dejavu.active<neuron, 3>, tensor<1x2x2xf32>,
                     tensor<1x2x2xf32>) {
  %x = arith.constant dense<[[[2.0, -1.0], [1.0, -1.0]]]> : tensor<1x2x2xf32>
  %0 = dejavu.ffn relu %x, up = @m32 down = @m32, @v56 : tensor<1x2x2xf32>
  %1 = dejavu.ffn relu %x, up = @m32 down = @nan : tensor<1x2x2xf32>
  %h = dejavu.linear %x, @m32 activation = relu
      : tensor<1x2x2xf32> -> tensor<1x2x3xf32>
  %s = dejavu.select exact %h : tensor<1x2x3xf32> -> !dejavu.active<neuron, 3>
  %2 = dejavu.sparse_linear %h, %s, @m32, @v56
      : tensor<1x2x3xf32>, !dejavu.active<neuron, 3> -> tensor<1x2x2xf32>
  %3 = dejavu.sparse_linear %h, %s, @nan
      : tensor<1x2x3xf32>, !dejavu.active<neuron, 3> -> tensor<1x2x2xf32>
  return %0, %1, %s, %2, %3 : tensor<1x2x2xf32>, tensor<1x2x2xf32>,
      !dejavu.active<neuron, 3>, tensor<1x2x2xf32>, tensor<1x2x2xf32>
}

// The gate gives [0, 2, 4] for the first token and nothing for the second, the
// other factor is [0, 2, 4] + [1, 2, 3].
// CHECK-LABEL: @gated
// CHECK-NEXT: tensor<1x2x2xf32> {{\[\[\[}}169, 206], [5, 6]]]
// CHECK-NEXT: tensor<1x2x3xf32> {{\[\[\[}}0, 8, 28], [0, 0, 0]]]
// CHECK-NEXT: tensor<1x2x2xf32> {{\[\[\[}}169, 206], [5, 6]]]
// CHECK-NEXT: tensor<1x2x3xf32> {{\[\[\[}}0, 2, 12], [0, 0, 0]]]
func.func @gated() -> (tensor<1x2x2xf32>, tensor<1x2x3xf32>, tensor<1x2x2xf32>,
                       tensor<1x2x3xf32>) {
  %x = arith.constant dense<[[[2.0, -1.0], [1.0, -1.0]]]> : tensor<1x2x2xf32>
  %0 = dejavu.ffn relu %x, gate = @m32 up = @m32, @v123 down = @m32, @v56
      : tensor<1x2x2xf32>
  %g = dejavu.linear %x, @m32 activation = relu
      : tensor<1x2x2xf32> -> tensor<1x2x3xf32>
  %s = dejavu.select exact %g : tensor<1x2x3xf32> -> !dejavu.active<neuron, 3>
  %h = dejavu.gather_linear %x, %s, @m32, @v123 times(%g : tensor<1x2x3xf32>)
      : tensor<1x2x2xf32>, !dejavu.active<neuron, 3> -> tensor<1x2x3xf32>
  %1 = dejavu.sparse_linear %h, %s, @m32, @v56
      : tensor<1x2x3xf32>, !dejavu.active<neuron, 3> -> tensor<1x2x2xf32>
  // A row that is not in the set is not read: [NaN, 1].
  %2 = dejavu.gather_linear %x, %s, @nan times(%g : tensor<1x2x3xf32>)
      : tensor<1x2x2xf32>, !dejavu.active<neuron, 3> -> tensor<1x2x3xf32>
  return %0, %h, %1, %2 : tensor<1x2x2xf32>, tensor<1x2x3xf32>,
      tensor<1x2x2xf32>, tensor<1x2x3xf32>
}

// Cosines, then sines, of 0, 1 and 2.
// CHECK-LABEL: @rope_table
// CHECK-NEXT: tensor<1x2x4xf32> {{\[\[\[}}1, 1, 0, 0], [0.540302, -0.416147, 0.841471, 0.909297]]]
// CHECK-NEXT: tensor<1x2x4xf32> {{\[\[\[}}0.5, 0.5, 0, 0], [0.270151, -0.208073, 0.420735, 0.454649]]]
func.func @rope_table() -> (tensor<1x2x4xf32>, tensor<1x2x4xf32>) {
  %p = arith.constant dense<[[0, 1]]> : tensor<1x2xi64>
  %0 = dejavu.rope_table %p, @v12 : tensor<1x2xi64> -> tensor<1x2x4xf32>
  %1 = dejavu.rope_table %p, @v12 {scale = 0.5 : f32}
      : tensor<1x2xi64> -> tensor<1x2x4xf32>
  return %0, %1 : tensor<1x2x4xf32>, tensor<1x2x4xf32>
}
}
