// RUN: split-file %s %t
// RUN: not dejavu-ptx %t/call.mlir 2>&1 | FileCheck %s --check-prefix=CALL
// RUN: not dejavu-ptx %t/math.mlir 2>&1 | FileCheck %s --check-prefix=MATH
// RUN: not dejavu-ptx %t/shared.mlir 2>&1 | FileCheck %s --check-prefix=SHARED
// RUN: dejavu-ptx --chip sm_90 %t/shared.mlir
// RUN: not dejavu-ptx %t/narrow.mlir 2>&1 | FileCheck %s --check-prefix=NARROW
// RUN: not dejavu-ptx --chip sm_1 %t/call.mlir 2>&1 | FileCheck %s --check-prefix=CHIP
// RUN: env DEJAVU_NVJITLINK=/nowhere.so not dejavu-ptx --cubin --chip sm_90 %t/shared.mlir 2>&1 | FileCheck %s --check-prefix=LIBRARY

// CALL: error: {{.*}}found a call of 'missing'
// MATH: error: {{.*}}'math.powf' op expected mathematics that kernels have
// SHARED: error: {{.*}}expected at most 166912 bytes of shared memory, which is what sm_80 has, found 200000
// NARROW: error: {{.*}}expected arguments of 8 bytes, found 'i32'
// CHIP: error: --chip: expected one of sm_80, sm_86, sm_89, sm_90, sm_100, sm_120, found 'sm_1'
// LIBRARY: error: {{.*}}libnvJitLink, {{.*}}looked in /nowhere.so; install the wheel nvidia-nvjitlink

//--- call.mlir
gpu.module @kernels_sm_90 {
  llvm.func @missing(f32) -> f32
  llvm.func @k(%p: !llvm.ptr) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 32, 1, 1>} {
    %x = llvm.load %p : !llvm.ptr -> f32
    %y = llvm.call @missing(%x) : (f32) -> f32
    llvm.store %y, %p : f32, !llvm.ptr
    llvm.return
  }
}
//--- math.mlir
gpu.module @kernels_sm_90 {
  gpu.func @k(%p: !llvm.ptr) kernel attributes {known_block_size = array<i32: 32, 1, 1>} {
    %x = llvm.load %p : !llvm.ptr -> f32
    %y = math.powf %x, %x : f32
    llvm.store %y, %p : f32, !llvm.ptr
    gpu.return
  }
}
//--- shared.mlir
gpu.module @kernels_sm_80 {
  gpu.func @k(%p: !llvm.ptr) kernel attributes {known_block_size = array<i32: 32, 1, 1>, dejavu.shared_bytes = 200000 : i64} {
    gpu.return
  }
}
//--- narrow.mlir
gpu.module @kernels_sm_90 {
  gpu.func @k(%p: i32) kernel attributes {known_block_size = array<i32: 32, 1, 1>} {
    gpu.return
  }
}
