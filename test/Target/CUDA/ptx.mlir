// The same kernel for three chips: loads of 16 bytes, no external function, no
// local memory.
// RUN: sed s/CHIP/sm_80/ %s | dejavu-ptx | FileCheck %s -DCHIP=sm_80
// RUN: sed s/CHIP/sm_90/ %s | dejavu-ptx | FileCheck %s -DCHIP=sm_90
// RUN: sed s/CHIP/sm_100/ %s | dejavu-ptx | FileCheck %s -DCHIP=sm_100
// RUN: sed s/CHIP/sm_80/ %s | dejavu-ptx --resources | FileCheck %s --check-prefix=JSON
// RUN: sed s/CHIP/sm_100/ %s | dejavu-ptx --resources | FileCheck %s --check-prefix=JSON
// RUN: sed s/CHIP/sm_90/ %s | dejavu-ptx --resources --cubin -o %t.cubin | FileCheck %s --check-prefix=JSON
// RUN: llvm-readelf -S %t.cubin | FileCheck %s --check-prefix=ELF

// CHECK: .target [[CHIP]]
// CHECK-NOT: .extern .func
// CHECK: .visible .entry sum(
// CHECK: .reqntid 128
// CHECK: ld.global.v4
// CHECK: shfl.sync.bfly
// CHECK-NOT: .extern .func
// CHECK: .visible .entry plain(

// JSON:      "local": 0,
// JSON-NEXT: "name": "sum",
// JSON-NEXT: "registers": {{[1-9][0-9]}},
// JSON-NEXT: "shared": 1024,
// JSON:      "threads": 128
// JSON:      "local": 0,
// JSON-NEXT: "name": "plain",
// JSON-NEXT: "registers": 8,

// ELF-DAG: .text.sum
// ELF-DAG: .text.plain

gpu.module @kernels_CHIP {
  gpu.func @sum(%w: !llvm.ptr, %x: !llvm.ptr, %y: !llvm.ptr, %n: i64) kernel
      attributes {known_block_size = array<i32: 128, 1, 1>, dejavu.shared_bytes = 1024 : i64, dejavu.cluster = 1 : i64, dejavu.early = false} {
    %t = gpu.thread_id x
    %b = gpu.block_id x
    %ti = arith.index_cast %t : index to i64
    %c8 = arith.constant 8 : i64
    %o = arith.muli %ti, %c8 : i64
    %p = llvm.getelementptr %w[%o] : (!llvm.ptr, i64) -> !llvm.ptr, f16
    %v = llvm.load %p {alignment = 16 : i64} : !llvm.ptr -> vector<8xf16>
    %e = arith.extf %v : vector<8xf16> to vector<8xf32>
    %s0 = vector.reduction <add>, %e fastmath<reassoc> : vector<8xf32> into f32
    %s = gpu.subgroup_reduce add %s0 : (f32) -> f32
    %q = math.exp %s : f32
    %q2 = math.exp2 %q : f32
    %q3 = math.rsqrt %q2 : f32
    %q4 = math.tanh %q3 : f32
    %q5 = math.erf %q4 : f32
    %q6 = math.sqrt %q5 : f32
    %q7 = math.fma %q6, %q, %q2 : f32
    %i = arith.index_cast %b : index to i64
    %yp = llvm.getelementptr %y[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
    %dyn = gpu.dynamic_shared_memory : memref<?xi8, #gpu.address_space<workgroup>>
    %c0 = arith.constant 0 : index
    %view = memref.view %dyn[%c0][] : memref<?xi8, #gpu.address_space<workgroup>> to memref<128xf32, #gpu.address_space<workgroup>>
    memref.store %q7, %view[%t] : memref<128xf32, #gpu.address_space<workgroup>>
    gpu.barrier
    %z = memref.load %view[%c0] : memref<128xf32, #gpu.address_space<workgroup>>
    %zero = arith.constant 0 : index
    %is = arith.cmpi eq, %t, %zero : index
    scf.if %is {
      llvm.store %z, %yp : f32, !llvm.ptr
    }
    gpu.return
  }
  llvm.func @plain(%y: !llvm.ptr) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 128, 1, 1>} {
    %f = llvm.mlir.constant(1.0 : f32) : f32
    llvm.store %f, %y : f32, !llvm.ptr
    llvm.return
  }
}
