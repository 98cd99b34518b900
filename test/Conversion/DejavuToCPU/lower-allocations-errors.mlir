// RUN: dejavu-opt %s --dejavu-lower-allocations --split-input-file --verify-diagnostics

func.func @alignment() -> memref<8xf32> {
  // expected-error@+1 {{expected a buffer without layout and memory space, aligned to at most 64 bytes}}
  %0 = memref.alloc() {alignment = 128 : i64} : memref<8xf32>
  return %0 : memref<8xf32>
}

// -----

func.func @space() -> memref<8xf32, 1> {
  // expected-error@+1 {{expected a buffer without layout and memory space, aligned to at most 64 bytes}}
  %0 = memref.alloc() : memref<8xf32, 1>
  return %0 : memref<8xf32, 1>
}
