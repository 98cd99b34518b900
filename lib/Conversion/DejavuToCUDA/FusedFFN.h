//===- FusedFFN.h - what kernels of whole MLPs share ------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel of an MLP has one block for each multiprocessor. A warp of its own
// copies rows of weights to a ring of slots in shared memory, as far ahead as
// the ring is long; the other threads, the workers, each have some columns.
// They multiply theirs of some rows with the input, which they keep in
// registers, add up over the block, and add theirs of other rows, each times a
// factor, to sums in registers. Reading never stops.
//
// A block ends with a row of sums, which a cluster adds up in shared memory.
// The rows are left for a second launch, which adds them in their order, or
// added to the result, in any order.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_CONVERSION_DEJAVUTOCUDA_FUSEDFFN_H
#define DEJAVU_LIB_CONVERSION_DEJAVUTOCUDA_FUSEDFFN_H

#include "DeviceKernels.h"

namespace mlir::dejavu::cuda {

/// Elements that a thread has in a row: 16 bytes of 16-bit numbers.
inline constexpr int64_t kPiece = 8;

/// Neurons that are not zero between two meetings, where a gate says so.
inline constexpr int64_t kGatedAtOnce = 2;

/// How a kernel uses its block and its shared memory.
struct FFNPlan {
  int64_t matrices; ///< rows of a neuron: up and down, perhaps gate
  int64_t rowBytes;
  int64_t workers;   ///< threads that compute
  int64_t team;      ///< those that share a row: all, or those of a warp
  int64_t pieces;    ///< for each of them
  int64_t slots;     ///< rows in the ring; 0 if there is none
  int64_t group;     ///< neurons between two meetings of the workers
  int64_t cluster;   ///< blocks that add up their sums before they leave them
  int64_t lines;     ///< sums over the block between two meetings
  int64_t kept;      ///< activations that a block keeps, or 0
  int64_t atOnce;    ///< neurons that a team has in registers, if it is a warp
  int64_t registers; ///< most of a thread, if not 0

  static FFNPlan get(const FusedFFNSpec &spec, const TargetInfo &target);

  int64_t getWarps() const { return workers / kWarp; }
  /// Whether each warp takes neurons of its own.
  bool hasTeams() const { return team != workers; }
  /// f32 of the warps for one sum, as whole vectors.
  int64_t getLine() const { return llvm::alignTo(getWarps(), 4); }
  // Places in shared memory, in bytes: rows, two barriers and a bias for each,
  // what the warps add up, twice, and activations with a barrier for 32.
  int64_t getBarriers() const { return slots * rowBytes; }
  int64_t getBiases() const { return getBarriers() + 2 * 8 * slots; }
  int64_t getScratch() const {
    return llvm::alignTo(getBiases() + 4 * slots, 16);
  }
  int64_t getKept() const { return getScratch() + 2 * lines * getLine() * 4; }
  int64_t getKeptBarriers() const { return getKept() + 4 * kept; }
  /// A count of each warp, behind its row of sums.
  int64_t getTeamCounts() const { return getWarps() * 2 * rowBytes; }
  int64_t getSharedBytes() const {
    return hasTeams() ? getTeamCounts() + 4 * getWarps()
                      : getKeptBarriers() + 8 * (kept / kWarp);
  }
};

/// Blocks in a cluster of such a kernel, if it has a ring.
int64_t getFFNCluster(int64_t features, bool isAtomic,
                      const TargetInfo &target);

/// A slot of the ring, and the parity of its round.
struct RingPlace {
  Value slot, parity;
};

/// What a lane of the copying warp knows of a neuron.
struct KnownNeuron {
  Value number;              ///< i32
  SmallVector<Value> biases; ///< of the projections that have one
};

/// The parts of a kernel.
class FFNGenerator {
protected:
  FFNGenerator(DeviceBuilder &b, const FusedFFNSpec &spec, ValueRange args);

  bool hasRing() const { return plan.slots > 0; }
  Value i32(int64_t value);
  /// A bit for each lane of the warp for which `condition` holds.
  Value vote(Value condition);

  // Blocks beyond what partial sums have room for take no part.
  Value takesPart();
  Value getBlocks();

  //===--- The ring ------------------------------------------------------===//

