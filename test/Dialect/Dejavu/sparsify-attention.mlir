// Attention with a hint, and the projections around it, by what becomes of keys
// and values. Weights of queries, keys and values have a row for each of their
// eight features, those of outputs one for each of twelve.
// RUN: dejavu-opt %s --split-input-file --dejavu-sparsify-attention --remarks-filter=sparsify 2>%t | FileCheck %s --check-prefixes=CHECK,AUTO
// RUN: FileCheck %s --check-prefix=REMARK < %t
// RUN: dejavu-opt %s --split-input-file --dejavu-sparsify-attention=kv=eager | FileCheck %s --check-prefixes=CHECK,EAGER
// RUN: dejavu-opt %s --split-input-file --dejavu-sparsify-attention="kv=deferred ring=16" | FileCheck %s --check-prefixes=CHECK,DEFERRED

// As many query heads as key heads: keys and values are deferred unless told
// otherwise. The rows of the output projection are those of its input now, in
// @prefill as well.
// CHECK-LABEL: module attributes {test.case = "mha"}
module attributes {test.case = "mha"} {
// CHECK: dejavu.weight @wq : tensor<8x12xf32> from <"m", offset = 0, length = 384>{{$}}
dejavu.weight @wq : tensor<8x12xf32> from <"m", offset = 0, length = 384>
dejavu.weight @wk : tensor<8x12xf32> from <"m", offset = 384, length = 384>
dejavu.weight @wv : tensor<8x12xf32> from <"m", offset = 768, length = 384>
dejavu.weight @b : tensor<8xf32> from <"m", offset = 0, length = 32>
dejavu.weight @bv : tensor<8xf32> from <"m", offset = 0, length = 32>
// CHECK: dejavu.weight @wo : tensor<8x12xf32> from <"m", offset = 1152, length = 384> as tensor<12x8xf32> via [#dejavu.transpose<[1, 0]>]
dejavu.weight @wo : tensor<12x8xf32> from <"m", offset = 1152, length = 384>
dejavu.weight @bo : tensor<12xf32> from <"m", offset = 0, length = 48>
// CHECK: func.func @prefill(
// CHECK: dejavu.attention
// CHECK: dejavu.linear %{{.*}}, @wo, @bo in_major : tensor<?x?x8xf32> -> tensor<?x?x12xf32>
func.func @prefill(%x: tensor<?x?x12xf32>, %starts: tensor<?xi64>, %c0: !dejavu.kv_cache<2 x 4>) -> (tensor<?x?x12xf32>, !dejavu.kv_cache<2 x 4>) {
  %q = dejavu.linear %x, @wq, @b : tensor<?x?x12xf32> -> tensor<?x?x8xf32>
  %k = dejavu.linear %x, @wk, @b : tensor<?x?x12xf32> -> tensor<?x?x8xf32>
  %v = dejavu.linear %x, @wv, @bv : tensor<?x?x12xf32> -> tensor<?x?x8xf32>
  %c1 = dejavu.kv_append %c0, %k, %v : !dejavu.kv_cache<2 x 4>, tensor<?x?x8xf32>
  %a, %c2 = dejavu.attention %q, %c1, %starts scale = 0.5 masked_rows = uniform : tensor<?x?x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  %o = dejavu.linear %a, @wo, @bo : tensor<?x?x8xf32> -> tensor<?x?x12xf32>
  return %o, %c2 : tensor<?x?x12xf32>, !dejavu.kv_cache<2 x 4>
}
// CHECK: func.func @decode(
// CHECK-SAME: %[[X:.*]]: tensor<?x1x12xf32>, %[[STARTS:.*]]: tensor<?xi64>, %[[S:.*]]: !dejavu.active<kv_group, 2>, %[[C0:.*]]: !dejavu.kv_cache<2 x 4>)
func.func @decode(%x: tensor<?x1x12xf32>, %starts: tensor<?xi64>, %s: !dejavu.active<kv_group, 2>, %c0: !dejavu.kv_cache<2 x 4>) -> (tensor<?x1x12xf32>, !dejavu.kv_cache<2 x 4>) {
  // CHECK-NEXT: %[[Q:.*]] = dejavu.gather_linear %[[X]], %[[S]], @wq, @b : tensor<?x1x12xf32>, <kv_group, 2> -> tensor<?x1x8xf32>
  %q = dejavu.linear %x, @wq, @b : tensor<?x1x12xf32> -> tensor<?x1x8xf32>
  // EAGER-NEXT: %[[K:.*]] = dejavu.linear %[[X]], @wk, @b :
  // EAGER-NEXT: %[[V:.*]] = dejavu.linear %[[X]], @wv, @bv :
  // EAGER-NEXT: %[[C1:.*]] = dejavu.kv_append %[[C0]], %[[K]], %[[V]]
  // AUTO-NEXT: %[[C1:.*]] = dejavu.kv_append_deferred %[[C0]], %[[X]], %[[S]] key = @wk, @b value = @wv, @bv ring = 64 : <2 x 4>, tensor<?x1x12xf32>, <kv_group, 2>
  // DEFERRED-NEXT: %[[C1:.*]] = dejavu.kv_append_deferred %[[C0]], %[[X]], %[[S]] key = @wk, @b value = @wv, @bv ring = 16 :
  %k = dejavu.linear %x, @wk, @b : tensor<?x1x12xf32> -> tensor<?x1x8xf32>
  %v = dejavu.linear %x, @wv, @bv : tensor<?x1x12xf32> -> tensor<?x1x8xf32>
  %c1 = dejavu.kv_append %c0, %k, %v : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>
  // CHECK-NEXT: %[[A:.*]], %[[C2:.*]] = dejavu.sparse_attention %[[Q]], %[[C1]], %[[STARTS]], %[[S]] scale = 5.000000e-01 masked_rows = uniform {alibi = array<f32: 5.000000e-01, 2.500000e-01>, softcap = 3.000000e+01 : f32, window = 7 : i64} : tensor<?x1x8xf32>, <2 x 4>, tensor<?xi64>, <kv_group, 2>
  // REMARK: [Passed] sparsity {{.*}}Function=decode | Remark="attention reads only the heads of its set; keys and values of other heads are deferred"
  %a, %c2 = dejavu.attention %q, %c1, %starts scale = 0.5 masked_rows = uniform predicted(%s : !dejavu.active<kv_group, 2>) {alibi = array<f32: 0.5, 0.25>, softcap = 30.0 : f32, window = 7 : i64} : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  // CHECK-NEXT: %[[O:.*]] = dejavu.sparse_linear %[[A]], %[[S]], @wo, @bo : tensor<?x1x8xf32>, <kv_group, 2> -> tensor<?x1x12xf32>
  // CHECK-NEXT: return %[[O]], %[[C2]]
  %o = dejavu.linear %a, @wo, @bo : tensor<?x1x8xf32> -> tensor<?x1x12xf32>
  return %o, %c2 : tensor<?x1x12xf32>, !dejavu.kv_cache<2 x 4>
}
}

