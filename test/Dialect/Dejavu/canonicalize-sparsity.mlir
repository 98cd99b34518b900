// A set that has every unit is no set: what gathers by it becomes dense.
// RUN: dejavu-opt %s --canonicalize | FileCheck %s

dejavu.weight @w : tensor<32x8xf32> from <"m", offset = 0, length = 1024>
dejavu.weight @b : tensor<32xf32> from <"m", offset = 0, length = 128>
dejavu.weight @v : tensor<8xf32> from <"m", offset = 0, length = 32>

// All weights and the activation stay; the set, the scores and their hint go.
// CHECK-LABEL: func.func @ffn_top_k(
// CHECK-SAME: %[[X:.*]]: tensor<?x1x8xf32>, %{{.*}}: tensor<?x1x32xf32>)
// CHECK-NEXT: %[[F:.*]] = dejavu.ffn silu %[[X]], gate = @w, @b up = @w, @b down = @w, @v : tensor<?x1x8xf32>
// CHECK-NEXT: return %[[F]]
func.func @ffn_top_k(%x: tensor<?x1x8xf32>, %p: tensor<?x1x32xf32>) -> tensor<?x1x8xf32> {
  %s = dejavu.select top_k %p k = 32 : tensor<?x1x32xf32> -> !dejavu.active<neuron, 32>
  %f = dejavu.sparse_ffn silu %x, %s, gate = @w, @b up = @w, @b down = @w, @v : tensor<?x1x8xf32>, !dejavu.active<neuron, 32>
  return %f : tensor<?x1x8xf32>
}

// No number is below minus infinity, and a NaN is selected.
// CHECK-LABEL: func.func @ffn_threshold(
// CHECK-NEXT: dejavu.ffn relu %{{.*}}, up = @w down = @w : tensor<?x1x8xf32>
// CHECK-NEXT: return
func.func @ffn_threshold(%x: tensor<?x1x8xf32>, %p: tensor<?x1x32xf32>) -> tensor<?x1x8xf32> {
  %s = dejavu.select threshold %p at 0xFF800000 : tensor<?x1x32xf32> -> !dejavu.active<neuron, 32>
  %f = dejavu.sparse_ffn relu %x, %s, up = @w down = @w : tensor<?x1x8xf32>, !dejavu.active<neuron, 32>
  return %f : tensor<?x1x8xf32>
}

// No magnitude is below 0, or -0, or what is negative. The profile is of no
// interest any more.
// CHECK-LABEL: func.func @ffn_magnitude(
// CHECK-NEXT: dejavu.ffn relu
// CHECK-NEXT: dejavu.ffn relu2
// CHECK-NEXT: dejavu.ffn gelu
// CHECK-NEXT: return
func.func @ffn_magnitude(%x: tensor<?x1x8xf32>, %p: tensor<?x1x32xf32>) -> tensor<?x1x8xf32> {
  %s = dejavu.select magnitude %p at 0.0 profile = <density = 0.5, active = 0.5, recall = 1.0, loss = 0.0> : tensor<?x1x32xf32> -> !dejavu.active<neuron, 32>
  %0 = dejavu.sparse_ffn relu %x, %s, up = @w down = @w : tensor<?x1x8xf32>, !dejavu.active<neuron, 32>
  %t = dejavu.select magnitude %p at -0.0 : tensor<?x1x32xf32> -> !dejavu.active<neuron, 32>
  %1 = dejavu.sparse_ffn relu2 %0, %t, up = @w down = @w : tensor<?x1x8xf32>, !dejavu.active<neuron, 32>
  %u = dejavu.select magnitude %p at -1.0 : tensor<?x1x32xf32> -> !dejavu.active<neuron, 32>
  %2 = dejavu.sparse_ffn gelu %1, %u, up = @w down = @w : tensor<?x1x8xf32>, !dejavu.active<neuron, 32>
  return %2 : tensor<?x1x8xf32>
}

