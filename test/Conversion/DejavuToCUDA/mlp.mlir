// RUN: dejavu-opt %s --convert-dejavu-to-cuda=chips=sm_90 --canonicalize | FileCheck %s --check-prefix=ORDER

// MLPs of one row: a dense one, two of exact sparsity, and one that reads its
// residual.

// ORDER: reduction = "deterministic"
module attributes {dejavu.source = "model.onnx"} {
  dejavu.weight @table : tensor<7x16xf16> from #dejavu.source<"w", offset = 0, length = 224>
  dejavu.weight @scale : tensor<16xf32> from #dejavu.source<"w", offset = 0, length = 64>
  dejavu.weight @bias : tensor<16xf32> from #dejavu.source<"w", offset = 0, length = 64>
  dejavu.weight @gate : tensor<12x16xf16> from #dejavu.source<"w", offset = 0, length = 384>
  dejavu.weight @up : tensor<12x16xf16> from #dejavu.source<"w", offset = 0, length = 384>
  dejavu.weight @down : tensor<12x16xf16> from #dejavu.source<"w", offset = 0, length = 384>
  dejavu.signature inputs [#dejavu.binding<"ids", ids>] outputs [#dejavu.binding<"logits", logits>]

  func.func @prefill(%ids: tensor<?x?xi64>, %positions: tensor<?x?xi64>, %starts: tensor<?xi64>, %from: index,
                     %cache: !dejavu.kv_cache<1 x 8>) -> (tensor<?x?x7xf32>, !dejavu.kv_cache<1 x 8>)
      attributes {dejavu.entry = #dejavu.entry<prefill>} {
    %x = dejavu.embed %ids, @table : tensor<?x?xi64> -> tensor<?x?x16xf32>
    %n = dejavu.norm rms %x, @scale {epsilon = 1.0 : f32} : tensor<?x?x16xf32>
    %f = dejavu.ffn gelu %n, up = @up down = @down, @bias : tensor<?x?x16xf32>
    %y = dejavu.residual_add %x, %f : tensor<?x?x16xf32>
    %m = dejavu.norm rms %y, @scale {epsilon = 1.0 : f32} : tensor<?x?x16xf32>
    %d = dejavu.ffn relu %m, gate = @gate up = @up down = @down : tensor<?x?x16xf32>
    %z = dejavu.residual_add %y, %d : tensor<?x?x16xf32>
    %e = dejavu.ffn gelu %z, up = @up down = @down, @bias : tensor<?x?x16xf32>
    %w = dejavu.residual_add %z, %e : tensor<?x?x16xf32>
    %o = dejavu.norm rms %w, @scale {epsilon = 1.0 : f32} : tensor<?x?x16xf32>
    %a = dejavu.ffn relu %o, up = @up down = @down : tensor<?x?x16xf32>
    %b = dejavu.residual_add %w, %a : tensor<?x?x16xf32>
    %l = dejavu.lm_head %b, @table from %from : tensor<?x?x16xf32> -> tensor<?x?x7xf32>
    return %l, %cache : tensor<?x?x7xf32>, !dejavu.kv_cache<1 x 8>
  }
  func.func @decode(%ids: tensor<?x1xi64>, %positions: tensor<?x1xi64>, %starts: tensor<?xi64>,
                    %cache: !dejavu.kv_cache<1 x 8>) -> (tensor<?x1x7xf32>, !dejavu.kv_cache<1 x 8>)
      attributes {dejavu.entry = #dejavu.entry<decode>} {
    %x = dejavu.embed %ids, @table : tensor<?x1xi64> -> tensor<?x1x16xf32>
    %n = dejavu.norm rms %x, @scale {epsilon = 1.0 : f32} : tensor<?x1x16xf32>
    %f = dejavu.ffn gelu %n, up = @up down = @down, @bias : tensor<?x1x16xf32>
    %y = dejavu.residual_add %x, %f : tensor<?x1x16xf32>
    %m = dejavu.norm rms %y, @scale {epsilon = 1.0 : f32} : tensor<?x1x16xf32>
    %g = dejavu.linear %m, @gate activation = relu : tensor<?x1x16xf32> -> tensor<?x1x12xf32>
    %s = dejavu.select exact %g : tensor<?x1x12xf32> -> !dejavu.active<neuron, 12>
    %h = dejavu.gather_linear %m, %s, @up times(%g : tensor<?x1x12xf32>) : tensor<?x1x16xf32>, <neuron, 12> -> tensor<?x1x12xf32>
    %d = dejavu.sparse_linear %h, %s, @down : tensor<?x1x12xf32>, !dejavu.active<neuron, 12> -> tensor<?x1x16xf32>
    %z = dejavu.residual_add %y, %d : tensor<?x1x16xf32>
    // The input is the residual itself: what is read may not be added to.
    %e = dejavu.ffn gelu %z, up = @up down = @down, @bias : tensor<?x1x16xf32>
    %w = dejavu.residual_add %z, %e : tensor<?x1x16xf32>
    // The norm is no part of a product here.
    %o = dejavu.norm rms %w, @scale {epsilon = 1.0 : f32} : tensor<?x1x16xf32>
    %i = dejavu.linear %o, @up activation = relu : tensor<?x1x16xf32> -> tensor<?x1x12xf32>
    %t = dejavu.select exact %i : tensor<?x1x12xf32> -> !dejavu.active<neuron, 12>
    %a = dejavu.sparse_linear %i, %t, @down : tensor<?x1x12xf32>, !dejavu.active<neuron, 12> -> tensor<?x1x16xf32>
    %b = dejavu.residual_add %w, %a : tensor<?x1x16xf32>
    %l = dejavu.lm_head %b, @table : tensor<?x1x16xf32> -> tensor<?x1x7xf32>
    return %l, %cache : tensor<?x1x7xf32>, !dejavu.kv_cache<1 x 8>
  }
}

// A norm is part of the MLP that alone reads it.
// ORDER: gpu.func @dejavu_fused_ffn_12x16_f16_gelu_up_norm_rms_16_eps3F800000_scale(
// ORDER: gpu.func @dejavu_block_sum_16_bias_residual(
// ORDER: gpu.func @dejavu_fused_ffn_12x16_f16_relu_gated_up_exact_counted_norm_rms_16_eps3F800000_scale(
// A block says how many neurons it has found active, and the sum adds these up
// in a block of its own: of 256 blocks a warp loads 4 for each lane, twice.
// ORDER:   %[[BLOCK:.*]] = gpu.block_id x
// ORDER:   %[[COUNTS:.*]] = llvm.getelementptr %{{.*}}[256]
// ORDER:   %[[PLACE:.*]] = llvm.getelementptr %[[COUNTS]][%{{.*}}] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, i32
// ORDER:   llvm.store %{{.*}}, %[[PLACE]] : i32
// ORDER: gpu.func @dejavu_block_sum_16_residual_counts(
// ORDER:   %[[COUNT:.*]] = llvm.addrspacecast %arg2
// ORDER:   nvvm.griddepcontrol.wait
// Four warps have 17 of the 132 rows of a usual GPU, the others 16. More rows
// are read one by one, behind those that a warp has. The residual is loaded
// with them, and stays there.
// ORDER:   llvm.load volatile %{{.*}} : !llvm.ptr<1> -> f32
// ORDER:   %[[HAS_LAST:.*]] = arith.cmpi slt, %[[LAST:.*]], %c132
// ORDER:   %[[AFTER:.*]] = arith.addi %{{.*}}, %c136
// ORDER:   %[[NEXT:.*]] = arith.select %[[HAS_LAST]], %[[AFTER]], %[[LAST]]
// ORDER:   scf.for %{{.*}} = %[[NEXT]] to
// ORDER:   arith.cmpi eq, %{{.*}}, %c1
// ORDER-COUNT-2: llvm.load %{{.*}} {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
// ORDER-NOT: vector<4xi32>
// ORDER:   llvm.load %{{.*}} {alignment = 8 : i64} : !llvm.ptr<1> -> i64
// ORDER:   llvm.store %{{.*}}, %[[COUNT]] : i32
// Who wants no counts has kernels without.
// ORDER: gpu.func @dejavu_fused_ffn_12x16_f16_relu_gated_up_exact_norm_rms_16_eps3F800000_scale(
// ORDER-NOT: }[256]
// ORDER: gpu.func @dejavu_block_sum_16_residual(
// ORDER-NOT: vector<4xi32>
// ORDER: gpu.func @dejavu_fused_ffn_12x16_f16_gelu_up(
// ORDER: gpu.func @dejavu_fused_ffn_12x16_f16_relu_up_exact_counted_norm_rms_16_eps3F800000_scale(
// ORDER: gpu.func @dejavu_fused_ffn_12x16_f16_relu_up_exact_norm_rms_16_eps3F800000_scale(
// ORDER-NOT: _atomic
