//===- DeviceBuilder.h - the vocabulary of CUDA kernels ---------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel is a gpu.func, made once for each signature and target and shared by
// all layers that need it. DeviceLibrary keeps them; DeviceBuilder adds to a
// builder what the generators say all the time: addresses, 16-byte loads,
// loops, reductions in a fixed order.
//
// Memory is reached through pointers of the llvm dialect: in global memory
// (space 1), or in the one array of dynamic shared memory (space 3) that a
// module has. Indices are of type index.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_CONVERSION_DEJAVUTOCUDA_DEVICEBUILDER_H
#define DEJAVU_LIB_CONVERSION_DEJAVUTOCUDA_DEVICEBUILDER_H

#include "../Common/KernelNames.h"

#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"
#include "dejavu/Target/CUDA/TargetInfo.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::dejavu::cuda {

/// Threads that run in step.
inline constexpr int64_t kWarp = 32;
/// Bytes that one thread loads at most at once.
inline constexpr int64_t kLoadBytes = 16;
/// Counters of a module at which blocks arrive.
inline constexpr int64_t kCounters = 1024;

class DeviceBuilder : public ImplicitLocOpBuilder {
public:
  DeviceBuilder(Location loc, OpBuilder base, const TargetInfo &target,
                int64_t threads)
      : ImplicitLocOpBuilder(loc, base), target(target), threads(threads) {}

  const TargetInfo &getTarget() const { return target; }
  /// Threads of a block.
  int64_t getThreads() const { return threads; }

  //===--- Values --------------------------------------------------------===//

  Value index(int64_t value);
  Value f32(double value);
  /// `lanes` equal f32.
  Value splat(double value, int64_t lanes);
  Value broadcast(Value scalar, int64_t lanes);
  Value add(Value lhs, Value rhs);
  Value sub(Value lhs, Value rhs);
  Value mul(Value lhs, Value rhs);
  Value add(Value lhs, int64_t rhs);
  Value mul(Value lhs, int64_t rhs);
  Value div(Value lhs, int64_t rhs);
  Value rem(Value lhs, int64_t rhs);
  Value ceilDiv(Value lhs, int64_t rhs);
  Value min(Value lhs, Value rhs);
  Value max(Value lhs, Value rhs);
  Value isLess(Value lhs, Value rhs);
  Value isEqual(Value lhs, Value rhs);
  Value select(Value condition, Value yes, Value no);
  /// An i64 as index, and back.
  Value toIndex(Value number);
  Value toI64(Value index);
  /// Sums, products of f32 or of vectors of them.
  Value fadd(Value lhs, Value rhs);
  Value fsub(Value lhs, Value rhs);
  Value fmul(Value lhs, Value rhs);
  Value fdiv(Value lhs, Value rhs);
  Value fmax(Value lhs, Value rhs);
  Value fma(Value lhs, Value rhs, Value sum);
  /// Element `at` of a vector.
  Value extract(Value vector, int64_t at);
  /// A vector of these.
  Value pack(ValueRange scalars);

  //===--- Where a thread is ---------------------------------------------===//

  Value thread();
  Value lane();
  Value warp();
  Value block(gpu::Dimension dimension = gpu::Dimension::x);
  Value blocks(gpu::Dimension dimension = gpu::Dimension::x);

  //===--- Memory --------------------------------------------------------===//

  /// The address of element `at` of an array.
  Value at(Value pointer, Type element, Value at);
  Value at(Value pointer, Type element, int64_t at);
  Value load(Value pointer, Type type, int64_t alignment = 0);
  /// The same, and stays where it is: LLVM moves others to where they are used.
  Value loadHere(Value pointer, Type type, int64_t alignment = 0);
  /// The same, of memory that nothing writes while the kernel runs.
  Value loadConstant(Value pointer, Type type, int64_t alignment = 0);
  /// The same, of memory that is read once: it need not stay in a cache.
  Value loadOnce(Value pointer, Type type, int64_t alignment = 0);
  void store(Value value, Value pointer, int64_t alignment = 0);
  /// Adds one or four f32, a vector, to what other blocks add to as well.
  void atomicAdd(Value vector, Value pointer);
  /// A vector of numbers of any width as f32.
  Value toFloats(Value vector);
  /// An f32, or the number of the type `element` that is nearest if it is
  /// beyond all of them.
  Value clamp(Value number, Type element);
  /// An f32 as an element: the nearest, but no number becomes an infinity.
  Value toElement(Value number, Type element);
  /// Where dynamic shared memory begins.
  Value getShared();

  //===--- Control -------------------------------------------------------===//

  using Body = llvm::function_ref<void(Value)>;
  using Fold = llvm::function_ref<SmallVector<Value>(Value, ValueRange)>;

