//===- Tensors.h - checks tensors and reads small ones --------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_IMPORT_ONNX_TENSORS_H
#define DEJAVU_LIB_IMPORT_ONNX_TENSORS_H

#include "ExternalData.h"
#include "WireReader.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"

#include <memory>

namespace dejavu::onnx_proto {
class SparseTensorProto;
}

namespace mlir::dejavu::onnximport {

/// Integers of more than 8 bits and floats of no more stay in the file if there
/// are more bytes than this; other tensors always do.
inline constexpr int64_t maxConstantBytes = 64 << 10;

/// How many bytes of tensors may become constants of one module, and how many
/// the sparse ones among them may have when they are dense.
inline constexpr int64_t maxConstantsBytes = 512 << 20,
                         maxDenseBytes = 256 << 20;

/// A tensor of the model that has been checked: its payload fits its type.
struct TensorInfo {
  const proto::TensorProto *tensor = nullptr;
  RankedTensorType type;
  int64_t count = 0; ///< elements
  int64_t bytes = 0; ///< in a file; elements of less than a byte share one

  /// Where the elements are: in a file, as the machine has them, or one by one
  /// in the protobuf message.
  bool inFile = false;
  std::string file; ///< relative to the model's folder
  uint64_t offset = 0;

  /// Elements that the file has as varints, not as the machine has them.
  const InlinePayload *varints = nullptr;

  /// Of a sparse tensor, whose `tensor` holds the values: where they belong.
  std::shared_ptr<const llvm::SmallVector<int64_t>> places;

  /// Whether it becomes a dejavu.weight; else it is small, or of a type that
  /// the compiler wants to look at, or must be decoded.
  bool isWeight() const {
    Type element = type.getElementType();
    if (!inFile || places || type.getRank() == 0 || count < 2 ||
        element.isInteger(1))
      return false;
    // Integers of a byte and less are quantised weights and their zero points.
    // Wide ones are most often shapes and indices.
    bool isNarrow = element.getIntOrFloatBitWidth() <= 8;
    return isNarrow != isa<FloatType>(element) || bytes > maxConstantBytes;
  }
};

/// The element type that ONNX numbers `dataType`, or a message.
FailureOr<Type> convertElementType(MLIRContext &context, int32_t dataType,
                                   std::string &error);

/// Checks tensors of one model and reads their elements.
class TensorReader {
public:
  TensorReader(MLIRContext &context, ArrayRef<uint8_t> modelBytes,
               ModelFolder &folder, const PayloadMap &payloads)
      : context(context), modelBytes(modelBytes), folder(folder),
        payloads(payloads) {}

  /// Checks type, shape and payload of `tensor`. Opens its file if it has one.
  FailureOr<TensorInfo> check(const proto::TensorProto &tensor,
                              std::string &error);

  /// The same for a sparse tensor. Its shape is `dims`, its values and indices
  /// are tensors that are checked like any other.
  FailureOr<TensorInfo> checkSparse(const proto::SparseTensorProto &tensor,
                                    std::string &error);

  /// The elements of a tensor.
  FailureOr<DenseElementsAttr> read(const TensorInfo &info, std::string &error);

private:
  LogicalResult checkShape(TensorInfo &info, ArrayRef<int64_t> shape,
                           Type element, std::string &error);
  LogicalResult checkExternal(TensorInfo &info, std::string &error);
  LogicalResult checkInline(TensorInfo &info, std::string &error);
  FailureOr<SmallVector<int64_t>> readPlaces(const TensorInfo &info,
                                             const TensorInfo &indices,
                                             std::string &error);
  /// The bytes of a tensor, as they would lie in a file.
  LogicalResult readBytes(const TensorInfo &info, MutableArrayRef<char> bytes,
                          std::string &error);
  LogicalResult readTyped(const TensorInfo &info, MutableArrayRef<char> bytes,
                          std::string &error);
  LogicalResult readVarints(const TensorInfo &info, MutableArrayRef<char> bytes,
                            std::string &error);

  MLIRContext &context;
  ArrayRef<uint8_t> modelBytes;
  ModelFolder &folder;
  const PayloadMap &payloads;
  /// Bytes of sparse tensors when they are dense, and of all constants read.
  int64_t denseBytes = 0, constantBytes = 0;
};

} // namespace mlir::dejavu::onnximport

#endif // DEJAVU_LIB_IMPORT_ONNX_TENSORS_H