// CHECK-LABEL: func.func @attention(
// CHECK-SAME: %[[Q:.*]]: tensor<?x1x8xf32>, %{{.*}}: tensor<?x1x2xf32>, %[[STARTS:.*]]: tensor<?xi64>, %[[C:.*]]: !dejavu.kv_cache<2 x 4>)
// CHECK-NEXT: %[[A:.*]], %[[C1:.*]] = dejavu.attention %[[Q]], %[[C]], %[[STARTS]] scale = 2.500000e-01 masked_rows = zero {alibi = array<f32: 5.000000e-01, 2.500000e-01>, softcap = 3.000000e+01 : f32, window = 16 : i64} : tensor<?x1x8xf32>, <2 x 4>, tensor<?xi64>
// CHECK-NEXT: return %[[A]], %[[C1]]
func.func @attention(%q: tensor<?x1x8xf32>, %p: tensor<?x1x2xf32>, %starts: tensor<?xi64>, %c: !dejavu.kv_cache<2 x 4>) -> (tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>) {
  %s = dejavu.select top_k %p k = 2 : tensor<?x1x2xf32> -> !dejavu.active<kv_group, 2>
  %a, %c1 = dejavu.sparse_attention %q, %c, %starts, %s scale = 0.25 masked_rows = zero {alibi = array<f32: 0.5, 0.25>, softcap = 30.0 : f32, window = 16 : i64} : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>, !dejavu.active<kv_group, 2>
  return %a, %c1 : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>
}

// CHECK-LABEL: func.func @attention_threshold(
// CHECK-NEXT: dejavu.attention %{{.*}}, %{{.*}}, %{{.*}} scale = 1.000000e+00 masked_rows = uniform : tensor<?x1x8xf32>, <2 x 4>, tensor<?xi64>
func.func @attention_threshold(%q: tensor<?x1x8xf32>, %p: tensor<?x1x2xf32>, %starts: tensor<?xi64>, %c: !dejavu.kv_cache<2 x 4>) -> !dejavu.kv_cache<2 x 4> {
  %s = dejavu.select threshold %p at 0xFF800000 : tensor<?x1x2xf32> -> !dejavu.active<kv_group, 2>
  %a, %c1 = dejavu.sparse_attention %q, %c, %starts, %s scale = 1.0 masked_rows = uniform : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>, !dejavu.active<kv_group, 2>
  return %c1 : !dejavu.kv_cache<2 x 4>
}

// Sets that may lack a unit, by however little: a k of one less, the greatest
// negative number, the smallest magnitude. What `exact` selects is not known.
// CHECK-LABEL: func.func @some_neurons(
// CHECK-COUNT-4: dejavu.sparse_ffn
// CHECK-NOT: dejavu.ffn
func.func @some_neurons(%x: tensor<?x1x8xf32>, %p: tensor<?x1x32xf32>) -> tensor<?x1x8xf32> {
  %s = dejavu.select top_k %p k = 31 : tensor<?x1x32xf32> -> !dejavu.active<neuron, 32>
  %0 = dejavu.sparse_ffn relu %x, %s, up = @w down = @w : tensor<?x1x8xf32>, !dejavu.active<neuron, 32>
  %t = dejavu.select threshold %p at -3.40282347E+38 : tensor<?x1x32xf32> -> !dejavu.active<neuron, 32>
  %1 = dejavu.sparse_ffn relu %0, %t, up = @w down = @w : tensor<?x1x8xf32>, !dejavu.active<neuron, 32>
  %u = dejavu.select magnitude %p at 1.4E-45 : tensor<?x1x32xf32> -> !dejavu.active<neuron, 32>
  %2 = dejavu.sparse_ffn relu %1, %u, up = @w down = @w : tensor<?x1x8xf32>, !dejavu.active<neuron, 32>
  %v = dejavu.select exact %p : tensor<?x1x32xf32> -> !dejavu.active<neuron, 32>
  %3 = dejavu.sparse_ffn relu %2, %v, up = @w down = @w : tensor<?x1x8xf32>, !dejavu.active<neuron, 32>
  return %3 : tensor<?x1x8xf32>
}

