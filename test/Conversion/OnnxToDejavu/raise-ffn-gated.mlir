// RUN: dejavu-opt %s --raise-ffn --remarks-filter=raise 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t

// Gates, packed projections, and activations that are spelled out.

dejavu.weight @gate : tensor<32x8xf32> from <"m", offset = 0, length = 1024>
dejavu.weight @gate_bias : tensor<32xf32> from <"m", offset = 1024, length = 128>
dejavu.weight @up : tensor<32x8xf32> from <"m", offset = 1152, length = 1024>
dejavu.weight @down : tensor<8x32xf32> from <"m", offset = 2176, length = 1024>
// CHECK-DAG: dejavu.weight @[[$GATE:packed.rows[_0-9]*]] : tensor<32x8xf32> {{.*}} via [#dejavu.take_rows<[32, 32]>]
// CHECK-DAG: dejavu.weight @[[$UP:packed.rows[_0-9]*]] : tensor<32x8xf32> {{.*}} via [#dejavu.take_rows<[0, 32]>]
// CHECK-DAG: dejavu.weight @[[$GATE_BIAS:packed_bias.rows[_0-9]*]] : tensor<32xf32> {{.*}} via [#dejavu.take_rows<[32, 32]>]
// CHECK-DAG: dejavu.weight @[[$UP_BIAS:packed_bias.rows[_0-9]*]] : tensor<32xf32> {{.*}} via [#dejavu.take_rows<[0, 32]>]
dejavu.weight @packed : tensor<64x8xf32> from <"m", offset = 3200, length = 2048>
dejavu.weight @packed_bias : tensor<64xf32> from <"m", offset = 5248, length = 256>

// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:.*]]: tensor<?x?x8xf32>
func.func @main(%x: tensor<?x?x8xf32>) -> tensor<?x?x8xf32> {
  // CHECK: %[[A:.*]] = dejavu.ffn{{ +}}relu %[[X]], gate = @gate, @gate_bias up = @up down = @down.T : tensor<?x?x8xf32>
  // REMARK: Remark="MLP is raised: relu, gated"
  %0 = dejavu.linear %x, @up : tensor<?x?x8xf32> -> tensor<?x?x32xf32>
  %1 = dejavu.linear %x, @gate, @gate_bias : tensor<?x?x8xf32> -> tensor<?x?x32xf32>
  %2 = onnx.Relu(%1) : (tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %3 = onnx.Mul(%0, %2) : (tensor<?x?x32xf32>, tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %4 = dejavu.linear %3, @down : tensor<?x?x32xf32> -> tensor<?x?x8xf32>

  // The gate is the second half, and SiLU is x / (1 + exp(-x)).
  // CHECK: %[[B:.*]] = dejavu.ffn{{ +}}silu %[[A]], gate = @[[$GATE]], @[[$GATE_BIAS]] up = @[[$UP]], @[[$UP_BIAS]] down = @down.T
  // REMARK: Remark="MLP is raised: silu, gated"
  %5 = dejavu.linear %4, @packed, @packed_bias : tensor<?x?x8xf32> -> tensor<?x?x64xf32>
  %6, %7 = onnx.Split(%5) {axis = -1 : i64} : (tensor<?x?x64xf32>) -> (tensor<?x?x32xf32>, tensor<?x?x32xf32>)
  %one = onnx.Constant dense<1.0> : tensor<f32>
  %8 = onnx.Neg(%7) : (tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %9 = onnx.Exp(%8) : (tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %10 = onnx.Add(%one, %9) : (tensor<f32>, tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %sigmoid = onnx.Sigmoid(%7) : (tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %11 = onnx.Div(%7, %10) : (tensor<?x?x32xf32>, tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %s2 = onnx.Mul(%sigmoid, %one) : (tensor<?x?x32xf32>, tensor<f32>) -> tensor<?x?x32xf32>
  %s3 = onnx.Sub(%s2, %sigmoid) : (tensor<?x?x32xf32>, tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %s4 = onnx.Add(%11, %s3) : (tensor<?x?x32xf32>, tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %12 = onnx.Mul(%s4, %6) : (tensor<?x?x32xf32>, tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %13 = dejavu.linear %12, @down : tensor<?x?x32xf32> -> tensor<?x?x8xf32>

  // GELU by tanh, as BLOOM has it: no power and no cube of its own.
  // CHECK: %[[C:.*]] = dejavu.ffn{{ +}}gelu_tanh %[[B]], up = @up down = @down.T
  // REMARK: Remark="MLP is raised: gelu_tanh"
  %half = onnx.Constant dense<0.5> : tensor<f32>
  %c = onnx.Constant dense<0.79788456> : tensor<f32>
  %d = onnx.Constant dense<0.044715> : tensor<f32>
  %14 = dejavu.linear %13, @up : tensor<?x?x8xf32> -> tensor<?x?x32xf32>
  %15 = onnx.Mul(%14, %half) : (tensor<?x?x32xf32>, tensor<f32>) -> tensor<?x?x32xf32>
  %16 = onnx.Mul(%14, %c) : (tensor<?x?x32xf32>, tensor<f32>) -> tensor<?x?x32xf32>
  %17 = onnx.Mul(%14, %d) : (tensor<?x?x32xf32>, tensor<f32>) -> tensor<?x?x32xf32>
  %18 = onnx.Mul(%17, %14) : (tensor<?x?x32xf32>, tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %19 = onnx.Add(%18, %one) : (tensor<?x?x32xf32>, tensor<f32>) -> tensor<?x?x32xf32>
  %20 = onnx.Mul(%16, %19) : (tensor<?x?x32xf32>, tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %21 = onnx.Tanh(%20) : (tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %22 = onnx.Add(%21, %one) : (tensor<?x?x32xf32>, tensor<f32>) -> tensor<?x?x32xf32>
  %23 = onnx.Mul(%15, %22) : (tensor<?x?x32xf32>, tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %24 = dejavu.linear %23, @down : tensor<?x?x32xf32> -> tensor<?x?x8xf32>

  // CHECK: %[[D:.*]] = dejavu.ffn{{ +}}quick_gelu %[[C]],
  // REMARK: Remark="MLP is raised: quick_gelu"
  %e = onnx.Constant dense<1.702> : tensor<f32>
  %25 = dejavu.linear %24, @up : tensor<?x?x8xf32> -> tensor<?x?x32xf32>
  %26 = onnx.Mul(%e, %25) : (tensor<f32>, tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %27 = onnx.Sigmoid(%26) : (tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %28 = onnx.Mul(%27, %25) : (tensor<?x?x32xf32>, tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %29 = dejavu.linear %28, @down : tensor<?x?x32xf32> -> tensor<?x?x8xf32>

  // Nearly SiLU is not SiLU.
  // CHECK: onnx.Sigmoid
  // REMARK: Remark="MLP is not raised: onnx.Sigmoid is no activation that is known"
  %f = onnx.Constant dense<1.001> : tensor<f32>
  %30 = dejavu.linear %29, @up : tensor<?x?x8xf32> -> tensor<?x?x32xf32>
  %31 = onnx.Mul(%f, %30) : (tensor<f32>, tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %32 = onnx.Sigmoid(%31) : (tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %33 = onnx.Mul(%32, %30) : (tensor<?x?x32xf32>, tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %34 = dejavu.linear %33, @down : tensor<?x?x32xf32> -> tensor<?x?x8xf32>
  return %34 : tensor<?x?x8xf32>
}
