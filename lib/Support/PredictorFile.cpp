//===- PredictorFile.cpp - predictors of a model, as calibrated -----------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Support/PredictorFile.h"

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Location.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"

#include <cmath>

using namespace mlir;
using namespace mlir::dejavu;
namespace json = llvm::json;

static constexpr llvm::StringLiteral kFormat = "dejavu-predictors-1";
static constexpr llvm::StringLiteral kLookAheads[] = {"same", "half", "full"};

/// More layers, units or features than any model has.
static constexpr int64_t kMost = int64_t(1) << 31;

StringRef dejavu::stringifyLookAhead(LookAhead lookAhead) {
  return kLookAheads[static_cast<int>(lookAhead)];
}

Location dejavu::getFileLocation(MLIRContext *context, StringRef path) {
  return FileLineColLoc::get(context, path, 0, 0);
}

const PredictorEntry *PredictorFile::find(int64_t layer, Unit unit) const {
  for (const PredictorEntry &entry : entries)
    if (entry.layer == layer && entry.unit == unit)
      return &entry;
  return nullptr;
}

namespace {
/// Reads one file. Functions that fail have emitted an error.
class Reader {
public:
  Reader(MLIRContext *context, StringRef path)
      : context(context), location(getFileLocation(context, path)) {
    file.path = path.str();
  }

  FailureOr<PredictorFile> run();

private:
  InFlightDiagnostic fail() { return emitError(location); }
  InFlightDiagnostic failEntry(size_t number) {
    return fail() << "predictors[" << number << "]: ";
  }

  LogicalResult readHeader(StringRef bytes);
  LogicalResult readTensor(StringRef name, const json::Value &value);
  LogicalResult readMetadata(const json::Object &metadata);
  LogicalResult readEntries(StringRef text);
  LogicalResult readEntry(size_t number, const json::Object &object);
  LogicalResult readSelection(size_t number, const json::Object &object,
                              PredictorEntry &entry);
  LogicalResult readTensors(size_t number, const json::Object &object,
                            PredictorEntry &entry);
  /// The tensor of an entry, which must have that type. Its numbers must be
  /// finite.
  LogicalResult take(const PredictorEntry &entry, StringRef part,
                     ArrayRef<int64_t> shape, PredictorTensor &tensor);
  LogicalResult checkFinite(StringRef name, const PredictorTensor &tensor);

  MLIRContext *context;
  Location location;
  PredictorFile file;
  StringRef data; ///< the whole file
  int64_t dataStart = 0;
  llvm::StringMap<PredictorTensor> tensors;
};
} // namespace

//===----------------------------------------------------------------------===//
// safetensors
//===----------------------------------------------------------------------===//

static Type getElementType(MLIRContext *context, StringRef dtype) {
  Builder b(context);
  if (dtype == "F32")
    return b.getF32Type();
  if (dtype == "F16")
    return b.getF16Type();
  if (dtype == "BF16")
    return b.getBF16Type();
  if (dtype == "I8")
    return b.getIntegerType(8);
  if (dtype == "U8")
    return b.getIntegerType(8, /*isSigned=*/false);
  return nullptr;
}

LogicalResult Reader::readTensor(StringRef name, const json::Value &value) {
  const json::Object *object = value.getAsObject();
  const json::Array *shape = object ? object->getArray("shape") : nullptr;
  const json::Array *range =
      object ? object->getArray("data_offsets") : nullptr;
  std::optional<StringRef> dtype =
      object ? object->getString("dtype") : std::nullopt;
  if (!shape || !range || !dtype || range->size() != 2)
    return fail() << "tensor '" << name
                  << "': expected dtype, shape and data_offsets";
  Type element = getElementType(context, *dtype);
  if (!element)
    return fail() << "tensor '" << name
                  << "': expected F32, F16, BF16, I8 or U8, found " << *dtype;
  SmallVector<int64_t> dims;
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  for (const json::Value &each : *shape) {
    std::optional<int64_t> dim = each.getAsInteger();
    if (!dim || *dim < 1 || *dim > kMost ||
        llvm::MulOverflow(bytes, *dim, bytes))
      return fail() << "tensor '" << name << "': expected positive dimensions";
    dims.push_back(*dim);
  }
  std::optional<int64_t> begin = (*range)[0].getAsInteger();
  std::optional<int64_t> end = (*range)[1].getAsInteger();
  int64_t size = static_cast<int64_t>(data.size()) - dataStart;
  if (dims.empty() || !begin || !end || *begin < 0 || *end < *begin ||
      *end - *begin != bytes)
    return fail() << "tensor '" << name << "': expected a range of " << bytes
                  << " bytes for its shape";
  if (*end > size)
    return fail() << "tensor '" << name << "': expected the file to have "
                  << dataStart + *end << " bytes, found " << data.size()
                  << " (truncated?)";
  tensors[name] = {RankedTensorType::get(dims, element), dataStart + *begin,
                   bytes};
  return success();
}

