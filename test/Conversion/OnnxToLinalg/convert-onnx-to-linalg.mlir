// RUN: dejavu-opt %s --convert-onnx-to-linalg --canonicalize --cse --split-input-file | FileCheck %s

// Dimensions that are known to be equal are indexed directly; one that may have
// to be broadcast is read by index, and checked.
// CHECK-LABEL: func.func private @elementwise(
// CHECK-SAME:    %[[X:.*]]: tensor<?x8xf32>, %[[Y:.*]]: tensor<8xf32>, %[[Z:.*]]: tensor<?x8xf32>)
// CHECK:         %[[M:.*]] = linalg.generic {{.*}} ins(%[[X]], %[[Y]] :
// CHECK:           arith.mulf
// CHECK:         cf.assert {{.*}} "Add: expected shapes that broadcast"
// CHECK:         linalg.generic
// CHECK:           arith.addf
func.func private @elementwise(%x: tensor<?x8xf32>, %y: tensor<8xf32>, %z: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {dejavu.dense} {
  %m = onnx.Mul(%x, %y) : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %a = onnx.Add(%m, %z) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %a : tensor<?x8xf32>
}

// -----

// Unsigned integers are signless, and divided as what they are.
// CHECK-LABEL: func.func private @unsigned(
// CHECK-SAME:    tensor<4xi8>, %{{.*}}: tensor<4xi8>) -> tensor<4xi8>
// CHECK:         cf.assert {{.*}} "Div: expected integer divisors other than 0"
// CHECK:         arith.divui
// CHECK-LABEL: func.func @caller(
// CHECK-SAME:    %[[A:.*]]: tensor<4xui8>
// CHECK:         %[[B:.*]] = tensor.bitcast %[[A]] : tensor<4xui8> to tensor<4xi8>
// CHECK:         %[[C:.*]] = call @unsigned(%[[B]], %[[B]])
// CHECK:         tensor.bitcast %[[C]] : tensor<4xi8> to tensor<4xui8>
func.func private @unsigned(%x: tensor<4xui8>, %y: tensor<4xui8>) -> tensor<4xui8> attributes {dejavu.dense} {
  %d = onnx.Div(%x, %y) : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xui8>
  return %d : tensor<4xui8>
}
func.func @caller(%x: tensor<4xui8>) -> tensor<4xui8> {
  %d = call @unsigned(%x, %x) : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xui8>
  return %d : tensor<4xui8>
}

// -----

// f16 is computed in f32.
// CHECK-LABEL: func.func private @half(
// CHECK:         arith.extf %{{.*}} : f16 to f32
// CHECK:         math.exp {{.*}} : f32
// CHECK:         arith.truncf %{{.*}} : f32 to f16
func.func private @half(%x: tensor<4xf16>) -> tensor<4xf16> attributes {dejavu.dense} {
  %e = onnx.Exp(%x) : (tensor<4xf16>) -> tensor<4xf16>
  return %e : tensor<4xf16>
}

// -----

// The columns of a product are its innermost loop.
// CHECK: #[[$A:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
// CHECK: #[[$B:.*]] = affine_map<(d0, d1, d2, d3) -> (d2, d3)>
// CHECK: #[[$C:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d3)>
// CHECK-LABEL: func.func private @product(
// CHECK:         linalg.generic {indexing_maps = [#[[$A]], #[[$B]], #[[$C]]], iterator_types = ["parallel", "parallel", "reduction", "parallel"]}
func.func private @product(%x: tensor<?x?x8xf32>, %w: tensor<8x16xf32>) -> tensor<?x?x16xf32> attributes {dejavu.dense} {
  %y = onnx.MatMul(%x, %w) : (tensor<?x?x8xf32>, tensor<8x16xf32>) -> tensor<?x?x16xf32>
  return %y : tensor<?x?x16xf32>
}

// -----

// What a shape is computed from is followed, so nothing is to be checked.
// CHECK-LABEL: func.func private @shapes(
// CHECK-SAME:    %[[X:.*]]: tensor<?x?x64xf32>)
// CHECK-NOT:     cf.assert
// CHECK:         tensor.expand_shape
// CHECK:         linalg.generic
// CHECK:         return
func.func private @shapes(%x: tensor<?x?x64xf32>) -> tensor<?x4x?x16xf32> attributes {dejavu.dense} {
  %s = onnx.Shape(%x) {end = 2 : i64} : (tensor<?x?x64xf32>) -> tensor<2xi64>
  %t = onnx.Constant dense<[4, -1]> : tensor<2xi64>
  %c = onnx.Concat(%s, %t) {axis = 0 : i64} : (tensor<2xi64>, tensor<2xi64>) -> tensor<4xi64>
  %r = onnx.Reshape(%x, %c) : (tensor<?x?x64xf32>, tensor<4xi64>) -> tensor<?x?x4x16xf32>
  %y = onnx.Transpose(%r) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x4x16xf32>) -> tensor<?x4x?x16xf32>
  return %y : tensor<?x4x?x16xf32>
}

// -----