// A set that comes from elsewhere may be any, one of no units least of all.
// CHECK-LABEL: func.func @some_heads(
// CHECK-COUNT-3: dejavu.sparse_attention
// CHECK-NOT: dejavu.attention
func.func @some_heads(%q: tensor<?x1x8xf32>, %p: tensor<?x1x2xf32>, %starts: tensor<?xi64>, %s: !dejavu.active<kv_group, 2>, %c: !dejavu.kv_cache<2 x 4>) -> !dejavu.kv_cache<2 x 4> {
  %0, %c1 = dejavu.sparse_attention %q, %c, %starts, %s scale = 1.0 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>, !dejavu.active<kv_group, 2>
  %t = dejavu.select top_k %p k = 0 : tensor<?x1x2xf32> -> !dejavu.active<kv_group, 2>
  %1, %c2 = dejavu.sparse_attention %q, %c1, %starts, %t scale = 1.0 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>, !dejavu.active<kv_group, 2>
  %u = dejavu.select threshold %p at 0x7F800000 : tensor<?x1x2xf32> -> !dejavu.active<kv_group, 2>
  %2, %c3 = dejavu.sparse_attention %q, %c2, %starts, %u scale = 1.0 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>, !dejavu.active<kv_group, 2>
  return %c3 : !dejavu.kv_cache<2 x 4>
}

// What appends keeps the set: with all heads in it, none is late for an
// attention that reads them all.
// CHECK-LABEL: func.func @deferred(
// CHECK: %[[S:.*]] = dejavu.select top_k
// CHECK: dejavu.kv_append_deferred %{{.*}}, %{{.*}}, %[[S]] key = @square
// CHECK: dejavu.attention
dejavu.weight @square : tensor<8x8xf32> from <"m", offset = 0, length = 256>
func.func @deferred(%x: tensor<?x1x8xf32>, %p: tensor<?x1x2xf32>, %starts: tensor<?xi64>, %c: !dejavu.kv_cache<2 x 4>) -> !dejavu.kv_cache<2 x 4> {
  %s = dejavu.select top_k %p k = 2 : tensor<?x1x2xf32> -> !dejavu.active<kv_group, 2>
  %c1 = dejavu.kv_append_deferred %c, %x, %s key = @square value = @square ring = 4 : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>, !dejavu.active<kv_group, 2>
  %a, %c2 = dejavu.sparse_attention %x, %c1, %starts, %s scale = 1.0 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>, !dejavu.active<kv_group, 2>
  return %c2 : !dejavu.kv_cache<2 x 4>
}

// A predictor whose block lost its hint is dead.
dejavu.weight @first : tensor<3x8xf32> from <"m", offset = 0, length = 96>
dejavu.weight @second : tensor<3x32xf32> from <"m", offset = 0, length = 384>
// CHECK-LABEL: func.func @dead(
// CHECK-NEXT: dejavu.ffn relu
// CHECK-NEXT: return
func.func @dead(%x: tensor<?x1x8xf32>) -> tensor<?x1x8xf32> {
  %p = dejavu.predict low_rank %x, first = @first second = @second bias = @b : tensor<?x1x8xf32> -> tensor<?x1x32xf32>
  %s = dejavu.select threshold %p at 0.0 : tensor<?x1x32xf32> -> !dejavu.active<neuron, 32>
  %f = dejavu.ffn relu %x, up = @w down = @w : tensor<?x1x8xf32>
  %g = dejavu.sparse_ffn relu %x, %s, up = @w down = @w : tensor<?x1x8xf32>, !dejavu.active<neuron, 32>
  %h = dejavu.gather_linear %x, %s, @w : tensor<?x1x8xf32>, !dejavu.active<neuron, 32> -> tensor<?x1x32xf32>
  %i = dejavu.sparse_linear %h, %s, @w : tensor<?x1x32xf32>, !dejavu.active<neuron, 32> -> tensor<?x1x8xf32>
  return %f : tensor<?x1x8xf32>
}

// One that a hint reads is not, though the result does not depend on it.
// CHECK-LABEL: func.func @hint(
// CHECK: dejavu.predict
// CHECK: dejavu.select
// CHECK: dejavu.ffn relu %{{.*}} predicted(
func.func @hint(%x: tensor<?x1x8xf32>) -> tensor<?x1x8xf32> {
  %p = dejavu.predict low_rank %x, first = @first second = @second : tensor<?x1x8xf32> -> tensor<?x1x32xf32>
  %s = dejavu.select threshold %p at 0.0 : tensor<?x1x32xf32> -> !dejavu.active<neuron, 32>
  %f = dejavu.ffn relu %x, up = @w down = @w predicted(%s : !dejavu.active<neuron, 32>) : tensor<?x1x8xf32>
  return %f : tensor<?x1x8xf32>
}
