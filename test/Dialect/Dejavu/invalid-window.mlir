// (C2) of attention and sparse_attention: a window is positive.
// RUN: dejavu-opt %s --split-input-file --verify-diagnostics

func.func @attention_c2(%q: tensor<?x1x8xf32>, %c: !dejavu.kv_cache<2 x 4>, %starts: tensor<?xi64>) {
  // expected-error @below {{expected a positive window and a softcap that is not negative}}
  %0, %1 = dejavu.attention %q, %c, %starts scale = 1.0 masked_rows = zero {window = -1 : i64} : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  return
}

// -----

func.func @sparse_attention_c2(%q: tensor<?x1x8xf32>, %c: !dejavu.kv_cache<2 x 4>, %starts: tensor<?xi64>, %s: !dejavu.active<kv_group, 2>) {
  // expected-error @below {{expected a positive window and a softcap that is not negative}}
  %0, %1 = dejavu.sparse_attention %q, %c, %starts, %s scale = 1.0 masked_rows = zero {window = -1 : i64} : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>, !dejavu.active<kv_group, 2>
  return
}
