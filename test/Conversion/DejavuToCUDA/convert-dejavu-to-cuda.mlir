// RUN: dejavu-opt %s --convert-dejavu-to-cuda=chips=sm_80,sm_90 --canonicalize > %t.mlir
// RUN: FileCheck %s < %t.mlir
// The kernels of both chips are the same ones in the same order, which numbers
// them.
// RUN: awk '/gpu.module @kernels_sm_80/,/^  }/' %t.mlir | grep -o 'gpu.func @[^(]*([^)]*)' | awk '{ print n++, $0 }' > %t.80
// RUN: awk '/gpu.module @kernels_sm_90/,/^  }/' %t.mlir | grep -o 'gpu.func @[^(]*([^)]*)' | awk '{ print n++, $0 }' > %t.90
// RUN: FileCheck %s --check-prefix=KERNELS < %t.80
// RUN: diff %t.80 %t.90
// Without chips, the portable ones.
// RUN: dejavu-opt %s --convert-dejavu-to-cuda | grep gpu.module | FileCheck %s --check-prefix=PORTABLE

// PORTABLE:      gpu.module @kernels_sm_80
// PORTABLE-NEXT: gpu.module @kernels_sm_90
// PORTABLE-NEXT: gpu.module @kernels_sm_100
// PORTABLE-NOT:  gpu.module