// -----

// Two query heads for a key head: keys and values are eager unless told
// otherwise. Both projections see through rotations and norms of heads; the
// deferred keys rotate as they did.
// CHECK-LABEL: module attributes {test.case = "gqa"}
module attributes {test.case = "gqa"} {
dejavu.weight @wq : tensor<8x8xf32> from <"m", offset = 0, length = 256>
dejavu.weight @wk : tensor<4x8xf32> from <"m", offset = 0, length = 128>
dejavu.weight @head : tensor<2xf32> from <"m", offset = 0, length = 8>
// CHECK: func.func @decode(
// CHECK-SAME: %[[X:.*]]: tensor<?x1x8xf32>, %[[T:.*]]: tensor<?x1x2xf32>, %{{.*}}: tensor<?xi64>, %[[S:.*]]: !dejavu.active<kv_group, 2>, %[[C0:.*]]: !dejavu.kv_cache<2 x 2>)
func.func @decode(%x: tensor<?x1x8xf32>, %t: tensor<?x1x2xf32>, %starts: tensor<?xi64>, %s: !dejavu.active<kv_group, 2>, %c0: !dejavu.kv_cache<2 x 2>) -> (tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 2>) {
  // CHECK: %[[Q:.*]] = dejavu.gather_linear %[[X]], %[[S]], @wq : tensor<?x1x8xf32>, <kv_group, 2> -> tensor<?x1x8xf32>
  %q = dejavu.linear %x, @wq : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  // CHECK: %[[N:.*]] = dejavu.norm rms %[[Q]], @head
  %n = dejavu.norm rms %q, @head {epsilon = 1.0e-5 : f32, groups = 4 : i64} : tensor<?x1x8xf32>
  // CHECK: %[[R:.*]] = dejavu.rope %[[N]], %[[T]] heads = 4
  %r = dejavu.rope %n, %t heads = 4 interleaved : tensor<?x1x8xf32>, tensor<?x1x2xf32>
  // AUTO-NOT: deferred
  // EAGER-NOT: deferred
  // DEFERRED-NOT: dejavu.linear
  // DEFERRED-NOT: dejavu.rope
  // DEFERRED: dejavu.kv_append_deferred %[[C0]], %[[X]], %[[S]] key = @wk value = @wk rope(%[[T]] : tensor<?x1x2xf32>, interleaved) ring = 16 : <2 x 2>, tensor<?x1x8xf32>, <kv_group, 2>
  %k = dejavu.linear %x, @wk : tensor<?x1x8xf32> -> tensor<?x1x4xf32>
  %v = dejavu.linear %x, @wk : tensor<?x1x8xf32> -> tensor<?x1x4xf32>
  %kr = dejavu.rope %k, %t heads = 2 interleaved : tensor<?x1x4xf32>, tensor<?x1x2xf32>
  %c1 = dejavu.kv_append %c0, %kr, %v : !dejavu.kv_cache<2 x 2>, tensor<?x1x4xf32>
  // CHECK: dejavu.sparse_attention %[[R]]
  // REMARK: Remark="attention reads only the heads of its set; keys and values are eager"
  %a, %c2 = dejavu.attention %r, %c1, %starts scale = 0.5 masked_rows = uniform predicted(%s : !dejavu.active<kv_group, 2>) : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 2>, tensor<?xi64>
  // CHECK: dejavu.sparse_linear %{{.*}}, %[[S]], @wo
  %o = dejavu.linear %a, @wo : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  return %o, %c2 : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 2>
}
dejavu.weight @wo : tensor<8x8xf32> from <"m", offset = 0, length = 256>
}

