//===- ModelDigest.cpp - which model a module is --------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Support/ModelDigest.h"

#include "dejavu/Support/WeightData.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/xxhash.h"

#include <optional>
#include <set>

using namespace mlir;
using namespace mlir::dejavu;

FailureOr<std::string> dejavu::computeModelDigest(ModuleOp module,
                                                  ArrayRef<WeightOp> weights) {
  constexpr int64_t kEnd = 4096;
  std::optional<WeightReader> reader;
  auto open = [&]() -> LogicalResult {
    if (reader)
      return success();
    FailureOr<WeightReader> opened = WeightReader::open(module);
    if (failed(opened))
      return failure();
    reader.emplace(std::move(*opened));
    return success();
  };
  // A set: parts of one tensor, as packed projections are, count once.
  std::set<uint64_t> hashes;
  for (WeightOp weight : weights) {
    SourceAttr source = weight.getSource();
    if (source.getRoot() == SourceRoot::predictors)
      continue;
    std::string text;
    llvm::raw_string_ostream(text) << weight.getStoredType();
    if (source.getRoot() == SourceRoot::synthetic) {
      hashes.insert(llvm::xxh3_64bits(text + weight.getSymName().str() +
                                      source.getFile().str()));
      continue;
    }
    if (failed(open()))
      return failure();
    int64_t length = source.getLength(), head = std::min(length, kEnd);
    int64_t tail = std::min(length - head, kEnd);
    std::string bytes(head + tail, '\0');
    if (failed(reader->readStored(weight, 0, head, bytes.data())) ||
        failed(reader->readStored(weight, length - tail, tail,
                                  bytes.data() + head)))
      return failure();
    hashes.insert(llvm::xxh3_64bits(text + bytes));
  }
  std::string all;
  for (uint64_t hash : hashes)
    all.append(reinterpret_cast<const char *>(&hash), sizeof(hash));
  return llvm::formatv("xxh3:{0:x-16}", llvm::xxh3_64bits(all)).str();
}
