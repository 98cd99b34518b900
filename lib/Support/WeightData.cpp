//===- WeightData.cpp - the bytes of weights ------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Files are read with pread, not mapped: a file that shrinks while it is read
// is then an error and not a signal.
//
//===----------------------------------------------------------------------===//

#include "dejavu/Support/WeightData.h"

#include "WeightRecipe.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Path.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace mlir;
using namespace mlir::dejavu;

/// Bytes of the largest piece that is held at a time.
static constexpr int64_t kPanelBytes = 8 << 20;

//===----------------------------------------------------------------------===//
// WeightReader
//===----------------------------------------------------------------------===//

FailureOr<WeightReader> WeightReader::open(ModuleOp module) {
  auto source =
      module->getAttrOfType<StringAttr>(DejavuDialect::kSourceAttrName);
  if (!source)
    return module.emitError()
           << "expected the attribute " << DejavuDialect::kSourceAttrName
           << ", which tells where the weights lie";
  auto predictors =
      module->getAttrOfType<StringAttr>(DejavuDialect::kPredictorsAttrName);
  auto getFolder = [](StringAttr path) {
    return path ? llvm::sys::path::parent_path(path.getValue()).str()
                : std::string();
  };
  return WeightReader(getFolder(source), getFolder(predictors));
}

WeightReader::~WeightReader() {
  for (auto &entry : descriptors)
    ::close(entry.second);
}

/// An error about `weight` in the file `path`.
static InFlightDiagnostic emitFileError(WeightOp weight, StringRef path) {
  return emitError(FileLineColLoc::get(weight.getContext(), path, 0, 0))
         << "weight '" << weight.getSymName() << "': ";
}

/// The path of `file` as seen from the current folder.
static std::string makePath(StringRef folder, StringRef file) {
  SmallString<128> path(folder);
  llvm::sys::path::append(path, file);
  return path.str().str();
}

std::string WeightReader::getPath(SourceAttr source) const {
  return makePath(source.getRoot() == SourceRoot::predictors ? predictorFolder
                                                             : folder,
                  source.getFile());
}

FailureOr<int> WeightReader::getFile(WeightOp weight) {
  if (weight.getSource().getRoot() == SourceRoot::synthetic)
    return weight.emitOpError() << "has no bytes: it is synthetic";
  std::string path = getPath(weight.getSource());
  auto found = descriptors.find(path);
  if (found != descriptors.end())
    return found->second;
  // Without O_NONBLOCK, opening a FIFO waits for a writer.
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    return emitFileError(weight, path)
           << "expected a readable file, found: " << std::strerror(errno);
  struct stat info;
  if (::fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(descriptor);
    return emitFileError(weight, path) << "expected a regular file";
  }
  descriptors[path] = descriptor;
  return descriptor;
}

LogicalResult WeightReader::read(WeightOp weight, int descriptor,
                                 int64_t offset, int64_t bytes, char *into) {
  SourceAttr source = weight.getSource();
  int64_t position = source.getOffset() + offset, left = bytes;
  while (left > 0) {
    ssize_t got = ::pread(descriptor, into, left, position);
    if (got < 0 && errno == EINTR)
      continue;
    std::string path = getPath(source);
    if (got < 0)
      return emitFileError(weight, path)
             << "reading failed: " << std::strerror(errno);
    if (got == 0)
      return emitFileError(weight, path)
             << "expected " << source.getLength() << " bytes at offset "
             << source.getOffset() << ", found the end of the file at "
             << position;
    left -= got, position += got, into += got;
  }
  return success();
}

LogicalResult WeightReader::readStored(WeightOp weight, int64_t offset,
                                       int64_t bytes, char *into) {
  FailureOr<int> file = getFile(weight);
  if (failed(file))
    return failure();
  return read(weight, *file, offset, bytes, into);
}

/// The place in scales and zero points that row `row` of a result leads to.
static std::pair<int64_t, int64_t> getScalePlaces(const WeightRecipe &recipe,
                                                  int64_t dim, int64_t at) {
  if (!recipe.isDequantized())
    return {0, 0};
  return {recipe.getScalePlace(0, dim, at), recipe.getScalePlace(1, dim, at)};
}

