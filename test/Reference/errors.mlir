// What cannot be evaluated is an error at its op, with what was expected and
// found, and never the end of the process by other means.
// RUN: not dejavu-interpret %s --function unknown_op 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// UNKNOWN: error: {{.*}}errors.mlir{{.*}}the interpreter has no op 'arith.addi'
// UNKNOWN-NOT: {{.}}
func.func @unknown_op() -> i64 {
  %0 = arith.constant 1 : i64
  %1 = arith.addi %0, %0 : i64
  return %1 : i64
}

// RUN: not dejavu-interpret %s --function broadcast 2>&1 | FileCheck %s --check-prefix=BROADCAST
// BROADCAST: error: {{.*}}'onnx.Add': expected shapes that broadcast, found [3] and [2]
func.func @broadcast() -> tensor<?xf32> {
  %two = onnx.Constant dense<[2]> : tensor<1xi64>
  %three = onnx.Constant dense<[3]> : tensor<1xi64>
  %0 = onnx.ConstantOfShape(%two) {value = dense<0.0> : tensor<1xf32>} : (tensor<1xi64>) -> tensor<?xf32>
  %1 = onnx.ConstantOfShape(%three) {value = dense<0.0> : tensor<1xf32>} : (tensor<1xi64>) -> tensor<?xf32>
  %2 = onnx.Add(%0, %1) : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  return %2 : tensor<?xf32>
}

