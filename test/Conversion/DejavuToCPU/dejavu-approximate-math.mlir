// RUN: dejavu-opt %s --dejavu-approximate-math | FileCheck %s

// CHECK-LABEL: func.func @polynomials(
func.func @polynomials(%x: vector<16xf32>) -> (vector<16xf32>, vector<16xf32>, vector<16xf32>) {
  // CHECK-NOT: math.exp
  // CHECK-NOT: math.erf
  // CHECK-NOT: math.tanh
  // CHECK: math.fma
  %exp = math.exp %x : vector<16xf32>
  %erf = math.erf %x : vector<16xf32>
  %tanh = math.tanh %x : vector<16xf32>
  return %exp, %erf, %tanh : vector<16xf32>, vector<16xf32>, vector<16xf32>
}

// Square roots are instructions.
// CHECK-LABEL: func.func @root(
func.func @root(%x: f32) -> f32 {
  // CHECK: math.sqrt
  %root = math.sqrt %x : f32
  return %root : f32
}
