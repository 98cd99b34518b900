//===- MaskClassifier.cpp - what a mask means -----------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MaskClassifier.h"

#include "dejavu/Reference/Interpreter.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Format.h"

#include <cmath>

using namespace mlir;
using namespace mlir::dejavu;

/// The largest constant whose surroundings are tried.
static constexpr int64_t maxConstant = 1024;

/// The part of the graph that computes a mask.
struct MaskClassifier::Slice {
  /// Integers that are arithmetic on the convention's sizes, which the
  /// evaluation starts from, as it does from `attentionMask`.
  SmallVector<Value> sizes;
  BlockArgument attentionMask;
  /// An upper bound of the sizes at which the mask may change its ways: the sum
  /// of the numbers that occur, as they may be added up, and of the lengths of
  /// tables, as they may be looked up.
  int64_t largest = 0;
};

namespace {
enum class Contents { Ones, LeftPadded, Scattered };
} // namespace

struct MaskClassifier::Witness {
  int64_t batch, past, tokens;
  Contents pattern;

  std::optional<int64_t> getSize(StringRef symbol) const {
    return llvm::StringSwitch<std::optional<int64_t>>(symbol)
        .Case("batch", batch)
        .Case("past", past)
        .Case("tokens", tokens)
        .Default(std::nullopt);
  }

  /// Steps of padding of row `b` in Contents::LeftPadded.
  int64_t getStart(int64_t b) const { return (b * 2 + 1) % (past + tokens); }

  /// The element of the attention mask for row `b` and step `k`.
  bool isKept(int64_t b, int64_t k) const {
    switch (pattern) {
    case Contents::Ones:
      return true;
    case Contents::LeftPadded:
      return k >= getStart(b);
    case Contents::Scattered: {
      // A mix of both indices, so that no two rows or shifts agree.
      uint64_t hash = (static_cast<uint64_t>(b) + 1) * 0x9E3779B97F4A7C15u ^
                      (static_cast<uint64_t>(k) + 1) * 0xC2B2AE3D27D4EB4Fu;
      hash ^= hash >> 29;
      hash *= 0xBF58476D1CE4E5B9u;
      return (hash >> 40) & 1;
    }
    }
    return true;
  }
};

const MaskClassifier::Result &MaskClassifier::classify(Value mask) {
  auto [it, isNew] = results.try_emplace(mask);
  if (isNew)
    it->second = evaluate(mask);
  return it->second;
}

std::string MaskClassifier::collectSlice(Value mask, Slice &slice) {
  // Values that an evaluation needs, and values of which only the constants
  // count: those below integers that are bound.
  SmallVector<std::pair<Value, bool>> worklist{{mask, true}};
  llvm::DenseSet<std::pair<Value, int>> seen;
  while (!worklist.empty()) {
    auto [value, isNeeded] = worklist.pop_back_val();
    // A constant counts once for each use, as it may be added to itself.
    if (!value.getDefiningOp<onnx::ConstantOp>() &&
        !seen.insert({value, isNeeded}).second)
      continue;
    if (auto constant = value.getDefiningOp<onnx::ConstantOp>()) {
      auto dense = dyn_cast<DenseElementsAttr>(constant.getValue());
      auto count = [&](double number) {
        number = std::abs(number);
        // The ends of slices and what hides a key are no sizes.
        if (number >= 1e6 || number == 0)
          return;
        // x * 0.025 < 1 is a comparison with 40.
        double size = std::ceil(number < 1 ? 1 / number : number);
        slice.largest += static_cast<int64_t>(
            std::min(size, static_cast<double>(maxConstant) + 1));
      };
      if (dense && dense.getNumElements() > 1)
        count(*llvm::max_element(dense.getType().getShape()));
      if (dense && isa<IntegerType>(dense.getElementType()) &&
          !dense.getElementType().isInteger(1))
        for (const APInt &element : dense.getValues<APInt>())
          count(static_cast<double>(element.getSExtValue()));
      else if (std::optional<double> number = getConstantFloat(value))
        count(*number);
      continue;
    }
    if (isNeeded) {
      if (const SymbolicShapes::Dims *contents = shapes.getContents(value)) {
        Witness any{1, 1, 1, Contents::Ones};
        bool known = llvm::all_of(*contents, [&](const DimExpr &element) {
          return element
              .evaluate([&](const std::string &s) { return any.getSize(s); })
              .has_value();
        });
        if (known) {
          slice.sizes.push_back(value);
          worklist.push_back({value, false});
          continue;
        }
      }
    }
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      if (!isNeeded)
        continue;
      auto binding = function.getArgAttrOfType<BindingAttr>(
          argument.getArgNumber(), kBindingAttrName);
      if (!binding || binding.getRole() != Role::attention_mask)
        return ("depends on the values of input '" +
                getSignatureName(function, argument) + "'")
            .str();
      slice.attentionMask = argument;
      continue;
    }
    Operation *op = value.getDefiningOp();
    if (isa<onnx::ShapeOp>(op)) {
      if (isNeeded)
        return "depends on a shape that is not known";
      continue;
    }
    if (isNeeded && isa<LoadWeightOp>(op))
      return "depends on a weight";
    for (Value operand : op->getOperands()) {
      // A number that is chosen hides keys; one that is compared, added or
      // multiplied with may be a length.
      if (isa<onnx::WhereOp>(op) && getConstantFloat(operand))
        continue;
      worklist.push_back({operand, isNeeded});
    }
  }
  if (!slice.attentionMask)
    return "does not depend on the attention mask";
  if (slice.largest > maxConstant)
    return ("depends on numbers or tables that reach beyond " +
            Twine(maxConstant) + ", and such lengths are not tried")
        .str();
  return "";
}

