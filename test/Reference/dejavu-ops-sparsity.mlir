// Predictors, sets, and what gathers by them. The weights' file holds NaN, 1, 2,
// 3, ..., so that a weight at offset 4 n begins with n. Expected values are
// computed by hand.
// RUN: mkdir -p %t/p && %python %S/Inputs/write_floats.py %t/floats.bin
// RUN: %python -c "open('%t/p/signs.bin', 'wb').write(bytes([0xaa, 0x55, 0, 2, 1, 0]))"
// RUN: %python -c "open('%t/p/bytes.bin', 'wb').write(bytes([1, 254, 127, 128, 255, 0]))"
// RUN: cp %s %t/ops.mlir && cd %t && dejavu-interpret ops.mlir | FileCheck %s

module attributes {dejavu.source = "model.onnx", dejavu.predictors = "p/x.safetensors"} {

dejavu.weight @v12 : tensor<2xf32> from <"floats.bin", offset = 4, length = 8>
dejavu.weight @v56 : tensor<2xf32> from <"floats.bin", offset = 20, length = 8>
dejavu.weight @v123 : tensor<3xf32> from <"floats.bin", offset = 4, length = 12>
dejavu.weight @v1234 : tensor<4xf32> from <"floats.bin", offset = 4, length = 16>
// [[1, 2], [3, 4]], [[1, 2, 3], [4, 5, 6]], [[1, 2], [3, 4], [5, 6]] and [[1, 2],
// [3, 4], [5, 6], [7, 8]].
dejavu.weight @m22 : tensor<2x2xf32> from <"floats.bin", offset = 4, length = 16>
dejavu.weight @m23 : tensor<2x3xf32> from <"floats.bin", offset = 4, length = 24>
dejavu.weight @m32 : tensor<3x2xf32> from <"floats.bin", offset = 4, length = 24>
dejavu.weight @m42 : tensor<4x2xf32> from <"floats.bin", offset = 4, length = 32>
// [[NaN, 1], [2, 3], [4, 5]] and [[NaN, 1], [2, 3], [4, 5], [6, 7]].
dejavu.weight @nan32 : tensor<3x2xf32> from <"floats.bin", offset = 0, length = 24>
dejavu.weight @nan42 : tensor<4x2xf32> from <"floats.bin", offset = 0, length = 32>
// Ten features of three units, in the folder of the predictors: +-+-+-+-+-, the
// opposite, and no sign at all.
dejavu.weight @signs : tensor<2x3xi8> from <"signs.bin", offset = 0, length = 6, predictors>

// [[1, -2], [127, -128]] and [[1, -2, 127], [-128, -1, 0]].
dejavu.weight @i22 : tensor<2x2xi8> from <"bytes.bin", offset = 0, length = 4, predictors>
dejavu.weight @i23 : tensor<2x3xi8> from <"bytes.bin", offset = 0, length = 6, predictors>

// [3, 1] and [5, 9] become [1, -1] and [-1, 1]. The first factor makes [-1, -1]
// and [1, 1] of it, the second [-5, -7, -9] and the opposite.
// CHECK-LABEL: @low_rank
// CHECK-NEXT: tensor<1x2x3xf32> {{\[\[\[}}-4, -5, -6], [6, 9, 12]]]
// CHECK-NEXT: tensor<1x2x3xf32> {{\[\[\[}}-5, -7, -9], [5, 7, 9]]]
// With an epsilon of 3, [1, 3] becomes [-1/2, 1/2]; what is constant becomes 0.
// With that of 1e-5 which no one asked for, [0, 0.02] becomes 0.01 / sqrt(1.1e-4)
// = 0.953463 in magnitude.
// CHECK-NEXT: tensor<1x2x3xf32> {{\[\[\[}}2.5, 3.5, 4.5], [0, 0, 0]]]
// CHECK-NEXT: tensor<1x2x3xf32> {{\[\[\[}}5.76731, 8.67424, 11.5812], [1, 2, 3]]]
func.func @low_rank() -> (tensor<1x2x3xf32>, tensor<1x2x3xf32>, tensor<1x2x3xf32>, tensor<1x2x3xf32>) {
  %x = arith.constant dense<[[[3.0, 1.0], [5.0, 9.0]]]> : tensor<1x2x2xf32>
  %0 = dejavu.predict low_rank %x, first = @m22 second = @m23 bias = @v123 {epsilon = 0.0 : f32} : tensor<1x2x2xf32> -> tensor<1x2x3xf32>
  %1 = dejavu.predict low_rank %x, first = @m22 second = @m23 {epsilon = 0.0 : f32} : tensor<1x2x2xf32> -> tensor<1x2x3xf32>
  %y = arith.constant dense<[[[1.0, 3.0], [2.0, 2.0]]]> : tensor<1x2x2xf32>
  %2 = dejavu.predict low_rank %y, first = @m22 second = @m23 {epsilon = 3.0 : f32} : tensor<1x2x2xf32> -> tensor<1x2x3xf32>
  %z = arith.constant dense<[[[0.0, 0.02], [2.0, 2.0]]]> : tensor<1x2x2xf32>
  %3 = dejavu.predict low_rank %z, first = @m22 second = @m23 bias = @v123 : tensor<1x2x2xf32> -> tensor<1x2x3xf32>
  return %0, %1, %2, %3 : tensor<1x2x3xf32>, tensor<1x2x3xf32>, tensor<1x2x3xf32>, tensor<1x2x3xf32>
}

// [1, -1] and [-1, 1] times the first factor are [3, 255] and the opposite, and
// times the second [3 - 255 * 128, -6 - 255, 381]. Bytes are signed; the scale
// is 1, 2, 3.
// CHECK-LABEL: @low_rank_of_bytes
// CHECK-NEXT: tensor<1x2x3xf32> {{\[\[\[}}-32637, -522, 1143], [32637, 522, -1143]]]
// CHECK-NEXT: tensor<1x2x3xf32> {{\[\[\[}}-32636, -520, 1146], [32638, 524, -1140]]]
func.func @low_rank_of_bytes() -> (tensor<1x2x3xf32>, tensor<1x2x3xf32>) {
  %x = arith.constant dense<[[[3.0, 1.0], [5.0, 9.0]]]> : tensor<1x2x2xf32>
  %0 = dejavu.predict low_rank %x, first = @i22 second = @i23 scale = @v123 {epsilon = 0.0 : f32} : tensor<1x2x2xf32> -> tensor<1x2x3xf32>
  %1 = dejavu.predict low_rank %x, first = @i22 second = @i23 scale = @v123 bias = @v123 {epsilon = 0.0 : f32} : tensor<1x2x2xf32> -> tensor<1x2x3xf32>
  return %0, %1 : tensor<1x2x3xf32>, tensor<1x2x3xf32>
}

// The signs of unit 0; the same, around a mean of 5; the opposite; zeros behind a
// pair, which have no sign; and no sign at all, since NaN has none. 10 - 2 d: in
// the fourth row 4, 6 and 1 signs differ. The second byte has two features and
// six unused bits.
// CHECK-LABEL: @sign_bit
// CHECK-NEXT: tensor<1x5x3xf32> {{\[\[\[}}10, -10, 0], [10, -10, 0], [-10, 10, 0], [2, -2, 8], [0, 0, 10]]]
// CHECK-NEXT: tensor<1x5x3xf32> {{\[\[\[}}11, -8, 3], [11, -8, 3], [-9, 12, 3], [3, 0, 11], [1, 2, 13]]]
func.func @sign_bit() -> (tensor<1x5x3xf32>, tensor<1x5x3xf32>) {
  %x = arith.constant dense<[[[1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0],
                              [6.0, 4.0, 6.0, 4.0, 6.0, 4.0, 6.0, 4.0, 6.0, 4.0],
                              [-1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0],
                              [1.0, -1.0, 0.0, -0.0, 0.0, -0.0, 0.0, 0.0, 0.0, -0.0],
                              [0x7FC00000, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0]]]> : tensor<1x5x10xf32>
  %0 = dejavu.predict sign_bit %x, first = @signs : tensor<1x5x10xf32> -> tensor<1x5x3xf32>
  %1 = dejavu.predict sign_bit %x, first = @signs bias = @v123 : tensor<1x5x10xf32> -> tensor<1x5x3xf32>
  return %0, %1 : tensor<1x5x3xf32>, tensor<1x5x3xf32>
}

// Of equal scores the first ones are among the greatest; indices ascend.
// CHECK-LABEL: @ties
// CHECK-NEXT: active {{\[\[}}], []]
// CHECK-NEXT: active {{\[\[}}1], [0]]
// CHECK-NEXT: active {{\[\[}}1, 2], [0, 1]]
// CHECK-NEXT: active {{\[\[}}1, 2, 3, 4], [0, 1, 2, 3]]
// CHECK-NEXT: active {{\[\[}}0, 1, 2, 3, 4], [0, 1, 2, 3, 4]]
func.func @ties() -> (!dejavu.active<neuron, 5>, !dejavu.active<neuron, 5>, !dejavu.active<neuron, 5>, !dejavu.active<neuron, 5>, !dejavu.active<neuron, 5>) {
  %x = arith.constant dense<[[[1.0, 3.0, 3.0, 2.0, 3.0], [7.0, 7.0, 7.0, 7.0, 7.0]]]> : tensor<1x2x5xf32>
  %0 = dejavu.select top_k %x k = 0 : tensor<1x2x5xf32> -> !dejavu.active<neuron, 5>
  %1 = dejavu.select top_k %x k = 1 : tensor<1x2x5xf32> -> !dejavu.active<neuron, 5>
  %2 = dejavu.select top_k %x k = 2 : tensor<1x2x5xf32> -> !dejavu.active<neuron, 5>
  %4 = dejavu.select top_k %x k = 4 : tensor<1x2x5xf32> -> !dejavu.active<neuron, 5>
  %5 = dejavu.select top_k %x k = 5 : tensor<1x2x5xf32> -> !dejavu.active<neuron, 5>
  return %0, %1, %2, %4, %5 : !dejavu.active<neuron, 5>, !dejavu.active<neuron, 5>, !dejavu.active<neuron, 5>, !dejavu.active<neuron, 5>, !dejavu.active<neuron, 5>
}

// [-0, +0, -1, -0]: -0 is less than +0. [+inf, NaN, -NaN, -inf]: a NaN is greater
// than all numbers, or less if its sign bit is 1.
// CHECK-LABEL: @order
// CHECK-NEXT: active {{\[\[}}1], [1]]
// CHECK-NEXT: active {{\[\[}}0, 1], [0, 1]]
// CHECK-NEXT: active {{\[\[}}0, 1, 3], [0, 1, 3]]
func.func @order() -> (!dejavu.active<kv_group, 4>, !dejavu.active<kv_group, 4>, !dejavu.active<kv_group, 4>) {
  %x = arith.constant dense<[[[-0.0, 0.0, -1.0, -0.0], [0x7F800000, 0x7FC00000, 0xFFC00000, 0xFF800000]]]> : tensor<1x2x4xf32>
  %1 = dejavu.select top_k %x k = 1 : tensor<1x2x4xf32> -> !dejavu.active<kv_group, 4>
  %2 = dejavu.select top_k %x k = 2 : tensor<1x2x4xf32> -> !dejavu.active<kv_group, 4>
  %3 = dejavu.select top_k %x k = 3 : tensor<1x2x4xf32> -> !dejavu.active<kv_group, 4>
  return %1, %2, %3 : !dejavu.active<kv_group, 4>, !dejavu.active<kv_group, 4>, !dejavu.active<kv_group, 4>
}

// [1, 0.5, NaN, -NaN, +inf, -inf, -2]: NaNs of both signs are selected by all. 1
// itself is not below 1.
// CHECK-LABEL: @compare
// CHECK-NEXT: active {{\[\[}}0, 2, 3, 4]]
// CHECK-NEXT: active {{\[\[}}0, 2, 3, 4, 5, 6]]
// CHECK-NEXT: active {{\[\[}}0, 1, 2, 3, 4, 5, 6]]
// CHECK-NEXT: active {{\[\[}}2, 3, 4]]
// CHECK-NEXT: active {{\[\[}}2, 3, 4, 5]]
// CHECK-NEXT: active {{\[\[}}0, 1, 2, 3, 4, 5, 6]]
func.func @compare() -> (!dejavu.active<neuron, 7>, !dejavu.active<neuron, 7>, !dejavu.active<neuron, 7>, !dejavu.active<neuron, 7>, !dejavu.active<neuron, 7>, !dejavu.active<neuron, 7>) {
  %x = arith.constant dense<[[[1.0, 0.5, 0x7FC00000, 0xFFC00000, 0x7F800000, 0xFF800000, -2.0]]]> : tensor<1x1x7xf32>
  %0 = dejavu.select threshold %x at 1.0 : tensor<1x1x7xf32> -> !dejavu.active<neuron, 7>
  %1 = dejavu.select magnitude %x at 1.0 : tensor<1x1x7xf32> -> !dejavu.active<neuron, 7>
  %2 = dejavu.select threshold %x at 0xFF800000 : tensor<1x1x7xf32> -> !dejavu.active<neuron, 7>
  %3 = dejavu.select threshold %x at 0x7F800000 : tensor<1x1x7xf32> -> !dejavu.active<neuron, 7>
  %4 = dejavu.select magnitude %x at 0x7F800000 : tensor<1x1x7xf32> -> !dejavu.active<neuron, 7>
  %5 = dejavu.select exact %x : tensor<1x1x7xf32> -> !dejavu.active<neuron, 7>
  return %0, %1, %2, %3, %4, %5 : !dejavu.active<neuron, 7>, !dejavu.active<neuron, 7>, !dejavu.active<neuron, 7>, !dejavu.active<neuron, 7>, !dejavu.active<neuron, 7>, !dejavu.active<neuron, 7>
}

// [+0, -0, and the least numbers above and below]: both zeros are zero, and not
// below zero of either sign.
// CHECK-LABEL: @zeros
// CHECK-NEXT: active {{\[\[}}2, 3]]
// CHECK-NEXT: active {{\[\[}}0, 1, 2]]
// CHECK-NEXT: active {{\[\[}}0, 1, 2]]
// CHECK-NEXT: active {{\[\[}}0, 1, 2, 3]]
func.func @zeros() -> (!dejavu.active<neuron, 4>, !dejavu.active<neuron, 4>, !dejavu.active<neuron, 4>, !dejavu.active<neuron, 4>) {
  %x = arith.constant dense<[[[0.0, -0.0, 1.4E-45, -1.4E-45]]]> : tensor<1x1x4xf32>
  %0 = dejavu.select exact %x : tensor<1x1x4xf32> -> !dejavu.active<neuron, 4>
  %1 = dejavu.select threshold %x at 0.0 : tensor<1x1x4xf32> -> !dejavu.active<neuron, 4>
  %2 = dejavu.select threshold %x at -0.0 : tensor<1x1x4xf32> -> !dejavu.active<neuron, 4>
  %3 = dejavu.select magnitude %x at -0.0 : tensor<1x1x4xf32> -> !dejavu.active<neuron, 4>
  return %0, %1, %2, %3 : !dejavu.active<neuron, 4>, !dejavu.active<neuron, 4>, !dejavu.active<neuron, 4>, !dejavu.active<neuron, 4>
}

// Two units of two features. The first token has unit 1, the second both, the
// third none. Of the rows and factors of units that are left out nothing is
// read: they hold NaN.
// CHECK-LABEL: @blocks
// CHECK-NEXT: active {{\[\[}}1], [0, 1], []]
// CHECK-NEXT: tensor<1x3x4xf32> {{\[\[\[}}0, 0, 4, 6], [3, 7, 11, 15], [0, 0, 0, 0]]]
// CHECK-NEXT: tensor<1x3x4xf32> {{\[\[\[}}0, 0, 7, 10], [4, 9, 14, 19], [0, 0, 0, 0]]]
// CHECK-NEXT: tensor<1x3x4xf32> {{\[\[\[}}0, 0, 6, 0], [nan, 5, 9, 13], [0, 0, 0, 0]]]
// The first row of the weight is not read for the first token: 1 * [4, 5] + 2 *
// [6, 7].
// CHECK-NEXT: tensor<1x3x2xf32> {{\[\[\[}}24, 28], [21, 26], [5, 6]]]
// CHECK-NEXT: tensor<1x3x2xf32> {{\[\[\[}}16, 19], [nan, 16], [0, 0]]]
func.func @blocks() -> (!dejavu.active<kv_group, 2>, tensor<1x3x4xf32>, tensor<1x3x4xf32>, tensor<1x3x4xf32>, tensor<1x3x2xf32>, tensor<1x3x2xf32>) {
  %p = arith.constant dense<[[[0.0, 1.0], [1.0, 1.0], [0.0, 0.0]]]> : tensor<1x3x2xf32>
  %s = dejavu.select threshold %p at 1.0 : tensor<1x3x2xf32> -> !dejavu.active<kv_group, 2>
  %x = arith.constant dense<[[[2.0, -1.0], [1.0, 1.0], [1.0, 0.0]]]> : tensor<1x3x2xf32>
  %0 = dejavu.gather_linear %x, %s, @m42 : tensor<1x3x2xf32>, !dejavu.active<kv_group, 2> -> tensor<1x3x4xf32>
  %1 = dejavu.gather_linear %x, %s, @m42, @v1234 : tensor<1x3x2xf32>, !dejavu.active<kv_group, 2> -> tensor<1x3x4xf32>
  %g = arith.constant dense<[[[0x7FC00000, 1.0, 2.0, 0.0], [1.0, 1.0, 1.0, 1.0], [0x7FC00000, 1.0, 1.0, 1.0]]]> : tensor<1x3x4xf32>
  %2 = dejavu.gather_linear %x, %s, @nan42 times(%g : tensor<1x3x4xf32>) : tensor<1x3x2xf32>, !dejavu.active<kv_group, 2> -> tensor<1x3x4xf32>
  %h = arith.constant dense<[[[0x7FC00000, 9.0, 1.0, 2.0], [1.0, 1.0, 1.0, 1.0], [9.0, 9.0, 9.0, 9.0]]]> : tensor<1x3x4xf32>
  %3 = dejavu.sparse_linear %h, %s, @m42, @v56 : tensor<1x3x4xf32>, !dejavu.active<kv_group, 2> -> tensor<1x3x2xf32>
  %4 = dejavu.sparse_linear %h, %s, @nan42 : tensor<1x3x4xf32>, !dejavu.active<kv_group, 2> -> tensor<1x3x2xf32>
  return %s, %0, %1, %2, %3, %4 : !dejavu.active<kv_group, 2>, tensor<1x3x4xf32>, tensor<1x3x4xf32>, tensor<1x3x4xf32>, tensor<1x3x2xf32>, tensor<1x3x2xf32>
}

// A row of the weight for each feature of the input: [1, 0, 2] makes 1 * [1, 2] +
// 2 * [5, 6].
// CHECK-LABEL: @in_major
// CHECK-NEXT: tensor<1x2x2xf32> {{\[\[\[}}11, 14], [-3, -4]]]
// CHECK-NEXT: tensor<1x2x2xf32> {{\[\[\[}}16, 20], [2, 2]]]
// CHECK-NEXT: tensor<1x2x2xf32> {{\[\[\[}}12, 16], [0, 0]]]
func.func @in_major() -> (tensor<1x2x2xf32>, tensor<1x2x2xf32>, tensor<1x2x2xf32>) {
  %x = arith.constant dense<[[[1.0, 0.0, 2.0], [0.0, -1.0, 0.0]]]> : tensor<1x2x3xf32>
  %0 = dejavu.linear %x, @m32 in_major : tensor<1x2x3xf32> -> tensor<1x2x2xf32>
  %1 = dejavu.linear %x, @m32, @v56 in_major : tensor<1x2x3xf32> -> tensor<1x2x2xf32>
  %2 = dejavu.linear %x, @m32, @v12 in_major activation = relu : tensor<1x2x3xf32> -> tensor<1x2x2xf32>
  return %0, %1, %2 : tensor<1x2x2xf32>, tensor<1x2x2xf32>, tensor<1x2x2xf32>
}

// The hidden layer of [2, -1] is [0, 2, 4]. The first token has the neurons 0 and
// 2, the second the neuron 1.
// CHECK-LABEL: @mlp
// CHECK-NEXT: tensor<1x2x2xf32> {{\[\[\[}}25, 30], [11, 14]]]
// Of neuron 0 the row of the down projection holds NaN: for ReLU it is not read,
// since the activation is 0; for GELU it is.
// CHECK-NEXT: tensor<1x2x2xf32> {{\[\[\[}}16, 20], [4, 6]]]
// CHECK-NEXT: tensor<1x2x2xf32> {{\[\[\[}}nan, 19.9994], [3.909, 5.8635]]]
func.func @mlp() -> (tensor<1x2x2xf32>, tensor<1x2x2xf32>, tensor<1x2x2xf32>) {
  %p = arith.constant dense<[[[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]]> : tensor<1x2x3xf32>
  %s = dejavu.select exact %p : tensor<1x2x3xf32> -> !dejavu.active<neuron, 3>
  %x = arith.constant dense<[[[2.0, -1.0], [2.0, -1.0]]]> : tensor<1x2x2xf32>
  %0 = dejavu.sparse_ffn relu %x, %s, up = @m32 down = @m32, @v56 : tensor<1x2x2xf32>, !dejavu.active<neuron, 3>
  %1 = dejavu.sparse_ffn relu %x, %s, up = @m32 down = @nan32 : tensor<1x2x2xf32>, !dejavu.active<neuron, 3>
  %2 = dejavu.sparse_ffn gelu %x, %s, up = @m32 down = @nan32 : tensor<1x2x2xf32>, !dejavu.active<neuron, 3>
  return %0, %1, %2 : tensor<1x2x2xf32>, tensor<1x2x2xf32>, tensor<1x2x2xf32>
}

// The gate makes [0, 2, 4] + [1, 2, 3] = [1, 4, 7], the up projection [0, 2, 4],
// their product [0, 8, 28]. Squared, the gate of neuron 1 makes 16, times 2.
// CHECK-LABEL: @gated_mlp
// CHECK-NEXT: tensor<1x2x2xf32> {{\[\[\[}}145, 174], [29, 38]]]
// CHECK-NEXT: tensor<1x2x2xf32> {{\[\[\[}}980, 1176], [96, 128]]]
// The other way round: the gate of neuron 0 is 0, and its row of the up
// projection, which holds NaN, is not read. 4 * (3 + 3), 2 * (1 + 2).
// CHECK-NEXT: tensor<1x2x2xf32> {{\[\[\[}}120, 144], [18, 24]]]
func.func @gated_mlp() -> (tensor<1x2x2xf32>, tensor<1x2x2xf32>, tensor<1x2x2xf32>) {
  %p = arith.constant dense<[[[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]]> : tensor<1x2x3xf32>
  %s = dejavu.select exact %p : tensor<1x2x3xf32> -> !dejavu.active<neuron, 3>
  %x = arith.constant dense<[[[2.0, -1.0], [2.0, -1.0]]]> : tensor<1x2x2xf32>
  %0 = dejavu.sparse_ffn relu %x, %s, gate = @m32, @v123 up = @m32 down = @m32, @v56 : tensor<1x2x2xf32>, !dejavu.active<neuron, 3>
  %1 = dejavu.sparse_ffn relu2 %x, %s, gate = @m32, @v123 up = @m32 down = @m32 : tensor<1x2x2xf32>, !dejavu.active<neuron, 3>
  %2 = dejavu.sparse_ffn relu %x, %s, gate = @m32 up = @nan32, @v123 down = @m32 : tensor<1x2x2xf32>, !dejavu.active<neuron, 3>
  return %0, %1, %2 : tensor<1x2x2xf32>, tensor<1x2x2xf32>, tensor<1x2x2xf32>
}

// A hint changes nothing, whatever it says.
// CHECK-LABEL: @hint
// CHECK-NEXT: tensor<1x1x2xf32> {{\[\[\[}}31, 38]]]
func.func @hint() -> tensor<1x1x2xf32> {
  %p = arith.constant dense<0.0> : tensor<1x1x3xf32>
  %s = dejavu.select exact %p : tensor<1x1x3xf32> -> !dejavu.active<neuron, 3>
  %x = arith.constant dense<[[[2.0, -1.0]]]> : tensor<1x1x2xf32>
  %0 = dejavu.ffn relu %x, up = @m32 down = @m32, @v56 predicted(%s : !dejavu.active<neuron, 3>) : tensor<1x1x2xf32>
  return %0 : tensor<1x1x2xf32>
}
}
