//===- WeightData.h - the bytes of weights ----------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads the weights of a module from the model's files and applies their
// recipes. The packer streams, the reference interpreter loads: both see the
// same bytes. Memory is bounded for vectors and matrices: a transpose is done
// in panels of output rows. Tensors of other ranks are held whole if they are
// transposed or dequantized.
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

class WeightRecipe;

/// Reads weights of one module. Files are opened at their first use.
class WeightReader {
public:
  using Consumer = llvm::function_ref<LogicalResult(ArrayRef<char>)>;

  /// A reader for `module`, whose `dejavu.source` tells the folder that holds
  /// the files. Emits an error and fails if it has none.
  static FailureOr<WeightReader> open(ModuleOp module);

  WeightReader(WeightReader &&other)
      : folder(std::move(other.folder)),
        predictorFolder(std::move(other.predictorFolder)),
        descriptors(std::move(other.descriptors)) {
    other.descriptors.clear();
  }
  ~WeightReader();

  /// Gives `consume` the bytes of `weight`, as its type says, in consecutive
  /// pieces. Emits an error and fails if a file is missing or too short; fails
  /// silently if `consume` does.
  LogicalResult stream(WeightOp weight, Consumer consume);

  /// All elements of `weight`, rounded as its type says. Integers beyond 2^53
  /// (2^24 in f32) are rounded further.
  FailureOr<std::vector<float>> readF32(WeightOp weight);
  FailureOr<std::vector<double>> readF64(WeightOp weight);

  /// `bytes` bytes as they are stored, from `offset` within the weight's range
  /// on. Emits an error and fails if the file has not got them.
  LogicalResult readStored(WeightOp weight, int64_t offset, int64_t bytes,
                           char *into);

private:
  WeightReader(std::string folder, std::string predictorFolder)
      : folder(std::move(folder)), predictorFolder(std::move(predictorFolder)) {
  }

  /// The path of a source's file as seen from the current folder.
  std::string getPath(SourceAttr source) const;
  /// The descriptor of the weight's file.
  FailureOr<int> getFile(WeightOp weight);
  /// Reads exactly `bytes` at `offset` within the range of `weight`.
  LogicalResult read(WeightOp weight, int descriptor, int64_t offset,
                     int64_t bytes, char *into);

  // Ways through the file.
  LogicalResult streamRows(WeightOp weight, const WeightRecipe &recipe,
                           int file, Consumer consume);
  LogicalResult streamColumns(WeightOp weight, const WeightRecipe &recipe,
                              int file, Consumer consume);
  LogicalResult gather(WeightOp weight, const WeightRecipe &recipe, int file,
                       Consumer consume);

  std::string folder, predictorFolder;
  llvm::StringMap<int> descriptors;
};

} // namespace mlir::dejavu

#endif // DEJAVU_SUPPORT_WEIGHTDATA_H
