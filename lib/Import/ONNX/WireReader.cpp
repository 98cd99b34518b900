//===- WireReader.cpp - reads the bytes of a model ------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WireReader.h"
#include "Model.pb.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <google/protobuf/io/coded_stream.h>

#include <climits>

using namespace mlir;
using namespace mlir::dejavu::onnximport;

//===----------------------------------------------------------------------===//
// WireCursor
//===----------------------------------------------------------------------===//

std::optional<uint64_t> WireCursor::readVarint() {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (position == end) {
      error = "the bytes end within a number";
      return std::nullopt;
    }
    uint8_t byte = bytes[position++];
    // The tenth byte holds one bit.
    if (shift == 63 && (byte & 0x7E))
      break;
    value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (!(byte & 0x80))
      return value;
  }
  error = "a number has more than 64 bits";
  return std::nullopt;
}

std::optional<WireField> WireCursor::next() {
  WireField field;
  field.whole.begin = position;
  std::optional<uint64_t> tag = readVarint();
  if (!tag)
    return std::nullopt;
  uint64_t number = *tag >> 3;
  // Field numbers have 29 bits.
  if (number == 0 || number > 0x1FFFFFFF) {
    error = "field number " + llvm::utostr(number) + " is out of range";
    return std::nullopt;
  }
  field.number = number;
  field.wireType = *tag & 7;
  uint64_t length = 0;
  switch (field.wireType) {
  case 0:
    if (!readVarint())
      return std::nullopt;
    break;
  case 1:
    length = 8;
    break;
  case 2: {
    std::optional<uint64_t> size = readVarint();
    if (!size)
      return std::nullopt;
    length = *size;
    break;
  }
  case 5:
    length = 4;
    break;
  default:
    error = "wire type " + llvm::utostr(field.wireType) + " is not in use";
    return std::nullopt;
  }
  if (length > end - position) {
    error = "field " + llvm::utostr(number) + " needs " + llvm::utostr(length) +
            " bytes, " + llvm::utostr(end - position) + " are left";
    return std::nullopt;
  }
  field.payload = {position, position + length};
  position += length;
  field.whole.end = position;
  return field;
}

//===----------------------------------------------------------------------===//
// ModelReader
//===----------------------------------------------------------------------===//

namespace {
/// Fields that are looked into, by message.
enum ModelField { irVersionField = 1, graphField = 7 };
enum GraphField { nodeField = 1, initializerField = 5 };
enum NodeField { attributeField = 5 };
enum AttributeField { tensorField = 5 };
enum TensorField { floatField = 4, rawField = 9, doubleField = 10 };

class ModelReader {
public:
  ModelReader(ArrayRef<uint8_t> bytes, PayloadMap &payloads,
              const Reporter &reporter)
      : bytes(bytes), payloads(payloads), reporter(reporter) {}

  LogicalResult read(proto::ModelProto &model);

private:
  LogicalResult read(proto::GraphProto &graph, ByteRange range);
  LogicalResult read(proto::NodeProto &node, ByteRange range);
  LogicalResult read(proto::AttributeProto &attribute, ByteRange range);
  LogicalResult read(proto::TensorProto &tensor, ByteRange range);

  /// Walks the fields of a message. `visit` says whether it took care of a
  /// field; runs of the others are given to protobuf.
  LogicalResult
  walk(google::protobuf::MessageLite &message, ByteRange range,
       llvm::function_ref<FailureOr<bool>(const WireField &)> visit);

  LogicalResult merge(google::protobuf::MessageLite &message, ByteRange range);

  ArrayRef<uint8_t> bytes;
  PayloadMap &payloads;
  const Reporter &reporter;
};
} // namespace

LogicalResult ModelReader::merge(google::protobuf::MessageLite &message,
                                 ByteRange range) {
  if (range.size() == 0)
    return success();
  if (range.size() > INT_MAX)
    return reporter.error("byte " + Twine(range.begin) +
                          ": more than 2 GiB that are not tensor data");
  google::protobuf::io::CodedInputStream input(bytes.data() + range.begin,
                                               static_cast<int>(range.size()));
  if (message.MergePartialFromCodedStream(&input) &&
      input.ConsumedEntireMessage())
    return success();
  return reporter.error("not a valid ONNX model: the bytes from " +
                        Twine(range.begin) + " to " + Twine(range.end) +
                        " are not well-formed protobuf");
}