/// Whether JSON is deeper than what a file of ours has: parsing takes a frame
/// of the stack for each level.
static bool isTooDeep(StringRef text) {
  constexpr int64_t kDeepest = 64;
  int64_t depth = 0;
  bool isText = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (isText && c == '\\')
      ++i;
    else if (c == '"')
      isText = !isText;
    else if (!isText && (c == '[' || c == '{') && ++depth > kDeepest)
      return true;
    else if (!isText && (c == ']' || c == '}'))
      --depth;
  }
  return false;
}

LogicalResult Reader::readHeader(StringRef bytes) {
  data = bytes;
  if (data.size() < 8)
    return fail() << "expected a safetensors file, found " << data.size()
                  << " bytes";
  uint64_t length = llvm::support::endian::read64le(data.data());
  if (length > data.size() - 8)
    return fail() << "expected a safetensors file with a header of " << length
                  << " bytes, found " << data.size() - 8 << " bytes";
  dataStart = 8 + static_cast<int64_t>(length);
  StringRef text = data.substr(8, length);
  if (isTooDeep(text))
    return fail() << "expected a header of tensors, found one that is nested "
                     "too deeply";
  llvm::Expected<json::Value> parsed = json::parse(text);
  if (!parsed)
    return fail() << "the header is not JSON: "
                  << llvm::toString(parsed.takeError());
  const json::Object *header = parsed->getAsObject();
  const json::Object *metadata =
      header ? header->getObject("__metadata__") : nullptr;
  if (!metadata || metadata->getString("format") != kFormat)
    return fail() << "expected a file that `dejavu calibrate` has written: "
                     "its metadata say 'format': '"
                  << kFormat << "'";
  for (const auto &[name, value] : *header)
    if (StringRef(name) != "__metadata__" && failed(readTensor(name, value)))
      return failure();
  return readMetadata(*metadata);
}

//===----------------------------------------------------------------------===//
// Metadata
//===----------------------------------------------------------------------===//

LogicalResult Reader::readMetadata(const json::Object &metadata) {
  auto get = [&](StringRef key) -> StringRef {
    return metadata.getString(key).value_or("");
  };
  file.modelName = get("model_name").str();
  file.modelDigest = get("model_digest").str();
  if (file.modelDigest.empty())
    return fail() << "expected the metadata 'model_digest'";
  StringRef use = get("sparsity");
  if (use != "predicted" && use != "threshold")
    return fail() << "expected 'sparsity' to be predicted or threshold, found '"
                  << use << "'";
  file.use =
      use == "predicted" ? PredictorUse::predicted : PredictorUse::threshold;
  StringRef ahead = get("look_ahead");
  const auto *found = llvm::find(kLookAheads, ahead);
  if (found == std::end(kLookAheads)) {
    if (file.use == PredictorUse::predicted)
      return fail() << "expected 'look_ahead' to be same, half or full, "
                       "found '"
                    << ahead << "'";
  } else {
    file.lookAhead = static_cast<LookAhead>(found - std::begin(kLookAheads));
  }
  return readEntries(get("predictors"));
}

LogicalResult Reader::readEntries(StringRef text) {
  if (isTooDeep(text))
    return fail() << "expected 'predictors' to be a list of layers, found one "
                     "that is nested too deeply";
  llvm::Expected<json::Value> parsed = json::parse(text);
  if (!parsed)
    return fail() << "'predictors' is not JSON: "
                  << llvm::toString(parsed.takeError());
  const json::Array *array = parsed->getAsArray();
  if (!array || array->empty())
    return fail() << "expected 'predictors' to be a list of layers";
  for (auto [number, value] : llvm::enumerate(*array)) {
    const json::Object *object = value.getAsObject();
    if (!object)
      return failEntry(number) << "expected an object";
    if (failed(readEntry(number, *object)))
      return failure();
  }
  return success();
}

