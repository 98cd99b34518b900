// Products, norms and attention. Expected values are computed by hand;
// onnx-ops.test compares more of them with ONNX Runtime.
// RUN: dejavu-interpret %s | FileCheck %s

// CHECK-LABEL: @products
// CHECK-NEXT: tensor<2x2xf32> {{\[\[}}-1, 1], [-1, 3]]
// CHECK-NEXT: tensor<f32> 5
// CHECK-NEXT: tensor<2x2xf32> {{\[\[}}12, 19.5], [13, 19]]
// CHECK-NEXT: tensor<2xi32> [3, 7]
func.func @products() -> (tensor<2x2xf32>, tensor<f32>, tensor<2x2xf32>,
                          tensor<2xi32>) {
  %a = onnx.Constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %b = onnx.Constant dense<[[1.0, 1.0], [-1.0, 0.0]]> : tensor<2x2xf32>
  %0 = onnx.MatMul(%a, %b) : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %v = onnx.Constant dense<[1.0, 2.0]> : tensor<2xf32>
  %1 = onnx.MatMul(%v, %v) : (tensor<2xf32>, tensor<2xf32>) -> tensor<f32>
  %c = onnx.Constant dense<[10.0, 20.0]> : tensor<2xf32>
  %2 = onnx.Gemm(%a, %b, %c) {transA = 1 : i64, transB = 1 : i64, alpha = 0.5 : f32}
      : (tensor<2x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<2x2xf32>
  %i = onnx.Constant dense<[[1, 2], [3, 4]]> : tensor<2x2xi32>
  %j = onnx.Constant dense<1> : tensor<2xi32>
  %3 = onnx.MatMul(%i, %j) : (tensor<2x2xi32>, tensor<2xi32>) -> tensor<2xi32>
  return %0, %1, %2, %3 : tensor<2x2xf32>, tensor<f32>, tensor<2x2xf32>,
                          tensor<2xi32>
}

// log 3 = 1.0986123. [1, 3] has mean 2 and variance 1.
// CHECK-LABEL: @rows
// CHECK-NEXT: tensor<2x2xf32> {{\[\[}}0.75, 0.25], [0.5, 0.5]]
// CHECK-NEXT: tensor<2x2xf32> {{\[\[}}0.75, 0.5], [0.25, 0.5]]
// CHECK-NEXT: tensor<1x2xf32> {{\[\[}}2, 6]]
// CHECK-NEXT: tensor<1x1xf32> {{\[\[}}2]]
// CHECK-NEXT: tensor<1x1xf32> {{\[\[}}1]]
func.func @rows() -> (tensor<2x2xf32>, tensor<2x2xf32>, tensor<1x2xf32>,
                      tensor<1x1xf32>, tensor<1x1xf32>) {
  %x = onnx.Constant dense<[[1.0986123, 0.0], [0.0, 0.0]]> : tensor<2x2xf32>
  %0 = onnx.Softmax(%x) : (tensor<2x2xf32>) -> tensor<2x2xf32>
  %1 = onnx.Softmax(%x) {axis = 0 : i64} : (tensor<2x2xf32>) -> tensor<2x2xf32>
  %y = onnx.Constant dense<[[1.0, 3.0]]> : tensor<1x2xf32>
  %s = onnx.Constant dense<[1.0, 2.0]> : tensor<2xf32>
  %b = onnx.Constant dense<[3.0, 4.0]> : tensor<2xf32>
  %2:3 = onnx.LayerNormalization(%y, %s, %b) {epsilon = 0.0 : f32}
      : (tensor<1x2xf32>, tensor<2xf32>, tensor<2xf32>)
      -> (tensor<1x2xf32>, tensor<1x1xf32>, tensor<1x1xf32>)
  return %0, %1, %2#0, %2#1, %2#2 : tensor<2x2xf32>, tensor<2x2xf32>,
      tensor<1x2xf32>, tensor<1x1xf32>, tensor<1x1xf32>
}

// sigmoid(log 3) = 0.75, tanh(log 3) = 0.8.
// CHECK-LABEL: @activations
// CHECK-NEXT: tensor<2xf32> [1.09861, 0]
// CHECK-NEXT: tensor<2xf32> [0.75, 0.25]
// CHECK-NEXT: tensor<2xf32> [0.8, -0.8]
// CHECK-NEXT: tensor<1xf32> [0.841345]
// CHECK-NEXT: tensor<1xf32> [0.841192]
func.func @activations() -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>,
                             tensor<1xf32>, tensor<1xf32>) {
  %x = onnx.Constant dense<[1.0986123, -1.0986123]> : tensor<2xf32>
  %y = onnx.Constant dense<1.0> : tensor<1xf32>
  %0 = onnx.Relu(%x) : (tensor<2xf32>) -> tensor<2xf32>
  %1 = onnx.Sigmoid(%x) : (tensor<2xf32>) -> tensor<2xf32>
  %2 = onnx.Tanh(%x) : (tensor<2xf32>) -> tensor<2xf32>
  %3 = onnx.Gelu(%y) : (tensor<1xf32>) -> tensor<1xf32>
  %4 = onnx.Gelu(%y) {approximate = #onnx.gelu_approximation<tanh>}
      : (tensor<1xf32>) -> tensor<1xf32>
  return %0, %1, %2, %3, %4 : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>,
                              tensor<1xf32>, tensor<1xf32>
}

// Queries of zeros give the keys that they see equal weights. A mask that is
// shorter than the keys hides the others, which ONNX Runtime does not have.
// CHECK-LABEL: @attention
// CHECK-NEXT: tensor<1x1x2x1xf32> {{\[\[\[\[}}1], [1.5]]]]
// CHECK-NEXT: tensor<1x1x2x1xf32> {{\[\[\[\[}}0], [2]]]]
// CHECK-NEXT: tensor<1x1x2x1xf32> {{\[\[\[\[}}1.5], [2.33333]]]]
func.func @attention() -> (tensor<1x1x2x1xf32>, tensor<1x1x2x1xf32>,
                           tensor<1x1x2x1xf32>) {
  %q = onnx.Constant dense<0.0> : tensor<1x1x2x1xf32>
  %k = onnx.Constant dense<1.0> : tensor<1x1x3x1xf32>
  %v = onnx.Constant dense<[[[[1.0], [2.0], [4.0]]]]> : tensor<1x1x3x1xf32>
  %0 = onnx.Attention(%q, %k, %v) {is_causal = 1 : i64}
      : (tensor<1x1x2x1xf32>, tensor<1x1x3x1xf32>, tensor<1x1x3x1xf32>)
      -> tensor<1x1x2x1xf32>
  %m = onnx.Constant dense<[[false, false], [false, true]]> : tensor<2x2xi1>
  %1 = onnx.Attention(%q, %k, %v) mask(%m)
      : (tensor<1x1x2x1xf32>, tensor<1x1x3x1xf32>, tensor<1x1x3x1xf32>,
         tensor<2x2xi1>) -> tensor<1x1x2x1xf32>
  // With a past, the queries stand behind it.
  %pk = onnx.Constant dense<1.0> : tensor<1x1x1x1xf32>
  %k2 = onnx.Constant dense<1.0> : tensor<1x1x2x1xf32>
  %v2 = onnx.Constant dense<[[[[2.0], [4.0]]]]> : tensor<1x1x2x1xf32>
  %2 = onnx.Attention(%q, %k2, %v2) past_key(%pk) past_value(%pk)
      {is_causal = 1 : i64}
      : (tensor<1x1x2x1xf32>, tensor<1x1x2x1xf32>, tensor<1x1x2x1xf32>,
         tensor<1x1x1x1xf32>, tensor<1x1x1x1xf32>) -> tensor<1x1x2x1xf32>
  return %0, %1, %2 : tensor<1x1x2x1xf32>, tensor<1x1x2x1xf32>,
                      tensor<1x1x2x1xf32>
}
