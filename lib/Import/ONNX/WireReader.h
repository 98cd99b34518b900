//===- WireReader.h - reads the bytes of a model --------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A model is read in two steps. This reader walks the wire format of the mapped
// file down to the tensors and notes where their payloads lie; the other fields
// that we know go to protobuf, and the rest stays where it is. So payloads are
// never copied, the place of each in the file, which a weight needs to know,
// comes for free, and there is a limit to what a file can make us allocate:
// protobuf makes up to 100 bytes of one.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_IMPORT_ONNX_WIREREADER_H
#define DEJAVU_LIB_IMPORT_ONNX_WIREREADER_H

#include "Reporter.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/DenseMap.h"

#include <cstdint>
#include <optional>

namespace dejavu::onnx_proto {
class ModelProto;
class TensorProto;
} // namespace dejavu::onnx_proto

namespace mlir::dejavu::onnximport {

/// A range of bytes of the file.
struct ByteRange {
  uint64_t begin = 0, end = 0;
  uint64_t size() const { return end - begin; }
};

/// One field of a message.
struct WireField {
  unsigned number = 0;
  unsigned wireType = 0;
  ByteRange whole;   ///< tag included
  ByteRange payload; ///< of a length-delimited field
};

/// Steps through the fields of the message that `range` of `bytes` holds.
class WireCursor {
public:
  WireCursor(llvm::ArrayRef<uint8_t> bytes, ByteRange range)
      : bytes(bytes), position(range.begin), end(range.end) {}

  bool atEnd() const { return position == end; }
  uint64_t getPosition() const { return position; }

  /// The next field. Nothing if the bytes are not a field: getError says why.
  std::optional<WireField> next();

  /// The next number of a packed field.
  std::optional<uint64_t> readVarint();

  const std::string &getError() const { return error; }

private:
  llvm::ArrayRef<uint8_t> bytes;
  uint64_t position, end;
  std::string error;
};

/// Graphs may lie in attributes of nodes of graphs up to this depth.
inline constexpr unsigned maxGraphDepth = 32;

/// How many nodes, attributes and tensors a file may have, and how many bytes
/// that are neither payloads of tensors nor ignored.
inline constexpr uint64_t maxMessages = 2 << 20, maxParsedBytes = 64 << 20;

/// Where the payload of a tensor lies in the .onnx file: its elements as the
/// machine has them (raw_data, float_data, double_data), or as varints.
struct InlinePayload {
  enum class Field { Raw, Float, Double, Int32, Int64, Uint64 } field;
  ByteRange range;

  bool isVarints() const { return field >= Field::Int32; }
};

/// What protobuf did not see of a model.
struct PayloadMap {
  llvm::DenseMap<const proto::TensorProto *,
                 llvm::SmallVector<InlinePayload, 1>>
      payloads;
  /// The first field that no version of the format known here has, as a phrase,
  /// or empty.
  std::string unknownField;
};

/// Reads the model in `bytes`. The tensors in `model` lack raw_data and the
/// packed numbers: `payloads` has their places instead.
llvm::LogicalResult readModel(llvm::ArrayRef<uint8_t> bytes,
                              proto::ModelProto &model, PayloadMap &payloads,
                              const Reporter &reporter);

} // namespace mlir::dejavu::onnximport

#endif // DEJAVU_LIB_IMPORT_ONNX_WIREREADER_H