/// A share; `otherwise` where the file has none.
static std::optional<double> getShare(const json::Object &object, StringRef key,
                                      double otherwise) {
  const json::Value *value = object.get(key);
  if (!value)
    return otherwise;
  std::optional<double> share = value->getAsNumber();
  return share && *share >= 0 && *share <= 1 ? share : std::nullopt;
}

LogicalResult Reader::readEntry(size_t number, const json::Object &object) {
  PredictorEntry entry;
  std::optional<int64_t> layer = object.getInteger("layer");
  std::optional<Unit> unit =
      symbolizeUnit(object.getString("unit").value_or(""));
  if (!layer || *layer < 0 || *layer > kMost || !unit)
    return failEntry(number)
           << "expected a 'layer', and a 'unit' that is neuron or kv_group";
  entry.layer = *layer;
  entry.unit = *unit;
  if (file.find(*layer, *unit))
    return failEntry(number)
           << "expected one entry for the " << stringifyUnit(*unit)
           << "s of layer " << *layer << ", found another";
  if (std::optional<StringRef> dense = object.getString("dense")) {
    entry.dense = dense->empty() ? "dense" : dense->str();
    file.entries.push_back(entry);
    return success();
  }
  if (failed(readSelection(number, object, entry)))
    return failure();
  if (file.use == PredictorUse::predicted &&
      failed(readTensors(number, object, entry)))
    return failure();
  file.entries.push_back(entry);
  return success();
}

LogicalResult Reader::readSelection(size_t number, const json::Object &object,
                                    PredictorEntry &entry) {
  entry.units = object.getInteger("units").value_or(0);
  if (entry.units < 1 || entry.units > kMost)
    return failEntry(number) << "expected a positive number of 'units'";
  SmallVector<APFloat> shares;
  for (auto [key, otherwise] :
       {std::pair{"density", 1.0}, std::pair{"active", 1.0},
        std::pair{"recall", 1.0}, std::pair{"loss", 0.0}}) {
    std::optional<double> share = getShare(object, key, otherwise);
    if (!share)
      return failEntry(number)
             << "expected '" << key << "' to be between 0 and 1";
    shares.push_back(APFloat(*share));
  }
  if (object.get("density"))
    entry.profile =
        ProfileAttr::get(context, shares[0], shares[1], shares[2], shares[3]);
  StringRef select = object.getString("select").value_or("threshold");
  if (select == "top_k" && file.use == PredictorUse::predicted) {
    entry.select = SelectKind::top_k;
    entry.k = object.getInteger("k").value_or(-1);
    if (entry.k < 0 || entry.k > entry.units)
      return failEntry(number)
             << "expected 'k' to be between 0 and " << entry.units;
    return success();
  }
  if (select != "threshold")
    return failEntry(number)
           << "expected 'select' to be threshold"
           << (file.use == PredictorUse::predicted ? " or top_k" : "")
           << ", found '" << select << "'";
  entry.select = file.use == PredictorUse::predicted ? SelectKind::threshold
                                                     : SelectKind::magnitude;
  std::optional<double> threshold = object.getNumber("threshold");
  // The program compares in f32.
  auto isFinite = [](double value) {
    return std::isfinite(static_cast<float>(value));
  };
  if (!threshold || !isFinite(*threshold) ||
      (file.use == PredictorUse::threshold && *threshold < 0))
    return failEntry(number) << "expected a finite 'threshold'";
  entry.threshold = *threshold;
  if (file.use == PredictorUse::threshold) {
    entry.downThreshold = object.getNumber("down_threshold");
    if (entry.downThreshold
            ? !isFinite(*entry.downThreshold) || *entry.downThreshold < 0
            : object.get("down_threshold") != nullptr)
      return failEntry(number) << "expected a finite 'down_threshold'";
  }
  return success();
}