/// In the order of the file, except that whole rows may be taken from anywhere:
/// a row is what one index of dimension 0 holds.
LogicalResult WeightReader::streamRows(WeightOp weight,
                                       const WeightRecipe &recipe, int file,
                                       Consumer consume) {
  WeightElement in = recipe.getStoredElement(), out = recipe.getElement();
  int64_t rows = recipe.type.getDimSize(0);
  int64_t columns = recipe.type.getNumElements() / std::max<int64_t>(rows, 1);
  int64_t storedColumns = recipe.stored.getNumElements() /
                          std::max<int64_t>(recipe.stored.getDimSize(0), 1);
  int64_t bits = std::max(in.bits * storedColumns, out.bits * columns);
  int64_t panel = std::clamp<int64_t>(
      kPanelBytes * 8 / std::max<int64_t>(bits, 1), 1, rows);
  std::vector<char> source, result;
  for (int64_t at = 0; at < rows; at += panel) {
    int64_t count = std::min(panel, rows - at);
    result.assign(out.getBytes(0, count * columns), 0);
    for (int64_t row = at; row < at + count;) {
      // As many rows as lie one behind the other.
      int64_t first = recipe.getStoredIndex(0, row), run = 1;
      while (row + run < at + count &&
             recipe.getStoredIndex(0, row + run) == first + run)
        ++run;
      int64_t element = first * storedColumns;
      source.resize(in.getBytes(element, run * storedColumns));
      if (failed(read(weight, file, element * in.bits / 8,
                      static_cast<int64_t>(source.size()), source.data())))
        return failure();
      int64_t shift = element * in.bits % 8 / in.bits;
      if (recipe.copiesElements() &&
          recipe.isWhole(recipe.type.getRank() - 1) && in.bits >= 8) {
        std::memcpy(result.data() + (row - at) * columns * in.bits / 8,
                    source.data(), source.size());
        row += run;
        continue;
      }
      for (int64_t i = 0; i < run; ++i, ++row) {
        auto [scale, zero] = getScalePlaces(recipe, 0, row);
        int64_t from = shift + i * storedColumns, to = (row - at) * columns;
        for (int64_t column = 0; column < columns; ++column) {
          if (recipe.type.getRank() == 1) {
            recipe.convert(source.data(), from, result.data(), to, scale, zero);
            continue;
          }
          auto [moreScale, moreZero] = getScalePlaces(recipe, 1, column);
          recipe.convert(source.data(), from + recipe.getStoredIndex(1, column),
                         result.data(), to + column, scale + moreScale,
                         zero + moreZero);
        }
      }
    }
    if (failed(consume(result)))
      return failure();
  }
  return success();
}

/// A transposed matrix: a panel of result rows is a range of columns of every
/// stored row.
LogicalResult WeightReader::streamColumns(WeightOp weight,
                                          const WeightRecipe &recipe, int file,
                                          Consumer consume) {
  WeightElement in = recipe.getStoredElement(), out = recipe.getElement();
  int64_t rows = recipe.type.getDimSize(0), columns = recipe.type.getDimSize(1);
  int64_t storedColumns = recipe.stored.getDimSize(1);
  int64_t panel = std::clamp<int64_t>(
      kPanelBytes * 8 / (std::max(in.bits, out.bits) * columns), 1, rows);
  std::vector<char> source, result;
  for (int64_t at = 0; at < rows; at += panel) {
    int64_t count = std::min(panel, rows - at);
    int64_t low = recipe.getStoredIndex(0, at), high = low;
    for (int64_t row = at; row < at + count; ++row) {
      low = std::min(low, recipe.getStoredIndex(0, row));
      high = std::max(high, recipe.getStoredIndex(0, row));
    }
    result.assign(out.getBytes(0, count * columns), 0);
    for (int64_t column = 0; column < columns; ++column) {
      int64_t element = recipe.getStoredIndex(1, column) * storedColumns + low;
      source.resize(in.getBytes(element, high - low + 1));
      if (failed(read(weight, file, element * in.bits / 8,
                      static_cast<int64_t>(source.size()), source.data())))
        return failure();
      int64_t shift = element * in.bits % 8 / in.bits - low;
      auto [scale, zero] = getScalePlaces(recipe, 1, column);
      for (int64_t i = 0; i < count; ++i) {
        auto [moreScale, moreZero] = getScalePlaces(recipe, 0, at + i);
        recipe.convert(source.data(), shift + recipe.getStoredIndex(0, at + i),
                       result.data(), i * columns + column, scale + moreScale,
                       zero + moreZero);
      }
    }
    if (failed(consume(result)))
      return failure();
  }
  return success();
}

