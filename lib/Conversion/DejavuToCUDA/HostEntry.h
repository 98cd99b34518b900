//===- HostEntry.h - the host code of an entry point ------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Makes the body of dejavu_prefill, dejavu_decode or dejavu_sample: reads the
// fields of the dejavu_step (include/dejavu-rt/abi.h) and launches kernels.
// Numbers are i64, addresses are pointers of the llvm dialect.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_CONVERSION_DEJAVUTOCUDA_HOSTENTRY_H
#define DEJAVU_LIB_CONVERSION_DEJAVUTOCUDA_HOSTENTRY_H

#include "DeviceBuilder.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::dejavu::cuda {

/// The fields of dejavu_step; each is eight bytes wide.
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
  pastAt,
  counts,
  emitted,
  sampling
};

/// Which kernel a launch is of, on the call: a name, or where that depends on
/// the number of rows all names, from the fewest rows on.
inline constexpr llvm::StringLiteral kKernelAttr = "dejavu.kernel";

class HostEntry {
public:
  /// Makes the function `name`, which launches kernels of `library`.
  HostEntry(ModuleOp module, const DeviceLibrary &library, StringRef name,
            Location location);

  ImplicitLocOpBuilder &getBuilder() { return builder; }

  Value number(int64_t value);
  Value getNumber(Field field);
  Value getPointer(Field field);
  /// Element `index` of a table of pointers.
  Value getTablePointer(Field field, int64_t index);
  /// batch * tokens.
  Value getRows() { return rows; }
  /// A part of the workspace that begins at `perRow * rows` bytes.
  Value getWorkspace(int64_t perRow);
  /// `pointer + count * bytes`.
  Value getAddress(Value pointer, Value count, int64_t bytes);

  Value add(Value lhs, Value rhs);
  Value sub(Value lhs, Value rhs);
  Value mul(Value lhs, Value rhs);
  Value ceilDiv(Value lhs, int64_t rhs);

  /// A kernel and its blocks in x for a number of rows.
  struct Variant {
    int64_t rows; ///< that it takes
    int64_t kernel;
    int64_t blocks;
  };
  /// Launches a kernel. Blocks are i64.
  void launch(int64_t kernel, ArrayRef<Value> blocks, ValueRange arguments) {
    launch(number(kernel), kernel, blocks, arguments);
  }
  /// Launches the first of `variants`, which take ever more rows, that takes
  /// `count` rows at once, or the last as often as is needed. `y` are blocks
  /// in y; blocks of rows go to z, or to y without it.
  void launchRows(ArrayRef<Variant> variants, Value count, Value y,
                  ValueRange arguments);
  /// A product that a library does (dejavu_matmul of abi.h).
  struct Product {
    int64_t type;
    bool isInMajor;
    Value rows;
    int64_t in, out;
    Value weight, input, result;
  };
  void multiply(const Product &product);
  /// Whether there are more than `count` rows and a library for their products;
  /// the library is not asked for if there are fewer.
  Value hasLibrary(int64_t count);

  /// Adds launches that are made only if `condition` holds.
  void when(Value condition, llvm::function_ref<void()> body);
  /// Launches of one of two kinds.
  void choose(Value condition, llvm::function_ref<void()> yes,
              llvm::function_ref<void()> no);
  Value isNotNull(Value pointer);
  /// `other` if `pointer` is not null, else null.
  Value ifNotNull(Value pointer, Value other);
  Value isMore(Value lhs, int64_t rhs);

  /// Returns from the function.
  void finish();

private:
  /// `kernel` is one of `kernels`.
  void launch(Value kernel, ArrayRef<int64_t> kernels, ArrayRef<Value> blocks,
              ValueRange arguments);
  /// Calls a callback of the runtime, which returns an i32.
  Value callRuntime(StringRef name, ValueRange arguments);
  /// Keeps in mind what a callback has returned.
  void noteStatus(Value failed);
  /// Memory for `count` values of eight bytes, taken once.
  Value allocate(int64_t count);

  ModuleOp module;
  const DeviceLibrary &library;
  ImplicitLocOpBuilder builder;
  Value step, rows, status;
};

} // namespace mlir::dejavu::cuda

#endif // DEJAVU_LIB_CONVERSION_DEJAVUTOCUDA_HOSTENTRY_H
