//===- Products.cpp - matrix products and sums of products ----------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The columns of the result are the innermost loop, so that a row of the right
// matrix is read and a row of the result is updated in one vector loop.
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::dense;

/// `sum + x * y`. The order of a sum of products is free.
static Value multiplyAdd(Lowering &b, Value x, Value y, Value sum) {
  if (!isa<FloatType>(x.getType()))
    return arith::AddIOp::create(b, sum, arith::MulIOp::create(b, x, y));
  auto flags = arith::FastMathFlags::reassoc | arith::FastMathFlags::contract;
  Value product = arith::MulFOp::create(b, x, y, flags);
  return arith::AddFOp::create(b, sum, product, flags);
}

/// `tensor` broadcast to `batch` in its dimensions before the last `matrix`
/// ones, unless that is what indexing does anyway. Appends to `exprs` what
/// indexes those dimensions.
static Value broadcastBatch(Lowering &b, Value tensor, ArrayRef<Dim> batch,
                            int64_t matrix,
                            SmallVectorImpl<AffineExpr> &exprs) {
  Dims dims = b.getDims(tensor);
  int64_t own = static_cast<int64_t>(dims.size()) - matrix;
  int64_t shift = static_cast<int64_t>(batch.size()) - own;
  bool isPlain = true;
  for (int64_t axis = 0; axis < own; ++axis) {
    if (b.getNumber(dims[axis]) == 1)
      exprs.push_back(b.getAffineConstantExpr(0));
    else
      exprs.push_back(b.getAffineDimExpr(axis + shift));
    isPlain &= b.getNumber(dims[axis]) == 1 ||
               Lowering::areSame(dims[axis], batch[axis + shift]);
  }
  if (isPlain)
    return tensor;
  Dims whole(batch);
  llvm::append_range(whole, ArrayRef(dims).take_back(matrix));
  exprs.clear();
  for (size_t axis = 0; axis < batch.size(); ++axis)
    exprs.push_back(b.getAffineDimExpr(axis));
  Type element = cast<RankedTensorType>(tensor.getType()).getElementType();
  return b.map(whole, element, tensor, [](ValueRange x) { return x[0]; });
}

FailureOr<Value> dense::matmul(Lowering &b, Value lhs, Value rhs,
                               Type accumulator,
                               llvm::function_ref<Value(Value)> convertLhs,
                               llvm::function_ref<Value(Value)> convertRhs) {
  Dims left = b.getDims(lhs), right = b.getDims(rhs);
  if (left.empty() || right.empty())
    return b.fail("expected operands of rank 1 or more");
  bool hasRows = left.size() > 1, hasColumns = right.size() > 1;
  int64_t leftMatrix = hasRows ? 2 : 1, rightMatrix = hasColumns ? 2 : 1;
  Dim inner = left.back();
  Dim other = right[right.size() - rightMatrix];
  if (b.getNumber(inner) && b.getNumber(other) &&
      !Lowering::areSame(inner, other))
    return b.fail("expected matrices that fit");
  b.checkEqual(inner, other, "matrices that fit");
  std::optional<Dims> batch =
      b.broadcastDims({Dims(ArrayRef(left).drop_back(leftMatrix)),
                       Dims(ArrayRef(right).drop_back(rightMatrix))});
  if (!batch)
    return b.fail("expected batches that broadcast");
  // Loops: batch, rows, inner, columns.
  auto count = static_cast<unsigned>(batch->size());
  unsigned row = count, middle = count + hasRows, column = middle + 1;
  unsigned loops = column + hasColumns;
  SmallVector<AffineExpr> lhsExprs, rhsExprs, exprs;
  lhs = broadcastBatch(b, lhs, *batch, leftMatrix, lhsExprs);
  rhs = broadcastBatch(b, rhs, *batch, rightMatrix, rhsExprs);
  Dims dims = *batch;
  for (unsigned axis = 0; axis < count; ++axis)
    exprs.push_back(b.getAffineDimExpr(axis));
  if (hasRows) {
    lhsExprs.push_back(b.getAffineDimExpr(row));
    exprs.push_back(b.getAffineDimExpr(row));
    dims.push_back(left[left.size() - 2]);
  }
  lhsExprs.push_back(b.getAffineDimExpr(middle));
  rhsExprs.push_back(b.getAffineDimExpr(middle));
  if (hasColumns) {
    rhsExprs.push_back(b.getAffineDimExpr(column));
    exprs.push_back(b.getAffineDimExpr(column));
    dims.push_back(right.back());
  }
  auto map = [&](ArrayRef<AffineExpr> exprs) {
    return AffineMap::get(loops, 0, exprs, b.getContext());
  };
  return b.contract(
      {lhs, rhs}, dims, accumulator, {map(lhsExprs), map(rhsExprs), map(exprs)},
      [&](ValueRange x) {
        return multiplyAdd(b, convertLhs(x[0]), convertRhs(x[1]), x[2]);
      });
}

