// RUN: dejavu-opt %s --raise-ffn --remarks-filter=raise 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t

dejavu.weight @w1 : tensor<32x8xf32> from <"m", offset = 0, length = 1024>
dejavu.weight @w2 : tensor<8x32xf32> from <"m", offset = 1024, length = 1024>
dejavu.weight @w3 : tensor<4x32xf32> from <"m", offset = 2048, length = 512>

// CHECK-LABEL: func.func @main(
// CHECK-NOT: dejavu.ffn
func.func @main(%x: tensor<?x?x8xf32>, %h: tensor<?x?x32xf32>)
    -> (tensor<?x?x8xf32>, tensor<?x?x8xf32>, tensor<?x?x32xf32>, tensor<?x?x32xf32>, tensor<?x?x4xf32>, tensor<?x?x32xf32>) {
  // REMARK: [Missed] raise | Category:raise | Function=main | Remark="MLP is not raised: the activation's input is not the result of a linear layer"
  // CHECK: onnx.Relu{{.*}} {dejavu.not_raised = "the activation's input is not the result of a linear layer"}
  %0 = onnx.Relu(%h) : (tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %1 = dejavu.linear %0, @w2 : tensor<?x?x32xf32> -> tensor<?x?x8xf32>

  // REMARK: MLP is not raised: the up projection has another use
  %2 = dejavu.linear %x, @w1 : tensor<?x?x8xf32> -> tensor<?x?x32xf32>
  %3 = onnx.Relu(%2) : (tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %4 = dejavu.linear %3, @w2 : tensor<?x?x32xf32> -> tensor<?x?x8xf32>

  // REMARK: MLP is not raised: the neurons have more than one use
  %5 = dejavu.linear %x, @w1 : tensor<?x?x8xf32> -> tensor<?x?x32xf32>
  %6 = onnx.Gelu(%5) : (tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %7 = dejavu.linear %6, @w2 : tensor<?x?x32xf32> -> tensor<?x?x8xf32>

  // REMARK: MLP is not raised: input and result differ in features
  %8 = dejavu.linear %x, @w1 : tensor<?x?x8xf32> -> tensor<?x?x32xf32>
  %9 = onnx.Relu(%8) : (tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %10 = dejavu.linear %9, @w3 : tensor<?x?x32xf32> -> tensor<?x?x4xf32>

  // REMARK: MLP is not raised: onnx.Tanh is no activation that is known
  %11 = dejavu.linear %x, @w1 : tensor<?x?x8xf32> -> tensor<?x?x32xf32>
  %12 = onnx.Tanh(%11) : (tensor<?x?x32xf32>) -> tensor<?x?x32xf32>

  // REMARK: MLP is not raised: the neurons go into func.return and not into a linear layer
  %13 = dejavu.linear %x, @w1 : tensor<?x?x8xf32> -> tensor<?x?x32xf32>
  %14 = onnx.Relu(%13) : (tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %15 = onnx.Add(%12, %6) : (tensor<?x?x32xf32>, tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %16 = dejavu.residual_add %4, %7 : tensor<?x?x8xf32>
  // CHECK: return
  return %1, %16, %2, %15, %10, %14 : tensor<?x?x8xf32>, tensor<?x?x8xf32>, tensor<?x?x32xf32>, tensor<?x?x32xf32>, tensor<?x?x4xf32>, tensor<?x?x32xf32>
}