/// `value` as a number in a message.
static std::string describe(double value) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%g", value);
  return text;
}

/// Evaluates `value` for the sizes and the attention mask of a witness.
std::string MaskClassifier::evaluateOn(Value value, const Slice &slice,
                                       const Witness &witness,
                                       reference::Tensor &result) {
  if (!slice.attentionMask)
    return "does not depend on the attention mask";
  int64_t steps = witness.past + witness.tokens;
  reference::Bindings bindings;
  {
    FailureOr<reference::Element> element = reference::getElement(
        getElementTypeOrSelf(slice.attentionMask.getType()));
    if (failed(element))
      return "the attention mask has an element type that is not known";
    reference::Tensor tensor(*element, {witness.batch, steps});
    for (int64_t b = 0; b < witness.batch; ++b)
      for (int64_t k = 0; k < steps; ++k)
        tensor.setInt(b * steps + k, witness.isKept(b, k));
    bindings.try_emplace(slice.attentionMask, std::move(tensor));
  }
  for (Value size : slice.sizes) {
    auto type = cast<RankedTensorType>(size.getType());
    SmallVector<int64_t> numbers;
    for (const DimExpr &number : *shapes.getContents(size))
      numbers.push_back(number
                            .evaluate([&](const std::string &s) {
                              return witness.getSize(s);
                            })
                            .value_or(0));
    SmallVector<int64_t> shape;
    if (type.getRank() == 1)
      shape.push_back(numbers.size());
    FailureOr<reference::Element> element =
        reference::getElement(type.getElementType());
    if (failed(element))
      return "a size has an element type that is not known";
    bindings.try_emplace(size,
                         reference::Tensor::ofInts(shape, numbers, *element));
  }

  reference::Interpreter interpreter;
  FailureOr<reference::Tensor> found =
      interpreter.evaluateTensor(value, bindings);
  if (failed(found))
    return "it cannot be evaluated: " +
           (interpreter.getError() ? interpreter.getError()->message : "");
  result = std::move(*found);
  return "";
}

