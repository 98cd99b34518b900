//===- EntryPoint.h - from dejavu_step to buffers ---------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Makes the body of dejavu_prefill or dejavu_decode: reads the fields of the
// dejavu_step (include/dejavu-rt/abi.h) and makes memrefs of its pointers. This
// is the only part that needs the llvm dialect.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_CONVERSION_DEJAVUTOCPU_ENTRYPOINT_H
#define DEJAVU_LIB_CONVERSION_DEJAVUTOCPU_ENTRYPOINT_H

#include "KernelBuilder.h"

namespace mlir::dejavu::cpu {

/// The fields of dejavu_step, by their place; each is eight bytes wide.
enum class Field {
  batch,
  tokens,
  past,
  capacity,
  logitsFrom,
  taps,
  ids,
  positions,
  starts,
  keys,
  values,
  weights,
  logits,
  workspace,
  session
};

class EntryPoint {
public:
  /// Makes the function `name` and reads the fields.
  EntryPoint(KernelLibrary &library, ModuleOp module, StringRef name,
             Location location);

  KernelBuilder &getBuilder() { return builder; }
  /// The value of a number, as index.
  Value get(Field field);
  /// Rows of an activation: batch * tokens.
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

  void call(func::FuncOp kernel, ValueRange arguments);
  /// Calls a kernel that may fail, and keeps its status.
  void callChecked(func::FuncOp kernel, ValueRange arguments);
  /// Iterations 0 .. count - 1 with such calls in them.
  void loopChecked(Value count, llvm::function_ref<void(Value)> body);
  void countActive(int64_t select, Value counts);
  /// Shows the rows of `values` to whoever watches `site`.
  void tap(int64_t site, Value values, Value rows);

  /// Returns from the function.
  void finish();

private:
  Value load(Value base, int64_t index, Type type);
  Value makeMemRef(Value pointer, MemRefType type, ValueRange sizes);
  Value getPointer(Field field) { return fields[static_cast<int>(field)]; }
  /// The address of the first element.
  Value getAddress(Value memref);

  KernelLibrary &library;
  KernelBuilder builder;
  SmallVector<Value> fields;
  Value rows, status;
};

/// Makes kernels invisible outside of the object file.
void internalizeKernels(ModuleOp module);

} // namespace mlir::dejavu::cpu

#endif // DEJAVU_LIB_CONVERSION_DEJAVUTOCPU_ENTRYPOINT_H
