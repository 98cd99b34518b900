//===- OnnxNNOps.cpp - matrix products, norms, activations ----------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Floating-point sums are accumulated in double precision, integer sums in 64
// bits.
//
//===----------------------------------------------------------------------===//

#include "OpTable.h"

#include "dejavu/Dialect/Onnx/IR/Onnx.h"

#include <cmath>

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::reference;

//===----------------------------------------------------------------------===//
// Matrix products
//===----------------------------------------------------------------------===//

namespace {
/// A matrix within a tensor: where it begins and how far its rows and columns
/// are apart.
struct Matrix {
  const Tensor &tensor;
  int64_t base, rowStride, columnStride;

  int64_t at(int64_t row, int64_t column) const {
    return base + row * rowStride + column * columnStride;
  }
};
} // namespace

/// Gives `store` each row of `a * b` as sums of doubles.
static void
multiplyFloats(const Matrix &a, const Matrix &b, int64_t rows, int64_t inner,
               int64_t columns,
               function_ref<void(int64_t, ArrayRef<double>)> store) {
  std::vector<double> sums(columns);
  for (int64_t row = 0; row < rows; ++row) {
    sums.assign(columns, 0);
    for (int64_t k = 0; k < inner; ++k) {
      double factor = a.tensor.getFloat(a.at(row, k));
      for (int64_t column = 0; column < columns; ++column)
        sums[column] += factor * b.tensor.getFloat(b.at(k, column));
    }
    store(row, sums);
  }
}

/// The same for integers; sums wrap.
static void multiplyInts(const Matrix &a, const Matrix &b, int64_t rows,
                         int64_t inner, int64_t columns,
                         function_ref<void(int64_t, ArrayRef<int64_t>)> store) {
  SmallVector<int64_t> sums(columns);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < columns; ++column) {
      uint64_t sum = 0;
      for (int64_t k = 0; k < inner; ++k)
        sum += static_cast<uint64_t>(a.tensor.getInt(a.at(row, k))) *
               static_cast<uint64_t>(b.tensor.getInt(b.at(k, column)));
      sums[column] = static_cast<int64_t>(sum);
    }
    store(row, sums);
  }
}

FailureOr<Tensor> mlir::dejavu::reference::multiply(Frame &frame,
                                                    const Tensor &a,
                                                    const Tensor &b,
                                                    Element element) {
  Shape lhs(a.getShape()), rhs(b.getShape());
  if (lhs.empty() || rhs.empty())
    return frame.fail("expected operands of rank 1 or more");
  // A vector is a row on the left and a column on the right.
  if (a.getRank() == 1)
    lhs.insert(lhs.begin(), 1);
  if (b.getRank() == 1)
    rhs.push_back(1);
  int64_t rows = lhs[lhs.size() - 2], inner = lhs.back(), columns = rhs.back();
  if (rhs[rhs.size() - 2] != inner)
    return frame.fail("expected shapes that can be multiplied, found " +
                      a.describe() + " and " + b.describe());
  ArrayRef<int64_t> lhsBatch = ArrayRef(lhs).drop_back(2);
  ArrayRef<int64_t> rhsBatch = ArrayRef(rhs).drop_back(2);
  FailureOr<Shape> batch = broadcastShapes(frame, {lhsBatch, rhsBatch});
  if (failed(batch))
    return failure();
  Shape shape(*batch);
  if (a.getRank() > 1)
    shape.push_back(rows);
  if (b.getRank() > 1)
    shape.push_back(columns);
  FailureOr<Tensor> result = frame.allocate(element, shape);
  if (failed(result))
    return failure();
  std::vector<int64_t> fromA = getBroadcastSources(*batch, lhsBatch);
  std::vector<int64_t> fromB = getBroadcastSources(*batch, rhsBatch);
  for (size_t i = 0; i < fromA.size(); ++i) {
    Matrix left{a, fromA[i] * rows * inner, inner, 1};
    Matrix right{b, fromB[i] * inner * columns, columns, 1};
    int64_t target = static_cast<int64_t>(i) * rows * columns;
    if (a.isFloat())
      multiplyFloats(left, right, rows, inner, columns,
                     [&](int64_t row, ArrayRef<double> sums) {
                       for (auto [column, sum] : llvm::enumerate(sums))
                         result->setFloat(target + row * columns + column, sum);
                     });
    else
      multiplyInts(left, right, rows, inner, columns,
                   [&](int64_t row, ArrayRef<int64_t> sums) {
                     for (auto [column, sum] : llvm::enumerate(sums))
                       result->setInt(target + row * columns + column, sum);
                   });
  }
  return result;
}

static LogicalResult evaluateMatMul(onnx::MatMulOp op, Frame &frame) {
  const Tensor &a = frame.tensor(op.getA());
  return frame.result(
      multiply(frame, a, frame.tensor(op.getB()), a.getElement()));
}

