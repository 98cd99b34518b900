// RUN: dejavu-opt %s --convert-dejavu-to-cuda=chips=sm_90 --canonicalize --split-input-file > %t.mlir
// RUN: FileCheck %s < %t.mlir
// What is launched for attention, and what the cache consists of.

// Keys come from a weight of 16 bits, whatever the others are. Positions turn
// query and key of a step in the attention itself. In prefill one kernel does
// that and appends.
// CHECK: module attributes {dejavu.manifest = {{.*}}cache_dtype = "f16"
// CHECK: gpu.module @kernels_sm_90
// CHECK-NOT: dejavu_rope_{{[0-9]}}
// CHECK: gpu.func @dejavu_kv_append_1x8_f16_key_rope4_interleaved_query2_rope8(
// CHECK-SAME:   %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64) kernel
// CHECK: gpu.func @dejavu_attention_2over1x8_f16_scale3F000000_uniform(
// CHECK: gpu.func @dejavu_attention_2over1x8_f16_scale3F000000_uniform_query_rope8_key_rope4_interleaved_append(
// Old steps are on their way before the wait, and nothing is written.
// CHECK-NOT: llvm.store
// CHECK: llvm.load %{{.*}} {alignment = 16 : i64, nontemporal} : !llvm.ptr<1> -> vector<8xf16>
// CHECK-NOT: llvm.store
// CHECK: llvm.call_intrinsic "llvm.nvvm.griddepcontrol.wait"
// Keys become halves, with an end to what they can be.
// CHECK: arith.maximumf %{{.*}}, %[[LEAST:.*]] : f32
// CHECK: arith.minimumf
// CHECK: arith.truncf %{{.*}} : f32 to f16
// CHECK: llvm.fence syncscope("device") acq_rel
// CHECK: llvm.atomicrmw uinc_wrap
// CHECK: llvm.fence syncscope("device") acq_rel
// CHECK-NOT: dejavu_rope_{{[0-9]}}
// CHECK-LABEL: func.func @dejavu_prefill(
// CHECK:         call @dejavu_rt_launch({{.*}}) {dejavu.kernel = "dejavu_kv_append_1x8_f16_key_rope4_interleaved_query2_rope8"}
// CHECK:         call @dejavu_rt_launch({{.*}}) {dejavu.kernel = "dejavu_attention_2over1x8_f16_scale3F000000_uniform"}
// In decode, nothing between takes the memory of query (192) and key (256).
// CHECK-LABEL: func.func @dejavu_decode(
// CHECK:         %[[ROWS:.*]] = arith.muli
// CHECK:         arith.muli %[[ROWS]], %c192_i64
// CHECK:         arith.muli %[[ROWS]], %c256_i64
// CHECK:         arith.muli %[[ROWS]], %c320_i64
// CHECK:         call @dejavu_rt_launch({{.*}}) {dejavu.kernel = "dejavu_add_16"}
// 512 blocks over the rows, and at most 16: that many parts.
// CHECK:         %[[EACH:.*]] = arith.divui %c512_i64, %[[ROWS]]
// CHECK-NEXT:    %[[MORE:.*]] = arith.maxui %[[EACH]], %c1_i64
// CHECK-NEXT:    %[[PARTS:.*]] = arith.minui %[[MORE]], %c16_i64
// CHECK:         llvm.store %c1_i64, %[[GRID:[^ ]*]] :
// CHECK-NEXT:    %[[Y:.*]] = llvm.getelementptr %[[GRID]][1]
// CHECK-NEXT:    llvm.store %[[PARTS]], %[[Y]]
// CHECK-NEXT:    %[[Z:.*]] = llvm.getelementptr %[[GRID]][2]
// CHECK-NEXT:    llvm.store %[[ROWS]], %[[Z]]
// CHECK:         call @dejavu_rt_launch({{.*}}, %[[GRID]], {{.*}}) {dejavu.kernel = "dejavu_attention_2over1x8_f16_scale3F000000_uniform_query_rope8_key_rope4_interleaved_append"}
module {
  dejavu.weight @table : tensor<7x16xf32> from #dejavu.source<"w", offset = 0, length = 448>
  dejavu.weight @query : tensor<16x16xf32> from #dejavu.source<"w", offset = 0, length = 1024>
  dejavu.weight @key : tensor<8x16xf16> from #dejavu.source<"w", offset = 0, length = 256>
  dejavu.weight @frequencies : tensor<4xf32> from #dejavu.source<"w", offset = 0, length = 16>
  dejavu.weight @few : tensor<2xf32> from #dejavu.source<"w", offset = 0, length = 8>
  dejavu.signature inputs [#dejavu.binding<"ids", ids>] outputs [#dejavu.binding<"logits", logits>]
  func.func @prefill(%ids: tensor<?x?xi64>, %positions: tensor<?x?xi64>, %starts: tensor<?xi64>, %from: index,
                     %cache: !dejavu.kv_cache<1 x 8>) -> (tensor<?x?x7xf32>, !dejavu.kv_cache<1 x 8>)
      attributes {dejavu.entry = #dejavu.entry<prefill>} {
    %x = dejavu.embed %ids, @table : tensor<?x?xi64> -> tensor<?x?x16xf32>
    %t = dejavu.rope_table %positions, @frequencies : tensor<?x?xi64> -> tensor<?x?x8xf32>
    %u = dejavu.rope_table %positions, @few : tensor<?x?xi64> -> tensor<?x?x4xf32>
    %p = dejavu.linear %x, @query : tensor<?x?x16xf32> -> tensor<?x?x16xf32>
    %k = dejavu.linear %x, @key : tensor<?x?x16xf32> -> tensor<?x?x8xf32>
    %q = dejavu.rope %p, %t heads = 2 : tensor<?x?x16xf32>, tensor<?x?x8xf32>
    %r = dejavu.rope %k, %u heads = 1 interleaved : tensor<?x?x8xf32>, tensor<?x?x4xf32>
    %c = dejavu.kv_append %cache, %r, %k : !dejavu.kv_cache<1 x 8>, tensor<?x?x8xf32>
    %z = dejavu.residual_add %x, %x : tensor<?x?x16xf32>
    %a, %d = dejavu.attention %q, %c, %starts scale = 0.5 masked_rows = uniform : tensor<?x?x16xf32>, !dejavu.kv_cache<1 x 8>, tensor<?xi64>
    %b = dejavu.residual_add %a, %z : tensor<?x?x16xf32>
    %l = dejavu.lm_head %b, @table from %from : tensor<?x?x16xf32> -> tensor<?x?x7xf32>
    return %l, %d : tensor<?x?x7xf32>, !dejavu.kv_cache<1 x 8>
  }
  func.func @decode(%ids: tensor<?x1xi64>, %positions: tensor<?x1xi64>, %starts: tensor<?xi64>,
                    %cache: !dejavu.kv_cache<1 x 8>) -> (tensor<?x1x7xf32>, !dejavu.kv_cache<1 x 8>)
      attributes {dejavu.entry = #dejavu.entry<decode>} {
    %x = dejavu.embed %ids, @table : tensor<?x1xi64> -> tensor<?x1x16xf32>
    %t = dejavu.rope_table %positions, @frequencies : tensor<?x1xi64> -> tensor<?x1x8xf32>
    %u = dejavu.rope_table %positions, @few : tensor<?x1xi64> -> tensor<?x1x4xf32>
    %p = dejavu.linear %x, @query : tensor<?x1x16xf32> -> tensor<?x1x16xf32>
    %k = dejavu.linear %x, @key : tensor<?x1x16xf32> -> tensor<?x1x8xf32>
    %q = dejavu.rope %p, %t heads = 2 : tensor<?x1x16xf32>, tensor<?x1x8xf32>
    %r = dejavu.rope %k, %u heads = 1 interleaved : tensor<?x1x8xf32>, tensor<?x1x4xf32>
    %c = dejavu.kv_append %cache, %r, %k : !dejavu.kv_cache<1 x 8>, tensor<?x1x8xf32>
    %z = dejavu.residual_add %x, %x : tensor<?x1x16xf32>
    %a, %d = dejavu.attention %q, %c, %starts scale = 0.5 masked_rows = uniform : tensor<?x1x16xf32>, !dejavu.kv_cache<1 x 8>, tensor<?xi64>
    %b = dejavu.residual_add %a, %z : tensor<?x1x16xf32>
    %l = dejavu.lm_head %b, @table : tensor<?x1x16xf32> -> tensor<?x1x7xf32>
    return %l, %d : tensor<?x1x7xf32>, !dejavu.kv_cache<1 x 8>
  }
}

// -----

// A rotated key that somebody else reads has a kernel of its own. Where keys
// come from weights of different types, the cache is f32.
// CHECK: module attributes {dejavu.manifest = {{.*}}cache_dtype = "f32"
// CHECK: gpu.func @dejavu_rope_1x8_8(
// CHECK: gpu.func @dejavu_kv_append_1x8_f32(
// CHECK: gpu.func @dejavu_attention_1over1x8_f32_scale3F000000_zero(
// CHECK: gpu.func @dejavu_attention_1over1x8_f32_scale3F000000_zero_append(
// CHECK-NOT: arith.truncf
// CHECK-LABEL: func.func @dejavu_prefill(
// CHECK-LABEL: func.func @dejavu_decode(
module {
  dejavu.weight @table : tensor<7x8xf16> from #dejavu.source<"w", offset = 0, length = 112>
  dejavu.weight @key : tensor<8x8xf16> from #dejavu.source<"w", offset = 0, length = 128>
  dejavu.weight @other : tensor<8x8xf32> from #dejavu.source<"w", offset = 0, length = 256>
  dejavu.weight @frequencies : tensor<4xf32> from #dejavu.source<"w", offset = 0, length = 16>
  dejavu.signature inputs [#dejavu.binding<"ids", ids>] outputs [#dejavu.binding<"logits", logits>]
  func.func @prefill(%ids: tensor<?x?xi64>, %positions: tensor<?x?xi64>, %starts: tensor<?xi64>, %from: index, %cache0: !dejavu.kv_cache<1 x 8>,
                     %cache1: !dejavu.kv_cache<1 x 8>) -> (tensor<?x?x7xf32>, !dejavu.kv_cache<1 x 8>, !dejavu.kv_cache<1 x 8>)
      attributes {dejavu.entry = #dejavu.entry<prefill>} {
    %x = dejavu.embed %ids, @table : tensor<?x?xi64> -> tensor<?x?x8xf32>
    %t = dejavu.rope_table %positions, @frequencies : tensor<?x?xi64> -> tensor<?x?x8xf32>
    %k = dejavu.linear %x, @key : tensor<?x?x8xf32> -> tensor<?x?x8xf32>
    %r = dejavu.rope %k, %t heads = 1 : tensor<?x?x8xf32>, tensor<?x?x8xf32>
    %c = dejavu.kv_append %cache0, %r, %r : !dejavu.kv_cache<1 x 8>, tensor<?x?x8xf32>
    %a, %d = dejavu.attention %x, %c, %starts scale = 0.5 masked_rows = zero : tensor<?x?x8xf32>, !dejavu.kv_cache<1 x 8>, tensor<?xi64>
    %o = dejavu.linear %a, @other : tensor<?x?x8xf32> -> tensor<?x?x8xf32>
    %e = dejavu.kv_append %cache1, %o, %o : !dejavu.kv_cache<1 x 8>, tensor<?x?x8xf32>
    %b, %f = dejavu.attention %x, %e, %starts scale = 0.5 masked_rows = zero : tensor<?x?x8xf32>, !dejavu.kv_cache<1 x 8>, tensor<?xi64>
    %l = dejavu.lm_head %b, @table from %from : tensor<?x?x8xf32> -> tensor<?x?x7xf32>
    return %l, %d, %f : tensor<?x?x7xf32>, !dejavu.kv_cache<1 x 8>, !dejavu.kv_cache<1 x 8>
  }
  func.func @decode(%ids: tensor<?x1xi64>, %positions: tensor<?x1xi64>, %starts: tensor<?xi64>, %cache0: !dejavu.kv_cache<1 x 8>,
                     %cache1: !dejavu.kv_cache<1 x 8>) -> (tensor<?x1x7xf32>, !dejavu.kv_cache<1 x 8>, !dejavu.kv_cache<1 x 8>)
      attributes {dejavu.entry = #dejavu.entry<decode>} {
    %x = dejavu.embed %ids, @table : tensor<?x1xi64> -> tensor<?x1x8xf32>
    %t = dejavu.rope_table %positions, @frequencies : tensor<?x1xi64> -> tensor<?x1x8xf32>
    %k = dejavu.linear %x, @key : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
    %r = dejavu.rope %k, %t heads = 1 : tensor<?x1x8xf32>, tensor<?x1x8xf32>
    %c = dejavu.kv_append %cache0, %r, %r : !dejavu.kv_cache<1 x 8>, tensor<?x1x8xf32>
    %a, %d = dejavu.attention %x, %c, %starts scale = 0.5 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<1 x 8>, tensor<?xi64>
    %o = dejavu.linear %a, @other : tensor<?x1x8xf32> -> tensor<?x1x8xf32>
    %e = dejavu.kv_append %cache1, %o, %o : !dejavu.kv_cache<1 x 8>, tensor<?x1x8xf32>
    %b, %f = dejavu.attention %x, %e, %starts scale = 0.5 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<1 x 8>, tensor<?xi64>
    %l = dejavu.lm_head %b, @table : tensor<?x1x8xf32> -> tensor<?x1x7xf32>
    return %l, %d, %f : tensor<?x1x7xf32>, !dejavu.kv_cache<1 x 8>, !dejavu.kv_cache<1 x 8>
  }
}

// -----

// Heads of 16 go through matrix products. In prefill four tokens share a block:
// each has two queries for a head of the cache.
// CHECK: module attributes {dejavu.manifest = {{.*}}cache_dtype = "bf16"
// CHECK: gpu.func @dejavu_attention_4over2x16_bf16_scale3F000000_uniform_window9(
// CHECK: llvm.call_intrinsic "llvm.nvvm.mma.m16n8k16.row.col.bf16"
// CHECK-LABEL: func.func @dejavu_prefill(
// CHECK:         %[[BATCH:.*]] = llvm.load %{{.*}} : !llvm.ptr -> i64
// CHECK:         %[[TOKENS:.*]] = llvm.load %{{.*}} : !llvm.ptr -> i64
// CHECK:         %[[MORE:.*]] = arith.addi %{{.*}}, %c3_i64
// CHECK-NEXT:    %[[BLOCKS:.*]] = arith.divui %[[MORE]], %c4_i64
// CHECK-NEXT:    %[[Z:.*]] = arith.muli %{{.*}}, %[[BLOCKS]]
// CHECK:         llvm.store %[[Z]], %
// CHECK-LABEL: func.func @dejavu_decode(
module {
  dejavu.weight @table : tensor<7x64xbf16> from #dejavu.source<"w", offset = 0, length = 896>
  dejavu.weight @key : tensor<32x64xbf16> from #dejavu.source<"w", offset = 0, length = 4096>
  dejavu.signature inputs [#dejavu.binding<"ids", ids>] outputs [#dejavu.binding<"logits", logits>]
  func.func @prefill(%ids: tensor<?x?xi64>, %positions: tensor<?x?xi64>, %starts: tensor<?xi64>, %from: index, %cache: !dejavu.kv_cache<2 x 16>)
      -> (tensor<?x?x7xf32>, !dejavu.kv_cache<2 x 16>) attributes {dejavu.entry = #dejavu.entry<prefill>} {
    %x = dejavu.embed %ids, @table : tensor<?x?xi64> -> tensor<?x?x64xf32>
    %k = dejavu.linear %x, @key : tensor<?x?x64xf32> -> tensor<?x?x32xf32>
    %c = dejavu.kv_append %cache, %k, %k : !dejavu.kv_cache<2 x 16>, tensor<?x?x32xf32>
    %a, %d = dejavu.attention %x, %c, %starts scale = 0.5 masked_rows = uniform {window = 9 : i64} : tensor<?x?x64xf32>, !dejavu.kv_cache<2 x 16>, tensor<?xi64>
    %l = dejavu.lm_head %a, @table from %from : tensor<?x?x64xf32> -> tensor<?x?x7xf32>
    return %l, %d : tensor<?x?x7xf32>, !dejavu.kv_cache<2 x 16>
  }
  func.func @decode(%ids: tensor<?x1xi64>, %positions: tensor<?x1xi64>, %starts: tensor<?xi64>, %cache: !dejavu.kv_cache<2 x 16>)
      -> (tensor<?x1x7xf32>, !dejavu.kv_cache<2 x 16>) attributes {dejavu.entry = #dejavu.entry<decode>} {
    %x = dejavu.embed %ids, @table : tensor<?x1xi64> -> tensor<?x1x64xf32>
    %k = dejavu.linear %x, @key : tensor<?x1x64xf32> -> tensor<?x1x32xf32>
    %c = dejavu.kv_append %cache, %k, %k : !dejavu.kv_cache<2 x 16>, tensor<?x1x32xf32>
    %a, %d = dejavu.attention %x, %c, %starts scale = 0.5 masked_rows = uniform {window = 9 : i64} : tensor<?x1x64xf32>, !dejavu.kv_cache<2 x 16>, tensor<?xi64>
    %l = dejavu.lm_head %a, @table : tensor<?x1x64xf32> -> tensor<?x1x7xf32>
    return %l, %d : tensor<?x1x7xf32>, !dejavu.kv_cache<2 x 16>
  }
}