// -----

// Keys and values that something else needs, too, are computed for it still. A
// rotation of keys that is not interleaved.
// CHECK-LABEL: module attributes {test.case = "kept"}
module attributes {test.case = "kept"} {
dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 0, length = 256>
dejavu.weight @wo : tensor<8x8xf32> from <"m", offset = 0, length = 256>
func.func @decode(%x: tensor<?x1x8xf32>, %t: tensor<?x1x4xf32>, %starts: tensor<?xi64>, %s: !dejavu.active<kv_group, 2>, %c0: !dejavu.kv_cache<2 x 4>) -> (tensor<?x1x8xf32>, tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>) {
  %q = dejavu.linear %x, @w : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  // AUTO: %[[K:.*]] = dejavu.linear
  // AUTO-NOT: dejavu.linear
  // AUTO-NOT: dejavu.rope
  // AUTO: dejavu.kv_append_deferred {{.*}} rope(%{{.*}} : tensor<?x1x4xf32>) ring = 64
  %k = dejavu.linear %x, @w : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  %v = dejavu.linear %x, @w : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  %r = dejavu.rope %k, %t heads = 2 : tensor<?x1x8xf32>, tensor<?x1x4xf32>
  %c1 = dejavu.kv_append %c0, %r, %v : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>
  // REMARK: Remark="attention reads only the heads of its set; keys and values of other heads are deferred"
  %a, %c2 = dejavu.attention %q, %c1, %starts scale = 0.5 masked_rows = uniform predicted(%s : !dejavu.active<kv_group, 2>) : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  // CHECK: %[[O:.*]] = dejavu.sparse_linear %{{.*}}, %{{.*}}, @wo
  // AUTO: return %[[O]], %[[K]]
  %o = dejavu.linear %a, @wo : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  return %o, %k, %c2 : tensor<?x1x8xf32>, tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>
}
}

