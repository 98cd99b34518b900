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
  case 17:
    return Type(Float8E4M3FNType::get(&context));
  case 18:
    return Type(Float8E4M3FNUZType::get(&context));
  case 19:
    return Type(Float8E5M2Type::get(&context));
  case 20:
    return Type(Float8E5M2FNUZType::get(&context));
  case 21:
    return unsignedType(4);
  case 22:
    return Type(b.getIntegerType(4));
  case 23:
    return Type(Float4E2M1FNType::get(&context));
  case 25:
    return unsignedType(2);
  case 26:
    return Type(b.getIntegerType(2));
  case 0:
    error = "element type is missing";
    return failure();
  case 8:
    error = "element type string is not supported yet";
    return failure();
  case 14:
    error = "element type complex64 is not supported yet";
    return failure();
  case 15:
    error = "element type complex128 is not supported yet";
    return failure();
  case 24:
    error = "element type float8e8m0 is not supported yet";
    return failure();
  case 27:
    error = "element type float6e2m3 is not supported yet";
    return failure();
  case 28:
    error = "element type float6e3m2 is not supported yet";
    return failure();
  default:
    error = "element type " + std::to_string(dataType) + " is unknown";
    return failure();
  }
}

/// The bits that an element takes in a file: a bool takes a byte, while two or
/// four smaller integers share one.
static int64_t bitsInFile(Type element) {
  return element.isInteger(1) ? 8 : element.getIntOrFloatBitWidth();
}

