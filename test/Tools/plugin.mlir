// The dialects and passes in a stock mlir-opt.
// RUN: mlir-opt %s --load-dialect-plugin=%plugin --load-pass-plugin=%plugin --pass-pipeline='builtin.module(dejavu-sparsify-ffn)' | FileCheck %s

dejavu.weight @w : tensor<32x8xf32> from <"m", offset = 0, length = 1024>

func.func @decode(%x: tensor<?x1x8xf32>) -> tensor<?x1x8xf32> attributes {dejavu.entry = #dejavu.entry<decode>} {
  // CHECK: dejavu.sparse_linear
  %f = dejavu.ffn relu %x, up = @w down = @w : tensor<?x1x8xf32>
  return %f : tensor<?x1x8xf32>
}