std::string MaskClassifier::checkWitness(Value mask, const Slice &slice,
                                         const Witness &witness,
                                         std::optional<double> &hidden) {
  int64_t steps = witness.past + witness.tokens;
  reference::Tensor found;
  std::string reason = evaluateOn(mask, slice, witness, found);
  if (!reason.empty())
    return "the mask: " + reason;

  int64_t shape[4] = {witness.batch, 1, witness.tokens, steps};
  ArrayRef<int64_t> foundShape = found.getShape();
  std::string sizes =
      ("for batch " + Twine(witness.batch) + ", past " + Twine(witness.past) +
       ", tokens " + Twine(witness.tokens))
          .str();
  if (found.getRank() > 4)
    return "the mask has more than four dimensions";
  // Heads may be there as long as they agree; the others broadcast.
  for (auto [i, size] : llvm::enumerate(llvm::reverse(foundShape))) {
    size_t axis = 3 - i;
    if (axis == 1 && size > 0)
      shape[1] = size;
    else if (size != 1 && size != shape[axis])
      return ("dimension " + Twine(axis) + " of the mask is " + Twine(size) +
              " " + sizes)
          .str();
  }
  std::vector<int64_t> sources =
      reference::getBroadcastSources(shape, foundShape);
  size_t at = 0;
  for (int64_t b = 0; b < shape[0]; ++b) {
    for (int64_t h = 0; h < shape[1]; ++h) {
      for (int64_t q = 0; q < shape[2]; ++q) {
        for (int64_t k = 0; k < shape[3]; ++k, ++at) {
          bool wanted = k <= witness.past + q && witness.isKept(b, k);
          double value = found.getFloat(sources[at]);
          bool visible = found.isFloat() ? value == 0 : value != 0;
          if (visible != wanted)
            return (Twine("the mask is not causal with padding: key ") +
                    Twine(k) + " of query " + Twine(q) + " is " +
                    (visible ? "visible" : "hidden") + " " + sizes)
                .str();
          if (visible || !found.isFloat())
            continue;
          if (!hidden)
            hidden = value;
          if (*hidden != value)
            return "the mask hides keys with different numbers, " +
                   describe(*hidden) + " and " + describe(value);
        }
      }
    }
  }
  return "";
}

/// The sizes of witnesses for a slice whose largest constant is `largest`.
static SmallVector<std::array<int64_t, 3>> getSizes(int64_t largest) {
  // (batch, past, tokens): one token and several, with and without a past, and
  // no two sizes equal, so that none is taken for another.
  SmallVector<std::array<int64_t, 3>> sizes{
      {1, 0, 1}, {2, 0, 5}, {2, 3, 1}, {3, 4, 2}, {1, 2, 7}};
  if (largest > 1) {
    sizes.push_back({2, largest + 3, 1});
    sizes.push_back({2, largest + 4, 3});
    sizes.push_back({1, 0, largest + 3});
  }
  return sizes;
}

MaskClassifier::Positions MaskClassifier::classifyPositions(Value value) {
  Slice slice;
  Positions result;
  result.reason = collectSlice(value, slice);
  std::optional<int64_t> offset;
  if (result.reason.empty())
    for (auto [batch, past, tokens] : getSizes(slice.largest))
      for (Contents contents : {Contents::Ones, Contents::LeftPadded}) {
        Witness witness{batch, past, tokens, contents};
        reference::Tensor found;
        result.reason = evaluateOn(value, slice, witness, found);
        if (!result.reason.empty())
          return result;
        if (found.getShape() != ArrayRef<int64_t>{batch, tokens}) {
          result.reason = "the shape is not [batch, tokens]";
          return result;
        }
        for (int64_t b = 0; b < batch; ++b) {
          int64_t start =
              contents == Contents::LeftPadded ? witness.getStart(b) : 0;
          for (int64_t q = 0; q < tokens; ++q) {
            int64_t position = past + q - start;
            if (position < 0)
              continue;
            int64_t difference = found.getInt(b * tokens + q) - position;
            if (!offset)
              offset = difference;
            if (*offset == difference)
              continue;
            result.reason = "the values do not count the steps since the "
                            "padding of each row";
            return result;
          }
        }
      }
  result.offset = offset.value_or(0);
  return result;
}

MaskClassifier::Result MaskClassifier::evaluate(Value mask) {
  Slice slice;
  Result result;
  result.reason = collectSlice(mask, slice);
  if (!result.reason.empty()) {
    result.reason = "the mask " + result.reason;
    return result;
  }
  std::optional<double> hidden;
  for (auto [batch, past, tokens] : getSizes(slice.largest)) {
    for (Contents pattern :
         {Contents::Ones, Contents::LeftPadded, Contents::Scattered}) {
      result.reason =
          checkWitness(mask, slice, {batch, past, tokens, pattern}, hidden);
      if (!result.reason.empty())
        return result;
    }
  }
  result.hidden = hidden.value_or(0);
  return result;
}
