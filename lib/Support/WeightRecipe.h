//===- WeightRecipe.h - what a weight's recipe comes to ---------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// However many steps a recipe has and in whatever order, each element of the
// result comes from one stored element, which is found dimension by dimension,
// and goes through a chain of element types. That is all that reading needs:
// WeightData.cpp decides in which order to go through the file.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_SUPPORT_WEIGHTRECIPE_H
#define DEJAVU_LIB_SUPPORT_WEIGHTRECIPE_H

#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"

#include <optional>
#include <vector>

namespace mlir::dejavu {

/// How the bits of an element are to be read.
struct WeightElement {
  enum Kind { ieee, bfloat, signedInteger, unsignedInteger };
  Kind kind;
  /// 1 << n. Elements of less than eight bits are packed, the first one in the
  /// lowest bits.
  int64_t bits;

  /// Fails for types that no weight has.
  static FailureOr<WeightElement> get(Type type);

  /// Bytes that elements [first, first + count) of an array touch.
  int64_t getBytes(int64_t first, int64_t count) const {
    return llvm::divideCeil((first + count) * bits, 8) - first * bits / 8;
  }
};

/// Element `index` of the array at `base`, as a number. Integers beyond 2^53
/// are rounded.
double loadElement(const char *base, int64_t index, WeightElement element);
/// Writes it, rounded to nearest even, or cut to the bits of an integer.
void storeElement(char *base, int64_t index, WeightElement element,
                  double value);

class WeightRecipe {
public:
  /// All elements of a weight; emits an error and fails if it cannot be read.
  using Read = llvm::function_ref<FailureOr<std::vector<float>>(WeightOp)>;

  /// The recipe of `weight`. Scales and zero points are read at once. Emits an
  /// error and fails if there is a step that is not known or does not fit.
  static FailureOr<WeightRecipe> get(WeightOp weight, Read read);

  RankedTensorType stored, type;
  SmallVector<int64_t> permutation; ///< dimension of the result -> stored one

  WeightElement getStoredElement() const { return chain.front(); }
  WeightElement getElement() const { return chain.back(); }

  /// Where index `at` of dimension `dim` of the result is in the file.
  int64_t getStoredIndex(int64_t dim, int64_t at) const {
    return sources[dim].empty() ? at : sources[dim][at];
  }
  /// Whether result indices of `dim` are the stored ones.
  bool isWhole(int64_t dim) const { return sources[dim].empty(); }
  bool isTransposed() const;
  /// Whether stored bytes are the result's.
  bool copiesElements() const { return chain.size() == 1; }
  /// Whether the place of an element in the result matters to its value.
  bool isDequantized() const { return dequantization.has_value(); }

  /// The place in the scales (0) or zero points (1) that index `at` of `dim`
  /// leads to: to be summed over the dimensions.
  int64_t getScalePlace(int64_t which, int64_t dim, int64_t at) const {
    const auto &places = dequantization->places[which];
    return places.empty() ? 0 : places[dim][at];
  }

  /// Converts stored element `index` of `from` to element `toIndex` of `to`.
  void convert(const char *from, int64_t index, char *to, int64_t toIndex,
               int64_t scale = 0, int64_t zero = 0) const;

private:
  struct Dequantization {
    size_t step; ///< link of the chain that it makes
    std::vector<float> scales, zeros;
    double zeroPoint = 0; ///< if there are no zeros
    /// For scales and for zeros, for each dimension of the result.
    SmallVector<std::vector<int64_t>> places[2];
  };

  LogicalResult addDequantize(WeightOp weight, DequantizeAttr step,
                              ArrayRef<int64_t> shape, Read read);

  SmallVector<WeightElement> chain; ///< stored element first
  SmallVector<std::vector<int64_t>> sources;
  std::optional<Dequantization> dequantization;
};

} // namespace mlir::dejavu

#endif // DEJAVU_LIB_SUPPORT_WEIGHTRECIPE_H