static LogicalResult evaluateGemm(onnx::GemmOp op, Frame &frame) {
  const Tensor &a = frame.tensor(op.getA()), &b = frame.tensor(op.getB());
  const Tensor *c = frame.optional(op.getC());
  if (a.getRank() != 2 || b.getRank() != 2)
    return frame.fail("expected operands A and B of rank 2, found " +
                      a.describe() + " and " + b.describe());
  bool transA = op.getTransA(), transB = op.getTransB();
  int64_t rows = a.getDim(transA), inner = a.getDim(!transA);
  int64_t columns = b.getDim(!transB);
  if (b.getDim(transB) != inner)
    return frame.fail("expected equal inner dimensions, found " + a.describe() +
                      " and " + b.describe());
  float alpha = op.getAlpha().convertToFloat();
  float beta = op.getBeta().convertToFloat();
  if (!a.isFloat() && (alpha != 1 || beta != 1))
    return frame.fail("expected alpha and beta of 1 for integers");
  std::vector<int64_t> fromC;
  if (c) {
    int64_t target[] = {rows, columns};
    FailureOr<Shape> shape = broadcastShapes(frame, {c->getShape(), target});
    if (failed(shape))
      return failure();
    if (ArrayRef<int64_t>(*shape) != ArrayRef<int64_t>(target))
      return frame.fail("expected C to broadcast to " + describe(target) +
                        ", found " + c->describe());
    fromC = getBroadcastSources(*shape, c->getShape());
  }
  FailureOr<Tensor> result = frame.allocate({rows, columns});
  if (failed(result))
    return failure();
  Matrix left{a, 0, transA ? 1 : inner, transA ? rows : 1};
  Matrix right{b, 0, transB ? 1 : columns, transB ? inner : 1};
  if (a.isFloat())
    multiplyFloats(left, right, rows, inner, columns,
                   [&](int64_t row, ArrayRef<double> sums) {
                     for (auto [column, sum] : llvm::enumerate(sums)) {
                       int64_t i = row * columns + column;
                       double bias = c ? beta * c->getFloat(fromC[i]) : 0;
                       result->setFloat(i, alpha * sum + bias);
                     }
                   });
  else
    multiplyInts(left, right, rows, inner, columns,
                 [&](int64_t row, ArrayRef<int64_t> sums) {
                   for (auto [column, sum] : llvm::enumerate(sums)) {
                     int64_t i = row * columns + column;
                     uint64_t bias = c ? c->getInt(fromC[i]) : 0;
                     result->setInt(i, static_cast<uint64_t>(sum) + bias);
                   }
                 });
  return frame.result(std::move(result));
}

//===----------------------------------------------------------------------===//
// Normalisation
//===----------------------------------------------------------------------===//

/// Checks that `operand` broadcasts to the shape of `x`.
static LogicalResult checkBroadcast(Frame &frame, const Tensor &x,
                                    const Tensor &operand) {
  FailureOr<Shape> shape =
      broadcastShapes(frame, {x.getShape(), operand.getShape()});
  if (failed(shape))
    return failure();
  if (ArrayRef<int64_t>(*shape) == x.getShape())
    return success();
  return frame.fail("expected an operand that broadcasts to " + x.describe() +
                    ", found " + operand.describe());
}

static LogicalResult evaluateLayerNormalization(onnx::LayerNormalizationOp op,
                                                Frame &frame) {
  const Tensor &x = frame.tensor(op.getX());
  const Tensor &scale = frame.tensor(op.getScale());
  const Tensor *bias = frame.optional(op.getB());
  FailureOr<int64_t> axis = normalizeAxis(frame, op.getAxis(), x.getRank());
  if (failed(axis))
    return failure();
  Shape outer(x.getShape());
  int64_t inner = 1;
  for (int64_t i = *axis; i < x.getRank(); ++i)
    inner *= std::exchange(outer[i], 1);
  if (failed(checkBroadcast(frame, x, scale)) ||
      (bias && failed(checkBroadcast(frame, x, *bias))))
    return failure();
  std::vector<int64_t> fromScale =
      getBroadcastSources(x.getShape(), scale.getShape());
  std::vector<int64_t> fromBias;
  if (bias)
    fromBias = getBroadcastSources(x.getShape(), bias->getShape());

  Tensor result(x.getElement(), x.getShape());
  SmallVector<Tensor> statistics;
  for (unsigned i = 1; i < op->getNumResults(); ++i) {
    FailureOr<Tensor> statistic = frame.allocate(outer, i);
    if (failed(statistic))
      return failure();
    statistics.push_back(std::move(*statistic));
  }
  double epsilon = op.getEpsilon().convertToFloat();
  for (int64_t row = 0; inner > 0 && row < x.size() / inner; ++row) {
    double mean = 0, variance = 0;
    for (int64_t i = row * inner; i < (row + 1) * inner; ++i)
      mean += x.getFloat(i) / inner;
    for (int64_t i = row * inner; i < (row + 1) * inner; ++i)
      variance += (x.getFloat(i) - mean) * (x.getFloat(i) - mean) / inner;
    double inverse = 1 / std::sqrt(variance + epsilon);
    for (int64_t i = row * inner; i < (row + 1) * inner; ++i)
      result.setFloat(i, (x.getFloat(i) - mean) * inverse *
                                 scale.getFloat(fromScale[i]) +
                             (bias ? bias->getFloat(fromBias[i]) : 0));
    if (!statistics.empty())
      statistics[0].setFloat(row, mean);
    if (statistics.size() > 1)
      statistics[1].setFloat(row, inverse);
  }
  for (auto [i, statistic] : llvm::enumerate(statistics))
    (void)frame.set(i + 1, std::move(statistic));
  return frame.set(0, std::move(result));
}

