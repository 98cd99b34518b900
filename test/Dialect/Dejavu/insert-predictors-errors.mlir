// A file that is right, but not for this model, or not for this use: both
// places are told.
// DEFINE: %{insert} = not dejavu-opt %s --dejavu-insert-predictors
// RUN: rm -rf %t && %python %S/Inputs/broken_predictors.py %t && %python %S/Inputs/predictors.py %t && cd %t

// RUN: %{insert}="check-model=false file=threshold.safetensors" 2>&1 | FileCheck %s --check-prefix=THRESHOLD
// THRESHOLD: {{^}}threshold.safetensors:0:0: error: expected a file for predicted sparsity, found one for threshold{{$}}
// THRESHOLD-NOT: {{.}}

// Another look-ahead than the one that is asked for.
// RUN: %{insert}="check-model=false file=full.safetensors look-ahead=same" 2>&1 | FileCheck %s --check-prefix=SAME
// RUN: %{insert}="check-model=false file=full.safetensors look-ahead=half" 2>&1 | FileCheck %s --check-prefix=HALF
// RUN: %{insert}="check-model=false file=half.safetensors look-ahead=full" 2>&1 | FileCheck %s --check-prefix=FULL
// RUN: %{insert}="check-model=false file=half.safetensors look-ahead=next" 2>&1 | FileCheck %s --check-prefix=NEXT
// SAME: full.safetensors:0:0: error: expected predictors with the look-ahead same, found full{{$}}
// HALF: full.safetensors:0:0: error: expected predictors with the look-ahead half, found full{{$}}
// FULL: half.safetensors:0:0: error: expected predictors with the look-ahead full, found half{{$}}
// NEXT: Cannot find option named 'next'

// Another number of layers.
// RUN: %{insert}="check-model=false file=missing-layer.safetensors" 2>&1 | FileCheck %s --check-prefix=MISSING
// MISSING: missing-layer.safetensors:0:0: error: expected an entry for the neurons of layer 1, found none
// MISSING: insert-predictors-errors.mlir:{{[0-9]+}}:9: note: the MLP of that layer is here
// MISSING-NEXT: %f1 = dejavu.ffn
// RUN: %{insert}="check-model=false file=missing-neurons.safetensors" 2>&1 | FileCheck %s --check-prefix=HEADS-ALONE
// HEADS-ALONE: missing-neurons.safetensors:0:0: error: expected an entry for the neurons of layer 1, found none
// RUN: %{insert}="check-model=false file=third-layer.safetensors" 2>&1 | FileCheck %s --check-prefix=THIRD
// RUN: %{insert}="check-model=false file=third-dense.safetensors" 2>&1 | FileCheck %s --check-prefix=THIRD
// THIRD: {{.*}}.safetensors:0:0: error: expected predictors for 2 layers, found one for layer 2
// THIRD: note: the layers are here
// THIRD-NEXT: func.func @decode(

// Other units or features.
// RUN: %{insert}="check-model=false file=units.safetensors" 2>&1 | FileCheck %s --check-prefix=UNITS
// UNITS: error: 'dejavu.ffn' op layer 1, predictor of neurons: expected one for 16 units, found 15
// UNITS-NEXT: %f1 = dejavu.ffn
// UNITS: units.safetensors:0:0: note: the predictor is declared here
// RUN: %{insert}="check-model=false file=heads.safetensors" 2>&1 | FileCheck %s --check-prefix=HEADS
// HEADS: error: 'dejavu.attention' op layer 1, predictor of kv_groups: expected one for 2 units, found 4
// HEADS-NEXT: %a1, %d1 = dejavu.attention
// HEADS: heads.safetensors:0:0: note: the predictor is declared here
// RUN: %{insert}="check-model=false file=features.safetensors" 2>&1 | FileCheck %s --check-prefix=FEATURES
// FEATURES: error: 'dejavu.ffn' op layer 0, predictor of neurons: expected one that reads 8 features, found 4
// FEATURES-NEXT: %f0 = dejavu.ffn
// FEATURES: features.safetensors:0:0: note: the predictor is declared here
// RUN: %{insert}="check-model=false file=heads-features.safetensors" 2>&1 | FileCheck %s --check-prefix=HEADS-FEATURES
// HEADS-FEATURES: error: 'dejavu.attention' op layer 0, predictor of kv_groups: expected one that reads 8 features, found 9
// HEADS-FEATURES: heads-features.safetensors:0:0: note: the predictor is declared here

// No file is named.
// RUN: %{insert} 2>&1 | FileCheck %s --check-prefix=NO-FILE
// NO-FILE: error: expected a file with predictors, found none

dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 0, length = 256>
dejavu.weight @up : tensor<16x8xf32> from <"m", offset = 0, length = 512>
func.func @decode(%x: tensor<?x1x8xf32>, %starts: tensor<?xi64>, %c0: !dejavu.kv_cache<2 x 4>, %c1: !dejavu.kv_cache<2 x 4>)
    -> (tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, !dejavu.kv_cache<2 x 4>) {
  %q0 = dejavu.linear %x, @w : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  %k0 = dejavu.kv_append %c0, %q0, %q0 : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>
  %a0, %d0 = dejavu.attention %q0, %k0, %starts scale = 1.0 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  %f0 = dejavu.ffn relu %a0, up = @up down = @up : tensor<?x1x8xf32>
  %q1 = dejavu.linear %f0, @w : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  %k1 = dejavu.kv_append %c1, %q1, %q1 : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>
  %a1, %d1 = dejavu.attention %q1, %k1, %starts scale = 1.0 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  %f1 = dejavu.ffn relu %a1, up = @up down = @up : tensor<?x1x8xf32>
  return %f1, %d0, %d1 : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, !dejavu.kv_cache<2 x 4>
}
