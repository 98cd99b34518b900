// The reducer drops the functions that a test does not need.
// RUN: dejavu-reduce %s -reduction-tree='traversal-mode=0 test=%S/Inputs/has-ffn.sh' | FileCheck %s

dejavu.weight @w : tensor<32x8xf32> from <"m", offset = 0, length = 1024>

// CHECK: func.func @wanted
// CHECK: dejavu.ffn
func.func @wanted(%x: tensor<?x1x8xf32>) -> tensor<?x1x8xf32> {
  %f = dejavu.ffn relu %x, up = @w down = @w : tensor<?x1x8xf32>
  return %f : tensor<?x1x8xf32>
}

// CHECK-NOT: @unrelated
func.func @unrelated_1(%x: tensor<?x1x8xf32>) -> tensor<?x1x8xf32> {
  %r = dejavu.residual_add %x, %x : tensor<?x1x8xf32>
  return %r : tensor<?x1x8xf32>
}
func.func @unrelated_2(%x: tensor<?x1x8xf32>) -> tensor<?x1x8xf32> {
  %r = dejavu.residual_add %x, %x : tensor<?x1x8xf32>
  return %r : tensor<?x1x8xf32>
}
