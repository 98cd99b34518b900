// RUN: dejavu-opt %s --dejavu-lower-allocations --split-input-file | FileCheck %s

// CHECK-LABEL: func.func @rows(
// CHECK-SAME:    %[[N:.*]]: index
// CHECK:         %[[ROW:.*]] = arith.constant 32 : index
// CHECK:         %[[BYTES:.*]] = arith.muli %[[ROW]], %[[N]]
// CHECK:         %[[SIZE:.*]] = arith.index_cast %[[BYTES]] : index to i64
// CHECK:         %[[DATA:.*]] = call @dejavu_rt_alloc(%[[SIZE]]) : (i64) -> !llvm.ptr
// CHECK:         %[[M:.*]] = memref.reinterpret_cast {{.*}} sizes: [%[[N]], 8], strides: [8, 1]
// CHECK:         %[[AT:.*]] = memref.extract_aligned_pointer_as_index %[[M]]
// CHECK:         llvm.inttoptr
// CHECK:         call @dejavu_rt_free
// CHECK-NOT:     memref.alloc
func.func @rows(%n: index) {
  %0 = memref.alloc(%n) {alignment = 64 : i64} : memref<?x8xf32>
  memref.dealloc %0 : memref<?x8xf32>
  return
}

// -----

// A bool takes a byte, a scalar has no dimensions.
// CHECK-LABEL: func.func @bools(
// CHECK:         arith.constant 5 : index
// CHECK:         call @dejavu_rt_alloc
// CHECK:         arith.constant 8 : index
// CHECK:         call @dejavu_rt_alloc
func.func @bools() -> (memref<5xi1>, memref<i64>) {
  %0 = memref.alloc() : memref<5xi1>
  %1 = memref.alloc() : memref<i64>
  return %0, %1 : memref<5xi1>, memref<i64>
}
