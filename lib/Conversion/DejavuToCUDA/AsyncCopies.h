//===- AsyncCopies.h - bulk copies and their barriers -----------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The only place that names the intrinsics of bulk asynchronous copies
// (TargetInfo::hasBulkCopies). A copy from global to shared memory completes
// on a barrier in shared memory, 8 bytes, which waits for arrivals and for the
// bytes that were announced. A barrier goes through phases of alternating
// parity, the first of which has parity 0.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_CONVERSION_DEJAVUTOCUDA_ASYNCCOPIES_H
#define DEJAVU_LIB_CONVERSION_DEJAVUTOCUDA_ASYNCCOPIES_H

#include "DeviceBuilder.h"

namespace mlir::dejavu::cuda {

/// Makes a barrier for `arrivals` in each phase. One thread does.
void initBarrier(DeviceBuilder &b, Value barrier, int64_t arrivals);
/// Makes new barriers visible to copies. By the thread that made them, before
/// the block's threads meet.
void publishBarriers(DeviceBuilder &b);
/// Arrives, and announces `bytes` that copies will bring in this phase.
void arriveExpecting(DeviceBuilder &b, Value barrier, Value bytes);
void arrive(DeviceBuilder &b, Value barrier);
/// Waits until the phase of `parity`, an i32, is over.
void wait(DeviceBuilder &b, Value barrier, Value parity);
/// Starts to copy `bytes`, a multiple of 16; so are both addresses. What is
/// copied is read once, and the first to leave the L2 cache.
void startCopy(DeviceBuilder &b, Value to, Value from, Value bytes,
               Value barrier);
/// What this thread has read of shared memory may be overwritten by copies of
/// those who learn from it, later, that it is done. An arrival alone does not
/// say so: it does not wait for reads that are on their way.
void finishReads(DeviceBuilder &b);
/// Until all lanes of the warp are here.
void meetWarp(DeviceBuilder &b);
/// Until `threads` of the block, in whole warps, are here. Numbers from 1 on
/// name different meetings.
void meet(DeviceBuilder &b, int64_t number, int64_t threads);

/// Until all threads of all blocks of the cluster are here, or have ended.
void meetCluster(DeviceBuilder &b);
/// The address of `shared` in block `rank` of the cluster.
Value getOfBlock(DeviceBuilder &b, Value shared, int64_t rank);

} // namespace mlir::dejavu::cuda

#endif // DEJAVU_LIB_CONVERSION_DEJAVUTOCUDA_ASYNCCOPIES_H
