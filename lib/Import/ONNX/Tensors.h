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

namespace mlir::dejavu::onnximport {

/// A tensor of the model that has been checked: its payload fits its type.
struct TensorInfo {
  const proto::TensorProto *tensor = nullptr;
  RankedTensorType type;
  int64_t count = 0; ///< elements
  int64_t bytes = 0;

  /// Where the elements are: in a file, as the machine has them, or one by one
  /// in the protobuf message.
  bool inFile = false;
  std::string file; ///< relative to the model's folder
  uint64_t offset = 0;

  /// Whether it becomes a dejavu.weight; else it is small enough, or of a type
  /// that the compiler wants to look at.
  bool isWeight() const {
    return isa<FloatType>(type.getElementType()) && type.getRank() > 0 &&
           count > 1;
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

  /// The elements of a tensor.
  FailureOr<DenseElementsAttr> read(const TensorInfo &info, std::string &error);

private:
  LogicalResult checkShape(TensorInfo &info, Type element, std::string &error);
  LogicalResult checkExternal(TensorInfo &info, std::string &error);
  LogicalResult checkInline(TensorInfo &info, std::string &error);
  FailureOr<DenseElementsAttr> readTyped(const TensorInfo &info,
                                         std::string &error);

  MLIRContext &context;
  ArrayRef<uint8_t> modelBytes;
  ModelFolder &folder;
  const PayloadMap &payloads;
};

} // namespace mlir::dejavu::onnximport

#endif // DEJAVU_LIB_IMPORT_ONNX_TENSORS_H
