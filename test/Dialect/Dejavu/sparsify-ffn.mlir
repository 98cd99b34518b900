// RUN: dejavu-opt %s --dejavu-sparsify-ffn --remarks-filter='sparsify' 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t

dejavu.weight @w1 : tensor<32x8xf32> from <"m", offset = 0, length = 1024>
dejavu.weight @b1 : tensor<32xf32> from <"m", offset = 1024, length = 128>
dejavu.weight @w2 : tensor<32x8xf32> from <"m", offset = 1152, length = 1024>
dejavu.weight @w0 : tensor<32x8xf32> from <"m", offset = 0, length = 1024>
dejavu.weight @b0 : tensor<32xf32> from <"m", offset = 1024, length = 128>
dejavu.weight @b2 : tensor<8xf32> from <"m", offset = 2176, length = 32>

// The hidden layer is computed for all neurons; its zeros say which rows of
// the down projection need not be read.
// CHECK-LABEL: func.func @decode(
// CHECK-SAME: %[[X:.*]]: tensor<?x1x8xf32>
func.func @decode(%x: tensor<?x1x8xf32>) -> tensor<?x1x8xf32>
    attributes {dejavu.entry = #dejavu.entry<decode>} {
  // CHECK: %[[H:.*]] = dejavu.linear %[[X]], @w1, @b1 activation = relu : tensor<?x1x8xf32> -> tensor<?x1x32xf32>
  // CHECK: %[[S:.*]] = dejavu.select exact %[[H]] : tensor<?x1x32xf32> -> <neuron, 32>
  // CHECK: %[[F:.*]] = dejavu.sparse_linear %[[H]], %[[S]], @w2, @b2
  // REMARK-DAG: [Passed] sparsity {{.*}} Function=decode | Remark="MLP is exactly sparse
  %f = dejavu.ffn relu %x, up = @w1, @b1 down = @w2, @b2 : tensor<?x1x8xf32>

  // Squared ReLU has the same zeros.
  // CHECK: dejavu.linear %[[F]], @w1 activation = relu2
  // CHECK: dejavu.sparse_linear
  %g = dejavu.ffn relu2 %f, up = @w1 down = @w2 : tensor<?x1x8xf32>

  // CHECK: dejavu.ffn gelu
  // REMARK-DAG: [Missed] sparsity {{.*}} Function=decode | Remark="MLP stays dense: gelu is not exactly zero for inactive neurons"
  %h = dejavu.ffn gelu %g, up = @w1 down = @w2 : tensor<?x1x8xf32>
  // CHECK: dejavu.ffn silu
  // REMARK-DAG: Remark="MLP stays dense: silu is not exactly zero for inactive neurons"
  %i = dejavu.ffn silu %h, up = @w1 down = @w2 : tensor<?x1x8xf32>
  return %i : tensor<?x1x8xf32>
}

// CHECK-LABEL: func.func @prefill(
func.func @prefill(%x: tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
    attributes {dejavu.entry = #dejavu.entry<prefill>} {
  // CHECK: dejavu.ffn relu
  // REMARK-DAG: [Analysis] sparsity {{.*}} Function=prefill | Remark="MLP stays dense in prefill
  %f = dejavu.ffn relu %x, up = @w1, @b1 down = @w2, @b2 : tensor<?x?x8xf32>
  return %f : tensor<?x?x8xf32>
}

// The gate decides: rows of the up projection are skipped as well.
// CHECK-LABEL: func.func @gated(
// CHECK-SAME: %[[X:.*]]: tensor<?x1x8xf32>
func.func @gated(%x: tensor<?x1x8xf32>) -> tensor<?x1x8xf32>
    attributes {dejavu.entry = #dejavu.entry<decode>} {
  // CHECK: %[[G:.*]] = dejavu.linear %[[X]], @w0, @b0 activation = relu : tensor<?x1x8xf32> -> tensor<?x1x32xf32>
  // CHECK: %[[S:.*]] = dejavu.select exact %[[G]] : tensor<?x1x32xf32> -> <neuron, 32>
  // CHECK: %[[H:.*]] = dejavu.gather_linear %[[X]], %[[S]], @w1, @b1 times(%[[G]] :
  // CHECK: dejavu.sparse_linear %[[H]], %[[S]], @w2, @b2
  // REMARK-DAG: [Passed] sparsity {{.*}} Function=gated | Remark="MLP is exactly sparse: rows of the up and down projections of inactive neurons are not read"
  %f = dejavu.ffn relu %x, gate = @w0, @b0 up = @w1, @b1 down = @w2, @b2 : tensor<?x1x8xf32>
  // CHECK: dejavu.ffn silu %{{.*}}, gate = @w0
  // REMARK-DAG: [Missed] sparsity {{.*}} Function=gated | Remark="MLP stays dense: silu is not exactly zero for inactive neurons"
  %g = dejavu.ffn silu %f, gate = @w0 up = @w1 down = @w2 : tensor<?x1x8xf32>
  return %g : tensor<?x1x8xf32>
}

// CHECK-LABEL: func.func @forward(
func.func @forward(%x: tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
    attributes {dejavu.entry = #dejavu.entry<forward>} {
  // CHECK: dejavu.ffn relu
  // REMARK-DAG: [Missed] sparsity {{.*}} Function=forward | Remark="MLP stays dense: only the decoder form
  %f = dejavu.ffn relu %x, up = @w1, @b1 down = @w2, @b2 : tensor<?x?x8xf32>
  return %f : tensor<?x?x8xf32>
}

// A hint decides, whatever the activation is, and the weights go along. One that
// has no hint is treated as ever.
// CHECK-LABEL: func.func @predicted(
// CHECK-SAME: %[[X:.*]]: tensor<?x1x8xf32>, %[[P:.*]]: !dejavu.active<neuron, 32>)
func.func @predicted(%x: tensor<?x1x8xf32>, %p: !dejavu.active<neuron, 32>) -> tensor<?x1x8xf32>
    attributes {dejavu.entry = #dejavu.entry<decode>} {
  // CHECK-NEXT: %[[F:.*]] = dejavu.sparse_ffn relu %[[X]], %[[P]], up = @w1 down = @w2 : tensor<?x1x8xf32>, <neuron, 32>
  // REMARK-DAG: [Passed] sparsity {{.*}} Function=predicted | Remark="MLP is sparse by prediction: rows of neurons that the predictor leaves out are not read"
  %f = dejavu.ffn relu %x, up = @w1 down = @w2 predicted(%p : !dejavu.active<neuron, 32>) : tensor<?x1x8xf32>
  // CHECK-NEXT: %[[G:.*]] = dejavu.sparse_ffn silu %[[F]], %[[P]], gate = @w0, @b0 up = @w1, @b1 down = @w2, @b2 : tensor<?x1x8xf32>, <neuron, 32>
  %g = dejavu.ffn silu %f, gate = @w0, @b0 up = @w1, @b1 down = @w2, @b2 predicted(%p : !dejavu.active<neuron, 32>) : tensor<?x1x8xf32>
  // CHECK-NEXT: dejavu.ffn silu %[[G]], up = @w1 down = @w2 : tensor<?x1x8xf32>
  // REMARK-DAG: [Missed] sparsity {{.*}} Function=predicted | Remark="MLP stays dense: silu
  %h = dejavu.ffn silu %g, up = @w1 down = @w2 : tensor<?x1x8xf32>
  // CHECK: dejavu.select exact
  %i = dejavu.ffn relu %h, up = @w1 down = @w2 : tensor<?x1x8xf32>
  return %i : tensor<?x1x8xf32>
}