// RUN: not dejavu-interpret %s --function huge 2>&1 | FileCheck %s --check-prefix=HUGE
// HUGE: error: {{.*}}'onnx.Expand': expected a possible shape, found [9223372036854775807, 9223372036854775807]
func.func @huge() -> tensor<?x?xf32> {
  %x = onnx.Constant dense<0.0> : tensor<f32>
  %big = onnx.Constant dense<9223372036854775807> : tensor<1xi64>
  %s = onnx.Concat(%big, %big) {axis = 0 : i64} : (tensor<1xi64>, tensor<1xi64>) -> tensor<2xi64>
  %0 = onnx.Expand(%x, %s) : (tensor<f32>, tensor<2xi64>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// RUN: not dejavu-interpret %s --function negative 2>&1 | FileCheck %s --check-prefix=NEGATIVE
// NEGATIVE: error: {{.*}}'onnx.ConstantOfShape': expected a tensor of at most 2^30 elements, found shape [-5]
func.func @negative() -> tensor<?xf32> {
  %x = onnx.Constant dense<2> : tensor<1xi64>
  %y = onnx.Constant dense<7> : tensor<1xi64>
  %s = onnx.Sub(%x, %y) : (tensor<1xi64>, tensor<1xi64>) -> tensor<1xi64>
  %0 = onnx.ConstantOfShape(%s) {value = dense<0.0> : tensor<1xf32>} : (tensor<1xi64>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// RUN: not dejavu-interpret %s --function index 2>&1 | FileCheck %s --check-prefix=INDEX
// INDEX: error: {{.*}}'onnx.Gather': expected an index in [-2, 2), found 2
func.func @index() -> tensor<i64> {
  %x = onnx.Constant dense<[1, 2]> : tensor<2xi64>
  %i = onnx.Constant dense<2> : tensor<i64>
  %0 = onnx.Gather(%x, %i) : (tensor<2xi64>, tensor<i64>) -> tensor<i64>
  return %0 : tensor<i64>
}

// RUN: not dejavu-interpret %s --function reshape 2>&1 | FileCheck %s --check-prefix=RESHAPE
// RESHAPE: error: {{.*}}'onnx.Reshape': expected a shape for the elements of tensor<6xi64>, found [1, 4]
func.func @reshape() -> tensor<?x?xi64> {
  %zero = onnx.Constant dense<0> : tensor<i64>
  %six = onnx.Constant dense<6> : tensor<i64>
  %one = onnx.Constant dense<1> : tensor<i64>
  %x = onnx.Range(%zero, %six, %one) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %s = onnx.Constant dense<[-1, 4]> : tensor<2xi64>
  %0 = onnx.Reshape(%x, %s) : (tensor<?xi64>, tensor<2xi64>) -> tensor<?x?xi64>
  return %0 : tensor<?x?xi64>
}

// RUN: not dejavu-interpret %s --function division 2>&1 | FileCheck %s --check-prefix=DIVISION
// DIVISION: error: {{.*}}'onnx.Div': expected integer divisors other than 0, found 0
func.func @division() -> tensor<i64> {
  %x = onnx.Constant dense<1> : tensor<i64>
  %y = onnx.Constant dense<0> : tensor<i64>
  %0 = onnx.Div(%x, %y) : (tensor<i64>, tensor<i64>) -> tensor<i64>
  return %0 : tensor<i64>
}

// A result that has another shape than its type says.
// RUN: not dejavu-interpret %s --function type 2>&1 | FileCheck %s --check-prefix=TYPE
// TYPE: error: {{.*}}expected a value of type tensor<4xi64>, found tensor<2xi64>
func.func @type() -> tensor<4xi64> {
  %zero = onnx.Constant dense<0> : tensor<i64>
  %two = onnx.Constant dense<2> : tensor<i64>
  %one = onnx.Constant dense<1> : tensor<i64>
  %half = onnx.Div(%two, %two) : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %end = onnx.Add(%half, %one) : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %x = onnx.Range(%zero, %end, %one) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %s = onnx.Shape(%x) : (tensor<?xi64>) -> tensor<1xi64>
  %c = onnx.ConstantOfShape(%s) {value = dense<0> : tensor<1xi64>} : (tensor<1xi64>) -> tensor<4xi64>
  return %c : tensor<4xi64>
}

// RUN: not dejavu-interpret %s --function arguments 2>&1 | FileCheck %s --check-prefix=ARGUMENTS
// ARGUMENTS: error: {{.*}}expected no arguments but caches, found '(tensor<i64>) -> tensor<i64>'
func.func @arguments(%x: tensor<i64>) -> tensor<i64> {
  return %x : tensor<i64>
}

// A weight whose file is not there, and one of a module that does not say where
// its files are.
dejavu.weight @w : tensor<2xf32> from #dejavu.source<"no-such-file.bin", offset = 0, length = 8>
// RUN: not dejavu-interpret %s --function weight 2>&1 | FileCheck %s --check-prefix=WEIGHT
// WEIGHT: error: {{.*}}'dejavu.load_weight': {{.*}}dejavu.source
func.func @weight() -> tensor<2xf32> {
  %0 = dejavu.load_weight @w : tensor<2xf32>
  return %0 : tensor<2xf32>
}

// A set for another number of rows, which types cannot tell.
// RUN: not dejavu-interpret %s --function rows 2>&1 | FileCheck %s --check-prefix=ROWS
// ROWS: error: {{.*}}'dejavu.gather_linear': expected an active set for each row of tensor<1x1x2xf32>, found 2
dejavu.weight @matrix : tensor<2x2xf32> from #dejavu.source<"no-such-file.bin", offset = 0, length = 16>
func.func @rows() -> tensor<1x1x2xf32> {
  %p = arith.constant dense<0.0> : tensor<1x2x2xf32>
  %s = dejavu.select exact %p : tensor<1x2x2xf32> -> !dejavu.active<neuron, 2>
  %x = arith.constant dense<0.0> : tensor<1x1x2xf32>
  %0 = dejavu.gather_linear %x, %s, @matrix : tensor<1x1x2xf32>, !dejavu.active<neuron, 2> -> tensor<1x1x2xf32>
  return %0 : tensor<1x1x2xf32>
}

// RUN: not dejavu-interpret %s --function sequences 2>&1 | FileCheck %s --check-prefix=SEQUENCES
// SEQUENCES: error: {{.*}}'dejavu.sparse_attention': expected an active set for each row of tensor<1x1x2xf32>, found 2
func.func @sequences(%c: !dejavu.kv_cache<1 x 2>) -> tensor<1x1x2xf32> {
  %p = arith.constant dense<0.0> : tensor<2x1x1xf32>
  %s = dejavu.select exact %p : tensor<2x1x1xf32> -> !dejavu.active<kv_group, 1>
  %starts = arith.constant dense<0> : tensor<1xi64>
  %x = arith.constant dense<0.0> : tensor<1x1x2xf32>
  %c1 = dejavu.kv_append %c, %x, %x : !dejavu.kv_cache<1 x 2>, tensor<1x1x2xf32>
  %r, %c2 = dejavu.sparse_attention %x, %c1, %starts, %s scale = 1.0 masked_rows = zero : tensor<1x1x2xf32>, !dejavu.kv_cache<1 x 2>, tensor<1xi64>, !dejavu.active<kv_group, 1>
  return %r : tensor<1x1x2xf32>
}

// RUN: not dejavu-interpret %s --function nothing 2>&1 | FileCheck %s --check-prefix=NOTHING
// NOTHING: error: {{.*}}expected a function named 'nothing'

// RUN: not dejavu-interpret %s --prompt-ids 1,2 2>&1 | FileCheck %s --check-prefix=RAISED
// RAISED: error: {{.*}}expected raised IR, with a prefill and a decode entry point

// RUN: not dejavu-interpret %s --prompt-ids 1,,2 2>&1 | FileCheck %s --check-prefix=IDS
// IDS: error: '' is not a token id, expected ids such as 1,17,42
// RUN: not dejavu-interpret %s --tap x 2>&1 | FileCheck %s --check-prefix=TAP
// TAP: error: --tap needs --prompt-ids
// RUN: not dejavu-interpret %s --run-case x 2>&1 | FileCheck %s --check-prefix=OUTPUT
// OUTPUT: error: --run-case needs --output
// RUN: not dejavu-interpret %s --run-case x --function y 2>&1 | FileCheck %s --check-prefix=EXCLUDE
// EXCLUDE: error: --run-case, --prompt-ids and --function exclude each other
// RUN: not dejavu-interpret %s --run-case %t.none --output %t.out 2>&1 | FileCheck %s --check-prefix=CASE
// CASE: error: {{.*}}.none: No such file or directory
// RUN: not dejavu-interpret %t.none 2>&1 | FileCheck %s --check-prefix=MODEL
// MODEL: error: {{.*}}.none
