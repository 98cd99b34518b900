//===- WeightRecipe.cpp - what a weight's recipe comes to -----------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WeightRecipe.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/SymbolTable.h"

#include <cmath>
#include <cstring>

using namespace mlir;
using namespace mlir::dejavu;

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

FailureOr<WeightElement> WeightElement::get(Type type) {
  if (type.isBF16())
    return WeightElement{bfloat, 16};
  if (type.isF16() || type.isF32() || type.isF64())
    return WeightElement{ieee, type.getIntOrFloatBitWidth()};
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer || !llvm::isPowerOf2_32(integer.getWidth()) ||
      integer.getWidth() > 64)
    return failure();
  bool isUnsigned = integer.isUnsigned() || integer.getWidth() == 1;
  return WeightElement{isUnsigned ? unsignedInteger : signedInteger,
                       integer.getWidth()};
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

/// The integer of `bits` bits that element `index` of `base` is.
static uint64_t loadBits(const char *base, int64_t index, int64_t bits) {
  switch (bits) {
  case 8:
    return loadAs<uint8_t>(base + index);
  case 16:
    return loadAs<uint16_t>(base + index * 2);
  case 32:
    return loadAs<uint32_t>(base + index * 4);
  case 64:
    return loadAs<uint64_t>(base + index * 8);
  }
  auto byte = loadAs<uint8_t>(base + index * bits / 8);
  return (byte >> (index * bits % 8)) & ((1u << bits) - 1);
}

static void storeBits(char *base, int64_t index, int64_t bits, uint64_t value) {
  switch (bits) {
  case 8:
    return storeAs(base + index, static_cast<uint8_t>(value));
  case 16:
    return storeAs(base + index * 2, static_cast<uint16_t>(value));
  case 32:
    return storeAs(base + index * 4, static_cast<uint32_t>(value));
  case 64:
    return storeAs(base + index * 8, value);
  }
  char *at = base + index * bits / 8;
  int64_t shift = index * bits % 8;
  uint8_t mask = static_cast<uint8_t>(((1u << bits) - 1) << shift);
  storeAs(at, static_cast<uint8_t>((loadAs<uint8_t>(at) & ~mask) |
                                   ((value << shift) & mask)));
}

