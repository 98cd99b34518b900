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

/// Neurons between two meetings: several where reading one takes less time than
/// a meeting.
static int64_t chooseGroup(const FFNPlan &plan, const FusedFFNSpec &spec) {
  int64_t most = spec.isExact ? 8 << 10 : 6 << 10;
  bool isOneRow = spec.isExact || !spec.isGated;
  return isOneRow && plan.rowBytes <= most ? 2 : 1;
}

/// Lets each warp take neurons of its own, if a block has so few that all can
/// be loaded at once: then nothing is waited for but the input, and what exact
/// sparsity reads later.
static bool chooseTeams(FFNPlan &plan, const FusedFFNSpec &spec,
                        const TargetInfo &target) {
  // Vectors of 16 bytes that a thread loads at once, in four registers each.
  constexpr int64_t kMaxLoads = 18, kFewLoads = 8, kMaxFeatures = 1024;
  constexpr int64_t kWarps = 8;
  if (spec.hasSet || spec.features > kMaxFeatures || !target.hasEarlyLaunch)
    return false;
  int64_t share = llvm::divideCeil(spec.neurons, target.multiprocessors);
  plan.team = kWarp;
  plan.workers = kWarps * kWarp;
  plan.pieces = llvm::divideCeil(spec.features, kPiece * kWarp);
  plan.atOnce = llvm::divideCeil(share, kWarps);
  plan.slots = plan.kept = plan.copies = plan.lines = 0;
  plan.group = plan.cluster = 1;
  // Exact sparsity loads one projection, and later all others: unless these are
  // so few that knowing what to load takes longer.
  int64_t loads = plan.pieces * plan.atOnce;
  plan.readsAll = !spec.isExact || loads * plan.matrices <= kFewLoads;
  return loads * (plan.matrices - !plan.readsAll) <= kMaxLoads;
}

FFNPlan FFNPlan::get(const FusedFFNSpec &spec, const TargetInfo &target) {
  FFNPlan plan;
  plan.matrices = spec.isGated ? 3 : 2;
  plan.rowBytes = spec.features * 2;
  if (chooseTeams(plan, spec, target))
    return plan;
  plan.atOnce = 0;
  plan.readsAll = false;
  // Few threads meet sooner.
  constexpr int64_t kMany = 512, kFew = 256;
  chooseWorkers(plan, spec, kFew);
  plan.team = plan.workers;
  // Short rows as copies of about 2 KiB: they are there sooner.
  constexpr int64_t kShort = 10 << 10;
  plan.copies = plan.rowBytes <= kShort
                    ? std::clamp<int64_t>(plan.rowBytes >> 11, 1, 4)
                    : 1;
  plan.kept = spec.isExact ? kKept : 0;
  plan.group = chooseGroup(plan, spec);
  int64_t projections = plan.matrices - 1;
  plan.lines = spec.isExact ? std::max(plan.group, kGatedAtOnce)
                            : plan.group * projections;
  plan.cluster = getFFNCluster(spec.features, spec.isAtomic, target);
  plan.slots = kMaxSlots;
  int64_t budget = target.sharedBytesPerBlock - kReserved;
  while (plan.slots > 0 && plan.getSharedBytes() > budget)
    --plan.slots;
  if (target.hasBulkCopies && plan.slots >= 3 * plan.matrices * plan.group)
    return plan;
  plan.slots = 0;
  plan.group = plan.cluster = 1;
  chooseWorkers(plan, spec, kMany);
  plan.team = plan.workers;
  plan.lines = spec.isExact ? kGatedAtOnce : projections;
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
