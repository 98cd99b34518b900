//===- OnnxControlFlowOps.cpp - type inference of ops with graphs inside -===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InferenceUtils.h"

using namespace mlir;
using namespace mlir::onnx;

/// What ends a region, or null if it is something else.
static YieldOp findYield(Region &region) {
  if (region.empty() || region.front().empty())
    return YieldOp();
  return dyn_cast<YieldOp>(region.front().back());
}

/// The values that a region yields, which are `count`.
static FailureOr<ValueRange> getYielded(Region &region, size_t count,
                                        StringRef name, std::string &error) {
  YieldOp yield = findYield(region);
  if (!yield)
    return fail(error, "expected " + name + " to end with onnx.Yield");
  if (yield.getOutputs().size() != count)
    return fail(error, "expected " + name + " to yield " + Twine(count) +
                           " values, found " +
                           Twine(yield.getOutputs().size()));
  return ValueRange(yield.getOutputs());
}

/// Checks that a value called `name` may have both types.
static LogicalResult checkCompatible(Type a, Type b, const Twine &name,
                                     std::string &error) {
  if (getElementTypeOrSelf(a) == getElementTypeOrSelf(b) &&
      succeeded(verifyCompatibleShape(a, b)))
    return success();
  return fail(error, "expected " + name + " to keep its type, found " +
                         describe(a) + " and " + describe(b));
}

/// Checks a value that is carried from turn to turn.
static LogicalResult checkCarried(Type initial, Type argument, Type yielded,
                                  size_t index, std::string &error) {
  std::string name = "carried value " + std::to_string(index);
  if (failed(checkCompatible(initial, argument, name, error)))
    return failure();
  return checkCompatible(argument, yielded, name, error);
}

/// A type with a dimension put in at `axis`, which counts from the end if it is
/// negative.
static FailureOr<Type> insertDim(Type type, int64_t axis, int64_t dim,
                                 std::string &error) {
  auto ranked = dyn_cast<RankedTensorType>(type);
  if (!ranked)
    return Type(UnrankedTensorType::get(getElementTypeOrSelf(type)));
  if (failed(normalizeAxis(axis, ranked.getRank() + 1, "axis", error)))
    return failure();
  SmallVector<int64_t> shape(ranked.getShape());
  shape.insert(shape.begin() + axis, dim);
  return Type(RankedTensorType::get(shape, ranked.getElementType()));
}

LogicalResult YieldOp::inferResultTypes(Operands, SmallVectorImpl<Type> &,
                                        std::string &) {
  return success();
}

LogicalResult IfOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                     std::string &error) {
  if (failed(checkOneElement(getCond(), "cond", error)))
    return failure();
  FailureOr<ValueRange> first =
      getYielded(getThenBranch(), getNumResults(), "then_branch", error);
  if (failed(first))
    return failure();
  FailureOr<ValueRange> second =
      getYielded(getElseBranch(), getNumResults(), "else_branch", error);
  if (failed(second))
    return failure();
  for (auto [index, pair] : llvm::enumerate(llvm::zip(*first, *second))) {
    auto [mine, theirs] = pair;
    if (getElementTypeOrSelf(mine) != getElementTypeOrSelf(theirs))
      return fail(error, "expected branches to yield the same element types, "
                         "found " +
                             describe(mine.getType()) + " and " +
                             describe(theirs.getType()) + " as value " +
                             Twine(index));
    types.push_back(joinTypes(mine.getType(), theirs.getType()));
  }
  return success();
}

LogicalResult LoopOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                       std::string &error) {
  if (failed(checkOneElement(getM(), "M", error)) ||
      failed(checkOneElement(getCond(), "cond", error)))
    return failure();
  size_t carried = getVInitial().size();
  if (getNumResults() < carried)
    return fail(error, "expected at least " + Twine(carried) +
                           " results, found " + Twine(getNumResults()));
  FailureOr<ValueRange> yielded =
      getYielded(getBody(), getNumResults() + 1, "body", error);
  if (failed(yielded))
    return failure();
  Block &body = getBody().front();
  if (body.getNumArguments() != carried + 2)
    return fail(error, "expected body to have " + Twine(carried + 2) +
                           " arguments, found " +
                           Twine(body.getNumArguments()));
  if (!getElementTypeOrSelf(body.getArgument(0)).isInteger(64) ||
      !getElementTypeOrSelf(body.getArgument(1)).isInteger(1) ||
      !getElementTypeOrSelf(yielded->front()).isInteger(1))
    return fail(error, "expected the number of the turn as i64, and "
                       "conditions as i1");
  for (size_t i = 0; i < carried; ++i) {
    Type initial = getVInitial()[i].getType(),
         argument = body.getArgument(i + 2).getType(),
         next = (*yielded)[i + 1].getType();
    if (failed(checkCarried(initial, argument, next, i, error)))
      return failure();
    types.push_back(joinTypes(initial, next));
  }
  for (Value slice : yielded->drop_front(carried + 1)) {
    FailureOr<Type> stacked = insertDim(slice.getType(), 0, unknownDim, error);
    if (failed(stacked))
      return failure();
    types.push_back(*stacked);
  }
  return success();
}