LogicalResult ModelReader::walk(
    google::protobuf::MessageLite &message, ByteRange range,
    llvm::function_ref<FailureOr<bool>(const WireField &)> visit) {
  WireCursor cursor(bytes, range);
  ByteRange run = {range.begin, range.begin};
  while (!cursor.atEnd()) {
    uint64_t start = cursor.getPosition();
    std::optional<WireField> field = cursor.next();
    if (!field)
      return reporter.error("not a valid ONNX model: byte " + Twine(start) +
                            ": " + cursor.getError());
    FailureOr<bool> taken = visit(*field);
    if (failed(taken))
      return failure();
    if (*taken) {
      if (failed(merge(message, run)))
        return failure();
      run = {field->whole.end, field->whole.end};
    } else {
      run.end = field->whole.end;
    }
  }
  return merge(message, run);
}

LogicalResult ModelReader::read(proto::TensorProto &tensor, ByteRange range) {
  return walk(tensor, range, [&](const WireField &field) -> FailureOr<bool> {
    // Floats that are not packed are rare and few: protobuf may have them.
    if (field.wireType != 2)
      return false;
    InlinePayload payload = {InlinePayload::Field::Raw, field.payload};
    if (field.number == floatField)
      payload.field = InlinePayload::Field::Float;
    else if (field.number == doubleField)
      payload.field = InlinePayload::Field::Double;
    else if (field.number != rawField)
      return false;
    payloads.payloads[&tensor].push_back(payload);
    return true;
  });
}

LogicalResult ModelReader::read(proto::AttributeProto &attribute,
                                ByteRange range) {
  return walk(attribute, range, [&](const WireField &field) -> FailureOr<bool> {
    if (field.number != tensorField || field.wireType != 2)
      return false;
    if (failed(read(*attribute.mutable_t(), field.payload)))
      return failure();
    return true;
  });
}

LogicalResult ModelReader::read(proto::NodeProto &node, ByteRange range) {
  return walk(node, range, [&](const WireField &field) -> FailureOr<bool> {
    if (field.number != attributeField || field.wireType != 2)
      return false;
    if (failed(read(*node.add_attribute(), field.payload)))
      return failure();
    return true;
  });
}

LogicalResult ModelReader::read(proto::GraphProto &graph, ByteRange range) {
  return walk(graph, range, [&](const WireField &field) -> FailureOr<bool> {
    if (field.wireType != 2)
      return false;
    if (field.number == nodeField) {
      if (failed(read(*graph.add_node(), field.payload)))
        return failure();
      return true;
    }
    if (field.number == initializerField) {
      if (failed(read(*graph.add_initializer(), field.payload)))
        return failure();
      return true;
    }
    return false;
  });
}

/// The wire type of each field that a ModelProto may have, by number.
static std::optional<unsigned> modelFieldType(unsigned number) {
  switch (number) {
  case 1: // ir_version
  case 5: // model_version
    return 0;
  case 2:  // producer_name
  case 3:  // producer_version
  case 4:  // domain
  case 6:  // doc_string
  case 7:  // graph
  case 8:  // opset_import
  case 14: // metadata_props
  case 20: // training_info
  case 25: // functions
  case 26: // configuration
    return 2;
  default:
    return std::nullopt;
  }
}

LogicalResult ModelReader::read(proto::ModelProto &model) {
  // The outermost level is where garbage shows: it has few fields, and each but
  // the lists occurs once.
  SmallVector<unsigned> seen;
  WireCursor cursor(bytes, {0, bytes.size()});
  while (!cursor.atEnd()) {
    uint64_t start = cursor.getPosition();
    std::optional<WireField> field = cursor.next();
    if (!field)
      return reporter.error((seen.empty()
                                 ? "not an ONNX model: byte "
                                 : "truncated or damaged ONNX model: byte ") +
                            Twine(start) + ": " + cursor.getError());
    if (modelFieldType(field->number) != field->wireType)
      return reporter.error(
          (seen.empty() ? "not an ONNX model: byte "
                        : "unknown data after the model: byte ") +
          Twine(start) + ": no model has field " + Twine(field->number) +
          " with wire type " + Twine(field->wireType));
    bool single =
        field->number == irVersionField || field->number == graphField;
    if (single && llvm::is_contained(seen, field->number))
      return reporter.error(
          "expected one model, found a second " +
          Twine(field->number == graphField ? "graph" : "ir_version") +
          " at byte " + Twine(start));
    seen.push_back(field->number);
    LogicalResult result = field->number == graphField
                               ? read(*model.mutable_graph(), field->payload)
                               : merge(model, field->whole);
    if (failed(result))
      return failure();
  }
  return success();
}

LogicalResult mlir::dejavu::onnximport::readModel(ArrayRef<uint8_t> bytes,
                                                  proto::ModelProto &model,
                                                  PayloadMap &payloads,
                                                  const Reporter &reporter) {
  return ModelReader(bytes, payloads, reporter).read(model);
}
