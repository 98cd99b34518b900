// RUN: dejavu-opt %s --dejavu-expand-kernel-ops --split-input-file --verify-diagnostics

func.func @power(%x: f32) -> f32 {
  // expected-error@+1 {{'math.powf' op expected mathematics that kernels have without a device library}}
  %0 = math.powf %x, %x : f32
  return %0 : f32
}

// -----

func.func @double(%x: f64) -> f64 {
  // expected-error@+1 {{'math.exp' op expected mathematics that kernels have without a device library}}
  %0 = math.exp %x : f64
  return %0 : f64
}