LogicalResult TensorReader::checkShape(TensorInfo &info,
                                       ArrayRef<int64_t> shape, Type element,
                                       std::string &error) {
  if (shape.size() > static_cast<size_t>(onnx::maxRank)) {
    error = "expected a rank of at most " + std::to_string(onnx::maxRank) +
            ", found " + std::to_string(shape.size());
    return failure();
  }
  // A zero must not hide that the others overflow. Counted in bits, so that
  // nothing overflows later on.
  int64_t product = std::max<int64_t>(bitsInFile(element), 8), count = 1;
  bool empty = false;
  for (int64_t dim : shape) {
    if (dim < 0) {
      // The smallest number would be printed as an unknown one.
      error = "expected no negative dimension, found " + std::to_string(dim);
      return failure();
    }
    empty |= dim == 0;
    if (dim != 0 && __builtin_mul_overflow(product, dim, &product)) {
      error =
          "size of shape " + onnx::describe(shape) + " does not fit 63 bits";
      return failure();
    }
    count *= dim == 0 ? 1 : dim;
  }
  info.count = empty ? 0 : count;
  info.bytes = llvm::divideCeil(
      static_cast<uint64_t>(info.count * bitsInFile(element)), 8);
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
  if (failed(folder.claim(range.location, range.offset, expected, error)))
    return failure();
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

/// How many numbers the typed field of a tensor has: one for each element or,
/// where several share a byte, one for each byte.
static int64_t countFieldElements(const TensorInfo &info) {
  return bitsInFile(info.type.getElementType()) < 8 ? info.bytes : info.count;
}

LogicalResult TensorReader::checkInline(TensorInfo &info, std::string &error) {
  const proto::TensorProto &tensor = *info.tensor;
  struct Payload {
    StringRef field;
    int64_t elements;
    const InlinePayload *place;
  };
  static constexpr StringRef names[] = {"raw_data",    "float_data",
                                        "double_data", "int32_data",
                                        "int64_data",  "uint64_data"};
  SmallVector<Payload> found;
  if (auto it = payloads.payloads.find(&tensor); it != payloads.payloads.end())
    for (const InlinePayload &place : it->second)
      found.push_back({names[static_cast<unsigned>(place.field)], 0, &place});
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
  if (payload.place && !payload.place->isVarints()) {
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
  int64_t elements = payload.elements;
  if (payload.place) {
    info.varints = payload.place;
    // The last byte of each number lacks the high bit.
    const ByteRange &range = payload.place->range;
    elements = llvm::count_if(modelBytes.slice(range.begin, range.size()),
                              [](uint8_t byte) { return !(byte & 0x80); });
  }
  int64_t expected = countFieldElements(info);
  if (elements != expected) {
    error = payload.field.str() + ": expected " + std::to_string(expected) +
            " elements for " + onnx::describe(info.type) + ", found " +
            std::to_string(elements);
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
  if (failed(element) ||
      failed(checkShape(
          info, {tensor.dims().data(), static_cast<size_t>(tensor.dims_size())},
          *element, error)))
    return failure();
  if (tensor.has_segment()) {
    error = "expected a whole tensor, found a segment of one";
    return failure();
  }
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
  if (failed(checkInline(inlined, ignored)) || inlined.inFile ||
      inlined.varints) {
    error = "expected data in one place, found external and inline data";
    return failure();
  }
  if (failed(checkExternal(info, error)))
    return failure();
  return info;
}

FailureOr<TensorInfo>
TensorReader::checkSparse(const proto::SparseTensorProto &tensor,
                          std::string &error) {
  if (!tensor.has_values() || !tensor.has_indices()) {
    error = "sparse tensor: expected values and indices, found no " +
            std::string(tensor.has_values() ? "indices" : "values");
    return failure();
  }
  auto checkPart = [&](const proto::TensorProto &part, const char *what) {
    FailureOr<TensorInfo> info = check(part, error);
    if (failed(info))
      error = std::string("sparse tensor: ") + what + ": " + error;
    return info;
  };
  FailureOr<TensorInfo> values = checkPart(tensor.values(), "values");
  if (failed(values))
    return failure();
  FailureOr<TensorInfo> indices = checkPart(tensor.indices(), "indices");
  if (failed(indices))
    return failure();
  TensorInfo info = *values;
  auto fail = [&](const Twine &message) {
    error = ("sparse tensor: " + message).str();
    return failure();
  };
  Type element = values->type.getElementType();
  if (values->type.getRank() != 1)
    return fail("expected values of rank 1, found " +
                onnx::describe(values->type));
  if (bitsInFile(element) < 8)
    return fail("expected elements of whole bytes, found " +
                onnx::describe(element));
  ArrayRef<int64_t> dims(tensor.dims().data(), tensor.dims_size());
  if (failed(checkShape(info, dims, element, error)))
    return fail(error);
  if (dims.empty())
    return fail("expected dims, found none");
  if (!indices->type.getElementType().isSignlessInteger(64))
    return fail("expected indices of type i64, found " +
                onnx::describe(indices->type));
  ArrayRef<int64_t> form = indices->type.getShape();
  int64_t count = values->count;
  if (!(form == ArrayRef<int64_t>{count} ||
        form == ArrayRef<int64_t>{count, static_cast<int64_t>(dims.size())}))
    return fail("expected indices of shape [" + Twine(count) + "] or [" +
                Twine(count) + ", " + Twine(dims.size()) + "], found " +
                onnx::describe(form));
  if (count > info.count)
    return fail("expected at most " + Twine(info.count) + " values for " +
                onnx::describe(info.type) + ", found " + Twine(count));
  if (info.bytes > maxDenseBytes - denseBytes || indices->bytes > maxDenseBytes)
    return fail("expected no more than " + Twine(maxDenseBytes >> 20) +
                " MiB when sparse tensors become dense, found " +
                Twine(info.bytes) + " bytes for " + onnx::describe(info.type));
  denseBytes += info.bytes;
  FailureOr<SmallVector<int64_t>> places = readPlaces(info, *indices, error);
  if (failed(places))
    return fail(error);
  info.places =
      std::make_shared<const SmallVector<int64_t>>(std::move(*places));
  return info;
}

/// The number of the element that each value of a sparse tensor is: checks that
/// they lie within the shape and ascend.
FailureOr<SmallVector<int64_t>>
TensorReader::readPlaces(const TensorInfo &info, const TensorInfo &indices,
                         std::string &error) {
  SmallVector<int64_t> numbers(indices.count), places;
  if (failed(readBytes(indices,
                       {reinterpret_cast<char *>(numbers.data()),
                        static_cast<size_t>(indices.bytes)},
                       error)))
    return failure();
  ArrayRef<int64_t> shape = info.type.getShape();
  bool isLinear = indices.type.getRank() == 1;
  size_t width = isLinear ? 1 : shape.size();
  for (ArrayRef<int64_t> rest = numbers; rest.size() >= width && width;
       rest = rest.drop_front(width)) {
    int64_t place = 0;
    for (size_t i = 0; i < width; ++i) {
      int64_t bound = isLinear ? info.count : shape[i];
      if (rest[i] < 0 || rest[i] >= bound) {
        error = "expected indices in [0, " + std::to_string(bound) +
                "), found " + std::to_string(rest[i]);
        return failure();
      }
      place = place * bound + rest[i];
    }
    if (!places.empty() && place <= places.back()) {
      error = "expected indices that ascend, found element " +
              std::to_string(place) + " after element " +
              std::to_string(places.back());
      return failure();
    }
    places.push_back(place);
  }
  return places;
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

/// Makes an attribute from elements as they lie in a file.
static DenseElementsAttr fromBytes(RankedTensorType type, int64_t count,
                                   ArrayRef<char> bytes) {
  int64_t bits = bitsInFile(type.getElementType());
  if (type.getElementType().isInteger(1)) {
    SmallVector<bool> bools;
    for (char byte : bytes)
      bools.push_back(byte != 0);
    return DenseElementsAttr::get(type, ArrayRef<bool>(bools));
  }
  if (bits >= 8)
    return DenseElementsAttr::getFromRawBuffer(type, bytes);
  // The first of the elements that share a byte is the lowest; an attribute has
  // a byte for each.
  SmallVector<char> single(count);
  int64_t perByte = 8 / bits;
  for (int64_t i = 0; i < count; ++i)
    single[i] = static_cast<char>(
        (static_cast<uint8_t>(bytes[i / perByte]) >> (i % perByte * bits)) &
        ((1 << bits) - 1));
  return DenseElementsAttr::getFromRawBuffer(type, single);
}

/// Whether `value` of int32_data fits elements of `bits` bits; the bits of
/// floats and of elements that share a byte count as unsigned.
static bool fitsField(int64_t value, Type element, int64_t bits) {
  bool isUnsigned = isa<FloatType>(element) || element.isUnsignedInteger();
  if (bits < 8)
    return value >= -128 && value <= 255;
  int64_t low = isUnsigned ? 0 : -(int64_t(1) << (bits - 1));
  int64_t high = (int64_t(1) << (bits - (isUnsigned ? 0 : 1))) - 1;
  return value >= low && value <= high;
}

LogicalResult TensorReader::readVarints(const TensorInfo &info,
                                        MutableArrayRef<char> bytes,
                                        std::string &error) {
  using Field = InlinePayload::Field;
  Type element = info.type.getElementType();
  int64_t bits = bitsInFile(element);
  size_t width = std::max<int64_t>(bits / 8, 1);
  WireCursor cursor(modelBytes, info.varints->range);
  for (int64_t index = 0; !cursor.atEnd(); ++index) {
    std::optional<uint64_t> number = cursor.readVarint();
    if (!number) {
      error = cursor.getError();
      return failure();
    }
    // Protobuf, too, takes the low 32 bits of an int32.
    auto value = static_cast<int64_t>(*number);
    if (info.varints->field == Field::Int32)
      value = static_cast<int32_t>(value);
    bool fits = info.varints->field == Field::Int32
                    ? fitsField(value, element, bits)
                    : width == 8 || *number <= UINT32_MAX;
    if (!fits) {
      error = "element " + std::to_string(index) + " does not fit its type";
      return failure();
    }
    std::memcpy(bytes.data() + index * width, &value, width);
  }
  return success();
}

LogicalResult TensorReader::readTyped(const TensorInfo &info,
                                      MutableArrayRef<char> bytes,
                                      std::string &error) {
  const proto::TensorProto &tensor = *info.tensor;
  Type element = info.type.getElementType();
  int64_t bits = bitsInFile(element);
  size_t width = std::max<int64_t>(bits / 8, 1);
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
    for (auto [i, value] : llvm::enumerate(tensor.int32_data())) {
      if (!fitsField(value, element, bits)) {
        error = "int32_data: element " + std::to_string(i) +
                " does not fit its type";
        return failure();
      }
      put(i, value);
    }
  }
  return success();
}

LogicalResult TensorReader::readBytes(const TensorInfo &info,
                                      MutableArrayRef<char> bytes,
                                      std::string &error) {
  if (bytes.empty())
    return success();
  if (info.varints) {
    if (succeeded(readVarints(info, bytes, error)))
      return success();
    error = typedField(info.type.getElementType()).str() + ": " + error;
    return failure();
  }
  if (!info.inFile)
    return readTyped(info, bytes, error);
  if (info.tensor->data_location() != 1) {
    std::memcpy(bytes.data(), modelBytes.data() + info.offset, bytes.size());
    return success();
  }
  InputFile *file = folder.open(info.file, error);
  if (!file)
    return failure();
  std::string reason;
  if (succeeded(file->read(info.offset, bytes, reason)))
    return success();
  error = "external data " + quoted(info.file) + ": " + reason;
  return failure();
}

FailureOr<DenseElementsAttr> TensorReader::read(const TensorInfo &info,
                                                std::string &error) {
  if (info.count == 0)
    return DenseElementsAttr::get(info.type, ArrayRef<Attribute>());
  if (info.count > maxConstantsBytes - constantBytes) {
    error = "expected no more than " + std::to_string(maxConstantsBytes >> 20) +
            " MiB of tensors that are constants, found " +
            onnx::describe(info.type) + " on top";
    return failure();
  }
  SmallVector<char> bytes(info.bytes);
  constantBytes += std::max(info.bytes, info.count);
  if (!info.places) {
    if (failed(readBytes(info, bytes, error)))
      return failure();
    return fromBytes(info.type, info.count, bytes);
  }
  size_t width = bitsInFile(info.type.getElementType()) / 8;
  SmallVector<char> values(info.places->size() * width);
  // The values have a type of their own, which tells their field.
  TensorInfo stored = info;
  stored.places = nullptr;
  if (failed(readBytes(stored, values, error)))
    return failure();
  for (auto [i, place] : llvm::enumerate(*info.places))
    std::memcpy(bytes.data() + place * width, values.data() + i * width, width);
  return fromBytes(info.type, info.count, bytes);
}