static LogicalResult lowerMatMul(onnx::MatMulOp op, Lowering &b) {
  Type stored = getStored(op.getA()), compute = getComputeType(stored);
  auto widen = [&](Value x) { return b.widen(x); };
  FailureOr<Value> result =
      matmul(b, b.get(op.getA()), b.get(op.getB()), compute, widen, widen);
  if (failed(result))
    return failure();
  if (compute != stored)
    result = b.map(b.getDims(*result), stored, *result,
                   [&](ValueRange x) { return b.narrow(x[0], stored); });
  b.set(op->getResult(0), *result);
  return success();
}

static LogicalResult lowerGemm(onnx::GemmOp op, Lowering &b) {
  Type stored = getStored(op.getA()), compute = getComputeType(stored);
  Value lhs = b.get(op.getA()), rhs = b.get(op.getB());
  if (op.getTransA())
    lhs = b.transpose(lhs, {1, 0});
  if (op.getTransB())
    rhs = b.transpose(rhs, {1, 0});
  auto widen = [&](Value x) { return b.widen(x); };
  FailureOr<Value> product = matmul(b, lhs, rhs, compute, widen, widen);
  if (failed(product))
    return failure();
  double alpha = op.getAlpha().convertToDouble();
  double beta = op.getBeta().convertToDouble();
  SmallVector<Value> inputs{*product};
  if (op.getC())
    inputs.push_back(b.get(op.getC()));
  std::optional<Dims> dims = b.broadcast(inputs);
  if (!dims || dims->size() != 2)
    return b.fail("expected a C that broadcasts");
  // C broadcasts one way.
  for (auto [wanted, own] : llvm::zip_equal(*dims, b.getDims(*product)))
    b.checkEqual(wanted, own, "a C that broadcasts one way");
  bool isFloat = isa<FloatType>(stored);
  auto scale = [&](Value x, double factor) -> Value {
    if (factor == 1)
      return x;
    Value by = b.constant(x.getType(), factor);
    return isFloat ? arith::MulFOp::create(b, x, by).getResult()
                   : arith::MulIOp::create(b, x, by).getResult();
  };
  b.set(op->getResult(0),
        b.map(b.getDims(*product), stored, inputs, [&](ValueRange x) {
          Value result = scale(x[0], alpha);
          if (x.size() == 2) {
            Value bias = scale(b.widen(x[1]), beta);
            result = isFloat
                         ? arith::AddFOp::create(b, result, bias).getResult()
                         : arith::AddIOp::create(b, result, bias).getResult();
          }
          return b.narrow(result, stored);
        }));
  return success();
}

//===----------------------------------------------------------------------===//
// Einsum
//===----------------------------------------------------------------------===//

/// The labels of one term: letters, and for the dimensions of an ellipsis
/// digits, which count from the last one.
static std::string expandTerm(StringRef term, int64_t rank) {
  size_t dots = term.find("...");
  if (dots == StringRef::npos)
    return term.str();
  std::string result = term.take_front(dots).str();
  int64_t missing = rank - (static_cast<int64_t>(term.size()) - 3);
  for (int64_t place = missing - 1; place >= 0; --place)
    result += static_cast<char>('0' + place);
  return result + term.drop_front(dots + 3).str();
}

