//===- KernelBuilder.h - the vocabulary of kernel generators ----*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel is a private function over memrefs, made once for each signature
// and shared by all layers that need it. KernelLibrary keeps them;
// KernelBuilder adds to a builder what the generators say all the time: loops,
// row vectors with tails, reductions in a fixed order.
//
// No generator lets LLVM reassociate: the order of a sum depends on its length
// alone, so that a row gives the same bits in every batch.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_CONVERSION_DEJAVUTOCPU_KERNELBUILDER_H
#define DEJAVU_LIB_CONVERSION_DEJAVUTOCPU_KERNELBUILDER_H

#include "../Common/KernelNames.h"

#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::dejavu::cpu {

/// What the generators ask about the machine.
struct CPUTarget {
  int64_t lanes = 16; ///< f32 lanes of a vector register
  /// Vector registers that a kernel may fill with accumulators.
  int64_t getAccumulators() const { return lanes >= 16 ? 16 : 8; }
};

/// The threads that share a kernel, as it sees them: its last two arguments.
struct Team {
  Value thread;  ///< 0 is the one that called the entry point
  Value threads; ///< how many there are
};

class KernelBuilder : public ImplicitLocOpBuilder {
public:
  KernelBuilder(Location loc, OpBuilder base, const CPUTarget &target)
      : ImplicitLocOpBuilder(loc, base), target(target) {}

  const CPUTarget &getTarget() const { return target; }
  int64_t getLanes() const { return target.lanes; }

  //===--- Values --------------------------------------------------------===//

  Value index(int64_t value);
  Value f32(double value);
  /// A vector of `lanes` equal elements.
  Value splat(double value, int64_t lanes);
  Value broadcast(Value scalar, int64_t lanes);
  /// `lhs + rhs` on index values, folded if rhs is 0.
  Value offset(Value lhs, int64_t rhs);
  Value fma(Value lhs, Value rhs, Value sum);

  //===--- Memory --------------------------------------------------------===//

  /// The vector at `indices`, as f32. Of its lanes only the first `active` are
  /// read, the others are 0.
  Value loadVector(Value memref, ValueRange indices, int64_t active);
  /// Writes the first `active` lanes.
  void storeVector(Value vector, Value memref, ValueRange indices,
                   int64_t active);

  //===--- Control -------------------------------------------------------===//

  using Body = llvm::function_ref<void(Value)>;
  using Fold = llvm::function_ref<SmallVector<Value>(Value, ValueRange)>;

  void loop(Value from, Value to, int64_t step, Body body);
  SmallVector<Value> fold(Value from, Value to, int64_t step, ValueRange init,
                          Fold body);
  /// Iterations 0 .. count - 1, shared among the threads if `parallel`.
  void forAll(Value count, bool parallel, Body body);
  /// The part [first, last) of 0 .. count - 1 that a thread takes: neighbours,
  /// as many as the others have, or one more or less.
  std::pair<Value, Value> getShare(Value count, const Team &team);
  /// Iterations 0 .. count - 1, those of this thread.
  void forShare(Value count, const Team &team, Body body);
  /// Calls `body` with the start of each vector of a row of `size` elements,
  /// and with the number of lanes in use: in a loop for the full vectors, then
  /// once for the rest.
  void forEachVector(int64_t size,
                     llvm::function_ref<void(Value, int64_t)> body);
  /// The same, with values carried through.
  SmallVector<Value> foldVectors(
      int64_t size, ValueRange init,
      llvm::function_ref<SmallVector<Value>(Value, int64_t, ValueRange)> body);

  //===--- Arithmetic ----------------------------------------------------===//

  /// Sum of the lanes: halves are added until one is left.
  Value reduceAdd(Value vector);
  /// Greatest lane; NaN if there is one.
  Value reduceMax(Value vector);
  /// `cap * tanh(x / cap)`, lane by lane; x if the cap is 0.
  Value softcap(float cap, Value vector);
  /// The activation function, lane by lane.
  Value activate(std::optional<Activation> activation, Value vector);

private:
  Value reduce(Value vector, llvm::function_ref<Value(Value, Value)> combine);

  CPUTarget target;
};

/// The kernels of a module, by name. A name says all that the code depends on.
class KernelLibrary {
public:
  KernelLibrary(ModuleOp module, const CPUTarget &target)
      : module(module), target(target) {}

  using Generator = llvm::function_ref<void(KernelBuilder &, ValueRange)>;

  /// The kernel `dejavu_<stem>`, generated if it is not there. `generate`
  /// returns through the builder if there are `results`, else nothing.
  func::FuncOp get(StringRef stem, TypeRange arguments, Generator generate,
                   TypeRange results = {});
  /// The same for a kernel that a team shares: each of its threads calls it.
  func::FuncOp
  getShared(StringRef stem, ArrayRef<Type> arguments,
            llvm::function_ref<void(KernelBuilder &, ValueRange, const Team &)>
                generate);
  /// A function that is defined elsewhere.
  func::FuncOp declare(StringRef name, TypeRange arguments, TypeRange results);

  MLIRContext *getContext() { return module.getContext(); }
  const CPUTarget &getTarget() const { return target; }

private:
  ModuleOp module;
  CPUTarget target;
};

/// memref<? x columns x element>: rows of activations.
MemRefType getRowsType(MLIRContext *context, int64_t columns);
/// memref of the shape and elements of a weight or another tensor.
MemRefType getWeightType(RankedTensorType tensor);

} // namespace mlir::dejavu::cpu

#endif // DEJAVU_LIB_CONVERSION_DEJAVUTOCPU_KERNELBUILDER_H
