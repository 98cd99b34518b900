// A linear layer whose weight has a row for each feature of its input: a product
// of untransposed matrices in @prefill, a sum of rows in @decode. The activation
// comes behind.
// RUN: dejavu-opt %s --convert-dejavu-to-cpu=lanes=8 --canonicalize | FileCheck %s

module attributes {dejavu.source = "model.onnx"} {
  dejavu.weight @table : tensor<7x10xf32> from #dejavu.source<"w", offset = 0, length = 280>
  dejavu.weight @in : tensor<10x6xf16> from #dejavu.source<"w", offset = 0, length = 120>
  dejavu.weight @back : tensor<6x10xf32> from #dejavu.source<"w", offset = 0, length = 240>
  dejavu.weight @bias : tensor<10xf32> from #dejavu.source<"w", offset = 0, length = 40>
  dejavu.signature inputs [#dejavu.binding<"ids", ids>] outputs [#dejavu.binding<"logits", logits>]

  // CHECK-LABEL: func.func @dejavu_prefill(
  // CHECK:         call @dejavu_gemm_nn_10x6_f16
  // CHECK:         call @dejavu_gemm_nn_6x10_f32
  // CHECK:         call @dejavu_epilogue_10_bias_relu
  func.func @prefill(%ids: tensor<?x?xi64>, %p: tensor<?x?xi64>, %starts: tensor<?xi64>, %from: index) -> tensor<?x?x7xf32>
      attributes {dejavu.entry = #dejavu.entry<prefill>} {
    %x = dejavu.embed %ids, @table : tensor<?x?xi64> -> tensor<?x?x10xf32>
    %y = dejavu.linear %x, @in in_major : tensor<?x?x10xf32> -> tensor<?x?x6xf32>
    %z = dejavu.linear %y, @back, @bias in_major activation = relu : tensor<?x?x6xf32> -> tensor<?x?x10xf32>
    %l = dejavu.lm_head %z, @table from %from : tensor<?x?x10xf32> -> tensor<?x?x7xf32>
    return %l : tensor<?x?x7xf32>
  }
  // CHECK-LABEL: func.func @dejavu_decode(
  // CHECK:         call @dejavu_row_sum_10x6_f16(
  // CHECK:         call @dejavu_row_sum_6x10_f32_bias(
  // CHECK:         call @dejavu_epilogue_10_relu(
  func.func @decode(%ids: tensor<?x1xi64>, %p: tensor<?x1xi64>, %starts: tensor<?xi64>) -> tensor<?x1x7xf32>
      attributes {dejavu.entry = #dejavu.entry<decode>} {
    %x = dejavu.embed %ids, @table : tensor<?x1xi64> -> tensor<?x1x10xf32>
    %y = dejavu.linear %x, @in in_major : tensor<?x1x10xf32> -> tensor<?x1x6xf32>
    %z = dejavu.linear %y, @back, @bias in_major activation = relu : tensor<?x1x6xf32> -> tensor<?x1x10xf32>
    %l = dejavu.lm_head %z, @table : tensor<?x1x10xf32> -> tensor<?x1x7xf32>
    return %l : tensor<?x1x7xf32>
  }
}