// What the manifest will say is what it says for the CPU.
// CHECK: module attributes {dejavu.manifest = {bytes_per_token =
// CHECK-SAME: selects = [{bytes_per_unit = 32 : i64, density = true, layer = 0 : i64, unit = "neuron", units = 12 : i64}]
// CHECK-SAME: reduction = "deterministic"
// CHECK-SAME: workspace = {decode = {bytes_fixed = 0 : i64, bytes_per_row = {{[1-9][0-9]*}} : i64}, prefill = {bytes_fixed = 0 : i64, bytes_per_row = {{[1-9][0-9]*}} : i64}}
module attributes {dejavu.source = "model.onnx"} {
  // CHECK-NOT: @unused
  dejavu.weight @unused : tensor<9xf32> from #dejavu.source<"w", offset = 0, length = 36>
  // CHECK: dejavu.weight @table
  dejavu.weight @table : tensor<7x16xf16> from #dejavu.source<"w", offset = 0, length = 224>
  dejavu.weight @scale : tensor<16xf32> from #dejavu.source<"w", offset = 0, length = 64>
  dejavu.weight @key : tensor<8x16xf16> from #dejavu.source<"w", offset = 0, length = 256>
  dejavu.weight @out : tensor<16x16xf16> from #dejavu.source<"w", offset = 0, length = 512>
  dejavu.weight @up : tensor<12x16xf16> from #dejavu.source<"w", offset = 0, length = 384>
  dejavu.weight @down : tensor<12x16xf16> from #dejavu.source<"w", offset = 0, length = 384>
  dejavu.signature inputs [#dejavu.binding<"ids", ids>] outputs [#dejavu.binding<"logits", logits>]

  func.func @prefill(%ids: tensor<?x?xi64>, %positions: tensor<?x?xi64>, %starts: tensor<?xi64>, %from: index,
                     %cache: !dejavu.kv_cache<1 x 8>) -> (tensor<?x?x7xf32>, !dejavu.kv_cache<1 x 8>)
      attributes {dejavu.entry = #dejavu.entry<prefill>} {
    %x = dejavu.embed %ids, @table : tensor<?x?xi64> -> tensor<?x?x16xf32>
    %n = dejavu.norm rms %x, @scale {epsilon = 1.0 : f32} : tensor<?x?x16xf32>
    %k = dejavu.linear %n, @key : tensor<?x?x16xf32> -> tensor<?x?x8xf32>
    %c = dejavu.kv_append %cache, %k, %k : !dejavu.kv_cache<1 x 8>, tensor<?x?x8xf32>
    %a, %d = dejavu.attention %n, %c, %starts scale = 0.5 masked_rows = uniform : tensor<?x?x16xf32>, !dejavu.kv_cache<1 x 8>, tensor<?xi64>
    %o = dejavu.linear %a, @out : tensor<?x?x16xf32> -> tensor<?x?x16xf32>
    %y = dejavu.residual_add %x, %o : tensor<?x?x16xf32>
    %f = dejavu.ffn relu %y, up = @up down = @down : tensor<?x?x16xf32>
    %l = dejavu.lm_head %f, @table from %from : tensor<?x?x16xf32> -> tensor<?x?x7xf32>
    return %l, %d : tensor<?x?x7xf32>, !dejavu.kv_cache<1 x 8>
  }
  func.func @decode(%ids: tensor<?x1xi64>, %positions: tensor<?x1xi64>, %starts: tensor<?xi64>,
                    %cache: !dejavu.kv_cache<1 x 8>) -> (tensor<?x1x7xf32>, !dejavu.kv_cache<1 x 8>)
      attributes {dejavu.entry = #dejavu.entry<decode>} {
    %x = dejavu.embed %ids, @table : tensor<?x1xi64> -> tensor<?x1x16xf32>
    %n = dejavu.norm rms %x, @scale {epsilon = 1.0 : f32} : tensor<?x1x16xf32>
    %k = dejavu.linear %n, @key : tensor<?x1x16xf32> -> tensor<?x1x8xf32>
    %c = dejavu.kv_append %cache, %k, %k : !dejavu.kv_cache<1 x 8>, tensor<?x1x8xf32>
    %a, %d = dejavu.attention %n, %c, %starts scale = 0.5 masked_rows = uniform : tensor<?x1x16xf32>, !dejavu.kv_cache<1 x 8>, tensor<?xi64>
    %o = dejavu.linear %a, @out : tensor<?x1x16xf32> -> tensor<?x1x16xf32>
    %y = dejavu.residual_add %x, %o : tensor<?x1x16xf32>
    %h = dejavu.linear %y, @up activation = relu : tensor<?x1x16xf32> -> tensor<?x1x12xf32>
    %s = dejavu.select exact %h : tensor<?x1x12xf32> -> !dejavu.active<neuron, 12>
    %f = dejavu.sparse_linear %h, %s, @down : tensor<?x1x12xf32>, !dejavu.active<neuron, 12> -> tensor<?x1x16xf32>
    %l = dejavu.lm_head %f, @table : tensor<?x1x16xf32> -> tensor<?x1x7xf32>
    return %l, %d : tensor<?x1x7xf32>, !dejavu.kv_cache<1 x 8>
  }
}

// Each argument is 8 bytes wide; attributes say how a kernel is launched.
// CHECK: gpu.module @kernels_sm_80
// CHECK: gpu.func @dejavu_embed_16_f16_{{[^(]*}}(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr) kernel
// CHECK-SAME: dejavu.cluster = 1 : i64, dejavu.early = false, dejavu.shared_bytes = 0 : i64, known_block_size = array<i32: 256, 1, 1>
// CHECK: gpu.func @dejavu_norm_rms_16_
// CHECK-SAME: dejavu.shared_bytes = 132 : i64, known_block_size = array<i32: 32, 1, 1>
// CHECK: gpu.module @kernels_sm_90

// KERNELS:      {{^}}0 gpu.func @dejavu_embed_16_f16_from0_scale3F800000(
// KERNELS-NEXT: {{^}}1 gpu.func @dejavu_norm_rms_16_eps3F800000_scale(
// KERNELS-NEXT: {{^}}2 gpu.func @dejavu_convert_16_f16(
// KERNELS-NEXT: {{^}}3 gpu.func @dejavu_linear_8x16_f16_rows1(
// KERNELS-NEXT: {{^}}4 gpu.func @dejavu_matrix_linear_8x16_f16(
// KERNELS-NEXT: {{^}}5 gpu.func @dejavu_kv_append_1x8_f16(
// KERNELS-NEXT: {{^}}6 gpu.func @dejavu_attention_2over1x8_f16_scale3F000000_uniform(
// KERNELS-NEXT: {{^}}7 gpu.func @dejavu_partial_sum_1x16_residual(
// KERNELS-NEXT: {{^}}8 gpu.func @dejavu_linear_16x16_f16_residual_rows1(
// KERNELS-NEXT: {{^}}9 gpu.func @dejavu_matrix_linear_16x16_f16_residual(
// KERNELS-NEXT: {{^}}10 gpu.func @dejavu_partial_sum_1x12_relu(
// KERNELS-NEXT: {{^}}11 gpu.func @dejavu_linear_12x16_f16_relu_rows1(
// KERNELS-NEXT: {{^}}12 gpu.func @dejavu_matrix_linear_12x16_f16_relu(
// KERNELS-NEXT: {{^}}13 gpu.func @dejavu_convert_12_f16(
// KERNELS-NEXT: {{^}}14 gpu.func @dejavu_row_sum_12x16_f16_parts1_rows1(
// KERNELS-NEXT: {{^}}15 gpu.func @dejavu_row_sum_12x16_f16_parts1_rows2(
// KERNELS-NEXT: {{^}}16 gpu.func @dejavu_row_sum_12x16_f16_parts1_rows4(
// KERNELS-NEXT: {{^}}17 gpu.func @dejavu_row_sum_12x16_f16_parts1_rows8(
// KERNELS-NEXT: {{^}}18 gpu.func @dejavu_partial_sum_1x16(
// KERNELS-NEXT: {{^}}19 gpu.func @dejavu_linear_7x16_f16_rows1(
// KERNELS-NEXT: {{^}}20 gpu.func @dejavu_matrix_linear_7x16_f16(
// KERNELS-NEXT: {{^}}21 gpu.func @dejavu_attention_2over1x8_f16_scale3F000000_uniform_append(
// KERNELS-NEXT: {{^}}22 gpu.func @dejavu_fused_ffn_12x16_f16_relu_up_exact_counted(
// KERNELS-NEXT: {{^}}23 gpu.func @dejavu_block_sum_16_counts(
// KERNELS-NEXT: {{^}}24 gpu.func @dejavu_fused_ffn_12x16_f16_relu_up_exact(
// KERNELS-NEXT: {{^}}25 gpu.func @dejavu_block_sum_16(
// KERNELS-NEXT: {{^}}26 gpu.func @dejavu_count_12(
// KERNELS-NEXT: {{^}}27 gpu.func @dejavu_row_sum_12x16_f16_sparse_parts1_rows1(
// KERNELS-NEXT: {{^}}28 gpu.func @dejavu_row_sum_12x16_f16_sparse_parts1_rows2(
// KERNELS-NEXT: {{^}}29 gpu.func @dejavu_row_sum_12x16_f16_sparse_parts1_rows4(
// KERNELS-NEXT: {{^}}30 gpu.func @dejavu_row_sum_12x16_f16_sparse_parts1_rows8(
// KERNELS-NEXT: {{^}}31 gpu.func @dejavu_sample_7(
// KERNELS-NEXT: {{^}}32 gpu.func @dejavu_advance(
// KERNELS-NOT: gpu.func

// CHECK-LABEL: func.func @dejavu_decode(
// CHECK-SAME:      %[[STEP:.*]]: !llvm.ptr) -> i32
// Rows are sequences times tokens.
// CHECK:         %[[STATUS:.*]] = llvm.alloca %c1_i64 x i64
// CHECK-NEXT:    llvm.store %c0_i32, %[[STATUS]]
// CHECK-NEXT:    %[[BATCH:.*]] = llvm.load %[[STEP]]
// CHECK-NEXT:    llvm.getelementptr %[[STEP]][1]
// CHECK-NEXT:    %[[TOKENS:.*]] = llvm.load
// CHECK-NEXT:    %[[ROWS:.*]] = arith.muli %[[BATCH]], %[[TOKENS]]
// The embedding: a block for each row, of ids (7), the first weight (14) and
// the workspace (16); session (17).
// CHECK:         llvm.getelementptr %[[STEP]][7]
// CHECK-NEXT:    %[[IDS:.*]] = llvm.load
// CHECK-NEXT:    llvm.getelementptr %[[STEP]][14]
// CHECK-NEXT:    %[[WEIGHTS:.*]] = llvm.load
// CHECK-NEXT:    %[[TABLE:.*]] = llvm.load %[[WEIGHTS]]
// CHECK-NEXT:    llvm.getelementptr %[[STEP]][16]
// CHECK-NEXT:    %[[X:.*]] = llvm.load
// CHECK:         llvm.store %[[ROWS]], %[[GRID:.*]] : i64
// CHECK:         llvm.store %[[IDS]], %[[VALUES:.*]] : !llvm.ptr
// CHECK-NEXT:    llvm.store %[[VALUES]], %[[POINTERS:.*]] : !llvm.ptr
// CHECK-NEXT:    %[[SECOND:.*]] = llvm.getelementptr %[[VALUES]][1]
// CHECK-NEXT:    llvm.store %[[TABLE]], %[[SECOND]]
// CHECK:         %[[THIRD:.*]] = llvm.getelementptr %[[VALUES]][2]
// CHECK-NEXT:    llvm.store %[[X]], %[[THIRD]]
// CHECK:         llvm.getelementptr %[[STEP]][17]
// CHECK-NEXT:    %[[SESSION:.*]] = llvm.load
// CHECK-NEXT:    %[[FAILED:.*]] = call @dejavu_rt_launch(%[[SESSION]], %c0_i64, %[[GRID]], %[[POINTERS]])
// CHECK-NEXT:    %[[BEFORE:.*]] = llvm.load %[[STATUS]]
// CHECK-NEXT:    %[[AFTER:.*]] = arith.ori %[[BEFORE]], %[[FAILED]]
// CHECK-NEXT:    llvm.store %[[AFTER]], %[[STATUS]]
// The norm.
// CHECK:         call @dejavu_rt_launch({{.*}}) {dejavu.kernel = "dejavu_norm_rms_16_eps3F800000_scale"}
// The product: one kernel for one row, another for up to eight.
// CHECK:         %[[ONE:.*]] = arith.cmpi sle, %[[ROWS]], %c1_i64
// CHECK-NEXT:    %[[K1:.*]] = arith.select %[[ONE]], %c{{.*}}_i64, %c{{.*}}_i64
// CHECK:         call @dejavu_rt_launch(%{{.*}}, %[[K1]], {{.*}}) {dejavu.kernel = ["dejavu_linear_8x16_f16_rows1", "dejavu_matrix_linear_8x16_f16"]}
// One launch appends keys and values, and reads those that are there.
// CHECK:         call @dejavu_rt_launch({{.*}}) {dejavu.kernel = "dejavu_attention_2over1x8_f16_scale3F000000_uniform_append"}
// The product that has the sum of the residual in it.
// CHECK:         call @dejavu_rt_launch({{.*}}) {dejavu.kernel = ["dejavu_linear_16x16_f16_residual_rows1", "dejavu_matrix_linear_16x16_f16_residual"]}
// One row has all of the MLP in a launch, and the sum of its blocks. There are
// kernels that count, for who wants counts (19).
// CHECK:         llvm.getelementptr %[[STEP]][19]
// CHECK-NEXT:    %[[COUNTS:.*]] = llvm.load
// CHECK-NEXT:    %[[WANTED:.*]] = llvm.icmp "ne" %[[COUNTS]], %[[NULL:.*]] : !llvm.ptr
// CHECK-NEXT:    %[[COUNT:.*]] = llvm.select %[[WANTED]], %[[COUNTS]], %[[NULL]]
// CHECK:         %[[IS_ONE:.*]] = arith.cmpi eq, %[[ROWS]], %c1_i64
// CHECK-NEXT:    scf.if %[[IS_ONE]]
// CHECK-NEXT:      %[[COUNTED:.*]] = llvm.icmp "ne" %[[COUNT]], %[[NULL]]
// CHECK-NEXT:      scf.if %[[COUNTED]]
// CHECK:             llvm.store %c-1_i64,
// CHECK:             func.call @dejavu_rt_launch({{.*}}) {dejavu.kernel = "dejavu_fused_ffn_12x16_f16_relu_up_exact_counted"}
// CHECK:             llvm.store %c2_i64,
// CHECK:             llvm.store %[[COUNT]],
// CHECK:             func.call @dejavu_rt_launch({{.*}}) {dejavu.kernel = "dejavu_block_sum_16_counts"}
// CHECK:           } else {
// CHECK:             func.call @dejavu_rt_launch({{.*}}) {dejavu.kernel = "dejavu_fused_ffn_12x16_f16_relu_up_exact"}
// CHECK:             llvm.store %c1_i64,
// CHECK-NOT:         llvm.store %[[COUNT]],
// CHECK:             func.call @dejavu_rt_launch({{.*}}) {dejavu.kernel = "dejavu_block_sum_16"}
// CHECK:           }
// CHECK-NOT:     dejavu_rt_launch
// CHECK:         %[[IS_MORE:.*]] = arith.cmpi ne, %[[ROWS]], %c1_i64
// CHECK-NEXT:    scf.if %[[IS_MORE]]
// CHECK:           func.call @dejavu_rt_launch({{.*}}) {dejavu.kernel = ["dejavu_linear_12x16_f16_relu_rows1", "dejavu_matrix_linear_12x16_f16_relu"]}
// CHECK-NOT:     dejavu_rt_launch
// Of more rows, too, what was chosen is counted if somebody asks.
// CHECK:         %[[MORE_COUNT:.*]] = llvm.select
// CHECK:         arith.cmpi ne, %[[ROWS]], %c1_i64
// CHECK-NEXT:    scf.if
// CHECK-NEXT:      %[[ASKS:.*]] = llvm.icmp "ne" %[[MORE_COUNT]], %{{.*}} : !llvm.ptr
// CHECK-NEXT:      scf.if %[[ASKS]]
// CHECK:             func.call @dejavu_rt_launch({{.*}}) {dejavu.kernel = "dejavu_count_12"}
// CHECK:         }
// CHECK:         %[[STILL_MORE:.*]] = arith.cmpi ne, %[[ROWS]], %c1_i64
// CHECK-NEXT:    scf.if %[[STILL_MORE]]
// Rows whose factors are zero are not read: kernels for 1, 2, 4 and 8 rows.
// CHECK:           %[[FOUR:.*]] = arith.cmpi sle, %[[ROWS]], %c4_i64
// CHECK-NEXT:      %[[K4:.*]] = arith.select %[[FOUR]], %c{{.*}}_i64, %c{{.*}}_i64
// CHECK:           %[[TWO:.*]] = arith.cmpi sle, %[[ROWS]], %c2_i64
// CHECK-NEXT:      %[[K2:.*]] = arith.select %[[TWO]], %c{{.*}}_i64, %[[K4]]
// CHECK:           %[[K:.*]] = arith.select %{{.*}}, %c{{.*}}_i64, %[[K2]]
// CHECK:           func.call @dejavu_rt_launch(%{{.*}}, %[[K]], {{.*}}) {dejavu.kernel = [
// CHECK-SAME:      "dejavu_row_sum_12x16_f16_sparse_parts1_rows1", "dejavu_row_sum_12x16_f16_sparse_parts1_rows2",
// CHECK-SAME:      "dejavu_row_sum_12x16_f16_sparse_parts1_rows4", "dejavu_row_sum_12x16_f16_sparse_parts1_rows8"]}
// CHECK:           func.call @dejavu_rt_launch({{.*}}) {dejavu.kernel = "dejavu_partial_sum_1x16"}
// CHECK-NOT:     dejavu_rt_launch
// CHECK:         }
// CHECK:         call @dejavu_rt_launch({{.*}}) {dejavu.kernel = ["dejavu_linear_7x16_f16_rows1", "dejavu_matrix_linear_7x16_f16"]}
// CHECK-NOT:     dejavu_rt_launch
// CHECK:         arith.ori
// CHECK-NEXT:    llvm.store %{{.*}}, %[[STATUS]]
// CHECK-NEXT:    %[[RESULT:.*]] = llvm.load %[[STATUS]] : !llvm.ptr -> i32
// CHECK-NEXT:    return %[[RESULT]]

// CHECK-LABEL: func.func @dejavu_sample(
// Field 21 is `sampling`, the fifth of the kernel's arguments.
// CHECK:         %[[SAMPLING:.*]] = llvm.getelementptr %{{.*}}[21]
// CHECK-NEXT:    %[[PARAMETERS:.*]] = llvm.load %[[SAMPLING]]
// CHECK:         llvm.store %[[PARAMETERS]],
// CHECK:         call @dejavu_rt_launch({{.*}}) {dejavu.kernel = "dejavu_sample_7"}
// CHECK:         call @dejavu_rt_launch({{.*}}) {dejavu.kernel = "dejavu_advance"}
// CHECK-NOT:     dejavu_rt_launch
// CHECK:         return
