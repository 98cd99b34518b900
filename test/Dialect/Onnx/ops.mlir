// RUN: dejavu-opt %s | dejavu-opt | FileCheck %s
// RUN: dejavu-opt %s --mlir-print-op-generic | dejavu-opt | FileCheck %s

// CHECK-LABEL: func.func @math
// CHECK-SAME: onnx.dims = ["batch", "past + 1"], onnx.name = "x"
func.func @math(
    %x: tensor<?x8xf32> {onnx.name = "x", onnx.dims = ["batch", "past + 1"]},
    %y: tensor<8xf32>, %i: tensor<4xi64>, %b: tensor<4xi1>)
    -> (tensor<?x8xf32> {onnx.name = "y", onnx.dims = ["batch", "8"]}) {
  // CHECK: %[[ADD:.+]] = onnx.Add(%{{.+}}, %{{.+}}) : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %add = onnx.Add(%x, %y) : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  // CHECK: onnx.Sub(%[[ADD]], %{{.+}})
  %sub = onnx.Sub(%add, %y) : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  // CHECK: onnx.Mul(
  %mul = onnx.Mul(%sub, %y) : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  // CHECK: onnx.Div(
  %div = onnx.Div(%mul, %y) : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  // CHECK: onnx.Pow({{.*}}) : (tensor<?x8xf32>, tensor<i64>) -> tensor<?x8xf32>
  %two = onnx.Constant dense<2> : tensor<i64>
  %pow = onnx.Pow(%div, %two) : (tensor<?x8xf32>, tensor<i64>) -> tensor<?x8xf32>
  // CHECK: onnx.Max({{.*}}) : (tensor<?x8xf32>, tensor<8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %max = onnx.Max(%pow, %y, %x) : (tensor<?x8xf32>, tensor<8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: onnx.Min({{.*}}) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %min = onnx.Min(%max) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: onnx.Neg(
  %neg = onnx.Neg(%min) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: onnx.Sqrt(
  %sqrt = onnx.Sqrt(%neg) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: onnx.Erf(
  %erf = onnx.Erf(%sqrt) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: onnx.Equal({{.*}}) : (tensor<4xi64>, tensor<i64>) -> tensor<4xi1>
  %eq = onnx.Equal(%i, %two) : (tensor<4xi64>, tensor<i64>) -> tensor<4xi1>
  // CHECK: onnx.Less(
  %lt = onnx.Less(%i, %i) : (tensor<4xi64>, tensor<4xi64>) -> tensor<4xi1>
  // CHECK: onnx.LessOrEqual(
  %le = onnx.LessOrEqual(%i, %i) : (tensor<4xi64>, tensor<4xi64>) -> tensor<4xi1>
  // CHECK: onnx.Greater(
  %gt = onnx.Greater(%i, %i) : (tensor<4xi64>, tensor<4xi64>) -> tensor<4xi1>
  // CHECK: onnx.GreaterOrEqual(
  %ge = onnx.GreaterOrEqual(%i, %i) : (tensor<4xi64>, tensor<4xi64>) -> tensor<4xi1>
  // CHECK: onnx.IsNaN({{.*}}) : (tensor<?x8xf32>) -> tensor<?x8xi1>
  %nan = onnx.IsNaN(%erf) : (tensor<?x8xf32>) -> tensor<?x8xi1>
  // CHECK: onnx.And(
  %and = onnx.And(%b, %eq) : (tensor<4xi1>, tensor<4xi1>) -> tensor<4xi1>
  // CHECK: onnx.Or(
  %or = onnx.Or(%and, %lt) : (tensor<4xi1>, tensor<4xi1>) -> tensor<4xi1>
  // CHECK: onnx.Not(
  %not = onnx.Not(%or) : (tensor<4xi1>) -> tensor<4xi1>
  // CHECK: %[[WHERE:.+]] = onnx.Where({{.*}}) : (tensor<?x8xi1>, tensor<8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %where = onnx.Where(%nan, %y, %erf) : (tensor<?x8xi1>, tensor<8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: return %[[WHERE]]
  return %where : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @nn
func.func @nn(%x: tensor<?x64xf32>, %w: tensor<16x64xf32>, %c: tensor<16xf32>,
              %q: tensor<?x4x?x16xf32>, %k: tensor<?x2x?x16xf32>,
              %p: tensor<?x2x?x16xf32>, %m: tensor<?x1x?x?xi1>, %n: tensor<?xi64>,
              %axis: tensor<i64>) {
  // CHECK: onnx.MatMul({{.*}}) : (tensor<?x4x?x16xf32>, tensor<16x64xf32>) -> tensor<?x4x?x64xf32>
  %mm = onnx.MatMul(%q, %w) : (tensor<?x4x?x16xf32>, tensor<16x64xf32>) -> tensor<?x4x?x64xf32>
  // CHECK: onnx.Gemm(%{{[^,]+}}, %{{[^,]+}}, %{{[^,]+}}) {transB = 1 : i64}
  %g = onnx.Gemm(%x, %w, %c) {transB = 1 : i64} : (tensor<?x64xf32>, tensor<16x64xf32>, tensor<16xf32>) -> tensor<?x16xf32>
  // CHECK: onnx.Gemm(%{{[^,]+}}, %{{[^,]+}}) {alpha = 5.000000e-01 : f32, transB = 1 : i64}
  %h = onnx.Gemm(%x, %w) {alpha = 0.5 : f32, transB = 1 : i64} : (tensor<?x64xf32>, tensor<16x64xf32>) -> tensor<?x16xf32>
  // CHECK: onnx.LayerNormalization({{.*}}) {epsilon = 1.000000e-03 : f32, stash_type = f64} : (tensor<?x16xf32>, tensor<16xf32>, tensor<16xf32>) -> (tensor<?x16xf32>, tensor<?x1xf64>)
  %ln:2 = onnx.LayerNormalization(%g, %c, %c) {epsilon = 1.0e-3 : f32, stash_type = f64} : (tensor<?x16xf32>, tensor<16xf32>, tensor<16xf32>) -> (tensor<?x16xf32>, tensor<?x1xf64>)
  // CHECK: onnx.Softmax({{.*}}) : (
  %s = onnx.Softmax(%h) : (tensor<?x16xf32>) -> tensor<?x16xf32>
  // CHECK: onnx.Relu(
  %r = onnx.Relu(%s) : (tensor<?x16xf32>) -> tensor<?x16xf32>
  // CHECK: onnx.Sigmoid(
  %sg = onnx.Sigmoid(%r) : (tensor<?x16xf32>) -> tensor<?x16xf32>
  // CHECK: onnx.Tanh(
  %t = onnx.Tanh(%sg) : (tensor<?x16xf32>) -> tensor<?x16xf32>
  // CHECK: onnx.Gelu({{.*}}) {approximate = #onnx.gelu_approximation<tanh>}
  %ge = onnx.Gelu(%t) {approximate = #onnx.gelu_approximation<tanh>} : (tensor<?x16xf32>) -> tensor<?x16xf32>
  // CHECK: onnx.CumSum({{.*}}) {exclusive = 1 : i64} : (tensor<?x64xf32>, tensor<i64>) -> tensor<?x64xf32>
  %cs = onnx.CumSum(%x, %axis) {exclusive = 1 : i64} : (tensor<?x64xf32>, tensor<i64>) -> tensor<?x64xf32>
  // CHECK: onnx.Attention(%{{.+}}, %{{.+}}, %{{.+}}) {is_causal = 1 : i64, scale = 2.500000e-01 : f32}
  %a = onnx.Attention(%q, %k, %p) {is_causal = 1 : i64, scale = 0.25 : f32}
      : (tensor<?x4x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>) -> tensor<?x4x?x16xf32>
  // CHECK: onnx.Attention({{.*}}) mask(%{{.+}}) past_key(%{{.+}}) past_value(%{{.+}}) nonpad(%{{.+}})
  %b:3 = onnx.Attention(%q, %k, %k) mask(%m) past_key(%p) past_value(%p) nonpad(%n)
      : (tensor<?x4x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x1x?x?xi1>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?xi64>)
      -> (tensor<?x4x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>)
  return
}

// CHECK-LABEL: func.func @families
func.func @families(%x: tensor<?x8xf32>, %s: tensor<8xf32>, %i: tensor<?x3xi64>,
                    %n: tensor<2xi64>, %q: tensor<?x4x?x16xf32>,
                    %c: tensor<?x?x8xf32>, %ax: tensor<1xi64>) {
  // CHECK: onnx.Sin(
  %sin = onnx.Sin(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: onnx.Cos(
  %cos = onnx.Cos(%sin) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: onnx.Reciprocal(
  %re = onnx.Reciprocal(%cos) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: onnx.ReduceMean(%{{[^,]+}}, %{{[^,]+}}) {keepdims = 0 : i64} : (tensor<?x8xf32>, tensor<1xi64>) -> tensor<?xf32>
  %m = onnx.ReduceMean(%re, %ax) {keepdims = 0 : i64} : (tensor<?x8xf32>, tensor<1xi64>) -> tensor<?xf32>
  // CHECK: onnx.ReduceMean(%{{[^,]+}}) : (tensor<?x8xf32>) -> tensor<1x1xf32>
  %a = onnx.ReduceMean(%re) : (tensor<?x8xf32>) -> tensor<1x1xf32>
  // CHECK: onnx.RMSNormalization({{.*}}) {epsilon = 1.000000e-03 : f32, stash_type = f64}
  %rms = onnx.RMSNormalization(%x, %s) {epsilon = 1.0e-3 : f32, stash_type = f64} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  // CHECK: onnx.RotaryEmbedding({{.*}}) {interleaved = 1 : i64} : (tensor<?x4x?x16xf32>, tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x4x?x16xf32>
  %rope = onnx.RotaryEmbedding(%q, %c, %c) {interleaved = 1 : i64} : (tensor<?x4x?x16xf32>, tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x4x?x16xf32>
  // CHECK: :2 = onnx.Split({{.*}}) {axis = 1 : i64} : (tensor<?x8xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>)
  %half:2 = onnx.Split(%x) {axis = 1 : i64} : (tensor<?x8xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>)
  // CHECK: :2 = onnx.Split(%{{[^,]+}}, %{{[^,]+}}) {axis = 1 : i64}
  %part:2 = onnx.Split(%x, %n) {axis = 1 : i64} : (tensor<?x8xf32>, tensor<2xi64>) -> (tensor<?x1xf32>, tensor<?x7xf32>)
  // CHECK: onnx.GatherElements({{.*}}) {axis = 1 : i64} : (tensor<?x8xf32>, tensor<?x3xi64>) -> tensor<?x3xf32>
  %g = onnx.GatherElements(%x, %i) {axis = 1 : i64} : (tensor<?x8xf32>, tensor<?x3xi64>) -> tensor<?x3xf32>
  return
}

// CHECK-LABEL: func.func @tensor
func.func @tensor(%x: tensor<?x1x8xf32>, %i: tensor<1xi64>, %s: tensor<i64>,
                  %t: tensor<?x2xi64>) {
  // CHECK: onnx.Constant dense<[0, -1]> : tensor<2xi64>
  %c = onnx.Constant dense<[0, -1]> : tensor<2xi64>
  // CHECK: onnx.ConstantOfShape({{.*}}) {value = dense<1> : tensor<1xi64>} : (tensor<2xi64>) -> tensor<?x?xi64>
  %cos = onnx.ConstantOfShape(%c) {value = dense<1> : tensor<1xi64>} : (tensor<2xi64>) -> tensor<?x?xi64>
  // CHECK: onnx.Range({{.*}}) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %r = onnx.Range(%s, %s, %s) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  // CHECK: onnx.Identity(
  %id = onnx.Identity(%x) : (tensor<?x1x8xf32>) -> tensor<?x1x8xf32>
  // CHECK: onnx.Cast({{.*}}) {to = f16}
  %ca = onnx.Cast(%id) {to = f16} : (tensor<?x1x8xf32>) -> tensor<?x1x8xf16>
  // CHECK: onnx.Shape({{.*}}) {end = -1 : i64, start = 1 : i64} : (tensor<?x1x8xf32>) -> tensor<1xi64>
  %sh = onnx.Shape(%x) {end = -1 : i64, start = 1 : i64} : (tensor<?x1x8xf32>) -> tensor<1xi64>
  // CHECK: onnx.Reshape({{.*}}) {allowzero = 1 : i64}
  %re = onnx.Reshape(%x, %c) {allowzero = 1 : i64} : (tensor<?x1x8xf32>, tensor<2xi64>) -> tensor<?x?xf32>
  // CHECK: onnx.Flatten({{.*}}) {axis = 2 : i64} : (tensor<?x1x8xf32>) -> tensor<?x8xf32>
  %fl = onnx.Flatten(%x) {axis = 2 : i64} : (tensor<?x1x8xf32>) -> tensor<?x8xf32>
  // CHECK: onnx.Squeeze(%{{[^,]+}}, %{{[^,]+}}) : (
  %sq = onnx.Squeeze(%x, %i) : (tensor<?x1x8xf32>, tensor<1xi64>) -> tensor<?x8xf32>
  // CHECK: onnx.Squeeze(%{{[^,]+}}) : (
  %sa = onnx.Squeeze(%x) : (tensor<?x1x8xf32>) -> tensor<*xf32>
  // CHECK: onnx.Unsqueeze(
  %un = onnx.Unsqueeze(%x, %i) : (tensor<?x1x8xf32>, tensor<1xi64>) -> tensor<1x?x1x8xf32>
  // CHECK: onnx.Expand(
  %ex = onnx.Expand(%s, %c) : (tensor<i64>, tensor<2xi64>) -> tensor<?x?xi64>
  // CHECK: onnx.Concat({{.*}}) {axis = -1 : i64}
  %co = onnx.Concat(%x, %id) {axis = -1 : i64} : (tensor<?x1x8xf32>, tensor<?x1x8xf32>) -> tensor<?x1x16xf32>
  // CHECK: onnx.Gather({{.*}}) {axis = 2 : i64} : (tensor<?x1x8xf32>, tensor<?x2xi64>) -> tensor<?x1x?x2xf32>
  %ga = onnx.Gather(%x, %t) {axis = 2 : i64} : (tensor<?x1x8xf32>, tensor<?x2xi64>) -> tensor<?x1x?x2xf32>
  // CHECK: onnx.GatherND({{.*}}) : (tensor<?x1x8xf32>, tensor<?x2xi64>) -> tensor<?x8xf32>
  %gn = onnx.GatherND(%x, %t) : (tensor<?x1x8xf32>, tensor<?x2xi64>) -> tensor<?x8xf32>
  // CHECK: onnx.Slice(%{{.+}}, %{{.+}}, %{{.+}}) axes(%{{.+}}) : (
  %sl = onnx.Slice(%x, %i, %i) axes(%i) : (tensor<?x1x8xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x?x?xf32>
  // CHECK: onnx.Slice(%{{.+}}, %{{.+}}, %{{.+}}) steps(%{{.+}}) : (
  %st = onnx.Slice(%x, %i, %i) steps(%i) : (tensor<?x1x8xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x1x8xf32>
  // CHECK: onnx.Transpose({{.*}}) {perm = array<i64: 1, 0, 2>} : (tensor<?x1x8xf32>) -> tensor<1x?x8xf32>
  %tr = onnx.Transpose(%x) {perm = array<i64: 1, 0, 2>} : (tensor<?x1x8xf32>) -> tensor<1x?x8xf32>
  return
}
