//===- Tensor.h - tensors of the reference interpreter ----------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tensor that owns its elements: an element kind, a shape, and one word of
// eight bytes for each element, row-major. Words make everything that only
// moves elements independent of their kind. A floating-point element is kept as
// the double of its value, an integer as an int64_t; storing rounds or wraps to
// the element kind, so a f32 tensor holds only values that f32 has.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_REFERENCE_TENSOR_H
#define DEJAVU_REFERENCE_TENSOR_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/bit.h"

#include <cstdint>
#include <string>
#include <vector>

namespace mlir::dejavu::reference {

/// Kinds of elements: integers, then floating-point numbers.
enum class Element {
  Bool,
  I8,
  I16,
  I32,
  I64,
  U8,
  U16,
  U32,
  U64,
  I2,
  U2,
  I4,
  U4,
  F16,
  BF16,
  F32,
  F64,
  F8E4M3FN,
  F8E4M3FNUZ,
  F8E5M2,
  F8E5M2FNUZ,
  F4E2M1FN
};

/// Whether elements of this kind are floating-point numbers.
inline bool isFloat(Element element) { return element >= Element::F16; }

/// The kind for an MLIR type; `index` counts as I64. Fails for other types.
FailureOr<Element> getElement(Type type);

/// The number of bits of an element.
unsigned getWidth(Element element);

/// The least and the largest finite number of a kind.
std::pair<double, double> getRange(Element element);

/// The type in MLIR's notation, `i1`, `ui8`, `f32`.
llvm::StringRef getName(Element element);

using Shape = llvm::SmallVector<int64_t, 4>;

/// Number of elements of a shape. Fails if a dimension is negative or if there
/// are more elements than a reference interpreter should hold (2^30).
FailureOr<int64_t> countElements(llvm::ArrayRef<int64_t> shape);

class Tensor {
public:
  /// An empty tensor.
  Tensor() : Tensor(Element::F32, {0}) {}

  /// Zeros. `shape` must be one that countElements accepts.
  Tensor(Element element, llvm::ArrayRef<int64_t> shape);

  /// From values, which are rounded or wrapped. There must be as many as the
  /// shape has elements.
  static Tensor ofFloats(llvm::ArrayRef<int64_t> shape,
                         llvm::ArrayRef<double> values,
                         Element element = Element::F32);
  static Tensor ofInts(llvm::ArrayRef<int64_t> shape,
                       llvm::ArrayRef<int64_t> values,
                       Element element = Element::I64);

  /// A tensor of rank 0.
  static Tensor scalar(int64_t value) { return ofInts({}, {value}); }

  /// From a constant. Fails if its elements are not in the attribute or are of
  /// a kind that is not known.
  static FailureOr<Tensor> fromAttribute(Attribute attribute);

  Element getElement() const { return element; }
  bool isFloat() const { return reference::isFloat(element); }
  llvm::ArrayRef<int64_t> getShape() const { return shape; }
  int64_t getRank() const { return static_cast<int64_t>(shape.size()); }
  int64_t getDim(int64_t axis) const { return shape[axis]; }
  /// Number of elements.
  int64_t size() const { return static_cast<int64_t>(words.size()); }

  /// The element at a row-major position as a number, whatever its kind is.
  /// getInt of a float truncates; what lies beyond int64_t saturates and NaN
  /// gives 0.
  double getFloat(int64_t index) const;
  int64_t getInt(int64_t index) const;

  /// Stores a number, rounded to nearest even or wrapped to the kind.
  void setFloat(int64_t index, double value);
  void setInt(int64_t index, int64_t value);

  /// The bits of an element, those above its width being zero.
  uint64_t getBits(int64_t index) const;
  void setBits(int64_t index, uint64_t bits);

  /// Copies one element of a tensor of the same kind.
  void copy(int64_t index, const Tensor &from, int64_t fromIndex) {
    words[index] = from.words[fromIndex];
  }

  /// The same elements in another shape, which must have as many.
  Tensor reshaped(llvm::ArrayRef<int64_t> newShape) const;

  /// All elements, each as a number.
  std::vector<double> toFloats() const;
  llvm::SmallVector<int64_t> toInts() const;

  /// Whether a value of this element kind and shape may have `type`, which is
  /// a tensor type or, for rank 0, a scalar type.
  bool hasType(Type type) const;

  /// `tensor<2x2xf32>`
  std::string describe() const;

  /// `tensor<2x2xf32> [[1, 2], [3, 4]]`; floats with six significant digits.
  void print(llvm::raw_ostream &os) const;

private:
  Element element;
  Shape shape;
  std::vector<uint64_t> words;
};

/// Distances between neighbours along each dimension, row-major.
Shape getStrides(llvm::ArrayRef<int64_t> shape);

/// For each element of `shape` in row-major order the sum of `base` and of
/// index * stride over its dimensions. With suitable strides this is where an
/// element of a transposed, sliced or broadcast tensor comes from.
std::vector<int64_t> getSources(llvm::ArrayRef<int64_t> shape,
                                llvm::ArrayRef<int64_t> strides,
                                int64_t base = 0);

/// The same for an operand of shape `from` that broadcasts to `shape`.
std::vector<int64_t> getBroadcastSources(llvm::ArrayRef<int64_t> shape,
                                         llvm::ArrayRef<int64_t> from);

} // namespace mlir::dejavu::reference

#endif // DEJAVU_REFERENCE_TENSOR_H