// -----

// Two layers share an output projection: its recipe gets one transpose, which
// takes back the one that was there. Caches that nothing is appended to.
// CHECK-LABEL: module attributes {test.case = "shared"}
module attributes {test.case = "shared"} {
dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 0, length = 256>
// CHECK: dejavu.weight @wo : tensor<8x12xf32> from <"m", offset = 0, length = 384>{{$}}
dejavu.weight @wo : tensor<12x8xf32> from <"m", offset = 0, length = 384> as tensor<8x12xf32> via [#dejavu.transpose<[1, 0]>]
func.func @decode(%x: tensor<?x1x8xf32>, %starts: tensor<?xi64>, %s: !dejavu.active<kv_group, 2>, %c0: !dejavu.kv_cache<2 x 4>, %d0: !dejavu.kv_cache<2 x 4>) -> (tensor<?x1x12xf32>, tensor<?x1x12xf32>, !dejavu.kv_cache<2 x 4>, !dejavu.kv_cache<2 x 4>) {
  %q = dejavu.linear %x, @w : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  %r = dejavu.linear %x, @w : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  %a, %c1 = dejavu.attention %q, %c0, %starts scale = 0.5 masked_rows = uniform predicted(%s : !dejavu.active<kv_group, 2>) : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  // CHECK: dejavu.sparse_linear %{{.*}}, %{{.*}}, @wo : tensor<?x1x8xf32>, <kv_group, 2> -> tensor<?x1x12xf32>
  %o = dejavu.linear %a, @wo : tensor<?x1x8xf32> -> tensor<?x1x12xf32>
  %b, %d1 = dejavu.attention %r, %d0, %starts scale = 0.5 masked_rows = uniform predicted(%s : !dejavu.active<kv_group, 2>) : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  // CHECK: dejavu.sparse_linear %{{.*}}, %{{.*}}, @wo : tensor<?x1x8xf32>, <kv_group, 2> -> tensor<?x1x12xf32>
  %p = dejavu.linear %b, @wo : tensor<?x1x8xf32> -> tensor<?x1x12xf32>
  return %o, %p, %c1, %d1 : tensor<?x1x12xf32>, tensor<?x1x12xf32>, !dejavu.kv_cache<2 x 4>, !dejavu.kv_cache<2 x 4>
}
}

// -----

// Without a hint, or elsewhere than in @decode, nothing changes.
// CHECK-LABEL: module attributes {test.case = "none"}
// CHECK-NOT: sparse_
// REMARK-COUNT-2: eager: the cache is not appended to just before"
// REMARK-NOT: Function=
module attributes {test.case = "none"} {
func.func @decode(%x: tensor<?x1x8xf32>, %starts: tensor<?xi64>, %c0: !dejavu.kv_cache<2 x 4>) -> !dejavu.kv_cache<2 x 4> {
  %a, %c1 = dejavu.attention %x, %c0, %starts scale = 0.5 masked_rows = uniform : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  return %c1 : !dejavu.kv_cache<2 x 4>
}
func.func @prefill(%x: tensor<?x?x8xf32>, %starts: tensor<?xi64>, %s: !dejavu.active<kv_group, 2>, %c0: !dejavu.kv_cache<2 x 4>) -> !dejavu.kv_cache<2 x 4> {
  %a, %c1 = dejavu.attention %x, %c0, %starts scale = 0.5 masked_rows = uniform predicted(%s : !dejavu.active<kv_group, 2>) : tensor<?x?x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  return %c1 : !dejavu.kv_cache<2 x 4>
}
}
