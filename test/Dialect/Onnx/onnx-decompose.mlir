// RUN: dejavu-opt %s --onnx-decompose | FileCheck %s
// RUN: dejavu-opt %s --onnx-decompose | FileCheck %s --check-prefix=NONE
// What the results are is compared with ONNX Runtime in test/Reference.

// NONE-NOT: com.microsoft
// NONE-NOT: onnx.Attention
// NONE-NOT: onnx.RotaryEmbedding
// NONE-NOT: onnx.TensorScatter

// CHECK-LABEL: func.func @quick_gelu(
// CHECK-SAME: %[[X:.*]]: tensor<?x8xf32>
func.func @quick_gelu(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK: %[[ALPHA:.*]] = onnx.Constant dense<1.702000e+00>
  // CHECK: %[[A:.*]] = onnx.Mul(%[[X]], %[[ALPHA]])
  // CHECK: %[[S:.*]] = onnx.Sigmoid(%[[A]])
  // CHECK: onnx.Mul(%[[X]], %[[S]])
  %y = onnx.com.microsoft.QuickGelu(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// The sum is a result of its own.
// CHECK-LABEL: func.func @skip_norm(
// CHECK-SAME: %[[X:.*]]: tensor<?x?x8xf32>, %[[S:.*]]: tensor<?x?x8xf32>
func.func @skip_norm(%x: tensor<?x?x8xf32>, %s: tensor<?x?x8xf32>, %g: tensor<8xf32>)
    -> (tensor<?x?x8xf32>, tensor<?x?x8xf32>) {
  // CHECK: %[[SUM:.*]] = onnx.Add(%[[X]], %[[S]])
  // CHECK: %[[Y:.*]] = onnx.RMSNormalization(%[[SUM]], %{{.*}}) {epsilon = 9.99999997E-7
  // CHECK: return %[[Y]], %[[SUM]]
  %y:4 = onnx.com.microsoft.SkipSimplifiedLayerNormalization(%x, %s, %g) {epsilon = 1.0e-6 : f32}
      : (tensor<?x?x8xf32>, tensor<?x?x8xf32>, tensor<8xf32>)
      -> (tensor<?x?x8xf32>, tensor<*xf32>, tensor<*xf32>, tensor<?x?x8xf32>)
  return %y#0, %y#3 : tensor<?x?x8xf32>, tensor<?x?x8xf32>
}

// Columns that are not rotated pass.
// CHECK-LABEL: func.func @rotary(
func.func @rotary(%x: tensor<?x2x?x16xf32>, %cos: tensor<9x4xf32>, %sin: tensor<9x4xf32>,
                  %p: tensor<?x?xi64>) -> tensor<?x2x?x16xf32> {
  // CHECK-COUNT-2: onnx.Gather
  // CHECK: onnx.Sub
  // CHECK: onnx.Add
  // CHECK: %[[R:.*]] = onnx.Concat({{.*}}) {axis = 3 : i64} : (tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x8xf32>
  // CHECK: onnx.Concat(%[[R]], {{.*}} -> tensor<?x2x?x16xf32>
  %y = onnx.RotaryEmbedding(%x, %cos, %sin, %p) {rotary_embedding_dim = 8 : i64}
      : (tensor<?x2x?x16xf32>, tensor<9x4xf32>, tensor<9x4xf32>, tensor<?x?xi64>)
      -> tensor<?x2x?x16xf32>
  return %y : tensor<?x2x?x16xf32>
}

// A boolean mask hides, and a query that sees nothing gives zeros.
// CHECK-LABEL: func.func @attention(
// CHECK-SAME: %[[Q:.*]]: tensor<?x4x?x16xf32>, %[[K:.*]]: tensor<?x4x7x16xf32>, %[[V:.*]]: tensor<?x4x7x16xf32>, %[[M:.*]]: tensor<?x1x?x7xi1>
func.func @attention(%q: tensor<?x4x?x16xf32>, %k: tensor<?x4x7x16xf32>,
                     %v: tensor<?x4x7x16xf32>, %m: tensor<?x1x?x7xi1>) -> tensor<?x4x?x16xf32> {
  // CHECK: %[[T:.*]] = onnx.Transpose(%[[K]])
  // CHECK: %[[S:.*]] = onnx.MatMul(%[[Q]], %[[T]])
  // CHECK: %[[SCALE:.*]] = onnx.Constant dense<2.500000e-01>
  // CHECK: %[[SCALED:.*]] = onnx.Mul(%[[S]], %[[SCALE]])
  // CHECK: %[[HIDDEN:.*]] = onnx.Constant dense<0xFF800000>
  // CHECK: %[[W:.*]] = onnx.Where(%[[M]], %[[SCALED]], %[[HIDDEN]])
  // CHECK: %[[P:.*]] = onnx.Softmax(%[[W]])
  // CHECK: %[[NAN:.*]] = onnx.IsNaN(%[[P]])
  // CHECK: %[[G:.*]] = onnx.Where(%[[NAN]], %{{.*}}, %[[P]])
  // CHECK: onnx.MatMul(%[[G]], %[[V]])
  %y = onnx.Attention(%q, %k, %v) mask(%m)
      : (tensor<?x4x?x16xf32>, tensor<?x4x7x16xf32>, tensor<?x4x7x16xf32>, tensor<?x1x?x7xi1>)
      -> tensor<?x4x?x16xf32>
  return %y : tensor<?x4x?x16xf32>
}

// Heads that queries share are repeated.
// CHECK-LABEL: func.func @grouped(
func.func @grouped(%q: tensor<?x4x?x16xf32>, %k: tensor<?x2x?x16xf32>,
                   %v: tensor<?x2x?x16xf32>) -> tensor<?x4x?x16xf32> {
  // CHECK-COUNT-2: onnx.Expand
  // CHECK-NOT: onnx.Where
  %y = onnx.Attention(%q, %k, %v)
      : (tensor<?x4x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>) -> tensor<?x4x?x16xf32>
  return %y : tensor<?x4x?x16xf32>
}

// CHECK-LABEL: func.func @packed(
func.func @packed(%a: tensor<?x32xf32>, %w: tensor<8x1x16xui8>, %s: tensor<8xf32>) -> tensor<?x8xf32> {
  // CHECK: onnx.Mod
  // CHECK: onnx.Sub
  // CHECK: %[[W:.*]] = onnx.Transpose({{.*}} -> tensor<32x8xf32>
  // CHECK: onnx.MatMul(%{{.*}}, %[[W]]) {{.*}} -> tensor<?x8xf32>
  %y = onnx.com.microsoft.MatMulNBits(%a, %w, %s) {K = 32 : i64, N = 8 : i64, bits = 4 : i64, block_size = 32 : i64}
      : (tensor<?x32xf32>, tensor<8x1x16xui8>, tensor<8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @scatter(
func.func @scatter(%c: tensor<2x4x64x16xf32>, %n: tensor<2x4x1x16xf32>, %at: tensor<2xi64>)
    -> tensor<2x4x64x16xf32> {
  // CHECK: onnx.GatherElements
  // CHECK: onnx.Where
  %y = onnx.TensorScatter(%c, %n, %at)
      : (tensor<2x4x64x16xf32>, tensor<2x4x1x16xf32>, tensor<2xi64>) -> tensor<2x4x64x16xf32>
  return %y : tensor<2x4x64x16xf32>
}
