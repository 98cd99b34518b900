//===- Tensors.cpp - checks tensors and reads small ones ------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Tensors.h"
#include "Model.pb.h"

#include "dejavu/Dialect/Onnx/IR/OnnxInference.h"

#include "mlir/IR/Builders.h"

#include <cstring>

using namespace mlir;
using namespace mlir::dejavu::onnximport;

//===----------------------------------------------------------------------===//
// Types and shapes
//===----------------------------------------------------------------------===//

FailureOr<Type> mlir::dejavu::onnximport::convertElementType(
    MLIRContext &context, int32_t dataType, std::string &error) {
  Builder b(&context);
  auto unsignedType = [&](unsigned width) -> Type {
    return IntegerType::get(&context, width, IntegerType::Unsigned);
  };
  switch (dataType) {
  case 1:
    return Type(b.getF32Type());
  case 2:
    return unsignedType(8);
  case 3:
    return Type(b.getIntegerType(8));
  case 4:
    return unsignedType(16);
  case 5:
    return Type(b.getIntegerType(16));
  case 6:
    return Type(b.getI32Type());
  case 7:
    return Type(b.getI64Type());
  case 9:
    return Type(b.getI1Type());
  case 10:
    return Type(b.getF16Type());
  case 11:
    return Type(b.getF64Type());
  case 12:
    return unsignedType(32);
  case 13:
    return unsignedType(64);
  case 16:
    return Type(b.getBF16Type());
  default:
    break;
  }
  static const char *const unsupported[] = {
      nullptr,          nullptr, nullptr,        nullptr,          nullptr,
      nullptr,          nullptr, nullptr,        "string",         nullptr,
      nullptr,          nullptr, nullptr,        nullptr,          "complex64",
      "complex128",     nullptr, "float8e4m3fn", "float8e4m3fnuz", "float8e5m2",
      "float8e5m2fnuz", "uint4", "int4",         "float4e2m1",     "float8e8m0",
      "uint2",          "int2"};
  if (dataType >= 0 && dataType < static_cast<int>(std::size(unsupported)) &&
      unsupported[dataType])
    error = std::string("element type ") + unsupported[dataType] +
            " is not supported yet";
  else if (dataType == 0)
    error = "element type is missing";
  else
    error = "element type " + std::to_string(dataType) + " is unknown";
  return failure();
}

LogicalResult TensorReader::checkShape(TensorInfo &info, Type element,
                                       std::string &error) {
  ArrayRef<int64_t> shape(info.tensor->dims().data(), info.tensor->dims_size());
  if (shape.size() > static_cast<size_t>(onnx::maxRank)) {
    error = "expected a rank of at most " + std::to_string(onnx::maxRank) +
            ", found " + std::to_string(shape.size());
    return failure();
  }
  // A bool takes a byte in the file.
  unsigned width = std::max(element.getIntOrFloatBitWidth() / 8, 1u);
  // A zero must not hide that the others overflow.
  int64_t product = width;
  bool empty = false;
  for (int64_t dim : shape) {
    if (dim < 0) {
      error = "expected no negative dimension, found " + onnx::describe(shape);
      return failure();
    }
    empty |= dim == 0;
    if (dim != 0 && __builtin_mul_overflow(product, dim, &product)) {
      error =
          "size of shape " + onnx::describe(shape) + " does not fit 63 bits";
      return failure();
    }
  }
  info.bytes = empty ? 0 : product;
  info.count = info.bytes / width;
  info.type = RankedTensorType::get(shape, element);
  return success();
}

//===----------------------------------------------------------------------===//
// Payloads
//===----------------------------------------------------------------------===//

LogicalResult TensorReader::checkExternal(TensorInfo &info,
                                          std::string &error) {
  ExternalRange range;
  if (failed(parseExternalData(*info.tensor, range, error)))
    return failure();
  uint64_t expected = info.bytes;
  if (range.length && *range.length != expected) {
    error = "external length: expected " + std::to_string(expected) +
            " bytes for " + onnx::describe(info.type) + ", found " +
            std::to_string(*range.length);
    return failure();
  }
  InputFile *file = folder.open(range.location, error);
  if (!file)
    return failure();
  // Both are below 2^63.
  if (range.offset + expected > file->getSize()) {
    error = "external data " + quoted(range.location) + ": expected " +
            std::to_string(expected) + " bytes at offset " +
            std::to_string(range.offset) + ", the file has " +
            std::to_string(file->getSize());
    return failure();
  }
  info.inFile = true;
  info.file = std::move(range.location);
  info.offset = range.offset;
  return success();
}