LogicalResult Reader::readTensors(size_t number, const json::Object &object,
                                  PredictorEntry &entry) {
  entry.features = object.getInteger("features").value_or(0);
  if (entry.features < 1 || entry.features > kMost)
    return failEntry(number) << "expected a positive number of 'features'";
  StringRef kindName = object.getString("kind").value_or("");
  std::optional<PredictorKind> kind = symbolizePredictorKind(kindName);
  if (!kind)
    return failEntry(number) << "expected 'kind' to be low_rank or sign_bit, "
                                "found '"
                             << kindName << "'";
  entry.kind = *kind;
  if (failed(take(entry, "bias", {entry.units}, entry.bias)))
    return failure();
  if (*kind == PredictorKind::sign_bit) {
    auto numBytes = static_cast<int64_t>(llvm::divideCeil(entry.features, 8));
    if (failed(take(entry, "signs", {entry.units, numBytes}, entry.first)))
      return failure();
    // Bits beyond the features would count as differences.
    for (int64_t i = 0; entry.features % 8 != 0 && i < entry.units; ++i) {
      auto last = static_cast<uint8_t>(
          data[entry.first.offset + (i + 1) * numBytes - 1]);
      if (last >> (entry.features % 8) != 0)
        return fail() << "expected unused bits of 'layers." << entry.layer
                      << "." << stringifyUnit(entry.unit)
                      << ".signs' to be 0, found others for unit " << i;
    }
    return success();
  }
  int64_t rank = object.getInteger("rank").value_or(0);
  if (rank < 1 || rank > kMost)
    return failEntry(number) << "expected a positive 'rank'";
  if (failed(take(entry, "first", {rank, entry.features}, entry.first)) ||
      failed(take(entry, "second", {entry.units, rank}, entry.second)))
    return failure();
  if (entry.first.type.getElementType() != entry.second.type.getElementType())
    return failEntry(number)
           << "expected both factors to have one type, found "
           << entry.first.type << " and " << entry.second.type;
  if (entry.first.type.getElementType().isInteger(8)) {
    entry.scale.emplace();
    return take(entry, "scale", {entry.units}, *entry.scale);
  }
  return success();
}

LogicalResult Reader::take(const PredictorEntry &entry, StringRef part,
                           ArrayRef<int64_t> shape, PredictorTensor &tensor) {
  std::string name = ("layers." + Twine(entry.layer) + "." +
                      stringifyUnit(entry.unit) + "." + part)
                         .str();
  auto found = tensors.find(name);
  if (found == tensors.end())
    return fail() << "expected a tensor '" << name << "', found none";
  tensor = found->second;
  bool isSigns = part == "signs", isVector = shape.size() == 1;
  Type element = tensor.type.getElementType();
  bool fits = isSigns ? element.isUnsignedInteger(8)
              : isVector
                  ? element.isF32()
                  : isa<FloatType>(element) || element.isSignlessInteger(8);
  if (tensor.type.getShape() != shape || !fits) {
    InFlightDiagnostic diag = fail() << "expected '" << name << "' to have [";
    llvm::interleaveComma(shape, diag);
    return diag << "] elements of "
                << (isSigns    ? "U8"
                    : isVector ? "F32"
                               : "F32, F16, BF16 or I8")
                << ", found " << tensor.type;
  }
  if (isa<FloatType>(element))
    return checkFinite(name, tensor);
  // Signs are unsigned in the file, and nothing but bits in the program.
  tensor.type = tensor.type.clone(IntegerType::get(context, 8));
  return success();
}

LogicalResult Reader::checkFinite(StringRef name,
                                  const PredictorTensor &tensor) {
  Type element = tensor.type.getElementType();
  const char *at = data.data() + tensor.offset;
  // A number is finite if its exponent is not all ones.
  auto check = [&](auto bits, uint64_t exponent) -> int64_t {
    for (int64_t i = 0, n = tensor.length / sizeof(bits); i < n; ++i) {
      std::memcpy(&bits, at + i * sizeof(bits), sizeof(bits));
      if ((bits & exponent) == exponent)
        return i;
    }
    return -1;
  };
  int64_t bad = element.isF32()   ? check(uint32_t(), 0x7f800000)
                : element.isF16() ? check(uint16_t(), 0x7c00)
                                  : check(uint16_t(), 0x7f80);
  if (bad < 0)
    return success();
  return fail() << "expected finite numbers in '" << name
                << "', found none at element " << bad;
}

FailureOr<PredictorFile> Reader::run() {
  if (!llvm::sys::fs::is_regular_file(file.path))
    return fail() << "expected a file with predictors, found none";
  auto buffer = llvm::MemoryBuffer::getFile(file.path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return fail() << buffer.getError().message();
  if (failed(readHeader((*buffer)->getBuffer())))
    return failure();
  return std::move(file);
}

FailureOr<PredictorFile> PredictorFile::read(MLIRContext *context,
                                             StringRef path) {
  return Reader(context, path).run();
}