double dejavu::loadElement(const char *base, int64_t index,
                           WeightElement element) {
  uint64_t bits = loadBits(base, index, element.bits);
  switch (element.kind) {
  case WeightElement::bfloat:
    return llvm::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
  case WeightElement::unsignedInteger:
    return static_cast<double>(bits);
  case WeightElement::signedInteger: {
    int64_t unused = 64 - element.bits;
    return static_cast<double>(static_cast<int64_t>(bits << unused) >> unused);
  }
  case WeightElement::ieee:
    break;
  }
  if (element.bits == 16)
    return static_cast<double>(
        llvm::bit_cast<_Float16>(static_cast<uint16_t>(bits)));
  if (element.bits == 32)
    return llvm::bit_cast<float>(static_cast<uint32_t>(bits));
  return llvm::bit_cast<double>(bits);
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

void dejavu::storeElement(char *base, int64_t index, WeightElement element,
                          double value) {
  uint64_t bits;
  if (element.kind == WeightElement::bfloat)
    bits = roundToBF16(value);
  else if (element.kind == WeightElement::unsignedInteger)
    bits = static_cast<uint64_t>(value);
  else if (element.kind == WeightElement::signedInteger)
    bits = static_cast<uint64_t>(static_cast<int64_t>(value));
  else if (element.bits == 16)
    bits = llvm::bit_cast<uint16_t>(static_cast<_Float16>(value));
  else if (element.bits == 32)
    bits = llvm::bit_cast<uint32_t>(static_cast<float>(value));
  else
    bits = llvm::bit_cast<uint64_t>(value);
  storeBits(base, index, element.bits, bits);
}

//===----------------------------------------------------------------------===//
// Recipes
//===----------------------------------------------------------------------===//

/// The elements of `from` at those of the ranges, where an empty `from` is the
/// identity.
static std::vector<int64_t> take(const std::vector<int64_t> &from,
                                 ArrayRef<int64_t> ranges) {
  std::vector<int64_t> taken;
  for (size_t i = 0; i + 1 < ranges.size(); i += 2)
    for (int64_t at = ranges[i], end = at + ranges[i + 1]; at < end; ++at)
      taken.push_back(from.empty() ? at : from[at]);
  return taken;
}

LogicalResult WeightRecipe::addDequantize(WeightOp weight, DequantizeAttr step,
                                          ArrayRef<int64_t> shape, Read read) {
  Dequantization result;
  result.step = chain.size();
  result.zeroPoint = static_cast<double>(step.getZeroPoint());
  int64_t axis = step.getAxis();
  const FlatSymbolRefAttr symbols[] = {step.getScales(), step.getZeroPoints()};
  for (auto [which, symbol] : llvm::enumerate(symbols)) {
    if (!symbol)
      continue;
    StringRef role = which == 0 ? "scales" : "zero points";
    auto source = SymbolTable::lookupNearestSymbolFrom<WeightOp>(
        weight->getParentOp(), symbol);
    if (!source)
      return weight.emitOpError()
             << role << " " << symbol << " are not a dejavu.weight";
    // Else two weights could wait for each other.
    for (Attribute each :
         source.getRecipe().value_or(ArrayAttr::get(weight.getContext(), {})))
      if (isa<DequantizeAttr>(each))
        return weight.emitOpError() << "expected " << role << " " << symbol
                                    << " that need no scales of their own";
    // More blocks than the axis needs are padding of a packed tensor.
    RankedTensorType type = source.getTensorType();
    bool fits = type.getRank() == static_cast<int64_t>(shape.size());
    for (int64_t dim = 0; fits && dim < type.getRank(); ++dim)
      fits =
          dim == axis
              ? type.getDimSize(dim) >= static_cast<int64_t>(llvm::divideCeil(
                                            shape[dim], step.getBlockSize()))
              : type.getDimSize(dim) == shape[dim] || type.getDimSize(dim) == 1;
    if (!fits)
      return weight.emitOpError()
             << "expected " << role << " for blocks of " << step.getBlockSize()
             << " along axis " << axis << " of "
             << RankedTensorType::get(shape, stored.getElementType())
             << ", found " << type;
    FailureOr<std::vector<float>> values = read(source);
    if (failed(values))
      return failure();
    (which == 0 ? result.scales : result.zeros) = std::move(*values);
    result.places[which].resize(shape.size());
    int64_t stride = 1;
    for (int64_t dim = type.getRank() - 1; dim >= 0; --dim) {
      for (int64_t at = 0; at < shape[dim]; ++at)
        result.places[which][dim].push_back(
            dim == axis                ? at / step.getBlockSize() * stride
            : type.getDimSize(dim) > 1 ? at * stride
                                       : 0);
      stride *= type.getDimSize(dim);
    }
  }
  dequantization = std::move(result);
  return success();
}

FailureOr<WeightRecipe> WeightRecipe::get(WeightOp weight, Read read) {
  WeightRecipe recipe;
  recipe.stored = weight.getStoredType();
  recipe.type = weight.getTensorType();
  FailureOr<WeightElement> first =
      WeightElement::get(recipe.stored.getElementType());
  if (failed(first))
    return weight.emitOpError() << "expected elements of f16, bf16, f32, f64 "
                                   "or of 1, 2, 4, 8, ... bits, found "
                                << recipe.stored;
  recipe.chain.push_back(*first);
  int64_t rank = recipe.stored.getRank();
  recipe.permutation = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  recipe.sources.resize(rank);
  SmallVector<int64_t> shape(recipe.stored.getShape());
  for (Attribute step :
       weight.getRecipe().value_or(ArrayAttr::get(weight.getContext(), {}))) {
    auto permute = [&](auto &list, ArrayRef<int64_t> permutation) {
      auto old = list;
      for (auto [dim, source] : llvm::enumerate(permutation))
        list[dim] = old[source];
    };
    if (auto transpose = dyn_cast<TransposeAttr>(step)) {
      permute(recipe.permutation, transpose.getPermutation());
      permute(recipe.sources, transpose.getPermutation());
      permute(shape, transpose.getPermutation());
      if (recipe.dequantization)
        for (auto &places : recipe.dequantization->places)
          if (!places.empty())
            permute(places, transpose.getPermutation());
      continue;
    }
    if (auto rows = dyn_cast<TakeRowsAttr>(step)) {
      recipe.sources[0] = take(recipe.sources[0], rows.getRanges());
      shape[0] = static_cast<int64_t>(recipe.sources[0].size());
      if (recipe.dequantization)
        for (auto &places : recipe.dequantization->places)
          if (!places.empty())
            places[0] = take(places[0], rows.getRanges());
      continue;
    }
    FailureOr<WeightElement> element = failure();
    if (auto dequantize = dyn_cast<DequantizeAttr>(step)) {
      if (failed(recipe.addDequantize(weight, dequantize, shape, read)))
        return failure();
      element = WeightElement{WeightElement::ieee, 32};
    } else if (auto cast = dyn_cast<CastAttr>(step)) {
      element = WeightElement::get(cast.getElementType());
    }
    if (failed(element))
      return weight.emitOpError()
             << "recipe step " << step << " is not known to the packer";
    recipe.chain.push_back(*element);
  }
  return recipe;
}

bool WeightRecipe::isTransposed() const {
  for (auto [dim, source] : llvm::enumerate(permutation))
    if (source != static_cast<int64_t>(dim))
      return true;
  return false;
}

void WeightRecipe::convert(const char *from, int64_t index, char *to,
                           int64_t toIndex, int64_t scale, int64_t zero) const {
  if (chain.size() == 1) {
    int64_t bits = chain.front().bits;
    storeBits(to, toIndex, bits, loadBits(from, index, bits));
    return;
  }
  double value = loadElement(from, index, chain.front());
  for (size_t step = 1; step < chain.size(); ++step) {
    if (dequantization && dequantization->step == step) {
      const Dequantization &d = *dequantization;
      value = (value - (d.zeros.empty() ? d.zeroPoint : d.zeros[zero])) *
              d.scales[scale];
    }
    if (step + 1 == chain.size())
      break;
    // Each step of the recipe rounds.
    char scratch[8];
    storeElement(scratch, 0, chain[step], value);
    value = loadElement(scratch, 0, chain[step]);
  }
  storeElement(to, toIndex, chain.back(), value);
}