/// The field that holds the elements of a tensor of type `element`, other than
/// raw_data.
static StringRef typedField(Type element) {
  if (element.isF32())
    return "float_data";
  if (element.isF64())
    return "double_data";
  if (element.isSignlessInteger(64))
    return "int64_data";
  if (element.isUnsignedInteger(32) || element.isUnsignedInteger(64))
    return "uint64_data";
  return "int32_data";
}

LogicalResult TensorReader::checkInline(TensorInfo &info, std::string &error) {
  const proto::TensorProto &tensor = *info.tensor;
  struct Payload {
    StringRef field;
    int64_t elements;
    const InlinePayload *place;
  };
  SmallVector<Payload> found;
  if (auto it = payloads.payloads.find(&tensor); it != payloads.payloads.end())
    for (const InlinePayload &place : it->second) {
      switch (place.field) {
      case InlinePayload::Field::Raw:
        found.push_back({"raw_data", 0, &place});
        break;
      case InlinePayload::Field::Float:
        found.push_back({"float_data", 0, &place});
        break;
      case InlinePayload::Field::Double:
        found.push_back({"double_data", 0, &place});
        break;
      }
    }
  auto add = [&](StringRef field, int64_t elements) {
    if (elements > 0)
      found.push_back({field, elements, nullptr});
  };
  add("raw_data", tensor.raw_data().size());
  add("float_data", tensor.float_data_size());
  add("double_data", tensor.double_data_size());
  add("int32_data", tensor.int32_data_size());
  add("int64_data", tensor.int64_data_size());
  add("uint64_data", tensor.uint64_data_size());
  add("string_data", tensor.string_data_size());
  // An empty field of a writer that writes all fields means nothing.
  if (found.size() > 1 || info.count == 0)
    llvm::erase_if(found, [](const Payload &payload) {
      return payload.place && payload.place->range.size() == 0;
    });

  if (found.empty()) {
    if (info.count == 0)
      return success();
    error = "expected " + std::to_string(info.bytes) + " bytes for " +
            onnx::describe(info.type) + ", found no data";
    return failure();
  }
  if (found.size() > 1) {
    error = "expected data in one place, found " + found[0].field.str() +
            " and " +
            (found[0].field == found[1].field ? "more of it"
                                              : found[1].field.str());
    return failure();
  }
  const Payload &payload = found.front();
  StringRef typed = typedField(info.type.getElementType());
  if (payload.field != "raw_data" && payload.field != typed) {
    error = "expected data of " + onnx::describe(info.type) +
            " in raw_data or " + typed.str() + ", found it in " +
            payload.field.str();
    return failure();
  }
  if (payload.place) {
    if (payload.place->range.size() != static_cast<uint64_t>(info.bytes)) {
      error = payload.field.str() + ": expected " + std::to_string(info.bytes) +
              " bytes for " + onnx::describe(info.type) + ", found " +
              std::to_string(payload.place->range.size());
      return failure();
    }
    info.inFile = true;
    info.file = folder.getModelName().str();
    info.offset = payload.place->range.begin;
    return success();
  }
  if (payload.elements != info.count) {
    error = payload.field.str() + ": expected " + std::to_string(info.count) +
            " elements for " + onnx::describe(info.type) + ", found " +
            std::to_string(payload.elements);
    return failure();
  }
  if (info.isWeight()) {
    error = "weights in " + payload.field.str() +
            " are not supported yet, expected raw_data";
    return failure();
  }
  return success();
}

