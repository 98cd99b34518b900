// RUN: dejavu-opt %s --dejavu-dense-deallocation --split-input-file | FileCheck %s

// Behind the last use of a view.
// CHECK-LABEL: func.func @view(
// CHECK:         %[[A:.*]] = memref.alloc
// CHECK:         memref.collapse_shape %[[A]]
// CHECK:         memref.load
// CHECK-NEXT:    memref.dealloc %[[A]]
// CHECK-NEXT:    return
func.func @view(%i: index) -> f32 {
  %0 = memref.alloc() : memref<2x4xf32>
  %1 = memref.collapse_shape %0 [[0, 1]] : memref<2x4xf32> into memref<8xf32>
  %2 = memref.load %1[%i] : memref<8xf32>
  return %2 : f32
}

// -----

// Each branch gives a buffer of its own, which the block around frees.
// CHECK-LABEL: func.func @branches(
// CHECK:         %[[R:.*]] = scf.if
// CHECK:           %[[A:.*]] = memref.alloc
// CHECK:           scf.yield %[[A]]
// CHECK:         else
// CHECK:           %[[B:.*]] = memref.alloc
// CHECK:           linalg.copy
// CHECK:           scf.yield %[[B]]
// CHECK:         memref.load
// CHECK-NEXT:    memref.dealloc %[[R]]
func.func @branches(%c: i1, %x: memref<4xf32>, %i: index) -> f32 {
  %r = scf.if %c -> memref<4xf32> {
    %0 = memref.alloc() : memref<4xf32>
    scf.yield %0 : memref<4xf32>
  } else {
    scf.yield %x : memref<4xf32>
  }
  %1 = memref.load %r[%i] : memref<4xf32>
  return %1 : f32
}

// -----

// The memory of a loop lives until the loop's result has been used.
// CHECK-LABEL: func.func @loop(
// CHECK:         %[[A:.*]] = memref.alloc
// CHECK:         %[[R:.*]] = scf.for
// CHECK:         memref.load %[[R]]
// CHECK-NEXT:    memref.dealloc %[[A]]
func.func @loop(%n: index, %i: index, %x: f32) -> f32 {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %0 = memref.alloc() : memref<4xf32>
  %r = scf.for %j = %zero to %n step %one iter_args(%m = %0) -> memref<4xf32> {
    memref.store %x, %m[%i] : memref<4xf32>
    scf.yield %m : memref<4xf32>
  }
  %1 = memref.load %r[%i] : memref<4xf32>
  return %1 : f32
}

// -----

// The same buffer twice would be freed twice.
// CHECK-LABEL: func.func @twice(
// CHECK:         %[[A:.*]] = memref.alloc
// CHECK:         %[[B:.*]] = memref.alloc
// CHECK:         linalg.copy
// CHECK:         return %[[A]], %[[B]]
func.func @twice() -> (memref<4xf32>, memref<4xf32>) {
  %0 = memref.alloc() : memref<4xf32>
  return %0, %0 : memref<4xf32>, memref<4xf32>
}
