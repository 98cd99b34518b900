// RUN: dejavu-opt %s --dejavu-expand-kernel-ops | FileCheck %s

// What the hardware has is called by name.
// CHECK-LABEL: func.func @intrinsics(
// CHECK-SAME:      %[[X:.*]]: f32, %[[V:.*]]: vector<4xf32>)
func.func @intrinsics(%x: f32, %v: vector<4xf32>) -> (f32, f32, f32, f32, vector<4xf32>) {
  // CHECK-NEXT: llvm.call_intrinsic "llvm.sqrt"(%[[X]]) : (f32) -> f32
  %0 = math.sqrt %x : f32
  // CHECK-NEXT: llvm.call_intrinsic "llvm.exp2"(%[[X]]) : (f32) -> f32
  %1 = math.exp2 %x : f32
  // CHECK-NEXT: llvm.call_intrinsic "llvm.fma"(%[[X]], %[[X]], %[[X]]) : (f32, f32, f32) -> f32
  %2 = math.fma %x, %x, %x : f32
  // CHECK-NEXT: llvm.call_intrinsic "llvm.nvvm.rsqrt.approx.f"(%[[X]]) : (f32) -> f32
  %3 = math.rsqrt %x : f32
  // Vectors have no such instruction.
  // CHECK-NEXT: %[[ROOT:.*]] = llvm.call_intrinsic "llvm.sqrt"(%[[V]]) : (vector<4xf32>) -> vector<4xf32>
  // CHECK-NEXT: %[[ONE:.*]] = arith.constant dense<1.000000e+00> : vector<4xf32>
  // CHECK-NEXT: arith.divf %[[ONE]], %[[ROOT]] : vector<4xf32>
  %4 = math.rsqrt %v : vector<4xf32>
  return %0, %1, %2, %3, %4 : f32, f32, f32, f32, vector<4xf32>
}

// What would be a call of a library is a polynomial.
// CHECK-LABEL: func.func @polynomials(
// CHECK-NOT:     math.
// CHECK:         return
func.func @polynomials(%x: f32) -> (f32, f32, f32, f32, f32) {
  %0 = math.exp %x : f32
  %1 = math.tanh %x : f32
  %2 = math.erf %x : f32
  %3 = math.sin %x : f32
  %4 = math.cos %x : f32
  return %0, %1, %2, %3, %4 : f32, f32, f32, f32, f32
}

// No function is behind these.
// CHECK-LABEL: func.func @kept(
// CHECK-NEXT:    math.absi
// CHECK-NEXT:    math.ctlz
// CHECK-NEXT:    math.cttz
func.func @kept(%x: i32) -> (i32, i32, i32) {
  %0 = math.absi %x : i32
  %1 = math.ctlz %x : i32
  %2 = math.cttz %x : i32
  return %0, %1, %2 : i32, i32, i32
}

// A sum of the 32 lanes of a warp: five shuffles.
// CHECK-LABEL: func.func @lanes(
// CHECK-COUNT-5: gpu.shuffle xor
// CHECK-NOT:     gpu.shuffle
// CHECK:         return
func.func @lanes(%x: f32) -> f32 {
  %0 = gpu.subgroup_reduce add %x : (f32) -> f32
  return %0 : f32
}
