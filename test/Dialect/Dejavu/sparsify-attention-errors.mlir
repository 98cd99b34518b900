// What stays dense or eager of an attention with a hint, and why. A remark says
// so, and the rest is made sparse.
// RUN: dejavu-opt %s --split-input-file --verify-diagnostics --remarks-filter=sparsify --remark-format=emitRemark --dejavu-sparsify-attention=kv=deferred | FileCheck %s
// RUN: not dejavu-opt %s --split-input-file --dejavu-sparsify-attention=ring=0 2>&1 | FileCheck %s --check-prefix=RING
// RUN: not dejavu-opt %s --split-input-file --dejavu-sparsify-attention=ring=-5 2>&1 | FileCheck %s --check-prefix=NEGATIVE
// RUN: not dejavu-opt %s --split-input-file --dejavu-sparsify-attention=kv=late 2>&1 | FileCheck %s --check-prefix=KV
// RING: error: expected a positive ring, found 0
// NEGATIVE: error: expected a positive ring, found -5
// KV: Cannot find option named 'late'

// The weight of the output projection has a user that needs its rows as they
// are: its recipe stays as it is, too. Keys of a norm of heads are eager.
// CHECK-LABEL: module attributes {test.case = "tied"}
module attributes {test.case = "tied"} {
dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 0, length = 256>
// CHECK: dejavu.weight @wo : tensor<8x8xf32> from <"m", offset = 0, length = 256>{{$}}
dejavu.weight @wo : tensor<8x8xf32> from <"m", offset = 0, length = 256>
func.func @decode(%x: tensor<?x1x8xf32>, %starts: tensor<?xi64>, %s: !dejavu.active<kv_group, 2>, %c0: !dejavu.kv_cache<2 x 4>) -> (tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>) {
  // CHECK: dejavu.gather_linear
  %q = dejavu.linear %x, @w : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  %k = dejavu.linear %x, @w : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  %v = dejavu.linear %x, @w : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  %n = dejavu.norm rms %k {epsilon = 1.0e-5 : f32, groups = 2 : i64} : tensor<?x1x8xf32>
  // CHECK: dejavu.kv_append %
  %c1 = dejavu.kv_append %c0, %n, %v : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>
  // CHECK: dejavu.sparse_attention
  // expected-remark @below {{attention reads only the heads of its set; the output projection stays dense: the weight of the output projection has other users; keys and values are eager: keys and values are not linear layers of one input, but for a rotation"}}
  %a, %c2 = dejavu.attention %q, %c1, %starts scale = 1.0 masked_rows = zero predicted(%s : !dejavu.active<kv_group, 2>) : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  // CHECK: dejavu.linear %{{.*}}, @wo :
  %o = dejavu.linear %a, @wo : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  %l = dejavu.lm_head %o, @wo : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  return %l, %c2 : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>
}
}

// -----

// Queries that something else reads; an output that two read.
module {
dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 0, length = 256>
func.func @decode(%x: tensor<?x1x8xf32>, %starts: tensor<?xi64>, %s: !dejavu.active<kv_group, 2>, %c0: !dejavu.kv_cache<2 x 4>) -> (tensor<?x1x8xf32>, tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>) {
  // CHECK: dejavu.linear
  %q = dejavu.linear %x, @w : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  %k = dejavu.linear %x, @w : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  %v = dejavu.linear %x, @w : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  // CHECK: dejavu.kv_append_deferred
  %c1 = dejavu.kv_append %c0, %k, %v : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>
  // CHECK: dejavu.sparse_attention
  // expected-remark @below {{attention reads only the heads of its set; the query projection stays dense: the queries are not those of one linear layer; the output projection stays dense: the output is not read by one linear layer alone; keys and values of other heads are deferred"}}
  %a, %c2 = dejavu.attention %q, %c1, %starts scale = 1.0 masked_rows = zero predicted(%s : !dejavu.active<kv_group, 2>) : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  // CHECK: dejavu.linear
  %o = dejavu.linear %a, @w : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  %p = dejavu.residual_add %a, %q : tensor<?x1x8xf32>
  return %o, %p, %c2 : tensor<?x1x8xf32>, tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>
}
}

// -----

// No projection at all; an output with an activation; values of another input
// than the keys.
module {
dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 0, length = 256>
func.func @decode(%x: tensor<?x1x8xf32>, %y: tensor<?x1x8xf32>, %starts: tensor<?xi64>, %s: !dejavu.active<kv_group, 2>, %c0: !dejavu.kv_cache<2 x 4>) -> (tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>) {
  %k = dejavu.linear %x, @w : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  %v = dejavu.linear %y, @w : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  // CHECK: dejavu.kv_append %
  %c1 = dejavu.kv_append %c0, %k, %v : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>
  // expected-remark @below {{attention reads only the heads of its set; the query projection stays dense: the queries are not those of one linear layer; the output projection stays dense: the output is not read by one linear layer alone; keys and values are eager: keys and values are not linear layers of one input, but for a rotation"}}
  %a, %c2 = dejavu.attention %x, %c1, %starts scale = 1.0 masked_rows = zero predicted(%s : !dejavu.active<kv_group, 2>) : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  // CHECK: dejavu.linear {{.*}} activation = relu
  %o = dejavu.linear %a, @w activation = relu : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  return %o, %c2 : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>
}
}

