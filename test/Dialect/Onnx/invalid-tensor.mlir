// RUN: dejavu-opt %s --split-input-file --verify-diagnostics

func.func @constant_of_shape(%s: tensor<2xi64>) {
  // expected-error@+1 {{'onnx.ConstantOfShape' op expected value to have one element, found 2}}
  %0 = onnx.ConstantOfShape(%s) {value = dense<1> : tensor<2xi64>} : (tensor<2xi64>) -> tensor<?x?xi64>
  return
}

// -----

func.func @shape_rank(%x: tensor<4xf32>, %s: tensor<1x2xi64>) {
  // expected-error@+1 {{'onnx.Reshape' op expected shape of rank 1, found tensor<1x2xi64>}}
  %0 = onnx.Reshape(%x, %s) : (tensor<4xf32>, tensor<1x2xi64>) -> tensor<?x?xf32>
  return
}

// -----

func.func @reshape_rank(%x: tensor<4xf32>, %s: tensor<2xi64>) {
  // expected-error@+1 {{'onnx.Reshape' op expected result 0 to be compatible with 'tensor<?x?xf32>', found 'tensor<4xf32>'}}
  %0 = onnx.Reshape(%x, %s) : (tensor<4xf32>, tensor<2xi64>) -> tensor<4xf32>
  return
}

// -----

func.func @range(%a: tensor<2xi64>) {
  // expected-error@+1 {{'onnx.Range' op expected operands of one element, found tensor<2xi64>}}
  %0 = onnx.Range(%a, %a, %a) : (tensor<2xi64>, tensor<2xi64>, tensor<2xi64>) -> tensor<?xi64>
  return
}

// -----

func.func @cast(%a: tensor<2xi64>) {
  // expected-error@+1 {{'onnx.Cast' op expected an element type, found index}}
  %0 = onnx.Cast(%a) {to = index} : (tensor<2xi64>) -> tensor<2xi64>
  return
}

// -----

func.func @flatten(%a: tensor<2x3xf32>) {
  // expected-error@+1 {{'onnx.Flatten' op expected axis in [-2, 2], found 3}}
  %0 = onnx.Flatten(%a) {axis = 3 : i64} : (tensor<2x3xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @concat_rank(%a: tensor<2x3xf32>, %b: tensor<2xf32>) {
  // expected-error@+1 {{'onnx.Concat' op expected inputs of one rank, found [2, 3] and [2]}}
  %0 = onnx.Concat(%a, %b) {axis = 0 : i64} : (tensor<2x3xf32>, tensor<2xf32>) -> tensor<?x3xf32>
  return
}

// -----

func.func @concat_shape(%a: tensor<2x3xf32>, %b: tensor<2x4xf32>) {
  // expected-error@+1 {{'onnx.Concat' op expected inputs that differ along axis 0 alone, found [2, 3] and [2, 4]}}
  %0 = onnx.Concat(%a, %b) {axis = 0 : i64} : (tensor<2x3xf32>, tensor<2x4xf32>) -> tensor<4x3xf32>
  return
}

// -----

func.func @gather(%a: tensor<f32>, %i: tensor<2xi64>) {
  // expected-error@+1 {{'onnx.Gather' op expected axis in [0, 0), found 0}}
  %0 = onnx.Gather(%a, %i) : (tensor<f32>, tensor<2xi64>) -> tensor<2xf32>
  return
}

// -----

func.func @gather_nd(%a: tensor<2x3xf32>, %i: tensor<5x3xi64>) {
  // expected-error@+1 {{'onnx.GatherND' op expected index tuples of length 1 to 2, found 3}}
  %0 = onnx.GatherND(%a, %i) : (tensor<2x3xf32>, tensor<5x3xi64>) -> tensor<5xf32>
  return
}

// -----

func.func @gather_nd_batch(%a: tensor<2x3xf32>, %i: tensor<2x1xi64>) {
  // expected-error@+1 {{'onnx.GatherND' op expected batch_dims to be less than both ranks, found 2 for tensor<2x3xf32> and tensor<2x1xi64>}}
  %0 = onnx.GatherND(%a, %i) {batch_dims = 2 : i64} : (tensor<2x3xf32>, tensor<2x1xi64>) -> tensor<2xf32>
  return
}

// -----

func.func @slice(%a: tensor<2x3xf32>, %s: tensor<1xi64>, %e: tensor<2xi64>) {
  // expected-error@+1 {{'onnx.Slice' op expected starts, ends, axes and steps of one length, found 1 and 2}}
  %0 = onnx.Slice(%a, %s, %e) : (tensor<2x3xf32>, tensor<1xi64>, tensor<2xi64>) -> tensor<?x3xf32>
  return
}

// -----

func.func @transpose(%a: tensor<2x3xf32>) {
  // expected-error@+1 {{'onnx.Transpose' op expected perm to be a permutation of the dimensions of tensor<2x3xf32>, found [0, 0]}}
  %0 = onnx.Transpose(%a) {perm = array<i64: 0, 0>} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

// expected-error@+1 {{'func.func' op expects 'onnx.dims' to have one string for each dimension of 'tensor<?x3xf32>', found 1}}
func.func @dims(%a: tensor<?x3xf32> {onnx.dims = ["batch"]}) {
  return
}

// -----

// expected-error@+1 {{'func.func' op expects 'onnx.dims' to be a list of strings, found [1]}}
func.func @dims_type(%a: tensor<3xf32> {onnx.dims = [1]}) {
  return
}

// -----

// expected-error@+1 {{'func.func' op expects 'onnx.name' to be a string, found 1 : i64}}
func.func @name(%a: tensor<3xf32>) -> (tensor<3xf32> {onnx.name = 1 : i64}) {
  return %a : tensor<3xf32>
}

// -----

// expected-error@+1 {{'func.func' op has the unknown attribute 'onnx.nom' on an argument or result}}
func.func @unknown(%a: tensor<3xf32> {onnx.nom = "a"}) {
  return
}

// -----

func.func @split_none(%a: tensor<4xf32>) {
  // expected-error@+1 {{'onnx.Split' op expected at least one result, found none}}
  onnx.Split(%a) : (tensor<4xf32>) -> ()
  return
}

// -----

func.func @split_count(%a: tensor<4xf32>, %s: tensor<3xi64>) {
  // expected-error@+1 {{'onnx.Split' op expected one element of split for each of 2 results, found 3}}
  %0:2 = onnx.Split(%a, %s) : (tensor<4xf32>, tensor<3xi64>) -> (tensor<?xf32>, tensor<?xf32>)
  return
}

// -----

func.func @gather_elements(%a: tensor<2x3xf32>, %i: tensor<2xi64>) {
  // expected-error@+1 {{'onnx.GatherElements' op expected data and indices of one rank, found tensor<2x3xf32> and tensor<2xi64>}}
  %0 = onnx.GatherElements(%a, %i) : (tensor<2x3xf32>, tensor<2xi64>) -> tensor<2xf32>
  return
}
