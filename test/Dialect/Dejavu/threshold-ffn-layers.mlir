// A file of magnitudes for more layers than there are is for another model.
// RUN: rm -rf %t && %python %S/Inputs/broken_predictors.py %t && cd %t
// RUN: not dejavu-opt %s --dejavu-threshold-ffn="check-model=false file=magnitude-third.safetensors" 2>&1 | FileCheck %s

// CHECK: magnitude-third.safetensors:0:0: error: {{.*}}layer 2
dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 0, length = 256>
dejavu.weight @up : tensor<16x8xf32> from <"m", offset = 0, length = 512>
func.func @decode(%x: tensor<?x1x8xf32>, %starts: tensor<?xi64>, %c0: !dejavu.kv_cache<2 x 4>, %c1: !dejavu.kv_cache<2 x 4>)
    -> (tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, !dejavu.kv_cache<2 x 4>) {
  %a0, %d0 = dejavu.attention %x, %c0, %starts scale = 1.0 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  %f0 = dejavu.ffn relu %a0, up = @up down = @up : tensor<?x1x8xf32>
  %a1, %d1 = dejavu.attention %f0, %c1, %starts scale = 1.0 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  %f1 = dejavu.ffn relu %a1, up = @up down = @up : tensor<?x1x8xf32>
  return %f1, %d0, %d1 : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, !dejavu.kv_cache<2 x 4>
}
