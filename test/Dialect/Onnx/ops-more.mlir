// The examples of the ops that are not in ops.mlir.
// RUN: dejavu-opt %s | dejavu-opt | FileCheck %s

// CHECK-LABEL: @Swish
// CHECK: onnx.Swish(
func.func @Swish(%x: tensor<?x64xf32>) {
  %y = onnx.Swish(%x) : (tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// CHECK-LABEL: @SwiGLU
// CHECK: onnx.SwiGLU(
func.func @SwiGLU(%gate: tensor<?x64xf32>, %up: tensor<?x64xf32>) {
  %y = onnx.SwiGLU(%gate, %up) : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// CHECK-LABEL: @PRelu
// CHECK: onnx.PRelu(
func.func @PRelu(%x: tensor<?x8xf32>, %slope: tensor<8xf32>) {
  %y = onnx.PRelu(%x, %slope) : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  return
}

// CHECK-LABEL: @Shrink
// CHECK: onnx.Shrink(
func.func @Shrink(%x: tensor<8xf32>) {
  %y = onnx.Shrink(%x) {bias = 0.5 : f32} : (tensor<8xf32>) -> tensor<8xf32>
  return
}

// CHECK-LABEL: @LogSoftmax
// CHECK: onnx.LogSoftmax(
func.func @LogSoftmax(%x: tensor<?x8xf32>) {
  %y = onnx.LogSoftmax(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}

// CHECK-LABEL: @Hardmax
// CHECK: onnx.Hardmax(
func.func @Hardmax(%x: tensor<?x8xf32>) {
  %y = onnx.Hardmax(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}

// CHECK-LABEL: @LpNormalization
// CHECK: onnx.LpNormalization(
func.func @LpNormalization(%x: tensor<?x8xf32>) {
  %y = onnx.LpNormalization(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}

// CHECK-LABEL: @Dropout
// CHECK: onnx.Dropout(
func.func @Dropout(%x: tensor<?x8xf32>) {
  %y = onnx.Dropout(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}

// CHECK-LABEL: @com_microsoft_FastGelu
// CHECK: onnx.com.microsoft.FastGelu(
func.func @com_microsoft_FastGelu(%x: tensor<?x8xf32>, %b: tensor<8xf32>) {
  %y = onnx.com.microsoft.FastGelu(%x, %b) : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  return
}

// CHECK-LABEL: @com_microsoft_QuickGelu
// CHECK: onnx.com.microsoft.QuickGelu(
func.func @com_microsoft_QuickGelu(%x: tensor<?x8xf32>) {
  %y = onnx.com.microsoft.QuickGelu(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}

// CHECK-LABEL: @com_microsoft_BiasGelu
// CHECK: onnx.com.microsoft.BiasGelu(
func.func @com_microsoft_BiasGelu(%x: tensor<?x8xf32>, %b: tensor<8xf32>) {
  %y = onnx.com.microsoft.BiasGelu(%x, %b) : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  return
}

// CHECK-LABEL: @com_microsoft_SkipLayerNormalization
// CHECK: onnx.com.microsoft.SkipLayerNormalization(
func.func @com_microsoft_SkipLayerNormalization(
    %x: tensor<?x?x64xf32>,
    %s: tensor<?x?x64xf32>,
    %gamma: tensor<64xf32>,
    %beta: tensor<64xf32>) {
  %y = onnx.com.microsoft.SkipLayerNormalization(%x, %s, %gamma) beta(%beta)
      : (tensor<?x?x64xf32>, tensor<?x?x64xf32>, tensor<64xf32>, tensor<64xf32>) -> tensor<?x?x64xf32>
  return
}

// CHECK-LABEL: @com_microsoft_SkipSimplifiedLayerNormalization
// CHECK: onnx.com.microsoft.SkipSimplifiedLayerNormalization(
func.func @com_microsoft_SkipSimplifiedLayerNormalization(
    %x: tensor<?x?x64xf32>,
    %s: tensor<?x?x64xf32>,
    %gamma: tensor<64xf32>) {
  %y = onnx.com.microsoft.SkipSimplifiedLayerNormalization(%x, %s, %gamma)
      : (tensor<?x?x64xf32>, tensor<?x?x64xf32>, tensor<64xf32>) -> tensor<?x?x64xf32>
  return
}

// CHECK-LABEL: @com_microsoft_EmbedLayerNormalization
// CHECK: onnx.com.microsoft.EmbedLayerNormalization(
func.func @com_microsoft_EmbedLayerNormalization(
    %ids: tensor<?x?xi32>,
    %w: tensor<99x64xf32>,
    %p: tensor<32x64xf32>,
    %g: tensor<64xf32>,
    %b: tensor<64xf32>) {
  %y, %m = onnx.com.microsoft.EmbedLayerNormalization(%ids) word(%w) position(%p) gamma(%g) beta(%b)
      : (tensor<?x?xi32>, tensor<99x64xf32>, tensor<32x64xf32>, tensor<64xf32>, tensor<64xf32>)
      -> (tensor<?x?x64xf32>, tensor<?xi32>)
  return
}

// CHECK-LABEL: @com_microsoft_RotaryEmbedding
// CHECK: onnx.com.microsoft.RotaryEmbedding(
func.func @com_microsoft_RotaryEmbedding(
    %x: tensor<?x?x64xf32>,
    %ids: tensor<?x?xi64>,
    %cos: tensor<32x8xf32>,
    %sin: tensor<32x8xf32>) {
  %y = onnx.com.microsoft.RotaryEmbedding(%x, %ids, %cos, %sin)
      : (tensor<?x?x64xf32>, tensor<?x?xi64>, tensor<32x8xf32>, tensor<32x8xf32>) -> tensor<?x?x64xf32>
  return
}

// CHECK-LABEL: @com_microsoft_Attention
// CHECK: onnx.com.microsoft.Attention(
func.func @com_microsoft_Attention(
    %x: tensor<?x?x64xf32>,
    %w: tensor<64x192xf32>,
    %b: tensor<192xf32>) {
  %y = onnx.com.microsoft.Attention(%x, %w) bias(%b) {num_heads = 4 : i64}
      : (tensor<?x?x64xf32>, tensor<64x192xf32>, tensor<192xf32>) -> tensor<?x?x64xf32>
  return
}

// CHECK-LABEL: @com_microsoft_MultiHeadAttention
// CHECK: onnx.com.microsoft.MultiHeadAttention(
func.func @com_microsoft_MultiHeadAttention(
    %q: tensor<?x?x64xf32>,
    %k: tensor<?x?x64xf32>,
    %v: tensor<?x?x64xf32>) {
  %y = onnx.com.microsoft.MultiHeadAttention(%q) key(%k) value(%v) {num_heads = 4 : i64}
      : (tensor<?x?x64xf32>, tensor<?x?x64xf32>, tensor<?x?x64xf32>) -> tensor<?x?x64xf32>
  return
}

// CHECK-LABEL: @com_microsoft_GroupQueryAttention
// CHECK: onnx.com.microsoft.GroupQueryAttention(
func.func @com_microsoft_GroupQueryAttention(
    %q: tensor<1x?x64xf32>,
    %k: tensor<1x?x32xf32>,
    %v: tensor<1x?x32xf32>,
    %a: tensor<1x2x?x16xf32>,
    %b: tensor<1x2x?x16xf32>,
    %n: tensor<1xi32>,
    %t: tensor<i32>) {
  %y, %pk, %pv = onnx.com.microsoft.GroupQueryAttention(%q) key(%k) value(%v) past_key(%a) past_value(%b)
        seqlens_k(%n) total_sequence_length(%t) {kv_num_heads = 2 : i64, num_heads = 4 : i64}
      : (tensor<1x?x64xf32>, tensor<1x?x32xf32>, tensor<1x?x32xf32>, tensor<1x2x?x16xf32>, tensor<1x2x?x16xf32>,
         tensor<1xi32>, tensor<i32>) -> (tensor<1x?x64xf32>, tensor<1x2x?x16xf32>, tensor<1x2x?x16xf32>)
  return
}

// CHECK-LABEL: @com_microsoft_FusedMatMul
// CHECK: onnx.com.microsoft.FusedMatMul(
func.func @com_microsoft_FusedMatMul(
    %a: tensor<?x4x8xf32>,
    %b: tensor<?x4x8xf32>) {
  %y = onnx.com.microsoft.FusedMatMul(%a, %b) {alpha = 0.5 : f32, transB = 1 : i64}
      : (tensor<?x4x8xf32>, tensor<?x4x8xf32>) -> tensor<?x4x4xf32>
  return
}

// CHECK-LABEL: @com_microsoft_MatMulNBits
// CHECK: onnx.com.microsoft.MatMulNBits(
func.func @com_microsoft_MatMulNBits(
    %a: tensor<?x64xf32>,
    %b: tensor<8x2x16xui8>,
    %scales: tensor<16xf32>) {
  %y = onnx.com.microsoft.MatMulNBits(%a, %b, %scales) {K = 64 : i64, N = 8 : i64, bits = 4 : i64, block_size = 32 : i64}
      : (tensor<?x64xf32>, tensor<8x2x16xui8>, tensor<16xf32>) -> tensor<?x8xf32>
  return
}

// CHECK-LABEL: @com_microsoft_GatherBlockQuantized
// CHECK: onnx.com.microsoft.GatherBlockQuantized(
func.func @com_microsoft_GatherBlockQuantized(
    %table: tensor<99x64xui4>,
    %ids: tensor<?x?xi64>,
    %scales: tensor<99x2xf32>) {
  %y = onnx.com.microsoft.GatherBlockQuantized(%table, %ids, %scales) {block_size = 32 : i64}
      : (tensor<99x64xui4>, tensor<?x?xi64>, tensor<99x2xf32>) -> tensor<?x?x64xf32>
  return
}

// CHECK-LABEL: @com_microsoft_MoE
// CHECK: onnx.com.microsoft.MoE(
func.func @com_microsoft_MoE(
    %x: tensor<?x64xf32>,
    %p: tensor<?x4xf32>,
    %w1: tensor<4x128x64xf32>,
    %w2: tensor<4x64x128xf32>) {
  %y = onnx.com.microsoft.MoE(%x, %p, %w1) fc2(%w2) {activation_type = #onnx.moe_activation<silu>, k = 2 : i64}
      : (tensor<?x64xf32>, tensor<?x4xf32>, tensor<4x128x64xf32>, tensor<4x64x128xf32>) -> tensor<?x64xf32>
  return
}

// CHECK-LABEL: @com_microsoft_QMoE
// CHECK: onnx.com.microsoft.QMoE(
func.func @com_microsoft_QMoE(
    %x: tensor<?x64xf32>,
    %p: tensor<?x4xf32>,
    %w1: tensor<4x128x32xui8>,
    %s1: tensor<4x128xf32>,
    %w2: tensor<4x64x64xui8>,
    %s2: tensor<4x64xf32>) {
  %y = onnx.com.microsoft.QMoE(%x, %p, %w1) fc1_scales(%s1) fc2(%w2) fc2_scales(%s2)
        {activation_type = #onnx.moe_activation<silu>, k = 2 : i64}
      : (tensor<?x64xf32>, tensor<?x4xf32>, tensor<4x128x32xui8>, tensor<4x128xf32>, tensor<4x64x64xui8>, tensor<4x64xf32>)
      -> tensor<?x64xf32>
  return
}

// CHECK-LABEL: @Conv
// CHECK: onnx.Conv(
func.func @Conv(
    %x: tensor<?x80x?xf32>,
    %w: tensor<64x80x3xf32>,
    %b: tensor<64xf32>) {
  %y = onnx.Conv(%x, %w, %b) {pads = array<i64: 1, 1>, strides = array<i64: 2>}
      : (tensor<?x80x?xf32>, tensor<64x80x3xf32>, tensor<64xf32>) -> tensor<?x64x?xf32>
  return
}

// CHECK-LABEL: @ConvInteger
// CHECK: onnx.ConvInteger(
func.func @ConvInteger(
    %x: tensor<1x1x8xui8>,
    %w: tensor<1x1x3xui8>,
    %z: tensor<ui8>) {
  %y = onnx.ConvInteger(%x, %w) x_zero_point(%z)
      : (tensor<1x1x8xui8>, tensor<1x1x3xui8>, tensor<ui8>) -> tensor<1x1x6xi32>
  return
}

// CHECK-LABEL: @CausalConvWithState
// CHECK: onnx.CausalConvWithState(
func.func @CausalConvWithState(
    %x: tensor<?x64x?xf32>,
    %w: tensor<64x1x4xf32>,
    %p: tensor<?x64x3xf32>) {
  %y, %s = onnx.CausalConvWithState(%x, %w) past_state(%p) {activation = #onnx.conv_activation<silu>}
      : (tensor<?x64x?xf32>, tensor<64x1x4xf32>, tensor<?x64x3xf32>) -> (tensor<?x64x?xf32>, tensor<?x64x3xf32>)
  return
}

// CHECK-LABEL: @MaxPool
// CHECK: onnx.MaxPool(
func.func @MaxPool(%x: tensor<1x4x8xf32>) {
  %y = onnx.MaxPool(%x) {kernel_shape = array<i64: 2>} : (tensor<1x4x8xf32>) -> tensor<1x4x7xf32>
  return
}

// CHECK-LABEL: @AveragePool
// CHECK: onnx.AveragePool(
func.func @AveragePool(%x: tensor<1x4x8xf32>) {
  %y = onnx.AveragePool(%x) {kernel_shape = array<i64: 2>} : (tensor<1x4x8xf32>) -> tensor<1x4x7xf32>
  return
}

// CHECK-LABEL: @GlobalAveragePool
// CHECK: onnx.GlobalAveragePool(
func.func @GlobalAveragePool(%x: tensor<1x4x8xf32>) {
  %y = onnx.GlobalAveragePool(%x) : (tensor<1x4x8xf32>) -> tensor<1x4x1xf32>
  return
}

// CHECK-LABEL: @GlobalMaxPool
// CHECK: onnx.GlobalMaxPool(
func.func @GlobalMaxPool(%x: tensor<1x4x8xf32>) {
  %y = onnx.GlobalMaxPool(%x) : (tensor<1x4x8xf32>) -> tensor<1x4x1xf32>
  return
}

// CHECK-LABEL: @BatchNormalization
// CHECK: onnx.BatchNormalization(
func.func @BatchNormalization(
    %x: tensor<?x4x8xf32>,
    %s: tensor<4xf32>,
    %b: tensor<4xf32>,
    %m: tensor<4xf32>,
    %v: tensor<4xf32>) {
  %y = onnx.BatchNormalization(%x, %s, %b, %m, %v)
      : (tensor<?x4x8xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<?x4x8xf32>
  return
}

// CHECK-LABEL: @InstanceNormalization
// CHECK: onnx.InstanceNormalization(
func.func @InstanceNormalization(
    %x: tensor<?x4x8xf32>,
    %s: tensor<4xf32>,
    %b: tensor<4xf32>) {
  %y = onnx.InstanceNormalization(%x, %s, %b) : (tensor<?x4x8xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<?x4x8xf32>
  return
}

// CHECK-LABEL: @GroupNormalization
// CHECK: onnx.GroupNormalization(
func.func @GroupNormalization(
    %x: tensor<?x4x8xf32>,
    %s: tensor<4xf32>,
    %b: tensor<4xf32>) {
  %y = onnx.GroupNormalization(%x, %s, %b) {num_groups = 2 : i64}
      : (tensor<?x4x8xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<?x4x8xf32>
  return
}

// CHECK-LABEL: @MeanVarianceNormalization
// CHECK: onnx.MeanVarianceNormalization(
func.func @MeanVarianceNormalization(%x: tensor<?x4x8xf32>) {
  %y = onnx.MeanVarianceNormalization(%x) {axes = array<i64: 0, 2>} : (tensor<?x4x8xf32>) -> tensor<?x4x8xf32>
  return
}

// CHECK-LABEL: @SimplifiedLayerNormalization
// CHECK: onnx.SimplifiedLayerNormalization(
func.func @SimplifiedLayerNormalization(
    %x: tensor<?x64xf32>,
    %scale: tensor<64xf32>) {
  %y = onnx.SimplifiedLayerNormalization(%x, %scale) : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  return
}

// CHECK-LABEL: @Einsum
// CHECK: onnx.Einsum(
func.func @Einsum(%q: tensor<?x4x?x16xf32>, %k: tensor<?x4x?x16xf32>) {
  %y = onnx.Einsum(%q, %k) {equation = "bhqd,bhkd->bhqk"}
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>) -> tensor<?x4x?x?xf32>
  return
}

// CHECK-LABEL: @LinearAttention
// CHECK: onnx.LinearAttention(
func.func @LinearAttention(
    %q: tensor<?x?x32xf32>,
    %k: tensor<?x?x32xf32>,
    %v: tensor<?x?x16xf32>) {
  %y, %s = onnx.LinearAttention(%q, %k, %v) {kv_num_heads = 2 : i64, q_num_heads = 2 : i64,
                                             update_rule = #onnx.linear_attention_rule<linear>}
      : (tensor<?x?x32xf32>, tensor<?x?x32xf32>, tensor<?x?x16xf32>) -> (tensor<?x?x16xf32>, tensor<?x2x16x8xf32>)
  return
}

// CHECK-LABEL: @Mod
// CHECK: onnx.Mod(
func.func @Mod(%a: tensor<?xi64>, %b: tensor<i64>) {
  %c = onnx.Mod(%a, %b) : (tensor<?xi64>, tensor<i64>) -> tensor<?xi64>
  return
}

// CHECK-LABEL: @Clip
// CHECK: onnx.Clip(
func.func @Clip(%x: tensor<?xf32>, %zero: tensor<f32>) {
  %y = onnx.Clip(%x) min(%zero) : (tensor<?xf32>, tensor<f32>) -> tensor<?xf32>
  return
}

// CHECK-LABEL: @IsInf
// CHECK: onnx.IsInf(
func.func @IsInf(%x: tensor<4xf32>) {
  %y = onnx.IsInf(%x) {detect_negative = 0 : i64} : (tensor<4xf32>) -> tensor<4xi1>
  return
}

// CHECK-LABEL: @BitShift
// CHECK: onnx.BitShift(
func.func @BitShift(%x: tensor<4xui8>, %y: tensor<ui8>) {
  %z = onnx.BitShift(%x, %y) {direction = #onnx.shift_direction<right>}
      : (tensor<4xui8>, tensor<ui8>) -> tensor<4xui8>
  return
}

// CHECK-LABEL: @ScatterND
// CHECK: onnx.ScatterND(
func.func @ScatterND(
    %x: tensor<?x8xf32>,
    %i: tensor<?x1xi64>,
    %u: tensor<?x8xf32>) {
  %y = onnx.ScatterND(%x, %i, %u) : (tensor<?x8xf32>, tensor<?x1xi64>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}

// CHECK-LABEL: @ScatterElements
// CHECK: onnx.ScatterElements(
func.func @ScatterElements(
    %x: tensor<4x8xf32>,
    %i: tensor<4x2xi64>,
    %u: tensor<4x2xf32>) {
  %y = onnx.ScatterElements(%x, %i, %u) {axis = 1 : i64}
      : (tensor<4x8xf32>, tensor<4x2xi64>, tensor<4x2xf32>) -> tensor<4x8xf32>
  return
}

// CHECK-LABEL: @TensorScatter
// CHECK: onnx.TensorScatter(
func.func @TensorScatter(
    %cache: tensor<2x4x64x16xf32>,
    %new: tensor<2x4x1x16xf32>,
    %at: tensor<2xi64>) {
  %y = onnx.TensorScatter(%cache, %new, %at)
      : (tensor<2x4x64x16xf32>, tensor<2x4x1x16xf32>, tensor<2xi64>) -> tensor<2x4x64x16xf32>
  return
}

// CHECK-LABEL: @Tile
// CHECK: onnx.Tile(
func.func @Tile(%x: tensor<1x8xf32>, %repeats: tensor<2xi64>) {
  %y = onnx.Tile(%x, %repeats) : (tensor<1x8xf32>, tensor<2xi64>) -> tensor<?x8xf32>
  return
}

// CHECK-LABEL: @Pad
// CHECK: onnx.Pad(
func.func @Pad(%x: tensor<?x8xf32>, %pads: tensor<4xi64>, %zero: tensor<f32>) {
  %y = onnx.Pad(%x, %pads) value(%zero) : (tensor<?x8xf32>, tensor<4xi64>, tensor<f32>) -> tensor<?x?xf32>
  return
}

// CHECK-LABEL: @Trilu
// CHECK: onnx.Trilu(
func.func @Trilu(%x: tensor<?x?xf32>, %k: tensor<i64>) {
  %y = onnx.Trilu(%x, %k) {upper = 0 : i64} : (tensor<?x?xf32>, tensor<i64>) -> tensor<?x?xf32>
  return
}

// CHECK-LABEL: @EyeLike
// CHECK: onnx.EyeLike(
func.func @EyeLike(%x: tensor<?x?xi64>) {
  %y = onnx.EyeLike(%x) {dtype = f32, k = 1 : i64} : (tensor<?x?xi64>) -> tensor<?x?xf32>
  return
}

// CHECK-LABEL: @OneHot
// CHECK: onnx.OneHot(
func.func @OneHot(
    %i: tensor<?xi64>,
    %depth: tensor<i64>,
    %values: tensor<2xf32>) {
  %y = onnx.OneHot(%i, %depth, %values) : (tensor<?xi64>, tensor<i64>, tensor<2xf32>) -> tensor<?x?xf32>
  return
}

// CHECK-LABEL: @NonZero
// CHECK: onnx.NonZero(
func.func @NonZero(%x: tensor<?x8xi1>) {
  %y = onnx.NonZero(%x) : (tensor<?x8xi1>) -> tensor<2x?xi64>
  return
}

// CHECK-LABEL: @Compress
// CHECK: onnx.Compress(
func.func @Compress(%x: tensor<4x8xf32>, %keep: tensor<4xi1>) {
  %y = onnx.Compress(%x, %keep) {axis = 0 : i64} : (tensor<4x8xf32>, tensor<4xi1>) -> tensor<?x8xf32>
  return
}

// CHECK-LABEL: @ReverseSequence
// CHECK: onnx.ReverseSequence(
func.func @ReverseSequence(%x: tensor<8x2xf32>, %lens: tensor<2xi64>) {
  %y = onnx.ReverseSequence(%x, %lens) : (tensor<8x2xf32>, tensor<2xi64>) -> tensor<8x2xf32>
  return
}

// CHECK-LABEL: @DepthToSpace
// CHECK: onnx.DepthToSpace(
func.func @DepthToSpace(%x: tensor<1x8x2x3xf32>) {
  %y = onnx.DepthToSpace(%x) {blocksize = 2 : i64} : (tensor<1x8x2x3xf32>) -> tensor<1x2x4x6xf32>
  return
}

// CHECK-LABEL: @SpaceToDepth
// CHECK: onnx.SpaceToDepth(
func.func @SpaceToDepth(%x: tensor<1x2x4x6xf32>) {
  %y = onnx.SpaceToDepth(%x) {blocksize = 2 : i64} : (tensor<1x2x4x6xf32>) -> tensor<1x8x2x3xf32>
  return
}

// CHECK-LABEL: @Size
// CHECK: onnx.Size(
func.func @Size(%x: tensor<?x8xf32>) {
  %n = onnx.Size(%x) : (tensor<?x8xf32>) -> tensor<i64>
  return
}

// CHECK-LABEL: @CastLike
// CHECK: onnx.CastLike(
func.func @CastLike(%x: tensor<?xi64>, %like: tensor<2xf16>) {
  %y = onnx.CastLike(%x, %like) : (tensor<?xi64>, tensor<2xf16>) -> tensor<?xf16>
  return
}

// CHECK-LABEL: @BitCast
// CHECK: onnx.BitCast(
func.func @BitCast(%x: tensor<?xf32>) {
  %y = onnx.BitCast(%x) {to = i32} : (tensor<?xf32>) -> tensor<?xi32>
  return
}

// CHECK-LABEL: @MatMul
// CHECK: onnx.MatMul(
func.func @MatMul(%a: tensor<?x?x64xf32>, %b: tensor<64x8xf32>) {
  %y = onnx.MatMul(%a, %b)
      : (tensor<?x?x64xf32>, tensor<64x8xf32>) -> tensor<?x?x8xf32>
  return
}

// CHECK-LABEL: @Gemm
// CHECK: onnx.Gemm(
func.func @Gemm(
    %a: tensor<?x64xf32>,
    %b: tensor<256x64xf32>,
    %c: tensor<256xf32>) {
  %y = onnx.Gemm(%a, %b, %c) {transB = 1 : i64}
      : (tensor<?x64xf32>, tensor<256x64xf32>, tensor<256xf32>)
      -> tensor<?x256xf32>
  return
}

// CHECK-LABEL: @Attention
// CHECK: onnx.Attention(
func.func @Attention(
    %q: tensor<?x4x?x16xf32>,
    %k: tensor<?x4x?x16xf32>,
    %v: tensor<?x4x?x16xf32>,
    %m: tensor<?x1x?x?xi1>) {
  %y = onnx.Attention(%q, %k, %v) mask(%m) {scale = 0.25 : f32}
      : (tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>, tensor<?x4x?x16xf32>,
         tensor<?x1x?x?xi1>) -> tensor<?x4x?x16xf32>
  return
}

// CHECK-LABEL: @RotaryEmbedding
// CHECK: onnx.RotaryEmbedding(
func.func @RotaryEmbedding(
    %x: tensor<?x4x?x16xf32>,
    %cos: tensor<64x8xf32>,
    %sin: tensor<64x8xf32>,
    %ids: tensor<?x?xi64>) {
  %y = onnx.RotaryEmbedding(%x, %cos, %sin, %ids)
      : (tensor<?x4x?x16xf32>, tensor<64x8xf32>, tensor<64x8xf32>,
         tensor<?x?xi64>) -> tensor<?x4x?x16xf32>
  return
}

// CHECK-LABEL: @LayerNormalization
// CHECK: onnx.LayerNormalization(
func.func @LayerNormalization(
    %x: tensor<?x64xf32>,
    %scale: tensor<64xf32>,
    %b: tensor<64xf32>) {
  %y = onnx.LayerNormalization(%x, %scale, %b) {epsilon = 1.0e-5 : f32}
      : (tensor<?x64xf32>, tensor<64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  return
}

// CHECK-LABEL: @RMSNormalization
// CHECK: onnx.RMSNormalization(
func.func @RMSNormalization(%x: tensor<?x64xf32>, %scale: tensor<64xf32>) {
  %y = onnx.RMSNormalization(%x, %scale) {epsilon = 1.0e-6 : f32}
      : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
  return
}

// CHECK-LABEL: @Softmax
// CHECK: onnx.Softmax(
func.func @Softmax(%x: tensor<?x8xf32>) {
  %y = onnx.Softmax(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}

// CHECK-LABEL: @Gelu
// CHECK: onnx.Gelu(
func.func @Gelu(%x: tensor<?x8xf32>) {
  %y = onnx.Gelu(%x) {approximate = #onnx.gelu_approximation<tanh>}
      : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}

// CHECK-LABEL: @CumSum
// CHECK: onnx.CumSum(
func.func @CumSum(%x: tensor<?x?xi64>, %axis: tensor<i64>) {
  %y = onnx.CumSum(%x, %axis) : (tensor<?x?xi64>, tensor<i64>) -> tensor<?x?xi64>
  return
}

// CHECK-LABEL: @QuantizeLinear
// CHECK: onnx.QuantizeLinear(
func.func @QuantizeLinear(
    %x: tensor<?x8xf32>,
    %scale: tensor<f32>,
    %zero: tensor<ui8>) {
  %y = onnx.QuantizeLinear(%x, %scale, %zero) : (tensor<?x8xf32>, tensor<f32>, tensor<ui8>) -> tensor<?x8xui8>
  return
}

// CHECK-LABEL: @DequantizeLinear
// CHECK: onnx.DequantizeLinear(
func.func @DequantizeLinear(%x: tensor<64x8xi4>, %scale: tensor<2x8xf32>) {
  %y = onnx.DequantizeLinear(%x, %scale) {axis = 0 : i64, block_size = 32 : i64}
      : (tensor<64x8xi4>, tensor<2x8xf32>) -> tensor<64x8xf32>
  return
}

// CHECK-LABEL: @DynamicQuantizeLinear
// CHECK: onnx.DynamicQuantizeLinear(
func.func @DynamicQuantizeLinear(%x: tensor<?x8xf32>) {
  %y, %scale, %zero = onnx.DynamicQuantizeLinear(%x) : (tensor<?x8xf32>) -> (tensor<?x8xui8>, tensor<f32>, tensor<ui8>)
  return
}

// CHECK-LABEL: @MatMulInteger
// CHECK: onnx.MatMulInteger(
func.func @MatMulInteger(
    %a: tensor<?x8xui8>,
    %b: tensor<8x4xi8>,
    %z: tensor<ui8>) {
  %y = onnx.MatMulInteger(%a, %b) a_zero_point(%z)
      : (tensor<?x8xui8>, tensor<8x4xi8>, tensor<ui8>) -> tensor<?x4xi32>
  return
}

// CHECK-LABEL: @QLinearMatMul
// CHECK: onnx.QLinearMatMul(
func.func @QLinearMatMul(
    %a: tensor<2x4xui8>,
    %as: tensor<f32>,
    %az: tensor<ui8>,
    %b: tensor<4x3xui8>,
    %bs: tensor<f32>,
    %bz: tensor<ui8>,
    %ys: tensor<f32>,
    %yz: tensor<ui8>) {
  %y = onnx.QLinearMatMul(%a, %as, %az, %b, %bs, %bz, %ys, %yz)
      : (tensor<2x4xui8>, tensor<f32>, tensor<ui8>, tensor<4x3xui8>, tensor<f32>, tensor<ui8>, tensor<f32>, tensor<ui8>)
      -> tensor<2x3xui8>
  return
}

// CHECK-LABEL: @ReduceMean
// CHECK: onnx.ReduceMean(
func.func @ReduceMean(%x: tensor<?x64xf32>, %axes: tensor<1xi64>) {
  %y = onnx.ReduceMean(%x, %axes) : (tensor<?x64xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  return
}

// CHECK-LABEL: @ReduceSum
// CHECK: onnx.ReduceSum(
func.func @ReduceSum(%x: tensor<?x64xf32>, %axes: tensor<1xi64>) {
  %y = onnx.ReduceSum(%x, %axes) : (tensor<?x64xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  return
}

// CHECK-LABEL: @ReduceMax
// CHECK: onnx.ReduceMax(
func.func @ReduceMax(%x: tensor<?x64xf32>, %axes: tensor<1xi64>) {
  %y = onnx.ReduceMax(%x, %axes) : (tensor<?x64xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  return
}

// CHECK-LABEL: @ReduceMin
// CHECK: onnx.ReduceMin(
func.func @ReduceMin(%x: tensor<?x64xf32>, %axes: tensor<1xi64>) {
  %y = onnx.ReduceMin(%x, %axes) : (tensor<?x64xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  return
}

// CHECK-LABEL: @ReduceProd
// CHECK: onnx.ReduceProd(
func.func @ReduceProd(%x: tensor<?x64xf32>, %axes: tensor<1xi64>) {
  %y = onnx.ReduceProd(%x, %axes) : (tensor<?x64xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  return
}

// CHECK-LABEL: @ReduceL1
// CHECK: onnx.ReduceL1(
func.func @ReduceL1(%x: tensor<?x64xf32>, %axes: tensor<1xi64>) {
  %y = onnx.ReduceL1(%x, %axes) : (tensor<?x64xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  return
}

// CHECK-LABEL: @ReduceL2
// CHECK: onnx.ReduceL2(
func.func @ReduceL2(%x: tensor<?x64xf32>, %axes: tensor<1xi64>) {
  %y = onnx.ReduceL2(%x, %axes) : (tensor<?x64xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  return
}

// CHECK-LABEL: @ReduceSumSquare
// CHECK: onnx.ReduceSumSquare(
func.func @ReduceSumSquare(%x: tensor<?x64xf32>, %axes: tensor<1xi64>) {
  %y = onnx.ReduceSumSquare(%x, %axes) : (tensor<?x64xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  return
}

// CHECK-LABEL: @ReduceLogSum
// CHECK: onnx.ReduceLogSum(
func.func @ReduceLogSum(%x: tensor<?x64xf32>, %axes: tensor<1xi64>) {
  %y = onnx.ReduceLogSum(%x, %axes) : (tensor<?x64xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  return
}

// CHECK-LABEL: @ReduceLogSumExp
// CHECK: onnx.ReduceLogSumExp(
func.func @ReduceLogSumExp(%x: tensor<?x64xf32>, %axes: tensor<1xi64>) {
  %y = onnx.ReduceLogSumExp(%x, %axes) : (tensor<?x64xf32>, tensor<1xi64>) -> tensor<?x1xf32>
  return
}

// CHECK-LABEL: @ArgMax
// CHECK: onnx.ArgMax(
func.func @ArgMax(%x: tensor<?x8xf32>) {
  %i = onnx.ArgMax(%x) {axis = -1 : i64} : (tensor<?x8xf32>) -> tensor<?x1xi64>
  return
}

// CHECK-LABEL: @ArgMin
// CHECK: onnx.ArgMin(
func.func @ArgMin(%x: tensor<?x8xf32>) {
  %i = onnx.ArgMin(%x) {axis = -1 : i64} : (tensor<?x8xf32>) -> tensor<?x1xi64>
  return
}

// CHECK-LABEL: @TopK
// CHECK: onnx.TopK(
func.func @TopK(%x: tensor<?x8xf32>, %k: tensor<1xi64>) {
  %v, %i = onnx.TopK(%x, %k) : (tensor<?x8xf32>, tensor<1xi64>) -> (tensor<?x2xf32>, tensor<?x2xi64>)
  return
}

// CHECK-LABEL: @CumProd
// CHECK: onnx.CumProd(
func.func @CumProd(%x: tensor<?x8xf32>, %axis: tensor<i64>) {
  %y = onnx.CumProd(%x, %axis) : (tensor<?x8xf32>, tensor<i64>) -> tensor<?x8xf32>
  return
}
