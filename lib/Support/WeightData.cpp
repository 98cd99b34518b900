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

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Path.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace mlir;
using namespace mlir::dejavu;

/// Bytes of the largest piece that is held at a time.
static constexpr int64_t kPanelBytes = 8 << 20;

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

namespace {
enum class Element { f16, bf16, f32, f64 };
} // namespace

static std::optional<Element> getElement(Type type) {
  if (type.isF16())
    return Element::f16;
  if (type.isBF16())
    return Element::bf16;
  if (type.isF32())
    return Element::f32;
  if (type.isF64())
    return Element::f64;
  return std::nullopt;
}

static int64_t getBytes(Element element) {
  switch (element) {
  case Element::f16:
  case Element::bf16:
    return 2;
  case Element::f32:
    return 4;
  case Element::f64:
    return 8;
  }
  llvm_unreachable("unknown element type");
}

template <typename T>
static T loadAs(const char *at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}
template <typename T>
static void storeAs(char *at, T value) {
  std::memcpy(at, &value, sizeof(T));
}

/// The element at `at`; every type fits into a double.
static double load(const char *at, Element element) {
  switch (element) {
  case Element::f16:
    return static_cast<double>(loadAs<_Float16>(at));
  case Element::bf16:
    return llvm::bit_cast<float>(static_cast<uint32_t>(loadAs<uint16_t>(at))
                                 << 16);
  case Element::f32:
    return loadAs<float>(at);
  case Element::f64:
    return loadAs<double>(at);
  }
  llvm_unreachable("unknown element type");
}

