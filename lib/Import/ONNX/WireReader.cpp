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
/// What is done with a field of a message.
enum class Use {
  Read,    ///< it is looked into here
  Parse,   ///< protobuf may have it
  Ignore,  ///< nobody wants it
  Unknown, ///< no known version of the format has it
};

/// The fields of a message: those that are looked into, and those that are
/// ignored, one bit for each number. Protobuf knows the others.
struct MessageFields {
  const char *name;
  uint32_t read, ignored, parsed;

  Use lookUp(unsigned number) const {
    uint32_t bit = number < 32 ? 1u << number : 0;
    if (read & bit)
      return Use::Read;
    if (parsed & bit)
      return Use::Parse;
    return ignored & bit ? Use::Ignore : Use::Unknown;
  }
};

class ModelReader {
public:
  ModelReader(ArrayRef<uint8_t> bytes, PayloadMap &payloads,
              const Reporter &reporter)
      : bytes(bytes), payloads(payloads), reporter(reporter) {}

  LogicalResult read(proto::ModelProto &model);

private:
  using MessageLite = google::protobuf::MessageLite;

  LogicalResult read(proto::GraphProto &graph, ByteRange range);
  LogicalResult read(proto::FunctionProto &function, ByteRange range);
  LogicalResult read(proto::NodeProto &node, ByteRange range);
  LogicalResult read(proto::AttributeProto &attribute, ByteRange range);
  LogicalResult read(proto::SparseTensorProto &tensor, ByteRange range);
  LogicalResult read(proto::TensorProto &tensor, ByteRange range);

  /// Walks the fields of a message. `visit` reads those that are looked into;
  /// runs of those that are parsed are given to protobuf. One that has another
  /// form than `visit` expects is parsed, too.
  LogicalResult
  walk(MessageLite &message, ByteRange range, const MessageFields &fields,
       llvm::function_ref<FailureOr<bool>(const WireField &)> visit);

  LogicalResult merge(MessageLite &message, ByteRange range);

  ArrayRef<uint8_t> bytes;
  PayloadMap &payloads;
  const Reporter &reporter;
  uint64_t messages = 0, parsed = 0;
  unsigned depth = 0;
};
} // namespace

static constexpr uint32_t bits() { return 0; }
template <typename... Rest>
static constexpr uint32_t bits(unsigned number, Rest... rest) {
  return 1u << number | bits(rest...);
}

/// Wraps the reading of a submessage for `walk`.
static FailureOr<bool> taken(LogicalResult result) {
  if (failed(result))
    return failure();
  return true;
}

LogicalResult ModelReader::merge(MessageLite &message, ByteRange range) {
  if (range.size() == 0)
    return success();
  parsed += range.size();
  if (parsed > maxParsedBytes)
    return reporter.error("byte " + Twine(range.begin) + ": more than " +
                          Twine(maxParsedBytes >> 20) +
                          " MiB that are not tensor data");
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
    MessageLite &message, ByteRange range, const MessageFields &fields,
    llvm::function_ref<FailureOr<bool>(const WireField &)> visit) {
  if (++messages > maxMessages)
    return reporter.error("byte " + Twine(range.begin) + ": more than " +
                          Twine(maxMessages) +
                          " nodes, attributes and tensors");
  WireCursor cursor(bytes, range);
  ByteRange run = {range.begin, range.begin};
  while (!cursor.atEnd()) {
    uint64_t start = cursor.getPosition();
    std::optional<WireField> field = cursor.next();
    if (!field)
      return reporter.error("not a valid ONNX model: byte " + Twine(start) +
                            ": " + cursor.getError());
    Use use = fields.lookUp(field->number);
    if (use == Use::Read && field->wireType == 2) {
      FailureOr<bool> isTaken = visit(*field);
      if (failed(isTaken))
        return failure();
      if (!*isTaken)
        use = Use::Parse;
    } else if (use == Use::Read) {
      use = Use::Parse;
    }
    if (use == Use::Unknown && payloads.unknownField.empty())
      payloads.unknownField = ("field " + Twine(field->number) + " of a " +
                               fields.name + " at byte " + Twine(start))
                                  .str();
    if (use == Use::Parse) {
      run.end = field->whole.end;
      continue;
    }
    if (failed(merge(message, run)))
      return failure();
    run = {field->whole.end, field->whole.end};
  }
  return merge(message, run);
}

