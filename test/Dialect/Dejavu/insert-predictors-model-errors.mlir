// Models that have no place for a predictor.
// RUN: rm -rf %t && %python %S/Inputs/predictors.py %t && split-file %s %t && cd %t
// DEFINE: %{insert} = not dejavu-opt --dejavu-insert-predictors="check-model=false file=full.safetensors"

// RUN: %{insert} forward.mlir 2>&1 | FileCheck forward.mlir
// RUN: %{insert} no-site.mlir 2>&1 | FileCheck no-site.mlir
// RUN: %{insert} no-mlp.mlir 2>&1 | FileCheck no-mlp.mlir

//--- forward.mlir
// A model without a cache.
// CHECK: forward.mlir:[[#@LINE+3]]:1: error: expected a decoder with a cache for predictors, found no function @decode
// CHECK: full.safetensors:0:0: note: the predictors are here
// CHECK-NOT: error
module {
  func.func @forward(%x: tensor<?x?x8xf32>) -> tensor<?x?x8xf32> {
    return %x : tensor<?x?x8xf32>
  }
}

//--- no-site.mlir
// Queries that come from no projection: no one can say where the layer begins.
// CHECK: error: 'dejavu.ffn' op layer 0, predictor of neurons: expected a residual stream that looks ahead full, found no norm or projection that has one
// CHECK-NEXT: %f0 = dejavu.ffn
// CHECK: full.safetensors:0:0: note: the predictor is declared here
dejavu.weight @up : tensor<16x8xf32> from <"m", offset = 0, length = 512>
func.func @decode(%x: tensor<?x1x8xf32>, %starts: tensor<?xi64>, %c0: !dejavu.kv_cache<2 x 4>, %c1: !dejavu.kv_cache<2 x 4>)
    -> (tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, !dejavu.kv_cache<2 x 4>) {
  %k0 = dejavu.kv_append %c0, %x, %x : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>
  %a0, %d0 = dejavu.attention %x, %k0, %starts scale = 1.0 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  %f0 = dejavu.ffn relu %a0, up = @up down = @up : tensor<?x1x8xf32>
  %k1 = dejavu.kv_append %c1, %f0, %f0 : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>
  %a1, %d1 = dejavu.attention %f0, %k1, %starts scale = 1.0 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  %f1 = dejavu.ffn relu %a1, up = @up down = @up : tensor<?x1x8xf32>
  return %f1, %d0, %d1 : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, !dejavu.kv_cache<2 x 4>
}

//--- no-mlp.mlir
// Predictors for an MLP that layer 0 has not.
// CHECK: full.safetensors:0:0: error: found predictors for the neurons of layer 0, which has no MLP
// CHECK: no-mlp.mlir:[[#]]:14: note: the attention of that layer is here
dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 0, length = 256>
dejavu.weight @up : tensor<16x8xf32> from <"m", offset = 0, length = 512>
func.func @decode(%x: tensor<?x1x8xf32>, %starts: tensor<?xi64>, %c0: !dejavu.kv_cache<2 x 4>, %c1: !dejavu.kv_cache<2 x 4>)
    -> (tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, !dejavu.kv_cache<2 x 4>) {
  %q0 = dejavu.linear %x, @w : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  %k0 = dejavu.kv_append %c0, %q0, %q0 : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>
  %a0, %d0 = dejavu.attention %q0, %k0, %starts scale = 1.0 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  %q1 = dejavu.linear %a0, @w : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  %k1 = dejavu.kv_append %c1, %q1, %q1 : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>
  %a1, %d1 = dejavu.attention %q1, %k1, %starts scale = 1.0 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  %f1 = dejavu.ffn relu %a1, up = @up down = @up : tensor<?x1x8xf32>
  return %f1, %d0, %d1 : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, !dejavu.kv_cache<2 x 4>
}
