// The kernel that chooses ids.
// RUN: dejavu-kernels --family sample --out 1000 | FileCheck %s
// RUN: dejavu-kernels --family sample --out 1001 | FileCheck %s --check-prefix=NARROW
// RUN: dejavu-kernels --family sample --out 100000 | FileCheck %s --check-prefix=LARGE

// The logits are read 16 bytes at a time, eight of these at once where there
// are that many.
// CHECK: gpu.func @dejavu_sample_1000({{.*}}) kernel attributes {{.*}}dejavu.shared_bytes = 2560 : i64, known_block_size = array<i32: 512, 1, 1>
// CHECK-COUNT-1: -> vector<4xf32>
// CHECK: arith.maximumf
// NARROW-NOT: vector<{{[2-9]}}xf32>
// NARROW: -> vector<1xf32>
// LARGE: scf.for
// LARGE-COUNT-8: {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xf32>
// LARGE: scf.yield

// What is not NaN, and not infinite where an id is drawn, goes on.
// CHECK: %[[RANDOM:.*]] = arith.cmpf ogt, %[[SCALE:.*]], %{{.*}} : f64
// CHECK: %[[NAN:.*]] = arith.cmpf uno, %[[LARGEST:.*]], %[[LARGEST]] : f32
// CHECK-DAG: %[[UP:.*]] = arith.cmpf oeq, %[[LARGEST]], %{{.*}} : f32
// CHECK-DAG: %[[DOWN:.*]] = arith.cmpf oeq, %[[LARGEST]], %{{.*}} : f32
// CHECK: scf.if

// Top-p: digit by digit of the rank, the first alone; whole numbers are added
// up, in shared memory.
// CHECK: %[[BELOW:.*]] = arith.subf %[[LARGEST]], %{{.*}} : f32
// CHECK: %[[FAR:.*]] = arith.extf %[[BELOW]] : f32 to f64
// CHECK: %[[KEY:.*]] = arith.mulf %[[FAR]], %[[SCALE]] : f64
// CHECK: arith.fptoui %{{.*}} : f64 to i32
// CHECK-COUNT-6: llvm.call_intrinsic "llvm.nvvm.mulhi.ui"
// CHECK: %[[LOW:.*]] = arith.trunci %{{.*}} : i64 to i32
// CHECK: %[[BEFORE:.*]] = llvm.atomicrmw add %{{.*}}, %[[LOW]] syncscope("block") monotonic : !llvm.ptr<3>, i32
// CHECK: %[[AFTER:.*]] = arith.addi %[[BEFORE]], %[[LOW]] : i32
// CHECK: arith.cmpi ult, %[[AFTER]], %[[LOW]] : i32
// CHECK: llvm.atomicrmw add %{{.*}} syncscope("block") monotonic : !llvm.ptr<3>, i32
// CHECK-NOT: atomicrmw fadd

// The random number is a part of the total, rounded down.
// CHECK: arith.mului_extended

// What is told: -2 before -3 before the id.
// CHECK: arith.constant -3 : i64
// CHECK: arith.constant -2 : i64
// CHECK: llvm.store volatile