LogicalResult ModelReader::read(proto::TensorProto &tensor, ByteRange range) {
  using Field = InlinePayload::Field;
  // doc_string and metadata_props are ignored.
  static constexpr MessageFields fields = {"tensor", bits(4, 5, 7, 9, 10, 11),
                                           bits(12, 16),
                                           bits(1, 2, 3, 6, 8, 13, 14)};
  auto fieldOf = [](unsigned number) {
    switch (number) {
    case 4:
      return Field::Float;
    case 5:
      return Field::Int32;
    case 7:
      return Field::Int64;
    case 10:
      return Field::Double;
    case 11:
      return Field::Uint64;
    default:
      return Field::Raw;
    }
  };
  // Numbers that are not packed are rare and few: protobuf may have them.
  return walk(tensor, range, fields, [&](const WireField &field) {
    payloads.payloads[&tensor].push_back(
        {fieldOf(field.number), field.payload});
    return FailureOr<bool>(true);
  });
}

LogicalResult ModelReader::read(proto::SparseTensorProto &tensor,
                                ByteRange range) {
  static constexpr MessageFields fields = {"sparse tensor", bits(1, 2), 0,
                                           bits(3)};
  return walk(tensor, range, fields, [&](const WireField &field) {
    return taken(read(field.number == 1 ? *tensor.mutable_values()
                                        : *tensor.mutable_indices(),
                      field.payload));
  });
}

LogicalResult ModelReader::read(proto::AttributeProto &attribute,
                                ByteRange range) {
  static constexpr MessageFields fields = {
      "attribute", bits(5, 6, 10, 11, 22, 23), bits(13),
      bits(1, 2, 3, 4, 7, 8, 9, 14, 15, 20, 21)};
  return walk(attribute, range, fields, [&](const WireField &field) {
    switch (field.number) {
    case 5:
      return taken(read(*attribute.mutable_t(), field.payload));
    case 6:
      return taken(read(*attribute.mutable_g(), field.payload));
    case 10:
      return taken(read(*attribute.add_tensors(), field.payload));
    case 11:
      return taken(read(*attribute.add_graphs(), field.payload));
    case 22:
      return taken(read(*attribute.mutable_sparse_tensor(), field.payload));
    default:
      return taken(read(*attribute.add_sparse_tensors(), field.payload));
    }
  });
}

LogicalResult ModelReader::read(proto::NodeProto &node, ByteRange range) {
  // doc_string, metadata_props and device_configurations are ignored.
  static constexpr MessageFields fields = {"node", bits(5), bits(6, 9, 10),
                                           bits(1, 2, 3, 4, 7, 8)};
  return walk(node, range, fields, [&](const WireField &field) {
    return taken(read(*node.add_attribute(), field.payload));
  });
}

LogicalResult ModelReader::read(proto::GraphProto &graph, ByteRange range) {
  // doc_string, value_info and metadata_props are ignored.
  static constexpr MessageFields fields = {
      "graph", bits(1, 5, 15), bits(10, 13, 16), bits(2, 11, 12, 14)};
  if (depth > maxGraphDepth)
    return reporter.error("byte " + Twine(range.begin) +
                          ": expected subgraphs of a depth of at most " +
                          Twine(maxGraphDepth) + ", found a deeper one");
  ++depth;
  LogicalResult result =
      walk(graph, range, fields, [&](const WireField &field) {
        if (field.number == 1)
          return taken(read(*graph.add_node(), field.payload));
        if (field.number == 5)
          return taken(read(*graph.add_initializer(), field.payload));
        return taken(read(*graph.add_sparse_initializer(), field.payload));
      });
  --depth;
  return result;
}

LogicalResult ModelReader::read(proto::FunctionProto &function,
                                ByteRange range) {
  // doc_string, value_info and metadata_props are ignored.
  static constexpr MessageFields fields = {
      "function", bits(7, 11), bits(8, 12, 14), bits(1, 4, 5, 6, 9, 10, 13)};
  return walk(function, range, fields, [&](const WireField &field) {
    if (field.number == 7)
      return taken(read(*function.add_node(), field.payload));
    return taken(read(*function.add_attribute_proto(), field.payload));
  });
}

/// Fields of a ModelProto that are used.
enum ModelField {
  irVersionField = 1,
  graphField = 7,
  opsetField = 8,
  functionsField = 25
};

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
    LogicalResult result = success();
    if (field->number == graphField)
      result = read(*model.mutable_graph(), field->payload);
    else if (field->number == functionsField)
      result = read(*model.add_functions(), field->payload);
    else if (field->number == irVersionField || field->number == opsetField)
      result = merge(model, field->whole);
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
