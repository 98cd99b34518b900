//===- ExternalData.h - data beside the model -----------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tensor may name a file beside the model for its data. The name comes from
// an untrusted file, so it is checked as text, and what it leads to must lie in
// the model's folder: the one that the user named, or the one that the model's
// links lead to (the cache of Hugging Face keeps models and data as links into
// a common folder). A file with several names is refused: another of them may
// lie anywhere, and no check of this one could tell.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_IMPORT_ONNX_EXTERNALDATA_H
#define DEJAVU_LIB_IMPORT_ONNX_EXTERNALDATA_H

#include "ModelFile.h"

#include "llvm/ADT/StringMap.h"

#include <optional>
#include <set>

namespace dejavu::onnx_proto {
class TensorProto;
}

namespace mlir::dejavu::onnximport {

namespace proto = ::dejavu::onnx_proto;

/// Where an external tensor says that its data is.
struct ExternalRange {
  std::string location;
  uint64_t offset = 0;
  std::optional<uint64_t> length;
};

/// Reads the external_data entries of a tensor. Checks them one by one, and the
/// location as checkLocation does.
llvm::LogicalResult parseExternalData(const proto::TensorProto &tensor,
                                      ExternalRange &range, std::string &error);

/// Checks that `location` is a relative path that stays below where it starts.
llvm::LogicalResult checkLocation(llvm::StringRef location, std::string &error);

/// A number of decimal digits that fits 63 bits, or nothing.
std::optional<uint64_t> parseDecimal(llvm::StringRef text);

/// The folder of a model, and the data files in it that have been opened.
class ModelFolder {
public:
  explicit ModelFolder(llvm::StringRef modelPath);

  /// The name of the model's file in the folder.
  llvm::StringRef getModelName() const { return modelName; }

  /// Opens the file at `location`, which checkLocation has accepted. Null, with
  /// a message in `error`, if there is no such regular file or it lies
  /// elsewhere. The folder keeps the file.
  InputFile *open(llvm::StringRef location, std::string &error);

  /// Notes that a tensor takes a range of the file at `location`, which is
  /// open. Ranges may overlap, as those of tied weights do; but the tensors of
  /// a file may not have many times its size, since each is copied later.
  llvm::LogicalResult claim(llvm::StringRef location, uint64_t offset,
                            uint64_t length, std::string &error);

private:
  struct DataFile {
    std::unique_ptr<InputFile> file;
    /// What tensors take: the same range counts once.
    std::set<std::pair<uint64_t, uint64_t>> ranges;
    uint64_t claimed = 0;
  };

  std::string modelName, logical;
  /// Folders in which data may lie, without links.
  llvm::SmallVector<std::string, 2> roots;
  llvm::StringMap<DataFile> files;
};

} // namespace mlir::dejavu::onnximport

#endif // DEJAVU_LIB_IMPORT_ONNX_EXTERNALDATA_H
