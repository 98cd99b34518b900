// RUN: dejavu-opt %s --convert-onnx-to-linalg --split-input-file --verify-diagnostics

func.func private @unknown(%x: tensor<1x4x8xf32>, %s: tensor<?xi64>) -> (tensor<1x4x8xf32>, tensor<1x4x8xf32>) attributes {dejavu.dense} {
  // expected-error@+2 {{ops that cannot be compiled: onnx.com.microsoft.QuickGelu (2)}}
  // expected-note@+1 {{first 'onnx.com.microsoft.QuickGelu' is here}}
  %a = onnx.com.microsoft.QuickGelu(%x) : (tensor<1x4x8xf32>) -> tensor<1x4x8xf32>
  %b = onnx.com.microsoft.QuickGelu(%a) : (tensor<1x4x8xf32>) -> tensor<1x4x8xf32>
  return %a, %b : tensor<1x4x8xf32>, tensor<1x4x8xf32>
}

// -----

func.func private @unranked(%x: tensor<8xf32>, %s: tensor<?xi64>) -> tensor<8xf32> attributes {dejavu.dense} {
  // expected-error@+1 {{expected tensors of known rank, found 'tensor<*xf32>'}}
  %a = onnx.Reshape(%x, %s) : (tensor<8xf32>, tensor<?xi64>) -> tensor<*xf32>
  %t = onnx.Constant dense<8> : tensor<1xi64>
  %b = onnx.Reshape(%a, %t) : (tensor<*xf32>, tensor<1xi64>) -> tensor<8xf32>
  return %b : tensor<8xf32>
}

// -----

func.func private @axes(%x: tensor<?x8xf32>, %axes: tensor<?xi64>) -> tensor<?x?xf32> attributes {dejavu.dense} {
  // expected-error@+1 {{expected a known number of axes}}
  %a = onnx.ReduceSum(%x, %axes) : (tensor<?x8xf32>, tensor<?xi64>) -> tensor<?x?xf32>
  return %a : tensor<?x?xf32>
}

// -----

func.func private @training(%x: tensor<8xf32>, %t: tensor<i1>) -> tensor<8xf32> attributes {dejavu.dense} {
  // expected-error@+1 {{expected a training_mode that is known to be false}}
  %a = onnx.Dropout(%x) training_mode(%t) : (tensor<8xf32>, tensor<i1>) -> tensor<8xf32>
  return %a : tensor<8xf32>
}

// -----

func.func private @growing(%n: tensor<i64>, %x: tensor<4xf32>) -> tensor<?xf32> attributes {dejavu.dense} {
  // expected-error@+1 {{expected a loop to carry values of constant shape}}
  %y = onnx.Loop(%x) max(%n) {
  ^bb0(%i: tensor<i64>, %c: tensor<i1>, %v: tensor<?xf32>):
    %w = onnx.Concat(%v, %v) {axis = 0 : i64} : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    onnx.Yield(%c, %w) : (tensor<i1>, tensor<?xf32>) -> ()
  } : (tensor<i64>, tensor<4xf32>) -> tensor<?xf32>
  return %y : tensor<?xf32>
}
