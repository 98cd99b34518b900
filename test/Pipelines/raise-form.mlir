// RUN: dejavu-opt %s --dejavu-raise --remarks-filter=raise 2>&1 | FileCheck %s
// RUN: dejavu-opt %s --dejavu-raise=form=forward | FileCheck %s --check-prefix=FORWARD
// RUN: not dejavu-opt %s --dejavu-raise=form=decoder 2>&1 | FileCheck %s --check-prefix=DECODER

// What is no decoder is raised all the same, from the start.

// CHECK:       remark: {{.*}}not a decoder with a cache: [[REASON:expected .*]]"
// CHECK:       module attributes {dejavu.no_decoder = "[[REASON]]"}
// CHECK:       func.func @forward(
// CHECK-NEXT:    dejavu.norm layer
// CHECK-NOT:   func.func

// FORWARD-NOT: dejavu.no_decoder
// FORWARD:     func.func @forward(
// FORWARD-NEXT:  dejavu.norm layer

// DECODER:     error: expected

module {
  dejavu.weight @scale : tensor<8xf32> from #dejavu.source<"f", offset = 0, length = 32>
  func.func @main(%x: tensor<?x?x8xf32> {onnx.name = "x"}) -> (tensor<?x?x8xf32> {onnx.name = "y"}) {
    %scale = dejavu.load_weight @scale : tensor<8xf32>
    %y = onnx.LayerNormalization(%x, %scale, %scale) {epsilon = 1.0e-5 : f32}
        : (tensor<?x?x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<?x?x8xf32>
    return %y : tensor<?x?x8xf32>
  }
}