FailureOr<TensorInfo> TensorReader::check(const proto::TensorProto &tensor,
                                          std::string &error) {
  TensorInfo info;
  info.tensor = &tensor;
  FailureOr<Type> element =
      convertElementType(context, tensor.data_type(), error);
  if (failed(element) || failed(checkShape(info, *element, error)))
    return failure();
  bool external = tensor.data_location() == 1;
  if (!external && tensor.data_location() != 0) {
    error = "data location " + std::to_string(tensor.data_location()) +
            " is unknown";
    return failure();
  }
  if (!external && tensor.external_data_size() != 0) {
    error = "external data is given for a tensor that is not external";
    return failure();
  }
  if (!external) {
    if (failed(checkInline(info, error)))
      return failure();
    return info;
  }
  // Data in both places: which is meant cannot be known.
  TensorInfo inlined = info;
  inlined.count = inlined.bytes = 0;
  std::string ignored;
  if (failed(checkInline(inlined, ignored)) || inlined.inFile) {
    error = "expected data in one place, found external and inline data";
    return failure();
  }
  if (failed(checkExternal(info, error)))
    return failure();
  return info;
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

/// Makes an attribute from elements as they lie in memory.
static DenseElementsAttr fromBytes(RankedTensorType type,
                                   ArrayRef<char> bytes) {
  if (!type.getElementType().isInteger(1))
    return DenseElementsAttr::getFromRawBuffer(type, bytes);
  SmallVector<bool> bools;
  for (char byte : bytes)
    bools.push_back(byte != 0);
  return DenseElementsAttr::get(type, ArrayRef<bool>(bools));
}

FailureOr<DenseElementsAttr> TensorReader::readTyped(const TensorInfo &info,
                                                     std::string &error) {
  const proto::TensorProto &tensor = *info.tensor;
  Type element = info.type.getElementType();
  unsigned width = std::max(element.getIntOrFloatBitWidth() / 8, 1u);
  SmallVector<char> bytes(info.bytes);
  auto put = [&](size_t index, auto value) {
    std::memcpy(bytes.data() + index * width, &value, width);
  };
  if (element.isF32()) {
    for (auto [i, value] : llvm::enumerate(tensor.float_data()))
      put(i, value);
  } else if (element.isF64()) {
    for (auto [i, value] : llvm::enumerate(tensor.double_data()))
      put(i, value);
  } else if (element.isSignlessInteger(64)) {
    for (auto [i, value] : llvm::enumerate(tensor.int64_data()))
      put(i, value);
  } else if (element.isUnsignedInteger(32) || element.isUnsignedInteger(64)) {
    for (auto [i, value] : llvm::enumerate(tensor.uint64_data())) {
      if (width == 4 && value > UINT32_MAX) {
        error = "uint64_data: element " + std::to_string(i) +
                " does not fit its type";
        return failure();
      }
      put(i, value);
    }
  } else {
    // Narrow types, and 16-bit floats as their bits.
    bool isBits = isa<FloatType>(element) || element.isUnsignedInteger();
    int64_t low = isBits ? 0 : -(int64_t(1) << (width * 8 - 1));
    int64_t high = (int64_t(1) << (width * 8 - (isBits ? 0 : 1))) - 1;
    for (auto [i, value] : llvm::enumerate(tensor.int32_data())) {
      if (value < low || value > high) {
        error = "int32_data: element " + std::to_string(i) +
                " does not fit its type";
        return failure();
      }
      put(i, value);
    }
  }
  return fromBytes(info.type, bytes);
}

FailureOr<DenseElementsAttr> TensorReader::read(const TensorInfo &info,
                                                std::string &error) {
  if (info.count == 0)
    return DenseElementsAttr::get(info.type, ArrayRef<Attribute>());
  if (!info.inFile)
    return readTyped(info, error);
  SmallVector<char> bytes(info.bytes);
  if (info.tensor->data_location() == 1) {
    InputFile *file = folder.open(info.file, error);
    if (!file)
      return failure();
    std::string reason;
    if (failed(file->read(info.offset, bytes, reason))) {
      error = "external data " + quoted(info.file) + ": " + reason;
      return failure();
    }
  } else {
    std::memcpy(bytes.data(), modelBytes.data() + info.offset, info.bytes);
  }
  return fromBytes(info.type, bytes);
}
