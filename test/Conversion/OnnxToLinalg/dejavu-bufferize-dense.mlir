// RUN: dejavu-opt %s --convert-onnx-to-linalg --dejavu-bufferize-dense --split-input-file | FileCheck %s

// One buffer is freed inside; the result and the copy of the argument are the
// caller's.
// CHECK-LABEL: func.func @caller(
// CHECK-SAME:    %[[A:.*]]: tensor<?x8xf32>, %[[B:.*]]: tensor<?xi64>
// CHECK:         %[[MA:.*]] = bufferization.to_buffer %[[A]]
// CHECK:         %[[MB:.*]] = bufferization.to_buffer %[[B]]
// CHECK:         %[[R:.*]]:2 = call @dense(%[[MA]], %[[MB]])
// CHECK:         bufferization.to_tensor %[[R]]#0 restrict
// CHECK-LABEL: func.func private @dense(
// CHECK-SAME:    %[[X:.*]]: memref<?x8xf32>, %[[I:.*]]: memref<?xi64>) -> (memref<?x8xf32>, memref<?x8xf32>)
// CHECK:         %[[E:.*]] = memref.alloc
// CHECK:         math.exp
// CHECK:         scf.if
// CHECK-NEXT:      %[[T:.*]] = llvm.mlir.addressof @[[$TEXT:.*]] : !llvm.ptr
// CHECK-NEXT:      func.call @dejavu_rt_stop(%[[T]])
// CHECK:         %[[G:.*]] = memref.alloc
// CHECK:         memref.dealloc %[[E]]
// CHECK:         %[[C:.*]] = memref.alloc
// CHECK:         return %[[G]], %[[C]]
// CHECK:         llvm.mlir.global internal constant @[[$TEXT]]("Gather: expected indices within the dimension\00")
func.func private @dense(%x: tensor<?x8xf32>, %i: tensor<?xi64>) -> (tensor<?x8xf32>, tensor<?x8xf32>) attributes {dejavu.dense} {
  %e = onnx.Exp(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %g = onnx.Gather(%e, %i) : (tensor<?x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
  return %g, %x : tensor<?x8xf32>, tensor<?x8xf32>
}
func.func @caller(%x: tensor<?x8xf32>, %i: tensor<?xi64>) -> tensor<?x8xf32> {
  %g:2 = call @dense(%x, %i) : (tensor<?x8xf32>, tensor<?xi64>) -> (tensor<?x8xf32>, tensor<?x8xf32>)
  return %g#0 : tensor<?x8xf32>
}

// -----

// Constants of several functions get names of their own, and the argument is
// not written to.
// CHECK-DAG: memref.global "private" constant @dense_constant_0
// CHECK-DAG: memref.global "private" constant @dense_constant_1
// CHECK-LABEL: func.func private @first(
// CHECK-SAME:    %[[X:.*]]: memref<4xf32>
// CHECK:         memref.get_global @dense_constant_
// CHECK-NOT:     memref.store %{{.*}}, %[[X]]
// CHECK-LABEL: func.func private @second(
// CHECK:         memref.get_global @dense_constant_
func.func private @first(%x: tensor<4xf32>) -> tensor<4xf32> attributes {dejavu.dense} {
  %c = onnx.Constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %y = onnx.Add(%x, %c) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
func.func private @second(%x: tensor<4xf32>) -> tensor<4xf32> attributes {dejavu.dense} {
  %c = onnx.Constant dense<[5.0, 6.0, 7.0, 8.0]> : tensor<4xf32>
  %y = onnx.Mul(%x, %c) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

// The last value is stacked before the next one takes its place.
// CHECK-LABEL: func.func private @loop(
// CHECK:         scf.while
// CHECK:         do
// CHECK:           memref.subview
// CHECK:           memref.store
// CHECK:           memref.dealloc
// CHECK:           scf.yield
func.func private @loop(%n: tensor<i64>, %x: tensor<f32>, %d: tensor<f32>) -> (tensor<f32>, tensor<?xf32>) attributes {dejavu.dense} {
  %y:2 = onnx.Loop(%x) max(%n) {
  ^bb0(%i: tensor<i64>, %c: tensor<i1>, %v: tensor<f32>):
    %w = onnx.Add(%v, %d) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    %k = onnx.Identity(%v) : (tensor<f32>) -> tensor<f32>
    onnx.Yield(%c, %w, %k) : (tensor<i1>, tensor<f32>, tensor<f32>) -> ()
  } : (tensor<i64>, tensor<f32>) -> (tensor<f32>, tensor<?xf32>)
  return %y#0, %y#1 : tensor<f32>, tensor<?xf32>
}