static LogicalResult lowerEinsum(onnx::EinsumOp op, Lowering &b) {
  std::string equation;
  for (char c : op.getEquation())
    if (c != ' ')
      equation += c;
  auto [left, right] = StringRef(equation).split("->");
  bool isExplicit = StringRef(equation).contains("->");
  SmallVector<StringRef> terms;
  left.split(terms, ',');
  if (terms.size() != op.getInputs().size())
    return b.fail("expected one term for each operand");
  SmallVector<std::string> labels;
  std::string ellipsis;
  for (auto [term, input] : llvm::zip_equal(terms, op.getInputs())) {
    labels.push_back(expandTerm(term, getRank(input)));
    if (static_cast<int64_t>(labels.back().size()) != getRank(input))
      return b.fail("expected one letter for each dimension");
    for (char c : labels.back())
      if (llvm::isDigit(c) && !StringRef(ellipsis).contains(c))
        ellipsis += c;
  }
  llvm::sort(ellipsis, std::greater<>());
  std::string output;
  if (isExplicit) {
    size_t dots = right.find("...");
    output = dots == StringRef::npos ? right.str()
                                     : right.take_front(dots).str() + ellipsis +
                                           right.drop_front(dots + 3).str();
  } else {
    std::string all, once;
    for (const std::string &term : labels)
      all += term;
    for (char c = 'A'; c <= 'z'; ++c)
      if (llvm::isAlpha(c) && llvm::count(all, c) == 1)
        once += c;
    output = ellipsis + once;
  }
  // The size of each label. Where one is 1 it broadcasts, and is cut away
  // first, so that every dimension that is left has the full size.
  llvm::MapVector<char, Dim> sizes;
  for (auto [term, input] : llvm::zip_equal(labels, op.getInputs()))
    for (auto [axis, c] : llvm::enumerate(term)) {
      Dim dim = b.getDim(b.get(input), axis);
      auto [it, isNew] = sizes.insert({c, dim});
      if (isNew || Lowering::areSame(it->second, dim))
        continue;
      if (b.getNumber(it->second) == 1)
        it->second = dim;
      else if (b.getNumber(dim) != 1)
        b.checkEqual(it->second, dim, "equal dimensions of one letter");
    }
  // Loops: the result's labels but the last, then sums, then the last.
  std::string order = output;
  std::string sums;
  for (auto &[c, dim] : sizes)
    if (!StringRef(output).contains(c))
      sums += c;
  order.insert(order.empty() ? 0 : order.size() - 1, sums);
  auto getExpr = [&](char c) {
    return b.getAffineDimExpr(StringRef(order).find(c));
  };
  Type stored = getStored(op.getOutput()), compute = getComputeType(stored);
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  for (auto [term, input] : llvm::zip_equal(labels, op.getInputs())) {
    SmallVector<AffineExpr> exprs;
    Value tensor = b.get(input);
    for (auto [axis, c] : llvm::enumerate(term)) {
      bool isOne = b.getNumber(b.getDim(tensor, axis)) == 1 &&
                   b.getNumber(sizes[c]) != 1;
      exprs.push_back(isOne ? b.getAffineConstantExpr(0) : getExpr(c));
    }
    inputs.push_back(tensor);
    maps.push_back(AffineMap::get(order.size(), 0, exprs, b.getContext()));
  }
  SmallVector<AffineExpr> exprs;
  Dims dims;
  for (char c : output) {
    if (!sizes.contains(c))
      return b.fail("expected letters of the result in a term");
    exprs.push_back(getExpr(c));
    dims.push_back(sizes[c]);
  }
  maps.push_back(AffineMap::get(order.size(), 0, exprs, b.getContext()));
  Value result = b.contract(inputs, dims, compute, maps, [&](ValueRange x) {
    Value product = b.widen(x[0]);
    for (Value each : x.take_front(inputs.size())
                          .drop_back()
                          .drop_front(inputs.size() > 1 ? 1 : 0))
      product =
          isa<FloatType>(compute)
              ? arith::MulFOp::create(b, product, b.widen(each)).getResult()
              : arith::MulIOp::create(b, product, each).getResult();
    Value last = inputs.size() > 1 ? b.widen(x[inputs.size() - 1])
                                   : b.constant(compute, 1);
    return multiplyAdd(b, product, last, x.back());
  });
  if (compute != stored)
    result = b.map(dims, stored, result,
                   [&](ValueRange x) { return b.narrow(x[0], stored); });
  b.set(op.getOutput(), result);
  return success();
}

void dense::addProducts(LoweringTable &table) {
  table.add(lowerMatMul);
  table.add(lowerGemm);
  table.add(lowerEinsum);
}
