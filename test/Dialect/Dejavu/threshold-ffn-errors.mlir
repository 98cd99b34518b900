// A file of magnitudes that is not for this model or this use.
// RUN: rm -rf %t && %python %S/Inputs/broken_predictors.py %t && %python %S/Inputs/predictors.py %t && split-file %s %t && cd %t
// DEFINE: %{threshold} = not dejavu-opt decode.mlir --dejavu-threshold-ffn

// RUN: %{threshold}="check-model=false file=full.safetensors" 2>&1 | FileCheck %s --check-prefix=USE
// USE: {{^}}full.safetensors:0:0: error: expected a file for threshold sparsity, found one for predicted{{$}}
// USE-NOT: {{.}}

// RUN: not dejavu-opt forward.mlir --dejavu-threshold-ffn="check-model=false file=threshold.safetensors" 2>&1 | FileCheck %s --check-prefix=FORWARD
// FORWARD: {{^}}threshold.safetensors:0:0: error: expected a decoder with a cache for thresholds{{$}}

// RUN: %{threshold}="check-model=false file=no-such-file.safetensors" 2>&1 | FileCheck %s --check-prefix=GONE
// GONE: no-such-file.safetensors:0:0: error: expected a file with predictors, found none

// RUN: %{threshold}="check-model=false file=magnitude-missing.safetensors" 2>&1 | FileCheck %s --check-prefix=MISSING
// MISSING: magnitude-missing.safetensors:0:0: error: expected a threshold for the 16 neurons of layer 1, found none
// MISSING: decode.mlir:{{.*}}: note: the MLP of that layer is here
// MISSING-NEXT: %f1 = dejavu.ffn

// RUN: %{threshold}="check-model=false file=magnitude-units.safetensors" 2>&1 | FileCheck %s --check-prefix=UNITS
// UNITS: magnitude-units.safetensors:0:0: error: expected a threshold for the 16 neurons of layer 0, found one for another number
// UNITS: decode.mlir:{{.*}}: note: the MLP of that layer is here
// UNITS-NEXT: %f0 = dejavu.ffn

//--- decode.mlir
dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 0, length = 256>
dejavu.weight @up : tensor<16x8xf32> from <"m", offset = 0, length = 512>
func.func @decode(%x: tensor<?x1x8xf32>, %starts: tensor<?xi64>, %c0: !dejavu.kv_cache<2 x 4>, %c1: !dejavu.kv_cache<2 x 4>)
    -> (tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, !dejavu.kv_cache<2 x 4>) {
  %q0 = dejavu.linear %x, @w : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  %a0, %d0 = dejavu.attention %q0, %c0, %starts scale = 1.0 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  %f0 = dejavu.ffn relu %a0, up = @up down = @up : tensor<?x1x8xf32>
  %q1 = dejavu.linear %f0, @w : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  %a1, %d1 = dejavu.attention %q1, %c1, %starts scale = 1.0 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  %f1 = dejavu.ffn relu %a1, up = @up down = @up : tensor<?x1x8xf32>
  return %f1, %d0, %d1 : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, !dejavu.kv_cache<2 x 4>
}

//--- forward.mlir
func.func @forward(%x: tensor<?x?x8xf32>) -> tensor<?x?x8xf32> {
  return %x : tensor<?x?x8xf32>
}