  void loop(Value from, Value to, int64_t step, Body body);
  void loop(Value from, Value to, Value step, Body body);
  SmallVector<Value> fold(Value from, Value to, Value step, ValueRange init,
                          Fold body);
  void when(Value condition, llvm::function_ref<void()> body);
  SmallVector<Value> choose(Value condition, TypeRange types,
                            llvm::function_ref<SmallVector<Value>()> yes,
                            llvm::function_ref<SmallVector<Value>()> no);
  /// Until all threads of the block are here.
  void barrier();
  /// From now on the kernel behind may be launched, as soon as all blocks of
  /// this one say so. It waits for the end of this one by itself.
  void launchDependents();
  /// Until all that was launched before is done, and visible. Every kernel says
  /// so once, in each block, and reads and writes nothing before but what no
  /// kernel writes.
  void waitForEarlier();
  /// For one thread of a block, behind a barrier: whether it is the last of
  /// `count` blocks that arrive at counter `at`, of kCounters, which is 0
  /// before and after. The last sees what the others have written.
  Value arriveLast(Value at, Value count);

  //===--- Arithmetic ----------------------------------------------------===//

  /// e^x for f32, to a relative error of 2^-21.
  Value exp(Value x);
  Value exp2(Value x);
  Value sqrt(Value x);
  /// To the nearest integer.
  Value round(Value x);
  Value sin(Value x); ///< for |x| <= pi
  Value cos(Value x);
  Value tanh(Value x);
  /// `cap * tanh(x / cap)`; x if the cap is 0.
  Value softcap(float cap, Value x);
  Value activate(std::optional<Activation> activation, Value x);
  /// A product of a warp, f32 [16, 8] = [16, 16] * [16, 8] + sums, of f16 or
  /// bf16 in vectors of two; by the layout of `mma.m16n8k16`.
  SmallVector<Value> multiply(ArrayRef<Value> lhs, ArrayRef<Value> rhs,
                              ArrayRef<Value> sums);
  /// The sum of the elements of a vector, in a fixed order.
  Value sumElements(Value vector);
  /// Over groups of `width` lanes, a power of two; all lanes get it.
  Value reduceLanes(Value value, int64_t width,
                    llvm::function_ref<Value(Value, Value)> combine);
  Value sumLanes(Value value, int64_t width = kWarp);
  /// Over lanes that have the same place in groups of `width`; all get it.
  Value reduceTeams(Value value, int64_t width,
                    llvm::function_ref<Value(Value, Value)> combine);
  /// The sum over the block, for all its threads. `scratch` are 33 f32 of
  /// shared memory; the threads meet.
  Value sumBlock(Value value, Value scratch);

private:
  Value call(StringRef intrinsic, Value x);
  /// The address of an array of the module, made if it is not there.
  Value getGlobal(StringRef name, Type type, unsigned space);

  TargetInfo target;
  int64_t threads;
};

/// How a kernel is launched, as far as it does not depend on the data.
struct KernelShape {
  int64_t threads = 256;
  int64_t sharedBytes = 0;
  int64_t cluster = 1;
  int64_t registers = 0; ///< most of a thread, if not 0
  /// Whether the generator itself says where to wait for what was launched
  /// before (DeviceBuilder::waitForEarlier); else the kernel begins so. In both
  /// cases the first thing is DeviceBuilder::launchDependents.
  bool waitsItself = false;
};

/// The kernels of a module for all targets, by name. A name says all that the
/// code depends on.
class DeviceLibrary {
public:
  /// Adds a gpu.module for each target.
  DeviceLibrary(ModuleOp module, ArrayRef<TargetInfo> targets);

  using GetShape = llvm::function_ref<KernelShape(const TargetInfo &)>;
  using Generator = llvm::function_ref<void(DeviceBuilder &, ValueRange)>;

  /// The number of the kernel `dejavu_<stem>`, generated if it is not there.
  /// Pointers among the arguments reach the generator as pointers to global
  /// memory, i64 as index.
  int64_t get(StringRef stem, ArrayRef<Type> arguments, GetShape getShape,
              Generator generate);
  /// The same with the same shape for all targets.
  int64_t get(StringRef stem, ArrayRef<Type> arguments,
              const KernelShape &shape, Generator generate) {
    return get(
        stem, arguments, [&](const TargetInfo &) { return shape; }, generate);
  }

  /// The name of kernel `number`.
  StringRef getName(int64_t number) const { return names[number]; }

  MLIRContext *getContext() { return module.getContext(); }
  ArrayRef<TargetInfo> getTargets() const { return targets; }
  /// Argument types.
  Type getPointer();
  Type getNumber();

private:
  ModuleOp module;
  SmallVector<TargetInfo> targets;
  SmallVector<gpu::GPUModuleOp> modules;
  llvm::StringMap<int64_t> numbers;
  SmallVector<StringRef> names; ///< by number
};

/// The bits of a number, for the name of a kernel that depends on it.
using dejavu::nameNumber;
std::string nameNumber(float number);
/// Elements of a type that one load gets, for rows of `size` elements that lie
/// behind each other.
int64_t getLoadElements(Type element, int64_t size);

} // namespace mlir::dejavu::cuda

#endif // DEJAVU_LIB_CONVERSION_DEJAVUTOCUDA_DEVICEBUILDER_H