  void initRing();
  Value getRow(Value slot);
  /// Barriers: the row is there; the slot may be filled again.
  Value getFull(Value slot);
  Value getEmpty(Value slot);
  Value getBias(Value slot);
  RingPlace getStart() { return {b.index(0), i32(0)}; }
  RingPlace getNext(RingPlace place);
  /// Lets one thread fill a slot with a row of a matrix, and perhaps a bias.
  void fill(RingPlace at, Value matrix, Value neuron, Value bias);
  /// Waits for `count` rows; moves on, and returns their slots.
  SmallVector<Value> waitForRows(RingPlace &at, int64_t count);
  /// Frees slots, behind this thread's reads of them. One lane could do it for
  /// its warp, but racecheck sees only arrivals of who has read.
  void leave(ArrayRef<Value> slots);

  //===--- The copying warp ----------------------------------------------===//

  /// Loads what is to be known of the neuron at a place of the set, if it is
  /// less than `end`.
  KnownNeuron look(Value place, Value end);
  /// What the neurons of [first, end) in steps of the number of blocks need, 32
  /// neurons at a time: `body` gets a lane and what all lanes know, and fills
  /// slots for `size` neurons from that lane's on.
  using FillGroup = llvm::function_ref<RingPlace(RingPlace, const KnownNeuron &,
                                                 Value lane, int64_t size)>;
  RingPlace fillNeurons(RingPlace at, Value first, Value end,
                        FillGroup fillGroup);
  Value getFromLane(Value value, Value lane);
  /// Fills slots with rows of the projections that are read first.
  RingPlace fillProjections(RingPlace at, const KnownNeuron &known, Value lane,
                            ArrayRef<Value> matrices);

  //===--- The workers ---------------------------------------------------===//

  /// The columns of this thread's piece `i`; the last may be past the end.
  Value getColumn(int64_t i);
  bool isWhole() const {
    return plan.pieces * plan.team * kPiece == spec.features;
  }
  /// This thread's pieces of a row in shared memory, as they are there.
  SmallVector<Value> loadPieces(Value row);
  /// The same of a row in global memory.
  SmallVector<Value> loadPieces(Value matrix, Value neuron);
  /// Waits for what was launched before; says then how many rows of sums there
  /// will be, and how many blocks count. Returns the pieces of the input,
  /// normalized if that is asked for, as two halves each. Those past the end
  /// are zero: what is read for them counts nothing.
  SmallVector<Value> takeInput();
  /// This thread's part of a product with the input.
  Value multiply(ArrayRef<Value> pieces, ArrayRef<Value> x);
  /// The same of the row in a slot. The first thread adds the bias in the slot,
  /// if there is one.
  Value multiplyRow(Value slot, ArrayRef<Value> x, bool hasBias);
  /// Sums of each of `parts` over the block, for all workers, who meet. `half`,
  /// 0 or 1, alternates.
  SmallVector<Value> sumBlock(ArrayRef<Value> parts, Value half);
  /// Adds rows times factors to `sums`.
  void addRows(SmallVector<Value> &sums, ArrayRef<SmallVector<Value>> rows,
               ArrayRef<Value> factors);
  Value activate(ArrayRef<Value> sums);
  /// What sums begin with: zeros, or in one thread for each column the bias, if
  /// they are added to the result.
  SmallVector<Value> getFirstSums();

  //===--- The end -------------------------------------------------------===//

  /// Lets one thread leave how many neurons this block has found active.
  void storeCount(Value active, int64_t thread);
  /// Leaves the sums of the block or the cluster.
  void storeSums(ArrayRef<Value> sums);

  DeviceBuilder &b;
  const FusedFFNSpec &spec;
  FFNPlan plan;
  Value input, normScale, normBias, gate, gateBias, up, upBias, down;
  Value downBias;    ///< if sums are added to the result
  Value indices;     ///< of a set
  Value activations; ///< where they are left, if they are
  Value target;      ///< partial sums, or the result
  Value count;       ///< neurons
  Value shared;

private:
  void storeHeader();
  Value sumWarps(Value line);
  Value getPartialRow();
  void storeRow(ArrayRef<Value> sums, Value row, Value condition);
  void leaveSum(Value column, Value sum);
};

/// Generates an MLP of few neurons for each block: FFNPlan::hasTeams.
void generateSmallFFN(DeviceBuilder &b, const FusedFFNSpec &spec,
                      ValueRange args);
/// Generates an MLP whose rows are read only for neurons that are active.
void generateExactFFN(DeviceBuilder &b, const FusedFFNSpec &spec,
                      ValueRange args);

} // namespace mlir::dejavu::cuda

#endif // DEJAVU_LIB_CONVERSION_DEJAVUTOCUDA_FUSEDFFN_H