// -----

// Queries and keys with an activation; values that are rotated.
module {
dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 0, length = 256>
dejavu.weight @wo : tensor<8x8xf32> from <"m", offset = 0, length = 256>
func.func @decode(%x: tensor<?x1x8xf32>, %t: tensor<?x1x4xf32>, %starts: tensor<?xi64>, %s: !dejavu.active<kv_group, 2>, %c0: !dejavu.kv_cache<2 x 4>, %d0: !dejavu.kv_cache<2 x 4>) -> (tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, !dejavu.kv_cache<2 x 4>) {
  %q = dejavu.linear %x, @w activation = relu : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  %v = dejavu.linear %x, @w : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  // CHECK: dejavu.kv_append %
  %c1 = dejavu.kv_append %c0, %q, %v : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>
  // expected-remark @below {{attention reads only the heads of its set; the query projection stays dense: the queries are not those of one linear layer; keys and values are eager: keys and values are not linear layers of one input, but for a rotation"}}
  %a, %c2 = dejavu.attention %q, %c1, %starts scale = 1.0 masked_rows = zero predicted(%s : !dejavu.active<kv_group, 2>) : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  // CHECK: dejavu.sparse_linear
  %o = dejavu.linear %a, @wo : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  %p = dejavu.linear %o, @w : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  %k = dejavu.linear %o, @w : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  %r = dejavu.rope %k, %t heads = 2 : tensor<?x1x8xf32>, tensor<?x1x4xf32>
  // CHECK: dejavu.kv_append %
  %d1 = dejavu.kv_append %d0, %k, %r : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>
  // expected-remark @below {{attention reads only the heads of its set; keys and values are eager: keys and values are not linear layers of one input, but for a rotation"}}
  %b, %d2 = dejavu.attention %p, %d1, %starts scale = 1.0 masked_rows = zero predicted(%s : !dejavu.active<kv_group, 2>) : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  // CHECK: dejavu.sparse_linear
  %e = dejavu.linear %b, @wo : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  return %e, %c2, %d2 : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, !dejavu.kv_cache<2 x 4>
}
}

// -----

// Keys that are rotated in larger heads than the cache has, and many tokens.
module {
dejavu.weight @w : tensor<8x8xf32> from <"m", offset = 0, length = 256>
dejavu.weight @wo : tensor<8x8xf32> from <"m", offset = 0, length = 256>
func.func @decode(%x: tensor<?x1x8xf32>, %y: tensor<?x?x8xf32>, %t: tensor<?x1x4xf32>, %starts: tensor<?xi64>, %s: !dejavu.active<kv_group, 2>, %c0: !dejavu.kv_cache<2 x 4>, %d0: !dejavu.kv_cache<2 x 4>) -> (tensor<?x1x8xf32>, tensor<?x?x8xf32>, !dejavu.kv_cache<2 x 4>, !dejavu.kv_cache<2 x 4>) {
  %q = dejavu.linear %x, @w : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  %k = dejavu.linear %x, @w : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  %v = dejavu.linear %x, @w : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  %r = dejavu.rope %k, %t heads = 1 : tensor<?x1x8xf32>, tensor<?x1x4xf32>
  // CHECK: dejavu.kv_append %
  %c1 = dejavu.kv_append %c0, %r, %v : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>
  // expected-remark @below {{attention reads only the heads of its set; keys and values are eager: the keys are rotated in other heads than those of the cache"}}
  %a, %c2 = dejavu.attention %q, %c1, %starts scale = 1.0 masked_rows = zero predicted(%s : !dejavu.active<kv_group, 2>) : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  %o = dejavu.linear %a, @wo : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
  %p = dejavu.linear %y, @w : tensor<?x?x8xf32> -> tensor<?x?x8xf32>
  %l = dejavu.linear %y, @w : tensor<?x?x8xf32> -> tensor<?x?x8xf32>
  %u = dejavu.linear %y, @w : tensor<?x?x8xf32> -> tensor<?x?x8xf32>
  // CHECK: dejavu.kv_append %
  %d1 = dejavu.kv_append %d0, %l, %u : !dejavu.kv_cache<2 x 4>, tensor<?x?x8xf32>
  // expected-remark @below {{attention reads only the heads of its set; keys and values are eager: there may be many tokens"}}
  %b, %d2 = dejavu.attention %p, %d1, %starts scale = 1.0 masked_rows = zero predicted(%s : !dejavu.active<kv_group, 2>) : tensor<?x?x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  %e = dejavu.linear %b, @wo : tensor<?x?x8xf32> -> tensor<?x?x8xf32>
  return %o, %e, %c2, %d2 : tensor<?x1x8xf32>, tensor<?x?x8xf32>, !dejavu.kv_cache<2 x 4>, !dejavu.kv_cache<2 x 4>
}
}