// Indices are checked before anything is read.
// CHECK-LABEL: func.func private @gather(
// CHECK:         linalg.generic {{.*}} iterator_types = ["reduction", "reduction"]
// CHECK:         cf.assert {{.*}} "node 'lookup' (Gather): expected indices within the dimension"
// CHECK:         linalg.generic
// CHECK:           tensor.extract
func.func private @gather(%x: tensor<100x8xf32>, %i: tensor<?x?xi64>) -> tensor<?x?x8xf32> attributes {dejavu.dense} {
  %y = onnx.Gather(%x, %i) : (tensor<100x8xf32>, tensor<?x?xi64>) -> tensor<?x?x8xf32> loc("lookup")
  return %y : tensor<?x?x8xf32>
}

// -----

// CHECK-LABEL: func.func private @scatter(
// CHECK:         cf.assert
// CHECK:         scf.for
// CHECK:           tensor.insert
func.func private @scatter(%x: tensor<8x4xf32>, %i: tensor<2x1xi64>, %u: tensor<2x4xf32>) -> tensor<8x4xf32> attributes {dejavu.dense} {
  %y = onnx.ScatterND(%x, %i, %u) : (tensor<8x4xf32>, tensor<2x1xi64>, tensor<2x4xf32>) -> tensor<8x4xf32>
  return %y : tensor<8x4xf32>
}

// -----

// The largest element, the powers, their sum, the quotient.
// CHECK-LABEL: func.func private @softmax(
// CHECK:         arith.maximumf
// CHECK:         arith.subf
// CHECK:         math.exp
// CHECK:         arith.addf
// CHECK:         arith.divf
func.func private @softmax(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {dejavu.dense} {
  %y = onnx.Softmax(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// The size of the result is counted first.
// CHECK-LABEL: func.func private @nonzero(
// CHECK:         %[[N:.*]] = linalg.generic {{.*}} iterator_types = ["reduction"]
// CHECK:         tensor.empty(%{{.*}}) : tensor<1x?xi64>
// CHECK:         scf.for
// CHECK:           scf.if
func.func private @nonzero(%x: tensor<?xi1>) -> tensor<1x?xi64> attributes {dejavu.dense} {
  %y = onnx.NonZero(%x) : (tensor<?xi1>) -> tensor<1x?xi64>
  return %y : tensor<1x?xi64>
}

// -----

// A function without the attribute stays.
// CHECK-LABEL: func.func @other(
// CHECK:         onnx.Relu
func.func @other(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = onnx.Relu(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

// Padded first; the places of the result are the innermost loops.
// CHECK: affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d3, d5 * 2 + d4)>
// CHECK-LABEL: func.func private @convolution(
// CHECK:         tensor.insert_slice
// CHECK:         linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction", "parallel"]
func.func private @convolution(%x: tensor<?x4x9xf32>, %w: tensor<6x4x3xf32>) -> tensor<?x6x5xf32> attributes {dejavu.dense} {
  %y = onnx.Conv(%x, %w) {pads = array<i64: 1, 1>, strides = array<i64: 2>} : (tensor<?x4x9xf32>, tensor<6x4x3xf32>) -> tensor<?x6x5xf32>
  return %y : tensor<?x6x5xf32>
}

// -----

// CHECK-LABEL: func.func private @quantise(
// CHECK:         arith.divf
// CHECK:         math.roundeven
// CHECK:         arith.minimumf
// CHECK:         arith.trunci
func.func private @quantise(%x: tensor<8xf32>, %s: tensor<f32>, %z: tensor<i8>) -> tensor<8xi8> attributes {dejavu.dense} {
  %y = onnx.QuantizeLinear(%x, %s, %z) {axis = 0 : i64} : (tensor<8xf32>, tensor<f32>, tensor<i8>) -> tensor<8xi8>
  return %y : tensor<8xi8>
}

// -----

// CHECK-LABEL: func.func private @branch(
// CHECK:         scf.if
// CHECK:           arith.addf
// CHECK:           bufferization.alloc_tensor() copy
// CHECK:         else
func.func private @branch(%c: tensor<i1>, %x: tensor<4xf32>) -> tensor<4xf32> attributes {dejavu.dense} {
  %y = onnx.If(%c) then {
    %z = onnx.Add(%x, %x) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    onnx.Yield(%z) : (tensor<4xf32>) -> ()
  } else {
    onnx.Yield(%x) : (tensor<4xf32>) -> ()
  } : (tensor<i1>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

// What is carried stays where it is, what is stacked goes into a buffer of as
// many turns as there can be.
// CHECK-LABEL: func.func private @loop(
// CHECK:         tensor.empty(%{{.*}}) : tensor<?x4xf32>
// CHECK:         scf.while
// CHECK:         do
// CHECK:           tensor.insert_slice
// CHECK:           bufferization.materialize_in_destination
// CHECK:         tensor.extract_slice
func.func private @loop(%n: tensor<i64>, %x: tensor<4xf32>) -> (tensor<4xf32>, tensor<?x4xf32>) attributes {dejavu.dense} {
  %y:2 = onnx.Loop(%x) max(%n) {
  ^bb0(%i: tensor<i64>, %c: tensor<i1>, %v: tensor<4xf32>):
    %w = onnx.Add(%v, %v) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    onnx.Yield(%c, %w, %w) : (tensor<i1>, tensor<4xf32>, tensor<4xf32>) -> ()
  } : (tensor<i64>, tensor<4xf32>) -> (tensor<4xf32>, tensor<?x4xf32>)
  return %y#0, %y#1 : tensor<4xf32>, tensor<?x4xf32>
}