/// The number at `index` of a list that may be absent or shorter.
static int64_t getOrZero(std::optional<ArrayRef<int64_t>> list, size_t index) {
  return list && index < list->size() ? (*list)[index] : 0;
}

/// Checks the length of a list of a Scan, and that directions are 0 or 1.
static LogicalResult checkList(std::optional<ArrayRef<int64_t>> list,
                               size_t size, bool isDirection, StringRef name,
                               std::string &error) {
  if (!list)
    return success();
  if (list->size() != size)
    return fail(error, "expected " + name + " to have " + Twine(size) +
                           " numbers, found " + Twine(list->size()));
  for (int64_t number : *list)
    if (isDirection && number != 0 && number != 1)
      return fail(error,
                  "expected " + name + " to be 0 or 1, found " + Twine(number));
  return success();
}

LogicalResult ScanOp::inferResultTypes(Operands, SmallVectorImpl<Type> &types,
                                       std::string &error) {
  int64_t scanned = getNumScanInputs();
  size_t inputs = getInputs().size();
  if (scanned < 1 || static_cast<size_t>(scanned) > inputs)
    return fail(error, "expected num_scan_inputs of 1 to " + Twine(inputs) +
                           ", found " + Twine(scanned));
  size_t states = inputs - scanned;
  if (getNumResults() < states)
    return fail(error, "expected at least " + Twine(states) +
                           " results, found " + Twine(getNumResults()));
  size_t stacked = getNumResults() - states;
  FailureOr<ValueRange> yielded =
      getYielded(getBody(), getNumResults(), "body", error);
  if (failed(yielded))
    return failure();
  Block &body = getBody().front();
  if (body.getNumArguments() != inputs)
    return fail(error, "expected body to have " + Twine(inputs) +
                           " arguments, found " +
                           Twine(body.getNumArguments()));
  if (failed(checkList(getScanInputAxes(), scanned, false, "scan_input_axes",
                       error)) ||
      failed(checkList(getScanInputDirections(), scanned, true,
                       "scan_input_directions", error)) ||
      failed(checkList(getScanOutputAxes(), stacked, false, "scan_output_axes",
                       error)) ||
      failed(checkList(getScanOutputDirections(), stacked, true,
                       "scan_output_directions", error)))
    return failure();

  for (size_t i = 0; i < states; ++i) {
    Type initial = getInputs()[i].getType(),
         argument = body.getArgument(i).getType(),
         next = (*yielded)[i].getType();
    if (failed(checkCarried(initial, argument, next, i, error)))
      return failure();
    types.push_back(joinTypes(initial, next));
  }
  int64_t length = unknownDim;
  for (int64_t i = 0; i < scanned; ++i) {
    Value input = getInputs()[states + i];
    Type slice = UnrankedTensorType::get(getElementTypeOrSelf(input));
    if (RankedTensorType type = getRanked(input)) {
      int64_t axis = getOrZero(getScanInputAxes(), i);
      if (failed(normalizeAxis(axis, type.getRank(), "axis", error)))
        return failure();
      SmallVector<int64_t> shape(type.getShape());
      if (!mayEqual(length, shape[axis]))
        return fail(error, "expected scanned inputs of one length, found " +
                               Twine(length) + " and " + Twine(shape[axis]));
      length = meetDims(length, shape[axis]);
      shape.erase(shape.begin() + axis);
      slice = rankedLike(shape, input);
    }
    if (failed(checkCompatible(slice, body.getArgument(states + i).getType(),
                               "a slice of input " + Twine(i), error)))
      return failure();
  }
  for (size_t i = 0; i < stacked; ++i) {
    FailureOr<Type> type =
        insertDim((*yielded)[states + i].getType(),
                  getOrZero(getScanOutputAxes(), i), length, error);
    if (failed(type))
      return failure();
    types.push_back(*type);
  }
  return success();
}
