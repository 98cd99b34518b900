//===- GraphBuilder.h - onnx ops with inferred types ------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Makes ops of the dialect one after the other, with the types that inference
// finds. The first thing that goes wrong is kept as a message, and everything
// after it is built all the same, so that a decomposition reads as a formula
// and asks for the outcome once, at its end.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_DIALECT_ONNX_TRANSFORMS_GRAPHBUILDER_H
#define DEJAVU_LIB_DIALECT_ONNX_TRANSFORMS_GRAPHBUILDER_H

#include "dejavu/Dialect/Onnx/IR/Onnx.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

#include <limits>

namespace mlir::onnx {

class GraphBuilder {
public:
  /// Ops go before `op` and have its location.
  explicit GraphBuilder(Operation *op) : builder(op), location(op->getLoc()) {}

  /// What went wrong first; empty if nothing did.
  const std::string &getError() const { return error; }
  /// Records an error, and gives a value to go on with.
  void fail(const Twine &message) {
    if (error.empty())
      error = message.str();
  }

  /// An op with `results` results, the first of which has elements of type
  /// `element` until inference knows better: those of the first operand if it
  /// is null.
  template <typename OpTy>
  Operation *make(ValueRange operands, ArrayRef<NamedAttribute> attributes = {},
                  unsigned results = 1, Type element = {}) {
    return make(OpTy::getOperationName(), operands, attributes, results,
                element);
  }
  template <typename OpTy>
  Value get(ValueRange operands, ArrayRef<NamedAttribute> attributes = {},
            Type element = {}) {
    return make<OpTy>(operands, attributes, 1, element)->getResult(0);
  }

  OpBuilder &getBuilder() { return builder; }
  NamedAttribute attr(StringRef name, Attribute value) {
    return builder.getNamedAttr(name, value);
  }
  NamedAttribute attr(StringRef name, int64_t value) {
    return attr(name, builder.getI64IntegerAttr(value));
  }
  NamedAttribute attr(StringRef name, ArrayRef<int64_t> value) {
    return attr(name, builder.getDenseI64ArrayAttr(value));
  }

  // Constants.
  Value ints(ArrayRef<int64_t> values); ///< i64 [values]
  Value integer(int64_t value);         ///< i64 []
  /// A scalar of any numeric or boolean type.
  Value number(double value, Type element);
  Value numberLike(double value, Value like) {
    return number(value, getElement(like));
  }

  // Element by element.
  Value add(Value a, Value b);
  Value sub(Value a, Value b);
  Value mul(Value a, Value b);
  Value div(Value a, Value b);
  Value sigmoid(Value x);
  Value both(Value a, Value b); ///< And, where null means true
  Value where(Value condition, Value a, Value b);
  Value cast(Value x, Type element);

  // Shapes and movement. Axes count from the front.
  Value dim(Value x, int64_t axis);    ///< i64 [1]
  Value length(Value x, int64_t axis); ///< i64 []
  Value shape(Value x);
  Value reshape(Value x, ArrayRef<int64_t> shape);
  Value reshape(Value x, Value shape);
  Value transpose(Value x, ArrayRef<int64_t> permutation);
  Value unsqueeze(Value x, ArrayRef<int64_t> axes);
  Value squeeze(Value x, ArrayRef<int64_t> axes);
  Value concat(ValueRange values, int64_t axis);
  static constexpr int64_t end = std::numeric_limits<int64_t>::max();
  Value slice(Value x, int64_t axis, int64_t from, int64_t to);
  Value slice(Value x, int64_t axis, Value from, Value to); ///< i64 [1] each
  Value expand(Value x, Value shape);
  Value gather(Value table, Value indices, int64_t axis);
  /// 0, 1, ... below the scalar `count`.
  Value range(Value count);

  Value matmul(Value a, Value b);
  Value softmax(Value x);

  static Type getElement(Value value);
  /// The rank of `value`; 0 and an error if it is not known.
  int64_t getRank(Value value, StringRef what);
  /// The length of a dimension, or kDynamic.
  static int64_t getSize(Value value, int64_t axis);

private:
  Operation *make(StringRef name, ValueRange operands,
                  ArrayRef<NamedAttribute> attributes, unsigned results,
                  Type element);

  OpBuilder builder;
  Location location;
  std::string error;
};

/// Splits [batch, steps, heads * size] to [batch, heads, steps, size]; a tensor
/// of rank 4 comes back as it is.
Value splitHeads(GraphBuilder &b, Value x, int64_t heads);

/// The reverse of splitHeads.
Value joinHeads(GraphBuilder &b, Value x);

/// Rotates `x`, [batch, heads, steps, size] or [batch, steps, heads, size], by
/// `cosines` and `sines`, whose rank is that of `x` less one: without heads.
Value rotate(GraphBuilder &b, Value x, int64_t headAxis, Value cosines,
             Value sines, bool interleaved);

/// `scale`, one element for each block of `blockSize` along `axis`, as one
/// element for each of `count` numbers.
Value expandBlocks(GraphBuilder &b, Value scale, int64_t axis,
                   int64_t blockSize, int64_t count);

/// The numbers of `bits` bits that bytes hold along the last axis, the lowest
/// bits first, as i32.
Value unpackBits(GraphBuilder &b, Value bytes, int64_t bits);

/// `past` with the steps from `at`, [batch], on (0 if it is null) along `axis`
/// those of `update`. They continue at the start if `circular`.
Value scatterSteps(GraphBuilder &b, Value past, Value update, Value at,
                   int64_t axis, bool circular);

/// A decomposition of an op: the values of its results, null for one that is
/// not used. Failure means that the op stays, with the builder's error.
using Results = SmallVector<Value>;

// One for each op: builds what the op stands for.
Results decompose(GraphBuilder &b, AttentionOp op);
Results decompose(GraphBuilder &b, MsGroupQueryAttentionOp op);
Results decompose(GraphBuilder &b, MsMultiHeadAttentionOp op);
Results decompose(GraphBuilder &b, MsAttentionOp op);
Results decompose(GraphBuilder &b, RotaryEmbeddingOp op);
Results decompose(GraphBuilder &b, MsRotaryEmbeddingOp op);
Results decompose(GraphBuilder &b, TensorScatterOp op);
Results decompose(GraphBuilder &b, SwishOp op);
Results decompose(GraphBuilder &b, SwiGLUOp op);
Results decompose(GraphBuilder &b, CausalConvWithStateOp op);
Results decompose(GraphBuilder &b, MsGeluOp op);
Results decompose(GraphBuilder &b, MsFastGeluOp op);
Results decompose(GraphBuilder &b, MsBiasGeluOp op);
Results decompose(GraphBuilder &b, MsQuickGeluOp op);
Results decompose(GraphBuilder &b, MsSkipLayerNormalizationOp op);
Results decompose(GraphBuilder &b, MsSkipSimplifiedLayerNormalizationOp op);
Results decompose(GraphBuilder &b, MsEmbedLayerNormalizationOp op);
Results decompose(GraphBuilder &b, MsFusedMatMulOp op);
Results decompose(GraphBuilder &b, MsMatMulNBitsOp op);
Results decompose(GraphBuilder &b, MsGatherBlockQuantizedOp op);
Results decompose(GraphBuilder &b, MsMoEOp op);
Results decompose(GraphBuilder &b, MsQMoEOp op);

} // namespace mlir::onnx

#endif // DEJAVU_LIB_DIALECT_ONNX_TRANSFORMS_GRAPHBUILDER_H
