// RUN: dejavu-opt %s "--convert-dejavu-to-cuda=chips=sm_90,sm_80 reduction=atomic" --canonicalize > %t.atomic
// RUN: FileCheck %s < %t.atomic
// RUN: FileCheck %s --check-prefix=HOST < %t.atomic
// RUN: dejavu-opt %s "--convert-dejavu-to-cuda=chips=sm_90 reduction=atomic" --remarks-filter=lower 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK --implicit-check-not=remark
// RUN: dejavu-opt %s --convert-dejavu-to-cuda=chips=sm_90 --remarks-filter=lower 2>&1 | FileCheck %s --check-prefix=ORDER
// RUN: not dejavu-opt %s "--convert-dejavu-to-cuda=reduction=any" 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// UNKNOWN: Cannot find option named 'any'

// MLPs of one row whose blocks add to the result in any order: two that read
// the residual, dense and exact, one that does not, and two that cannot.

// ORDER: reduction = "deterministic"
// ORDER-NOT: {{_copy|_atomic|remark}}
// CHECK: reduction = "atomic"
module attributes {dejavu.source = "model.onnx"} {
  dejavu.weight @table : tensor<7x16xf16> from #dejavu.source<"w", offset = 0, length = 224>
  dejavu.weight @scale : tensor<16xf32> from #dejavu.source<"w", offset = 0, length = 64>
  dejavu.weight @bias : tensor<16xf32> from #dejavu.source<"w", offset = 0, length = 64>
  dejavu.weight @out : tensor<16x16xf16> from #dejavu.source<"w", offset = 0, length = 512>
  dejavu.weight @gate : tensor<12x16xf16> from #dejavu.source<"w", offset = 0, length = 384>
  dejavu.weight @up : tensor<12x16xf16> from #dejavu.source<"w", offset = 0, length = 384>
  dejavu.weight @down : tensor<12x16xf16> from #dejavu.source<"w", offset = 0, length = 384>
  dejavu.weight @up32 : tensor<12x16xf32> from #dejavu.source<"w", offset = 0, length = 768>
  dejavu.weight @down32 : tensor<12x16xf32> from #dejavu.source<"w", offset = 0, length = 768>
  dejavu.signature inputs [#dejavu.binding<"ids", ids>] outputs [#dejavu.binding<"logits", logits>]

  func.func @prefill(%ids: tensor<?x?xi64>, %positions: tensor<?x?xi64>, %starts: tensor<?xi64>, %from: index,
                     %cache: !dejavu.kv_cache<1 x 8>) -> (tensor<?x?x7xf32>, !dejavu.kv_cache<1 x 8>)
      attributes {dejavu.entry = #dejavu.entry<prefill>} {
    %x = dejavu.embed %ids, @table : tensor<?x?xi64> -> tensor<?x?x16xf32>
    %p0 = dejavu.linear %x, @out : tensor<?x?x16xf32> -> tensor<?x?x16xf32>
    %y0 = dejavu.residual_add %x, %p0 : tensor<?x?x16xf32>
    %n0 = dejavu.norm rms %y0, @scale {epsilon = 1.0 : f32} : tensor<?x?x16xf32>
    %f0 = dejavu.ffn gelu %n0, up = @up down = @down, @bias : tensor<?x?x16xf32>
    %z0 = dejavu.residual_add %y0, %f0 : tensor<?x?x16xf32>
    %p1 = dejavu.linear %z0, @out : tensor<?x?x16xf32> -> tensor<?x?x16xf32>
    %y1 = dejavu.residual_add %z0, %p1 : tensor<?x?x16xf32>
    %n1 = dejavu.norm rms %y1, @scale {epsilon = 1.0 : f32} : tensor<?x?x16xf32>
    %d1 = dejavu.ffn relu %n1, gate = @gate up = @up down = @down : tensor<?x?x16xf32>
    %z1 = dejavu.residual_add %y1, %d1 : tensor<?x?x16xf32>
    %n2 = dejavu.norm rms %z1, @scale {epsilon = 1.0 : f32} : tensor<?x?x16xf32>
    %p2 = dejavu.linear %n2, @out : tensor<?x?x16xf32> -> tensor<?x?x16xf32>
    %y2 = dejavu.residual_add %z1, %p2 : tensor<?x?x16xf32>
    %f2 = dejavu.ffn relu %n2, up = @up down = @down : tensor<?x?x16xf32>
    %z2 = dejavu.residual_add %y2, %f2 : tensor<?x?x16xf32>
    %f3 = dejavu.ffn silu %z2, up = @up down = @down : tensor<?x?x16xf32>
    %z3 = dejavu.residual_add %z2, %f3 : tensor<?x?x16xf32>
    %f4 = dejavu.ffn silu %z3, up = @up32 down = @down32 : tensor<?x?x16xf32>
    %z4 = dejavu.residual_add %z3, %f4 : tensor<?x?x16xf32>
    %l = dejavu.lm_head %z4, @table from %from : tensor<?x?x16xf32> -> tensor<?x?x7xf32>
    return %l, %cache : tensor<?x?x7xf32>, !dejavu.kv_cache<1 x 8>
  }
  func.func @decode(%ids: tensor<?x1xi64>, %positions: tensor<?x1xi64>, %starts: tensor<?xi64>,
                    %cache: !dejavu.kv_cache<1 x 8>) -> (tensor<?x1x7xf32>, !dejavu.kv_cache<1 x 8>)
      attributes {dejavu.entry = #dejavu.entry<decode>} {
    %x = dejavu.embed %ids, @table : tensor<?x1xi64> -> tensor<?x1x16xf32>
    %p0 = dejavu.linear %x, @out : tensor<?x1x16xf32> -> tensor<?x1x16xf32>
    %y0 = dejavu.residual_add %x, %p0 : tensor<?x1x16xf32>
    %n0 = dejavu.norm rms %y0, @scale {epsilon = 1.0 : f32} : tensor<?x1x16xf32>
    %f0 = dejavu.ffn gelu %n0, up = @up down = @down, @bias : tensor<?x1x16xf32>
    %z0 = dejavu.residual_add %y0, %f0 : tensor<?x1x16xf32>
    %p1 = dejavu.linear %z0, @out : tensor<?x1x16xf32> -> tensor<?x1x16xf32>
    %y1 = dejavu.residual_add %z0, %p1 : tensor<?x1x16xf32>
    %n1 = dejavu.norm rms %y1, @scale {epsilon = 1.0 : f32} : tensor<?x1x16xf32>
    %g1 = dejavu.linear %n1, @gate activation = relu : tensor<?x1x16xf32> -> tensor<?x1x12xf32>
    %s1 = dejavu.select exact %g1 : tensor<?x1x12xf32> -> !dejavu.active<neuron, 12>
    %h1 = dejavu.gather_linear %n1, %s1, @up times(%g1 : tensor<?x1x12xf32>) : tensor<?x1x16xf32>, <neuron, 12> -> tensor<?x1x12xf32>
    %d1 = dejavu.sparse_linear %h1, %s1, @down : tensor<?x1x12xf32>, !dejavu.active<neuron, 12> -> tensor<?x1x16xf32>
    %z1 = dejavu.residual_add %y1, %d1 : tensor<?x1x16xf32>
    // Both halves of the layer have one input.
    %n2 = dejavu.norm rms %z1, @scale {epsilon = 1.0 : f32} : tensor<?x1x16xf32>
    %p2 = dejavu.linear %n2, @out : tensor<?x1x16xf32> -> tensor<?x1x16xf32>
    %y2 = dejavu.residual_add %z1, %p2 : tensor<?x1x16xf32>
    %f2 = dejavu.ffn relu %n2, up = @up down = @down : tensor<?x1x16xf32>
    %z2 = dejavu.residual_add %y2, %f2 : tensor<?x1x16xf32>
    // What made the residual is no product that could copy it.
    // REMARK: :[[@LINE+1]]:{{.*}} remark: {{.*}}sums of an MLP stay in order: the residual is read by others, and what makes it is no product that could copy it
    %f3 = dejavu.ffn silu %z2, up = @up down = @down : tensor<?x1x16xf32>
    %z3 = dejavu.residual_add %z2, %f3 : tensor<?x1x16xf32>
    // REMARK: :[[@LINE+1]]:{{.*}} remark: {{.*}}sums of an MLP stay in order: with its shapes and types it is not one launch
    %f4 = dejavu.ffn silu %z3, up = @up32 down = @down32 : tensor<?x1x16xf32>
    %z4 = dejavu.residual_add %z3, %f4 : tensor<?x1x16xf32>
    %l = dejavu.lm_head %z4, @table : tensor<?x1x16xf32> -> tensor<?x1x7xf32>
    return %l, %cache : tensor<?x1x7xf32>, !dejavu.kv_cache<1 x 8>
  }
}

// What makes the residual makes a copy of it.
// CHECK-LABEL: gpu.func @dejavu_linear_16x16_f16_residual_copy_rows1(
// CHECK-SAME:    %[[RESIDUAL:[^:]*]]: !llvm.ptr, %[[RESULT:[^:]*]]: !llvm.ptr, %[[COPY:[^:]*]]: !llvm.ptr, %{{[^:]*}}: i64,
// CHECK-DAG:     %[[R:.*]] = llvm.addrspacecast %[[RESULT]] :
// CHECK-DAG:     %[[C:.*]] = llvm.addrspacecast %[[COPY]] :
// CHECK:         %[[R_AT:.*]] = llvm.getelementptr %[[R]][%{{.*}}] :
// CHECK:         llvm.store %[[X:.*]], %[[R_AT]]
// CHECK:         %[[C_AT:.*]] = llvm.getelementptr %[[C]][%{{.*}}] :
// CHECK:         llvm.store %[[X]], %[[C_AT]]

// A norm stays part of the MLP: blocks add to the copy. The sums of the first
// warp of the first one begin with the bias. Sums are added 16 bytes at a time, and by pairs of blocks nowhere.
// CHECK-LABEL: gpu.func @dejavu_fused_ffn_12x16_f16_gelu_up_down_bias_atomic_norm_rms_16_eps3F800000_scale(
// CHECK-SAME:    dejavu.cluster = 1 : i64, dejavu.early = true
// CHECK:         %[[FIRST:.*]] = arith.andi
// CHECK:         scf.if %[[FIRST]]
// CHECK:           %[[BIAS:.*]] = llvm.load volatile %{{.*}} {alignment = 16 : i64} : !llvm.ptr<1> -> vector<8xf32>
// CHECK-NEXT:      scf.yield %[[BIAS]]
// CHECK:         llvm.nvvm.griddepcontrol.wait
// CHECK:         llvm.inline_asm has_side_effects "red.relaxed.gpu.global.add.v4.f32 [$0], {$1, $2, $3, $4};", "l,f,f,f,f"
// CHECK-NOT:     llvm.atomicrmw
// Who counts gets the activations, too.
// CHECK-LABEL: gpu.func @dejavu_fused_ffn_12x16_f16_relu_gated_up_exact_counted_atomic_norm_rms_16_eps3F800000_scale(
// CHECK-SAME:    %arg6: !llvm.ptr) kernel
// CHECK-LABEL: gpu.func @dejavu_fused_ffn_12x16_f16_relu_gated_up_exact_atomic_norm_rms_16_eps3F800000_scale(
// CHECK-SAME:    %arg5: !llvm.ptr) kernel
// CHECK-LABEL: gpu.func @dejavu_fused_ffn_12x16_f16_relu_up_atomic(
// CHECK-LABEL: gpu.func @dejavu_fused_ffn_12x16_f16_silu_up(

// Older chips add one by one.
// CHECK-LABEL: gpu.module @kernels_sm_80
// CHECK-LABEL: gpu.func @dejavu_fused_ffn_12x16_f16_gelu_up_down_bias_atomic_norm_rms_16_eps3F800000_scale(
// CHECK:         llvm.atomicrmw fadd %{{.*}}, %{{.*}} syncscope("device") monotonic

// The product gets both places; the MLP reads the one, adds to the other, and
// needs no sum behind it. Several rows have a sum, which reads the first.
// HOST-LABEL: func.func @dejavu_decode(
// HOST:         call @dejavu_rt_launch({{.*}}) {dejavu.kernel = "dejavu_embed_16_f16_from0_scale3F800000"}
// HOST:         %[[Y:.*]] = llvm.getelementptr %{{.*}}[%{{.*}}] : (!llvm.ptr, i64) -> !llvm.ptr, i8
// HOST:         %[[Z:.*]] = llvm.getelementptr %{{.*}}[%{{.*}}] : (!llvm.ptr, i64) -> !llvm.ptr, i8
// HOST:         llvm.store %[[Y]],
// HOST:         llvm.store %[[Z]],
// HOST:         call @dejavu_rt_launch({{.*}}) {dejavu.kernel = ["dejavu_linear_16x16_f16_residual_copy_rows1",
// HOST:         scf.if
// HOST:           func.call @dejavu_rt_launch({{.*}}) {dejavu.kernel = "dejavu_norm_rms_16_eps3F800000_scale"}
// HOST:         arith.cmpi eq, %{{.*}}, %c1_i64
// HOST-NEXT:    scf.if
// HOST:           llvm.store %c-1_i64,
// HOST:           llvm.store %[[Y]],
// HOST:           llvm.store %[[Z]],
// HOST:           func.call @dejavu_rt_launch({{.*}}) {dejavu.kernel = "dejavu_fused_ffn_12x16_f16_gelu_up_down_bias_atomic_norm_rms_16_eps3F800000_scale"}
// HOST-NOT:     dejavu_rt_launch
// HOST:         arith.cmpi ne
// HOST:           func.call @dejavu_rt_launch
// HOST:           func.call @dejavu_rt_launch
// HOST:           llvm.store %[[Y]],
// HOST:           llvm.store %[[Z]],
// HOST:           func.call @dejavu_rt_launch(%{{.*}}, %{{.*}},
