// Neurons are left out by the magnitude of their activation, whatever it is.
// RUN: rm -rf %t && %python %S/Inputs/predictors.py %t
// RUN: dejavu-opt %s --dejavu-threshold-ffn="file=%t/threshold.safetensors check-model=false" --remarks-filter=sparsify 2>%t/remarks | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t/remarks
// RUN: dejavu-opt %s --dejavu-threshold-ffn="file=%t/threshold-dense.safetensors check-model=false" --remarks-filter=sparsify 2>%t/dense | FileCheck %s --check-prefix=DENSE
// RUN: FileCheck %s --check-prefix=DENSE-REMARK < %t/dense

// Magnitudes are no weights.
// CHECK-NOT: predictors
dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 0, length = 256>
dejavu.weight @gate : tensor<16x8xf32> from <"m", offset = 0, length = 512>
dejavu.weight @up : tensor<16x8xf32> from <"m", offset = 0, length = 512>
dejavu.weight @down : tensor<16x8xf32> from <"m", offset = 0, length = 512>
dejavu.weight @gb : tensor<16xf32> from <"m", offset = 0, length = 64>
dejavu.weight @ub : tensor<16xf32> from <"m", offset = 0, length = 64>
dejavu.weight @db : tensor<8xf32> from <"m", offset = 0, length = 32>

// CHECK-LABEL: func.func @prefill(
// CHECK: dejavu.ffn gelu
func.func @prefill(%x: tensor<?x?x8xf32>) -> tensor<?x?x8xf32> {
  %f = dejavu.ffn gelu %x, up = @up down = @down : tensor<?x?x8xf32>
  return %f : tensor<?x?x8xf32>
}

// CHECK-LABEL: func.func @decode(
// CHECK-SAME: %[[X:[^:]*]]: tensor<?x1x8xf32>
func.func @decode(%x: tensor<?x1x8xf32>, %starts: tensor<?xi64>, %c0: !dejavu.kv_cache<2 x 4>, %c1: !dejavu.kv_cache<2 x 4>)
    -> (tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, !dejavu.kv_cache<2 x 4>) {
  %q0 = dejavu.linear %x, @w : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  // CHECK: %[[A0:.*]], %{{.*}} = dejavu.attention
  %a0, %d0 = dejavu.attention %q0, %c0, %starts scale = 1.0 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  // Without a gate the activation decides on the rows of the down projection.
  // CHECK-NEXT: %[[H:.*]] = dejavu.linear %[[A0]], @up, @ub activation = gelu : tensor<?x1x8xf32> -> tensor<?x1x16xf32>
  // CHECK-NEXT: %[[S:.*]] = dejavu.select magnitude %[[H]] at 5.000000e-01 profile = <density = 1.250000e-01, active = 6.250000e-02, recall = 9.687500e-01, loss = 3.125000e-02> : tensor<?x1x16xf32> -> <neuron, 16>
  // CHECK-NEXT: dejavu.sparse_linear %[[H]], %[[S]], @down, @db : tensor<?x1x16xf32>, <neuron, 16> -> tensor<?x1x8xf32>
  // REMARK: [Passed] sparsity {{.*}}Function=decode | Remark="MLP is sparse by threshold: neurons below {{0.50*}} are left out"
  // DENSE: dejavu.ffn gelu %{{.*}}, up = @up, @ub down = @down, @db
  // DENSE-REMARK: [Missed] sparsity {{.*}}Function=decode | Remark="MLP stays dense: no magnitude loses little"
  %f0 = dejavu.ffn gelu %a0, up = @up, @ub down = @down, @db : tensor<?x1x8xf32>
  // CHECK-NEXT: %[[Q1:.*]] = dejavu.linear
  %q1 = dejavu.linear %f0, @w : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  // CHECK: %[[A1:.*]], %{{.*}} = dejavu.attention
  %a1, %d1 = dejavu.attention %q1, %c1, %starts scale = 1.0 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  // A gate decides on the up projection; of what is left, the product decides on
  // the down projection.
  // CHECK-NEXT: %[[G:.*]] = dejavu.linear %[[A1]], @gate, @gb activation = silu
  // CHECK-NEXT: %[[S1:.*]] = dejavu.select magnitude %[[G]] at 2.500000e-01 : tensor
  // CHECK-NEXT: %[[H1:.*]] = dejavu.gather_linear %[[A1]], %[[S1]], @up, @ub times(%[[G]] : tensor<?x1x16xf32>) : tensor<?x1x8xf32>, <neuron, 16> -> tensor<?x1x16xf32>
  // CHECK-NEXT: %[[S2:.*]] = dejavu.select magnitude %[[H1]] at 1.250000e-01 : tensor
  // CHECK-NEXT: dejavu.sparse_linear %[[H1]], %[[S2]], @down, @db
  // REMARK: Remark="MLP is sparse by threshold: neurons below {{0.250*}} are left out"
  // REMARK-NOT: remark:
  // A second threshold of 0 would leave out nothing.
  // DENSE: %[[S:.*]] = dejavu.select magnitude
  // DENSE-NEXT: %[[H:.*]] = dejavu.gather_linear %{{.*}}, %[[S]], @up, @ub times(
  // DENSE-NEXT: dejavu.sparse_linear %[[H]], %[[S]], @down, @db
  %f1 = dejavu.ffn silu %a1, gate = @gate, @gb up = @up, @ub down = @down, @db : tensor<?x1x8xf32>
  // CHECK-NEXT: return
  return %f1, %d0, %d1 : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, !dejavu.kv_cache<2 x 4>
}
