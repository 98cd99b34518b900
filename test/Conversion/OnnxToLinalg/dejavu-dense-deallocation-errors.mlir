// RUN: dejavu-opt %s --dejavu-dense-deallocation --verify-diagnostics

func.func @loop(%n: index, %x: memref<4xf32>) -> memref<4xf32> {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  // expected-error@+1 {{carries buffers that it allocates}}
  %r = scf.for %j = %zero to %n step %one iter_args(%m = %x) -> memref<4xf32> {
    %0 = memref.alloc() : memref<4xf32>
    scf.yield %0 : memref<4xf32>
  }
  return %r : memref<4xf32>
}