/// Any other: the stored tensor is gathered from memory.
LogicalResult WeightReader::gather(WeightOp weight, const WeightRecipe &recipe,
                                   int file, Consumer consume) {
  WeightElement in = recipe.getStoredElement(), out = recipe.getElement();
  int64_t rank = recipe.type.getRank(), total = recipe.type.getNumElements();
  std::vector<char> source(in.getBytes(0, recipe.stored.getNumElements()));
  std::vector<char> result(out.getBytes(0, total));
  if (failed(read(weight, file, 0, static_cast<int64_t>(source.size()),
                  source.data())))
    return failure();
  SmallVector<int64_t> strides(rank, 1);
  for (int64_t dim = rank - 2; dim >= 0; --dim)
    strides[dim] = strides[dim + 1] * recipe.stored.getDimSize(dim + 1);
  for (int64_t at = 0; at < total; ++at) {
    int64_t rest = at, from = 0, scale = 0, zero = 0;
    for (int64_t dim = rank - 1; dim >= 0; --dim) {
      int64_t index = rest % recipe.type.getDimSize(dim);
      rest /= recipe.type.getDimSize(dim);
      from +=
          recipe.getStoredIndex(dim, index) * strides[recipe.permutation[dim]];
      auto [moreScale, moreZero] = getScalePlaces(recipe, dim, index);
      scale += moreScale, zero += moreZero;
    }
    recipe.convert(source.data(), from, result.data(), at, scale, zero);
  }
  return consume(result);
}

LogicalResult WeightReader::stream(WeightOp weight, Consumer consume) {
  FailureOr<WeightRecipe> recipe =
      WeightRecipe::get(weight, [&](WeightOp other) { return readF32(other); });
  if (failed(recipe))
    return failure();
  FailureOr<int> file = getFile(weight);
  if (failed(file))
    return failure();
  // Pieces of packed elements would have to meet within a byte.
  int64_t rank = recipe->type.getRank();
  if (recipe->type.getNumElements() == 0)
    return success();
  if (recipe->getElement().bits < 8)
    return gather(weight, *recipe, *file, consume);
  if (rank == 2 && recipe->isTransposed())
    return streamColumns(weight, *recipe, *file, consume);
  bool isRows =
      !recipe->isTransposed() && (rank <= 2 || !recipe->isDequantized());
  for (int64_t dim = 1; dim < rank && rank > 2; ++dim)
    isRows &= recipe->isWhole(dim);
  if (isRows)
    return streamRows(weight, *recipe, *file, consume);
  return gather(weight, *recipe, *file, consume);
}

FailureOr<std::vector<double>> WeightReader::readF64(WeightOp weight) {
  std::vector<double> values;
  FailureOr<WeightElement> element =
      WeightElement::get(weight.getTensorType().getElementType());
  int64_t total = weight.getTensorType().getNumElements();
  values.reserve(total);
  LogicalResult done = stream(weight, [&](ArrayRef<char> piece) {
    int64_t count = static_cast<int64_t>(piece.size()) * 8 / element->bits;
    count = std::min(count, total - static_cast<int64_t>(values.size()));
    for (int64_t i = 0; i < count; ++i)
      values.push_back(loadElement(piece.data(), i, *element));
    return success();
  });
  if (failed(done))
    return failure();
  return values;
}

FailureOr<std::vector<float>> WeightReader::readF32(WeightOp weight) {
  FailureOr<std::vector<double>> values = readF64(weight);
  if (failed(values))
    return failure();
  return std::vector<float>(values->begin(), values->end());
}
