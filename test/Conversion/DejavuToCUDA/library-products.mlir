// Prompts of more than eight rows leave their products to a library, if there
// is one.
// RUN: dejavu-opt %s --convert-dejavu-to-cuda=chips=sm_90 --canonicalize | FileCheck %s

module attributes {dejavu.source = "model.onnx"} {
  dejavu.weight @table : tensor<7x16xbf16> from #dejavu.source<"w", offset = 0, length = 224>
  dejavu.weight @out : tensor<16x16xf32> from #dejavu.source<"w", offset = 0, length = 1024>
  dejavu.weight @bias : tensor<16xf32> from #dejavu.source<"w", offset = 0, length = 64>
  dejavu.weight @gate : tensor<12x16xf16> from #dejavu.source<"w", offset = 0, length = 384>
  dejavu.weight @up : tensor<12x16xf16> from #dejavu.source<"w", offset = 0, length = 384>
  dejavu.weight @down : tensor<12x16xf16> from #dejavu.source<"w", offset = 0, length = 384>

  func.func @prefill(%ids: tensor<?x?xi64>, %positions: tensor<?x?xi64>, %starts: tensor<?xi64>, %from: index) -> tensor<?x?x7xf32> {
    %x = dejavu.embed %ids, @table : tensor<?x?xi64> -> tensor<?x?x16xf32>
    %o = dejavu.linear %x, @out, @bias : tensor<?x?x16xf32> -> tensor<?x?x16xf32>
    %f = dejavu.ffn silu %o, gate = @gate up = @up down = @down : tensor<?x?x16xf32>
    %y = dejavu.residual_add %o, %f : tensor<?x?x16xf32>
    %l = dejavu.lm_head %y, @table from %from : tensor<?x?x16xf32> -> tensor<?x?x7xf32>
    return %l : tensor<?x?x7xf32>
  }
  func.func @decode(%ids: tensor<?x1xi64>, %positions: tensor<?x1xi64>, %starts: tensor<?xi64>) -> tensor<?x1x7xf32> {
    %x = dejavu.embed %ids, @table : tensor<?x1xi64> -> tensor<?x1x16xf32>
    %o = dejavu.linear %x, @out, @bias : tensor<?x1x16xf32> -> tensor<?x1x16xf32>
    %f = dejavu.ffn silu %o, gate = @gate up = @up down = @down : tensor<?x1x16xf32>
    %y = dejavu.residual_add %o, %f : tensor<?x1x16xf32>
    %l = dejavu.lm_head %y, @table : tensor<?x1x16xf32> -> tensor<?x1x7xf32>
    return %l : tensor<?x1x7xf32>
  }
}

// Rows are rounded to the type of the weights, four at a time.
// CHECK:       gpu.func @dejavu_convert_16_f16(
// CHECK:         arith.divui
// CHECK:         arith.remui
// CHECK:         llvm.load %{{.*}} {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xf32>
// CHECK-NEXT:    arith.truncf %{{.*}} : vector<4xf32> to vector<4xf16>
// CHECK:         {alignment = 8 : i64} : vector<4xf16>, !llvm.ptr<1>
// Both products of a gated MLP become one, in place of the first.
// CHECK:       gpu.func @dejavu_gate_12_silu_gated(%[[FIRST:.*]]: !llvm.ptr, %[[SECOND:.*]]: !llvm.ptr)
// CHECK:         %[[TO:.*]] = llvm.addrspacecast %[[FIRST]]
// CHECK:         scf.if
// CHECK:           llvm.getelementptr %[[TO]]
// CHECK:           arith.mulf
// CHECK:           llvm.getelementptr %[[TO]]
// CHECK-NEXT:      llvm.store
// CHECK:       gpu.func @dejavu_convert_12_f16(
// CHECK:       gpu.func @dejavu_convert_16_bf16(

// CHECK-DAG:   func.func private @dejavu_rt_has_matmul(!llvm.ptr) -> i32
// CHECK-DAG:   func.func private @dejavu_rt_matmul(!llvm.ptr, !llvm.ptr) -> i32
// CHECK-LABEL: func.func @dejavu_prefill(
// The library is looked for once, and by nobody who has few rows.
// CHECK:         %[[ROWS:.*]] = arith.muli
// CHECK:         %[[MANY:.*]] = arith.cmpi sgt, %[[ROWS]], %c8_i64
// CHECK-NEXT:    %[[LIBRARY:.*]] = scf.if %[[MANY]] -> (i1)
// CHECK:           func.call @dejavu_rt_has_matmul
// CHECK:         else
// CHECK-NEXT:      scf.yield %false

// f32 goes in as it is: type 0, weight [out, in], rows, in, out. A kernel adds
// the bias.
// CHECK:         scf.if %[[LIBRARY]]
// CHECK-NOT:       dejavu_rt_launch
// CHECK:           llvm.store %c0_i64, %[[PRODUCT:.*]] : i64
// CHECK:           llvm.store %c0_i64,
// CHECK:           llvm.store %[[ROWS]],
// CHECK:           llvm.store %c16_i64,
// CHECK:           llvm.store %c16_i64,
// CHECK:           func.call @dejavu_rt_matmul(%{{.*}}, %[[PRODUCT]])
// CHECK:           func.call @dejavu_rt_launch
// CHECK-NOT:       dejavu_rt_
// CHECK:         } else {
// CHECK:           func.call @dejavu_rt_launch
// CHECK-NOT:       dejavu_rt_
// CHECK:         }

// The MLP: f16 is type 1; both products are of one input.
// CHECK:         scf.if %[[LIBRARY]]
// CHECK:           func.call @dejavu_rt_launch
// CHECK:           llvm.store %c1_i64, %[[GATE:.*]] : i64
// CHECK:           func.call @dejavu_rt_matmul(%{{.*}}, %[[GATE]])
// CHECK:           func.call @dejavu_rt_matmul
// CHECK:           func.call @dejavu_rt_launch
// The down-projection: [in, out]. What is behind the sum is as ever.
// CHECK:           func.call @dejavu_rt_launch
// CHECK:           llvm.store %c1_i64, %[[DOWN:.*]] : i64
// CHECK:           llvm.store %c1_i64,
// CHECK:           llvm.store %[[ROWS]],
// CHECK:           llvm.store %c12_i64,
// CHECK:           llvm.store %c16_i64,
// CHECK:           func.call @dejavu_rt_matmul(%{{.*}}, %[[DOWN]])
// CHECK-NOT:       dejavu_rt_
// CHECK:         } else {
// CHECK-COUNT-2:   func.call @dejavu_rt_launch
// CHECK-NOT:       dejavu_rt_
// CHECK:         }
// CHECK:         call @dejavu_rt_launch

// Logits may be wanted of fewer rows: these count. bf16 is type 2.
// CHECK:         %[[PART:.*]] = arith.subi
// CHECK:         %[[WANTED:.*]] = arith.muli %{{.*}}, %[[PART]]
// CHECK:         %[[ENOUGH:.*]] = arith.cmpi sgt, %[[WANTED]], %c8_i64
// CHECK-NEXT:    %[[BOTH:.*]] = arith.andi %[[LIBRARY]], %[[ENOUGH]]
// CHECK-NEXT:    scf.if %[[BOTH]]
// CHECK:           llvm.store %c2_i64,
// CHECK:           func.call @dejavu_rt_matmul

// CHECK-LABEL: func.func @dejavu_decode(
// CHECK-NOT:     matmul
