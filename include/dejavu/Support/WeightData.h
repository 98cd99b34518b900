//===- WeightData.h - the bytes of weights ----------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads the weights of a module from the model's files and applies their
// recipes. The packer streams, the reference interpreter loads: both see the
// same bytes. Memory is bounded: a transpose is done in panels of output rows.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_SUPPORT_WEIGHTDATA_H
#define DEJAVU_SUPPORT_WEIGHTDATA_H

#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"

#include <string>
#include <vector>

namespace mlir::dejavu {

/// Reads weights of one module. Files are opened at their first use.
class WeightReader {
public:
  using Consumer = llvm::function_ref<LogicalResult(ArrayRef<char>)>;

  /// A reader for `module`, whose `dejavu.source` tells the folder that holds
  /// the files. Emits an error and fails if it has none.
  static FailureOr<WeightReader> open(ModuleOp module);

  WeightReader(WeightReader &&other)
      : folder(std::move(other.folder)),
        descriptors(std::move(other.descriptors)) {
    other.descriptors.clear();
  }
  ~WeightReader();

  /// Gives `consume` the bytes of `weight`, as its type says, in consecutive
  /// pieces. Emits an error and fails if a file is missing or too short; fails
  /// silently if `consume` does.
  LogicalResult stream(WeightOp weight, Consumer consume);

  /// All elements of `weight`, rounded as its type says, as f32.
  FailureOr<std::vector<float>> readF32(WeightOp weight);

private:
  explicit WeightReader(std::string folder) : folder(std::move(folder)) {}

  /// The descriptor of `file`, which is relative to the folder.
  FailureOr<int> getFile(WeightOp weight, StringRef file);
  /// Reads exactly `bytes` at `offset` within the range of `weight`.
  LogicalResult read(WeightOp weight, int descriptor, int64_t offset,
                     int64_t bytes, char *into);

  std::string folder;
  llvm::StringMap<int> descriptors;
};

} // namespace mlir::dejavu

#endif // DEJAVU_SUPPORT_WEIGHTDATA_H
