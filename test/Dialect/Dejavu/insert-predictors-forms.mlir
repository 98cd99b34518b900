// The kinds of predictors and selections, blocks without one, blocks side by
// side, and what remarks say.
// RUN: rm -rf %t && %python %S/Inputs/predictors.py %t
// RUN: dejavu-opt %s --dejavu-insert-predictors="file=%t/mixed.safetensors check-model=false" --remarks-filter=sparsify 2>%t/remarks | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t/remarks
// RUN: dejavu-opt %s --dejavu-insert-predictors="file=%t/dense.safetensors check-model=false" --remarks-filter=sparsify 2>%t/dense | FileCheck %s --check-prefix=DENSE
// RUN: FileCheck %s --check-prefix=DENSE-REMARK < %t/dense
// RUN: dejavu-opt %s --dejavu-insert-predictors="file=%t/dense-everywhere.safetensors check-model=false" --remarks-filter=sparsify 2>%t/nothing | FileCheck %s --check-prefix=NOTHING
// RUN: FileCheck %s --check-prefix=NOTHING-REMARK < %t/nothing

// Factors stay what they are in the file; biases are f32. Signs are read by
// rows, each of eight features of all units.
// CHECK-DAG: @predictors.layers.0.neuron.first : tensor<2x8xf16> from <"mixed.safetensors", {{.*}}, length = 32, predictors>{{$}}
// CHECK-DAG: @predictors.layers.0.neuron.second : tensor<2x16xf16> from <{{.*}}> as tensor<16x2xf16> via [#dejavu.transpose<[1, 0]>]
// CHECK-DAG: @predictors.layers.0.neuron.bias : tensor<16xf32>
// CHECK-DAG: @predictors.layers.1.neuron.signs : tensor<1x16xi8> from <{{.*}}> as tensor<16x1xi8> via [#dejavu.transpose<[1, 0]>]
dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 0, length = 256>
dejavu.weight @up : tensor<16x8xf32> from <"m", offset = 0, length = 512>

// NOTHING-NOT: = dejavu.predict
// NOTHING-NOT: predicted(

// The MLP and the attention of a layer have the same input here, and the MLP
// comes first: it still belongs to the attention that has its number.
// CHECK-LABEL: func.func @decode(
// CHECK-SAME: %[[X:[^:]*]]: tensor<?x1x8xf32>
func.func @decode(%x: tensor<?x1x8xf32>, %starts: tensor<?xi64>, %c0: !dejavu.kv_cache<2 x 4>, %c1: !dejavu.kv_cache<2 x 4>)
    -> (tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, !dejavu.kv_cache<2 x 4>) {
  %n0 = dejavu.norm layer %x {epsilon = 1.0e-5 : f32} : tensor<?x1x8xf32>
  // What calibration found is the selection's profile. The hint of layer 1 is
  // made at the input of the norm of layer 0, by the rule for `full`.
  // CHECK-DAG: %[[P0:.*]] = dejavu.predict low_rank %[[X]], first = @predictors.layers.0.neuron.first
  // CHECK-DAG: %[[S0:.*]] = dejavu.select threshold %[[P0]] at -2.500000e-01 profile = <density = 1.250000e-01, active = 6.250000e-02, recall = 9.687500e-01, loss = 3.125000e-02> : tensor<?x1x16xf32> -> <neuron, 16>
  // CHECK-DAG: %[[P1:.*]] = dejavu.predict sign_bit %[[X]], first = @predictors.layers.1.neuron.signs bias = @predictors.layers.1.neuron.bias : tensor<?x1x8xf32> -> tensor<?x1x16xf32>
  // CHECK-DAG: %[[S1:.*]] = dejavu.select top_k %[[P1]] k = 3 : tensor<?x1x16xf32> -> <neuron, 16>
  // CHECK-DAG: %[[H1:.*]] = dejavu.predict low_rank %[[X]], first = @predictors.layers.1.kv_group.first
  // CHECK-DAG: %[[T1:.*]] = dejavu.select top_k %[[H1]] k = 1 : tensor<?x1x2xf32> -> <kv_group, 2>
  // CHECK: dejavu.norm
  // CHECK-NOT: dejavu.predict
  // CHECK: dejavu.ffn silu {{.*}} predicted(%[[S0]] :
  // REMARK-DAG: [Passed] predictor {{.*}}Function=decode | Remark="a predictor looks ahead (full) for the neurons of layer 0"
  // DENSE: dejavu.ffn silu %{{.*}}, gate = @up up = @up down = @up : tensor<?x1x8xf32>
  // DENSE-REMARK-DAG: [Analysis] predictor {{.*}}Function=decode | Remark="neurons of layer 0 have no predictor: recall 0.41 at density 0.9"
  // NOTHING-REMARK-DAG: Remark="neurons of layer 0 have no predictor: dense"
  %f0 = dejavu.ffn silu %n0, gate = @up up = @up down = @up : tensor<?x1x8xf32>
  %q0 = dejavu.linear %n0, @w : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  %k0 = dejavu.kv_append %c0, %q0, %q0 : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>
  // No entry, no hint: all heads are computed.
  // CHECK: dejavu.attention {{.*}} masked_rows = zero : tensor
  // NOTHING-REMARK-DAG: Remark="kv_groups of layer 0 have no predictor: never idle"
  %a0, %d0 = dejavu.attention %q0, %k0, %starts scale = 1.0 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  %y0 = dejavu.residual_add %f0, %a0 : tensor<?x1x8xf32>
  %x1 = dejavu.residual_add %x, %y0 : tensor<?x1x8xf32>
  // CHECK: dejavu.ffn gelu {{.*}} predicted(%[[S1]] :
  // REMARK-DAG: Remark="a predictor looks ahead (full) for the neurons of layer 1"
  // DENSE: dejavu.ffn gelu {{.*}} predicted(
  // DENSE-REMARK-DAG: Remark="a predictor looks ahead (full) for the neurons of layer 1"
  // NOTHING-REMARK-DAG: Remark="neurons of layer 1 have no predictor: too good"
  %f1 = dejavu.ffn gelu %x1, up = @up down = @up : tensor<?x1x8xf32>
  %q1 = dejavu.linear %x1, @w : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  %k1 = dejavu.kv_append %c1, %q1, %q1 : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>
  // CHECK: dejavu.attention {{.*}} predicted(%[[T1]] :
  // REMARK-DAG: Remark="a predictor looks ahead (full) for the kv_groups of layer 1"
  %a1, %d1 = dejavu.attention %q1, %k1, %starts scale = 1.0 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  %y1 = dejavu.residual_add %f1, %a1 : tensor<?x1x8xf32>
  return %y1, %d0, %d1 : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, !dejavu.kv_cache<2 x 4>
}
