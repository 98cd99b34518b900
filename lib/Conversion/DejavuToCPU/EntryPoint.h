//===- EntryPoint.h - from the ABI's structs to buffers ---------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Makes the body of dejavu_prefill, dejavu_decode or dejavu_forward: reads the
// fields of the dejavu_step or dejavu_call (include/dejavu-rt/abi.h) and makes
// memrefs of its pointers. This is the only part that needs the llvm dialect.
//
// A decode step is shared among threads in one of two ways.
//
// * Sharing::step: the whole step is one parallel region. All threads run its
//   function and call the shared kernels, each for its part; what is not shared
//   only thread 0 does. Between kernels the threads meet once, and while they
//   do, thread 0 does what lies between.
// * Sharing::kernels: each shared kernel is a parallel region of its own. Where
//   dense functions are called: they take memory, and may end the call.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_CONVERSION_DEJAVUTOCPU_ENTRYPOINT_H
#define DEJAVU_LIB_CONVERSION_DEJAVUTOCPU_ENTRYPOINT_H

#include "KernelBuilder.h"

namespace mlir::dejavu::cpu {

/// The fields of dejavu_step and dejavu_call; each is eight bytes wide.
enum class Field {
  batch,
  tokens,
  past,
  capacity,
  logitsFrom,
  taps,
  flush,
  ids,
  positions,
  starts,
  keys,
  values,
  kept,
  complete,
  weights,
  logits,
  workspace,
  session,
  inputs,
  outputs
};

/// Dimensions that a dejavu_tensor has room for.
inline constexpr int64_t kMaxRank = 8;

enum class Sharing { kernels, step };

class EntryPoint {
public:
  /// Makes the function of `entry` and reads the fields.
  EntryPoint(KernelLibrary &library, ModuleOp module, Entry entry,
             Sharing sharing, Location location);

  KernelBuilder &getBuilder() { return builder; }
  /// The value of a number, as index.
  Value get(Field field);
  /// Rows of the call, batch * tokens; null for forward.
  Value getRows() { return rows; }

  /// The array that a pointer field points to, as memref of `type`; `sizes` are
  /// its dynamic dimensions.
  Value getArray(Field field, MemRefType type, ValueRange sizes);
  /// Element `index` of a table of pointers.
  Value getTableArray(Field field, int64_t index, MemRefType type,
                      ValueRange sizes);
  /// A part of the workspace that begins at `fixed + perRow * rows`.
  Value getWorkspace(int64_t fixed, int64_t perRow, MemRefType type,
                     ValueRange sizes);

  /// Input `index` of a dejavu_call as memref of `type`.
  Value getInput(int64_t index, MemRefType type);
  /// Writes the address and the dimensions of `memref` to output `index`.
  void setOutput(int64_t index, Value memref);

  /// Calls a kernel that one thread does.
  void call(func::FuncOp kernel, ValueRange arguments);
  /// Calls a shared kernel (KernelLibrary::getShared): all threads do, or if it
  /// is not `worth` them, one. Of what the shared kernel `own` wrote a thread
  /// reads its own part only: it need not wait for the others in between.
  void share(func::FuncOp kernel, ValueRange arguments, bool worth = true,
             func::FuncOp own = {});
  /// Calls a kernel that may fail, and keeps its status.
  void callChecked(func::FuncOp kernel, ValueRange arguments);
  /// Iterations 0 .. count - 1 with such calls in them.
  void loopChecked(Value count, llvm::function_ref<void(Value)> body);
  /// Reports what was counted. `indices` may be null.
  void countActive(int64_t counter, Value counts, Value indices);
  /// Fails the call unless `condition` holds.
  void require(Value condition);
  /// Shows the rows of `values` to whoever watches `site`, if one of `bits` is
  /// set in the field `taps`.
  void tap(int64_t site, Value values, Value rows, int64_t bits);

  /// Returns from the function.
  void finish();

private:
  Value load(Value base, int64_t index, Type type);
  Value getElementAddress(Value base, int64_t index);
  Value getPointer(Field field) { return fields[static_cast<int>(field)]; }
  Value makeI32(int64_t value);

  /// Makes the function that all threads call, with the step and the team as
  /// arguments, and `outer`, which calls it. Returns its first argument.
  Value makeTeamFunction(ModuleOp module, func::FuncOp outer);
  /// Whether this is the thread that does what is not shared. It is from here
  /// on alone: the others have arrived and wait until `release`.
  Value gather();
  /// Lets the threads go that wait for `main`.
  void release(Value main);
  /// What comes next is done by all.
  void leaveSerial();

  KernelLibrary &library;
  KernelBuilder builder;
  SmallVector<Value> fields;
  Value rows, status;

  // With Sharing::step:
  Team team;
  Value globalThread; ///< what libomp calls the thread
  /// Set where thread 0 is alone: whether this is it.
  Value serial;
  /// The shared kernel that has been called since the threads last met.
  func::FuncOp running;
};

/// Makes kernels invisible outside of the object file.
void internalizeKernels(ModuleOp module);

} // namespace mlir::dejavu::cpu

#endif // DEJAVU_LIB_CONVERSION_DEJAVUTOCPU_ENTRYPOINT_H