static LogicalResult evaluateRMSNormalization(onnx::RMSNormalizationOp op,
                                              Frame &frame) {
  const Tensor &x = frame.tensor(op.getX());
  const Tensor &scale = frame.tensor(op.getScale());
  FailureOr<int64_t> axis = normalizeAxis(frame, op.getAxis(), x.getRank());
  if (failed(axis) || failed(checkBroadcast(frame, x, scale)))
    return failure();
  std::vector<int64_t> fromScale =
      getBroadcastSources(x.getShape(), scale.getShape());
  int64_t inner = 1;
  for (int64_t dim : x.getShape().drop_front(*axis))
    inner *= dim;
  Tensor result(x.getElement(), x.getShape());
  double epsilon = op.getEpsilon().convertToFloat();
  for (int64_t first = 0; first < x.size(); first += inner) {
    double square = 0;
    for (int64_t i = first; i < first + inner; ++i)
      square += x.getFloat(i) * x.getFloat(i) / inner;
    for (int64_t i = first; i < first + inner; ++i)
      result.setFloat(i, x.getFloat(i) / std::sqrt(square + epsilon) *
                             scale.getFloat(fromScale[i]));
  }
  return frame.set(0, std::move(result));
}

static LogicalResult evaluateSoftmax(onnx::SoftmaxOp op, Frame &frame) {
  const Tensor &x = frame.tensor(op.getInput());
  FailureOr<int64_t> axis = normalizeAxis(frame, op.getAxis(), x.getRank());
  if (failed(axis))
    return failure();
  Tensor result(x.getElement(), x.getShape());
  int64_t dim = x.getDim(*axis), stride = getStrides(x.getShape())[*axis];
  for (int64_t line = 0; dim > 0 && line < x.size() / dim; ++line) {
    int64_t first = line / stride * stride * dim + line % stride;
    double largest = -INFINITY, sum = 0;
    for (int64_t i = 0; i < dim; ++i)
      largest = std::max(largest, x.getFloat(first + i * stride));
    for (int64_t i = 0; i < dim; ++i)
      sum += std::exp(x.getFloat(first + i * stride) - largest);
    for (int64_t i = 0; i < dim; ++i)
      result.setFloat(first + i * stride,
                      std::exp(x.getFloat(first + i * stride) - largest) / sum);
  }
  return frame.set(0, std::move(result));
}

//===----------------------------------------------------------------------===//
// Activations
//===----------------------------------------------------------------------===//

template <typename Fn>
static LogicalResult compute(Frame &frame, Value operand, Fn fn) {
  const Tensor &x = frame.tensor(operand);
  Tensor result(x.getElement(), x.getShape());
  for (int64_t i = 0; i < x.size(); ++i)
    result.setFloat(i, fn(x.getFloat(i)));
  return frame.set(0, std::move(result));
}

static LogicalResult evaluateRelu(onnx::ReluOp op, Frame &frame) {
  Tensor result(frame.tensor(op.getX()));
  for (int64_t i = 0; i < result.size(); ++i)
    if (result.getFloat(i) < 0)
      result.setInt(i, 0);
  return frame.set(0, std::move(result));
}

static LogicalResult evaluateSigmoid(onnx::SigmoidOp op, Frame &frame) {
  return compute(frame, op.getX(),
                 [](double x) { return 1 / (1 + std::exp(-x)); });
}

static LogicalResult evaluateTanh(onnx::TanhOp op, Frame &frame) {
  return compute(frame, op.getX(), [](double x) { return std::tanh(x); });
}

static LogicalResult evaluateGelu(onnx::GeluOp op, Frame &frame) {
  Activation activation = op.getApproximate() == onnx::GeluApproximation::Tanh
                              ? Activation::gelu_tanh
                              : Activation::gelu;
  return compute(frame, op.getX(),
                 [&](double x) { return activate(activation, x); });
}

void mlir::dejavu::reference::addOnnxNNOps(OpTable &table) {
  table.add(evaluateMatMul);
  table.add(evaluateGemm);
  table.add(evaluateLayerNormalization);
  table.add(evaluateRMSNormalization);
  table.add(evaluateSoftmax);
  table.add(evaluateRelu);
  table.add(evaluateSigmoid);
  table.add(evaluateTanh);
  table.add(evaluateGelu);
}