/// Rounds to bfloat16, to nearest, ties to even. The step from double to float
/// rounds to odd, so that rounding twice is the same as rounding once.
static uint16_t roundToBF16(double value) {
  float near = static_cast<float>(value);
  uint32_t bits = llvm::bit_cast<uint32_t>(near);
  if (std::isnan(value))
    return static_cast<uint16_t>((bits >> 16) | 0x40);
  if (static_cast<double>(near) != value && std::isfinite(near)) {
    if (std::fabs(static_cast<double>(near)) > std::fabs(value))
      --bits;
    bits |= 1;
  }
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

static void store(char *at, Element element, double value) {
  switch (element) {
  case Element::f16:
    return storeAs(at, static_cast<_Float16>(value));
  case Element::bf16:
    return storeAs(at, roundToBF16(value));
  case Element::f32:
    return storeAs(at, static_cast<float>(value));
  case Element::f64:
    return storeAs(at, value);
  }
}

namespace {
/// A recipe, reduced to one permutation and a chain of element types.
struct Plan {
  RankedTensorType stored, type;
  SmallVector<int64_t> permutation; ///< result dim -> stored dim
  SmallVector<Element> chain;       ///< stored element first

  bool isTransposed() const {
    for (auto [i, source] : llvm::enumerate(permutation))
      if (source != static_cast<int64_t>(i))
        return true;
    return false;
  }
  int64_t getStoredBytes() const { return getBytes(chain.front()); }
  int64_t getResultBytes() const { return getBytes(chain.back()); }

  /// Converts `count` elements; the arrays may have any strides, in bytes.
  void convert(const char *from, int64_t fromStride, char *to, int64_t toStride,
               int64_t count) const {
    if (chain.size() == 1) {
      int64_t bytes = getStoredBytes();
      for (int64_t i = 0; i < count; ++i)
        std::memcpy(to + i * toStride, from + i * fromStride, bytes);
      return;
    }
    for (int64_t i = 0; i < count; ++i) {
      double value = load(from + i * fromStride, chain.front());
      // Each cast of the recipe rounds.
      for (size_t step = 1; step + 1 < chain.size(); ++step) {
        char scratch[8];
        store(scratch, chain[step], value);
        value = load(scratch, chain[step]);
      }
      store(to + i * toStride, chain.back(), value);
    }
  }
};
} // namespace

/// What the recipe of `weight` comes to.
static FailureOr<Plan> makePlan(WeightOp weight) {
  Plan plan;
  plan.stored = weight.getStoredType();
  plan.type = weight.getTensorType();
  auto first = getElement(plan.stored.getElementType());
  if (!first)
    return weight.emitOpError() << "expected elements of f16, bf16, f32 or "
                                   "f64, found "
                                << plan.stored;
  plan.chain.push_back(*first);
  plan.permutation =
      llvm::to_vector(llvm::seq<int64_t>(0, plan.stored.getRank()));
  for (Attribute step :
       weight.getRecipe().value_or(ArrayAttr::get(weight.getContext(), {}))) {
    if (auto transpose = dyn_cast<TransposeAttr>(step)) {
      SmallVector<int64_t> composed;
      for (int64_t source : transpose.getPermutation())
        composed.push_back(plan.permutation[source]);
      plan.permutation = composed;
      continue;
    }
    auto cast = dyn_cast<CastAttr>(step);
    auto element = cast ? getElement(cast.getElementType()) : std::nullopt;
    if (!element)
      return weight.emitOpError()
             << "recipe step " << step << " is not known to the packer";
    plan.chain.push_back(*element);
  }
  return plan;
}

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
  return WeightReader(llvm::sys::path::parent_path(source.getValue()).str());
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

FailureOr<int> WeightReader::getFile(WeightOp weight, StringRef file) {
  auto found = descriptors.find(file);
  if (found != descriptors.end())
    return found->second;
  std::string path = makePath(folder, file);
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
  descriptors[file] = descriptor;
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
    std::string path = makePath(folder, source.getFile());
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

LogicalResult WeightReader::stream(WeightOp weight, Consumer consume) {
  FailureOr<Plan> plan = makePlan(weight);
  if (failed(plan))
    return failure();
  FailureOr<int> file = getFile(weight, weight.getSource().getFile());
  if (failed(file))
    return failure();
  int64_t in = plan->getStoredBytes(), out = plan->getResultBytes();
  int64_t total = plan->type.getNumElements();
  std::vector<char> source, result;

  if (!plan->isTransposed()) {
    int64_t step = kPanelBytes / std::max(in, out);
    for (int64_t at = 0; at < total; at += step) {
      int64_t count = std::min(step, total - at);
      source.resize(count * in);
      if (failed(read(weight, *file, at * in, count * in, source.data())))
        return failure();
      if (plan->chain.size() == 1) {
        if (failed(consume(source)))
          return failure();
        continue;
      }
      result.resize(count * out);
      plan->convert(source.data(), in, result.data(), out, count);
      if (failed(consume(result)))
        return failure();
    }
    return success();
  }

  if (plan->type.getRank() == 2) {
    // A panel of result rows is a range of columns of every stored row.
    int64_t rows = plan->type.getDimSize(0), columns = plan->type.getDimSize(1);
    int64_t panel = std::clamp<int64_t>(
        kPanelBytes / (std::max(in, out) * columns), 1, rows);
    for (int64_t at = 0; at < rows; at += panel) {
      int64_t count = std::min(panel, rows - at);
      source.resize(count * in);
      result.resize(count * columns * out);
      for (int64_t column = 0; column < columns; ++column) {
        if (failed(read(weight, *file, (column * rows + at) * in, count * in,
                        source.data())))
          return failure();
        plan->convert(source.data(), in, result.data() + column * out,
                      columns * out, count);
      }
      if (failed(consume(result)))
        return failure();
    }
    return success();
  }

  // Any other permutation: the stored tensor is gathered from memory.
  source.resize(total * in);
  if (failed(read(weight, *file, 0, total * in, source.data())))
    return failure();
  SmallVector<int64_t> strides(plan->stored.getRank(), in);
  for (int64_t dim = plan->stored.getRank() - 2; dim >= 0; --dim)
    strides[dim] = strides[dim + 1] * plan->stored.getDimSize(dim + 1);
  result.resize(total * out);
  for (int64_t at = 0; at < total; ++at) {
    int64_t rest = at, offset = 0;
    for (int64_t dim = plan->type.getRank() - 1; dim >= 0; --dim) {
      int64_t size = plan->type.getDimSize(dim);
      offset += rest % size * strides[plan->permutation[dim]];
      rest /= size;
    }
    plan->convert(source.data() + offset, in, result.data() + at * out, out, 1);
  }
  return consume(result);
}

FailureOr<std::vector<float>> WeightReader::readF32(WeightOp weight) {
  std::vector<float> values;
  auto element = getElement(weight.getTensorType().getElementType());
  values.reserve(weight.getTensorType().getNumElements());
  LogicalResult done = stream(weight, [&](ArrayRef<char> piece) {
    int64_t bytes = getBytes(*element);
    for (size_t at = 0; at < piece.size(); at += bytes)
      values.push_back(static_cast<float>(load(piece.data() + at, *element)));
    return success();
  });
  if (failed(done))
    return failure();
  return values;
}
