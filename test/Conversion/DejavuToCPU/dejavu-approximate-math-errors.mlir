// The pass has no errors of its own: what it can't expand, it leaves.
// RUN: dejavu-opt %s --dejavu-approximate-math | FileCheck %s

// CHECK-LABEL: func.func @wider(
func.func @wider(%x: f64) -> f64 {
  // CHECK: math.exp %{{.*}} : f64
  %exp = math.exp %x : f64
  return %exp : f64
}
