// Predictors stand behind the value that their look-ahead names, and blocks get
// hints.
// RUN: rm -rf %t && %python %S/Inputs/predictors.py %t
// RUN: dejavu-opt %s --dejavu-insert-predictors="file=%t/full.safetensors check-model=false" | FileCheck %s --check-prefixes=CHECK,FULL
// RUN: dejavu-opt %s --dejavu-insert-predictors="file=%t/half.safetensors check-model=false" | FileCheck %s --check-prefixes=CHECK,HALF
// RUN: dejavu-opt %s --dejavu-insert-predictors="file=%t/same.safetensors check-model=false" | FileCheck %s --check-prefixes=CHECK,SAME

// The look-ahead that is asked for is that of the file, or any is.
// RUN: dejavu-opt %s --dejavu-insert-predictors="file=%t/half.safetensors check-model=false look-ahead=half" | FileCheck %s --check-prefixes=CHECK,HALF
// RUN: dejavu-opt %s --dejavu-insert-predictors="file=%t/same.safetensors check-model=false look-ahead=any" | FileCheck %s --check-prefixes=CHECK,SAME

// Where the file lies is an attribute; weights have its name alone.
// CHECK: module attributes {dejavu.predictors = "{{.+}}.safetensors"
// CHECK-DAG: dejavu.weight @predictors.layers.0.neuron.first : tensor<2x8xf32> from <"{{(full|half|same)}}.safetensors", offset = {{[0-9]+}}, length = 64, predictors>{{$}}
// A second factor is read row by row, and a row is for a dimension of the rank.
// CHECK-DAG: dejavu.weight @predictors.layers.0.neuron.second : tensor<2x16xf32> from <{{.*}}, length = 128, predictors> as tensor<16x2xf32> via [#dejavu.transpose<[1, 0]>]
// CHECK-DAG: dejavu.weight @predictors.layers.1.kv_group.bias : tensor<2xf32> from <{{.*}}, length = 8, predictors>{{$}}
// The model has that name already.
// CHECK-DAG: dejavu.weight @predictors.layers.0.neuron.bias : tensor<16xf32> from <"m", offset = 0, length = 64>
// CHECK-DAG: dejavu.weight @predictors.layers.0.neuron.bias_0 : tensor<16xf32> from <{{.*}}, predictors>{{$}}
dejavu.weight @predictors.layers.0.neuron.bias : tensor<16xf32> from <"m", offset = 0, length = 64>
dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 0, length = 256>
dejavu.weight @up : tensor<16x8xf32> from <"m", offset = 0, length = 512>

// CHECK-LABEL: func.func @prefill(
// CHECK-NOT: dejavu.predict
// CHECK-NOT: predicted
func.func @prefill(%x: tensor<?x?x8xf32>) -> tensor<?x?x8xf32> {
  %f = dejavu.ffn relu %x, up = @up down = @up : tensor<?x?x8xf32>
  return %f : tensor<?x?x8xf32>
}

