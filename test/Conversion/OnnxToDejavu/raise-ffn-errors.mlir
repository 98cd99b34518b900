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
  %13 = dejavu.linear %12, @w2 : tensor<?x?x32xf32> -> tensor<?x?x8xf32>

  // REMARK: MLP is not raised: the neurons go into onnx.Softmax and not into a linear layer
  %14 = dejavu.linear %x, @w1 : tensor<?x?x8xf32> -> tensor<?x?x32xf32>
  %15 = onnx.Relu(%14) : (tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %16 = onnx.Softmax(%15) : (tensor<?x?x32xf32>) -> tensor<?x?x32xf32>

  // REMARK: MLP is not raised: what is computed from both projections is no product with an activation that is known
  %17 = dejavu.linear %x, @w1 : tensor<?x?x8xf32> -> tensor<?x?x32xf32>
  %18 = dejavu.linear %x, @w1 : tensor<?x?x8xf32> -> tensor<?x?x32xf32>
  %19 = onnx.Relu(%17) : (tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %20 = onnx.Add(%19, %18) : (tensor<?x?x32xf32>, tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %21 = dejavu.linear %20, @w2 : tensor<?x?x32xf32> -> tensor<?x?x8xf32>

  // REMARK: MLP is not raised: gate and up projection have different inputs
  %22 = dejavu.linear %13, @w1 : tensor<?x?x8xf32> -> tensor<?x?x32xf32>
  %23 = dejavu.linear %x, @w1 : tensor<?x?x8xf32> -> tensor<?x?x32xf32>
  %24 = onnx.Relu(%22) : (tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %25 = onnx.Mul(%24, %23) : (tensor<?x?x32xf32>, tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %26 = dejavu.linear %25, @w2 : tensor<?x?x32xf32> -> tensor<?x?x8xf32>

  // What leads to an output is no MLP, and nothing is said of it.
  // REMARK-NOT: MLP is not raised
  %27 = dejavu.linear %x, @w1 : tensor<?x?x8xf32> -> tensor<?x?x32xf32>
  %28 = onnx.Tanh(%27) : (tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %29 = dejavu.residual_add %4, %7 : tensor<?x?x8xf32>
  %30 = dejavu.residual_add %21, %26 : tensor<?x?x8xf32>
  %31 = dejavu.residual_add %29, %30 : tensor<?x?x8xf32>
  %32 = onnx.Add(%16, %6) : (tensor<?x?x32xf32>, tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  // CHECK: return
  return %1, %31, %2, %32, %10, %28 : tensor<?x?x8xf32>, tensor<?x?x8xf32>, tensor<?x?x32xf32>, tensor<?x?x32xf32>, tensor<?x?x4xf32>, tensor<?x?x32xf32>
}
