//===- PackWeights.cpp - weights as the executable reads them -------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The header holds the checksums of the data behind it, but its length does not
// depend on them: it is written with zeros, and again when the data is there.
//
//===----------------------------------------------------------------------===//

#include "dejavu/Target/Package/PackWeights.h"

#include "DType.h"

#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"
#include "dejavu/Support/WeightData.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

using namespace mlir;
using namespace mlir::dejavu;
namespace json = llvm::json;

/// Every tensor begins at a multiple of this many bytes of the file.
static constexpr int64_t kAlignment = 64;

namespace {
/// A tensor of the packed file, padding included.
struct PackedTensor {
  WeightOp weight; ///< null for padding
  std::string name;
  int64_t begin, end; ///< in the data
  uint64_t checksum = 0;
};
} // namespace

static std::string formatHash(uint64_t hash) {
  std::string text;
  llvm::raw_string_ostream(text) << "xxh3:" << llvm::format("%016llx", hash);
  return text;
}

static std::string quote(StringRef text) {
  std::string quoted;
  llvm::raw_string_ostream(quoted)
      << json::Value(json::isUTF8(text) ? text.str() : json::fixUTF8(text));
  return quoted;
}

/// Places all weights, with padding between them.
static std::vector<PackedTensor> placeTensors(ModuleOp module) {
  std::vector<PackedTensor> tensors;
  int64_t at = 0, paddings = 0;
  for (auto weight : module.getOps<WeightOp>()) {
    if (weight.isPrivate()) // scales that only recipes read
      continue;
    if (int64_t gap = llvm::alignTo(at, kAlignment) - at) {
      tensors.push_back({WeightOp(), "__padding_" + std::to_string(paddings++),
                         at, at + gap});
      at += gap;
    }
    RankedTensorType type = weight.getTensorType();
    int64_t bytes = type.getNumElements() * type.getElementTypeBitWidth() / 8;
    tensors.push_back({weight, weight.getSymName().str(), at, at + bytes});
    at += bytes;
  }
  return tensors;
}

/// The header, padded so that the data is aligned.
static std::string makeHeader(ArrayRef<PackedTensor> tensors) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "{\"__metadata__\":{\"format\":\"dejavu-1\"";
  for (const PackedTensor &tensor : tensors)
    if (tensor.weight)
      os << ',' << quote("checksum." + tensor.name) << ":\""
         << formatHash(tensor.checksum) << '"';
  os << '}';
  for (const PackedTensor &tensor : tensors) {
    os << ',' << quote(tensor.name) << ":{\"dtype\":\"";
    if (WeightOp weight = tensor.weight) {
      RankedTensorType type = weight.getTensorType();
      os << nameDType(type.getElementType()) << "\",\"shape\":[";
      llvm::interleave(type.getShape(), os, ",");
    } else {
      os << "U8\",\"shape\":[" << tensor.end - tensor.begin;
    }
    os << "],\"data_offsets\":[" << tensor.begin << ',' << tensor.end << "]}";
  }
  os << '}';
  text.resize(llvm::alignTo(text.size() + 8, kAlignment) - 8, ' ');
  return text;
}

FailureOr<std::string> dejavu::packWeights(ModuleOp module,
                                           llvm::raw_fd_ostream &file) {
  FailureOr<WeightReader> reader = WeightReader::open(module);
  if (failed(reader))
    return failure();
  std::vector<PackedTensor> tensors = placeTensors(module);
  for (PackedTensor &tensor : tensors) {
    if (!tensor.weight)
      continue;
    RankedTensorType type = tensor.weight.getTensorType();
    if (type.getElementTypeBitWidth() < 8)
      return tensor.weight.emitOpError()
             << "expected elements of whole bytes, found " << type;
    if (StringRef(tensor.name).starts_with("__padding_") ||
        tensor.name == "__metadata__")
      return tensor.weight.emitOpError()
             << "expected another name: this one belongs to the packed file";
  }
  std::string header = makeHeader(tensors);
  char length[8];
  llvm::support::endian::write64le(length, header.size());
  file.write(length, sizeof(length));
  file << header;

  for (PackedTensor &tensor : tensors) {
    if (file.has_error())
      return failure();
    if (!tensor.weight) {
      file.write_zeros(tensor.end - tensor.begin);
      continue;
    }
    XXH3_state_t *state = XXH3_createState();
    XXH3_64bits_reset(state);
    LogicalResult done =
        reader->stream(tensor.weight, [&](ArrayRef<char> piece) {
          XXH3_64bits_update(state, piece.data(), piece.size());
          file.write(piece.data(), piece.size());
          return success(!file.has_error());
        });
    tensor.checksum = XXH3_64bits_digest(state);
    XXH3_freeState(state);
    if (failed(done))
      return failure();
  }
  header = makeHeader(tensors);
  file.pwrite(header.data(), header.size(), sizeof(length));
  return formatHash(XXH3_64bits(header.data(), header.size()));
}
