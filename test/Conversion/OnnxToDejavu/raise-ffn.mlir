// RUN: dejavu-opt %s --raise-ffn --remarks-filter=raise 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t

// The down projection is neuron-major: [32, 8] where linear has [8, 32].
// CHECK: dejavu.weight @w2.T : tensor<32x8xf32> {{.*}} as tensor<8x32xf32> via [#dejavu.transpose<[1, 0]>]
dejavu.weight @w1 : tensor<32x8xf32> from <"m", offset = 0, length = 1024>
dejavu.weight @b1 : tensor<32xf32> from <"m", offset = 1024, length = 128>
dejavu.weight @w2 : tensor<8x32xf32> from <"m", offset = 1152, length = 1024>
dejavu.weight @b2 : tensor<8xf32> from <"m", offset = 2176, length = 32>

// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:.*]]: tensor<?x?x8xf32>
func.func @main(%x: tensor<?x?x8xf32>) -> tensor<?x?x8xf32> {
  // CHECK: %[[A:.*]] = dejavu.ffn{{ +}}relu %[[X]], up = @w1, @b1 down = @w2.T, @b2 : tensor<?x?x8xf32>
  // REMARK: [Passed] raise | Category:raise | Function=main | Remark="MLP is raised: relu"
  %0 = dejavu.linear %x, @w1, @b1 : tensor<?x?x8xf32> -> tensor<?x?x32xf32>
  %1 = onnx.Relu(%0) : (tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %2 = dejavu.linear %1, @w2, @b2 : tensor<?x?x32xf32> -> tensor<?x?x8xf32>

  // Without biases, as Galactica is.
  // CHECK: %[[B:.*]] = dejavu.ffn{{ +}}gelu %[[A]], up = @w1 down = @w2.T : tensor<?x?x8xf32>
  // REMARK: Remark="MLP is raised: gelu"
  %3 = dejavu.linear %2, @w1 : tensor<?x?x8xf32> -> tensor<?x?x32xf32>
  %4 = onnx.Gelu(%3) : (tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %5 = dejavu.linear %4, @w2 : tensor<?x?x32xf32> -> tensor<?x?x8xf32>

  // CHECK: %[[C:.*]] = dejavu.ffn{{ +}}gelu_tanh %[[B]],
  // REMARK: Remark="MLP is raised: gelu_tanh"
  %6 = dejavu.linear %5, @w1 : tensor<?x?x8xf32> -> tensor<?x?x32xf32>
  %7 = onnx.Gelu(%6) {approximate = #onnx.gelu_approximation<tanh>} : (tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %8 = dejavu.linear %7, @w2 : tensor<?x?x32xf32> -> tensor<?x?x8xf32>

  // CHECK: %[[D:.*]] = dejavu.ffn{{ +}}silu %[[C]],
  // REMARK: Remark="MLP is raised: silu"
  %9 = dejavu.linear %8, @w1 : tensor<?x?x8xf32> -> tensor<?x?x32xf32>
  %10 = onnx.Sigmoid(%9) : (tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %11 = onnx.Mul(%10, %9) : (tensor<?x?x32xf32>, tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %12 = dejavu.linear %11, @w2 : tensor<?x?x32xf32> -> tensor<?x?x8xf32>

  // CHECK: %[[E:.*]] = dejavu.ffn{{ +}}relu2 %[[D]],
  // REMARK: Remark="MLP is raised: relu2"
  %13 = dejavu.linear %12, @w1 : tensor<?x?x8xf32> -> tensor<?x?x32xf32>
  %14 = onnx.Relu(%13) : (tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %15 = onnx.Mul(%14, %14) : (tensor<?x?x32xf32>, tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %16 = dejavu.linear %15, @w2 : tensor<?x?x32xf32> -> tensor<?x?x8xf32>
  // CHECK: return %[[E]]
  return %16 : tensor<?x?x8xf32>
}
