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

class EntryPoint {
public:
  /// Makes the function of `entry` and reads the fields.
  EntryPoint(KernelLibrary &library, ModuleOp module, Entry entry,
             Location location);

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

  void call(func::FuncOp kernel, ValueRange arguments);
  /// Calls a kernel that may fail, and keeps its status.
  void callChecked(func::FuncOp kernel, ValueRange arguments);
  /// Iterations 0 .. count - 1 with such calls in them.
  void loopChecked(Value count, llvm::function_ref<void(Value)> body);
  void countActive(int64_t select, Value counts);
  /// Fails the call unless `condition` holds.
  void require(Value condition);
  /// Shows the rows of `values` to whoever watches `site`.
  void tap(int64_t site, Value values, Value rows);

  /// Returns from the function.
  void finish();

private:
  Value load(Value base, int64_t index, Type type);
  Value getElementAddress(Value base, int64_t index);
  Value getPointer(Field field) { return fields[static_cast<int>(field)]; }

  KernelLibrary &library;
  KernelBuilder builder;
  SmallVector<Value> fields;
  Value rows, status;
};

/// Makes kernels invisible outside of the object file.
void internalizeKernels(ModuleOp module);

} // namespace mlir::dejavu::cpu

#endif // DEJAVU_LIB_CONVERSION_DEJAVUTOCPU_ENTRYPOINT_H