// CHECK-LABEL: func.func @decode(
// CHECK-SAME: %[[X:[^:]*]]: tensor<?x1x8xf32>
func.func @decode(%x: tensor<?x1x8xf32>, %starts: tensor<?xi64>, %c0: !dejavu.kv_cache<2 x 4>, %c1: !dejavu.kv_cache<2 x 4>)
    -> (tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, !dejavu.kv_cache<2 x 4>) {
  // No layer is before layer 0: nothing looks further ahead there than its
  // input.
  // FULL-DAG: %[[P0:.*]] = dejavu.predict low_rank %[[X]], first = @predictors.layers.0.neuron.first second = @predictors.layers.0.neuron.second bias = @predictors.layers.0.neuron.bias_0 : tensor<?x1x8xf32> -> tensor<?x1x16xf32>
  // FULL-DAG: %[[S0:.*]] = dejavu.select threshold %[[P0]] at 0.000000e+00 : tensor<?x1x16xf32> -> <neuron, 16>
  // FULL-DAG: %[[H0:.*]] = dejavu.predict low_rank %[[X]], first = @predictors.layers.0.kv_group.first second = @predictors.layers.0.kv_group.second bias = @predictors.layers.0.kv_group.bias : tensor<?x1x8xf32> -> tensor<?x1x2xf32>
  // FULL-DAG: %[[T0:.*]] = dejavu.select threshold %[[H0]] at 0.000000e+00 : tensor<?x1x2xf32> -> <kv_group, 2>
  // HALF-DAG: %[[P0:.*]] = dejavu.predict low_rank %[[X]], first = @predictors.layers.0.neuron.first
  // HALF-DAG: %[[S0:.*]] = dejavu.select threshold %[[P0]]
  // HALF-DAG: %[[H0:.*]] = dejavu.predict low_rank %[[X]], first = @predictors.layers.0.kv_group.first
  // HALF-DAG: %[[T0:.*]] = dejavu.select threshold %[[H0]]
  // SAME-DAG: %[[H0:.*]] = dejavu.predict low_rank %[[X]], first = @predictors.layers.0.kv_group.first
  // SAME-DAG: %[[T0:.*]] = dejavu.select threshold %[[H0]]
  // CHECK: dejavu.norm layer %[[X]]
  %n0 = dejavu.norm layer %x {epsilon = 1.0e-5 : f32} : tensor<?x1x8xf32>
  %q0 = dejavu.linear %n0, @w : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  %k0 = dejavu.kv_append %c0, %q0, %q0 : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>
  // CHECK: dejavu.attention {{.*}} masked_rows = zero predicted(%[[T0]] : !dejavu.active<kv_group, 2>)
  %a0, %d0 = dejavu.attention %q0, %k0, %starts scale = 1.0 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  // CHECK: %[[Y0:.*]] = dejavu.residual_add %[[X]]
  // SAME-DAG: %[[P0:.*]] = dejavu.predict low_rank %[[Y0]], first = @predictors.layers.0.neuron.first
  // SAME-DAG: %[[S0:.*]] = dejavu.select threshold %[[P0]]
  // FULL-DAG: %[[P1:.*]] = dejavu.predict low_rank %[[Y0]], first = @predictors.layers.1.neuron.first
  // FULL-DAG: %[[S1:.*]] = dejavu.select threshold %[[P1]]
  // FULL-DAG: %[[H1:.*]] = dejavu.predict low_rank %[[Y0]], first = @predictors.layers.1.kv_group.first
  // FULL-DAG: %[[T1:.*]] = dejavu.select threshold %[[H1]]
  // HALF-NOT: dejavu.predict
  %y0 = dejavu.residual_add %x, %a0 : tensor<?x1x8xf32>
  // CHECK: dejavu.norm rms %[[Y0]]
  %m0 = dejavu.norm rms %y0 {epsilon = 1.0e-5 : f32} : tensor<?x1x8xf32>
  // CHECK: dejavu.ffn relu {{.*}} predicted(%[[S0]] : !dejavu.active<neuron, 16>)
  %f0 = dejavu.ffn relu %m0, up = @up down = @up : tensor<?x1x8xf32>
  // CHECK: %[[X1:.*]] = dejavu.residual_add
  // HALF-DAG: %[[P1:.*]] = dejavu.predict low_rank %[[X1]], first = @predictors.layers.1.neuron.first
  // HALF-DAG: %[[S1:.*]] = dejavu.select threshold %[[P1]]
  // HALF-DAG: %[[H1:.*]] = dejavu.predict low_rank %[[X1]], first = @predictors.layers.1.kv_group.first
  // HALF-DAG: %[[T1:.*]] = dejavu.select threshold %[[H1]]
  // SAME-DAG: %[[H1:.*]] = dejavu.predict low_rank %[[X1]], first = @predictors.layers.1.kv_group.first
  // SAME-DAG: %[[T1:.*]] = dejavu.select threshold %[[H1]]
  // FULL-NOT: dejavu.predict
  %x1 = dejavu.residual_add %y0, %f0 : tensor<?x1x8xf32>
  // A layer without norms: the operand itself is the site.
  // CHECK: dejavu.linear %[[X1]]
  %q1 = dejavu.linear %x1, @w : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  %k1 = dejavu.kv_append %c1, %q1, %q1 : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>
  // CHECK: dejavu.attention {{.*}} predicted(%[[T1]] : !dejavu.active<kv_group, 2>)
  %a1, %d1 = dejavu.attention %q1, %k1, %starts scale = 1.0 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  // CHECK: %[[Y1:.*]] = dejavu.residual_add %[[X1]]
  // SAME-DAG: %[[P1:.*]] = dejavu.predict low_rank %[[Y1]], first = @predictors.layers.1.neuron.first
  // SAME-DAG: %[[S1:.*]] = dejavu.select threshold %[[P1]]
  // FULL-NOT: dejavu.predict
  // HALF-NOT: dejavu.predict
  %y1 = dejavu.residual_add %x1, %a1 : tensor<?x1x8xf32>
  // CHECK: dejavu.ffn relu %[[Y1]], up = @up down = @up predicted(%[[S1]] : !dejavu.active<neuron, 16>)
  %f1 = dejavu.ffn relu %y1, up = @up down = @up : tensor<?x1x8xf32>
  return %f1, %d0, %d1 : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, !dejavu.kv_cache<2 x 4>
}
