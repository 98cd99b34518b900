//===- FusedFFNPlan.cpp - how a kernel of an MLP uses its block -----------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The numbers are what was best on an H100 (docs/Cuda.md); all are choices
// between correct kernels.
//
//===----------------------------------------------------------------------===//

#include "FusedFFN.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cuda;

static constexpr int64_t kMaxSlots = 64;
/// Activations that a block keeps: its neurons on usual GPUs.
static constexpr int64_t kKept = 512;
/// Left for blocks of the launch behind, which wait there.
static constexpr int64_t kReserved = 6 << 10;

int64_t cuda::getFFNCluster(int64_t features, bool isAtomic,
                            const TargetInfo &target) {
  // Two blocks of a cluster are launched where two neighbours are free, which
  // takes longer; from some length of rows on, half as many rows of sums to be
  // read again are worth it.
  constexpr int64_t kLeast = 10 << 10;
  return !isAtomic && target.hasClusters && features > kLeast ? kMaxFFNCluster
                                                              : 1;
}

/// Threads that compute, `most` if they have registers, and pieces for each: as
/// few idle threads as can be, then as many threads.
static void chooseWorkers(FFNPlan &plan, const FusedFFNSpec &spec,
                          int64_t most) {
  constexpr int64_t kMaxPieces = 6;
  int64_t count = spec.features / kPiece;
  int64_t needed = llvm::alignTo(llvm::divideCeil(count, kMaxPieces), kWarp);
  most = std::max(most, needed);
  int64_t best = -1;
  for (int64_t workers = 128; workers <= most; workers += kWarp) {
    int64_t pieces = llvm::divideCeil(count, workers);
    int64_t cost = (pieces * workers - count) * 1024 + most - workers;
    if (pieces > kMaxPieces || (best >= 0 && cost >= best))
      continue;
    best = cost;
    plan.workers = workers;
    plan.pieces = pieces;
  }
}

/// Chooses neurons between two meetings, up to four where reading one takes
/// less time than a meeting, and a ring with room for three times as many.
static bool chooseRing(FFNPlan &plan, const FusedFFNSpec &spec,
                       const TargetInfo &target) {
  constexpr int64_t kShort = 6 << 10;
  int64_t budget = target.sharedBytesPerBlock - kReserved;
  // Powers of two: neurons come 32 by 32.
  plan.group = plan.rowBytes <= kShort ? 4 : 2;
  for (; plan.group > 0 && target.hasBulkCopies; plan.group /= 2) {
    plan.lines = spec.isExact ? std::max(plan.group, kGatedAtOnce)
                              : plan.group * (plan.matrices - 1);
    plan.slots = kMaxSlots;
    while (plan.slots > 0 && plan.getSharedBytes() > budget)
      --plan.slots;
    if (plan.slots >= 3 * plan.matrices * plan.group)
      return true;
  }
  return false;
}

/// Registers of a thread that leave two blocks of the block sum room beside
/// this one; 0 for any number. Each of four schedulers has a quarter of them,
/// and of the warps.
static int64_t chooseRegisters(const FFNPlan &plan, const FusedFFNSpec &spec,
                               const TargetInfo &target) {
  constexpr int64_t kSchedulers = 4, kOfBlockSum = 40, kUnit = 8;
  int64_t warps = llvm::divideCeil(plan.getWarps() + 1, kSchedulers);
  // With more warps too few would be left to each.
  if (spec.isAtomic || plan.cluster > 1 || warps > 2)
    return 0;
  int64_t others = 2 * 8 / kSchedulers * kOfBlockSum;
  int64_t all = target.registersPerBlock / kSchedulers / kWarp;
  return llvm::alignDown((all - others) / warps, kUnit);
}

/// Lets each warp take neurons of its own, if a block has so few that all can
/// be loaded at once: then nothing is waited for but the input, and what exact
/// sparsity reads later.
static bool chooseTeams(FFNPlan &plan, const FusedFFNSpec &spec,
                        const TargetInfo &target) {
  // Vectors of 16 bytes that a thread loads at once, in four registers each.
  constexpr int64_t kMaxLoads = 18, kMaxFeatures = 1024;
  constexpr int64_t kWarps = 8;
  if (spec.hasSet || spec.features > kMaxFeatures || !target.hasEarlyLaunch)
    return false;
  int64_t share = llvm::divideCeil(spec.neurons, target.multiprocessors);
  plan.team = kWarp;
  plan.workers = kWarps * kWarp;
  plan.pieces = llvm::divideCeil(spec.features, kPiece * kWarp);
  plan.atOnce = llvm::divideCeil(share, kWarps);
  plan.slots = plan.kept = plan.lines = plan.registers = 0;
  plan.group = plan.cluster = 1;
  // With exact sparsity one projection, and later all others.
  int64_t matrices = spec.isExact ? plan.matrices - 1 : plan.matrices;
  return plan.pieces * plan.atOnce * matrices <= kMaxLoads;
}

FFNPlan FFNPlan::get(const FusedFFNSpec &spec, const TargetInfo &target) {
  FFNPlan plan;
  plan.matrices = spec.isGated ? 3 : 2;
  plan.rowBytes = spec.features * 2;
  if (chooseTeams(plan, spec, target))
    return plan;
  plan.atOnce = 0;
  // Few threads meet sooner.
  constexpr int64_t kMany = 512, kFew = 256;
  chooseWorkers(plan, spec, kFew);
  plan.team = plan.workers;
  plan.kept = spec.isExact ? kKept : 0;
  plan.cluster = getFFNCluster(spec.features, spec.isAtomic, target);
  if (chooseRing(plan, spec, target)) {
    plan.registers = chooseRegisters(plan, spec, target);
    return plan;
  }
  plan.slots = plan.registers = 0;
  plan.group = plan.cluster = 1;
  chooseWorkers(plan, spec, kMany);
  plan.team = plan.workers;
  plan.lines = spec.isExact ? kGatedAtOnce : plan.matrices - 1;
  return plan;
}

bool cuda::hasFusedFFN(const FusedFFNSpec &spec) {
  // Copies are of 16 bytes. A thread has registers for so many pieces.
  constexpr int64_t kMaxFeatures = 4 * 512 * kPiece;
  // Of the rows that are read where something is not zero, the list has no
  // biases, and a set is one already.
  if (spec.isExact && (spec.hasSet || (spec.isGated && spec.hasUpBias)))
    return false;
  return !spec.element.isF32() && spec.features % kPiece == 0 &&
         spec.features <= kMaxFeatures;
}
