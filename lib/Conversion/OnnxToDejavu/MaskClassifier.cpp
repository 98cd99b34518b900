//===- MaskClassifier.cpp - what a mask means -----------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MaskClassifier.h"

#include "dejavu/Reference/Interpreter.h"
#include "llvm/ADT/StringSwitch.h"

#include <cmath>

using namespace mlir;
using namespace mlir::dejavu;

/// The largest constant whose surroundings are tried.
static constexpr int64_t maxConstant = 1 << 17;

/// The largest weight, in elements, that a mask may be made of.
static constexpr int64_t maxWeight = 1 << 16;

/// The most new tokens at once: a mask of them has their square.
static constexpr int64_t maxTokens = 1024;

/// Beside a number below this a score does not count: no score comes near. A
/// key with such a number has no weight in a row that sees another key.
static constexpr double hiddenLimit = -9000;

/// A score of this size or less disappears in f32 beside a number below the
/// limit: ulp(1e36) / 2 is 4e28. A row of keys with one such number is uniform.
static constexpr double absorbingLimit = -1e36;

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
  /// The most steps there can be: a square table of what each query sees has no
  /// more.
  int64_t limit = std::numeric_limits<int64_t>::max();
  /// Keys of a mask that was too short for its witness; 0 if none was.
  int64_t keys = 0;
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

  std::string describe() const {
    return ("for batch " + Twine(batch) + ", past " + Twine(past) +
            ", tokens " + Twine(tokens))
        .str();
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

const MaskClassifier::Result &MaskClassifier::classify(ArrayRef<MaskTerm> terms,
                                                       int64_t heads) {
  std::vector<uint64_t> key{static_cast<uint64_t>(heads)};
  for (const MaskTerm &term : terms) {
    key.push_back(reinterpret_cast<uintptr_t>(term.value.getAsOpaquePointer()));
    key.push_back(static_cast<uint64_t>(term.kind) * 2 + term.isFolded);
    key.push_back(llvm::bit_cast<uint64_t>(term.factor));
    key.push_back(llvm::bit_cast<uint64_t>(term.number));
  }
  auto [it, isNew] = results.try_emplace(key);
  if (isNew)
    it->second = evaluate(terms, heads);
  return it->second;
}

std::string MaskClassifier::collectSlice(ArrayRef<Value> roots, Slice &slice) {
  // Values that an evaluation needs, and values of which only the constants
  // count: those below integers that are bound.
  SmallVector<std::pair<Value, bool>> worklist;
  for (Value root : roots)
    worklist.push_back({root, true});
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
      if (dense && dense.getNumElements() > 1) {
        ArrayRef<int64_t> shape = dense.getType().getShape();
        if (shape.size() > 1 && shape.back() > 1 &&
            shape.back() == shape[shape.size() - 2])
          slice.limit = std::min(slice.limit, shape.back());
        else
          count(*llvm::max_element(shape));
      }
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
    // Sizes that are not known in advance are found with the rest.
    if (isa<onnx::ShapeOp>(op) && !isNeeded)
      continue;
    // Slopes and tables of bools are small weights.
    if (isa<LoadWeightOp>(op)) {
      auto type = cast<RankedTensorType>(op->getResult(0).getType());
      if (isNeeded && type.getNumElements() > maxWeight)
        return "depends on a large weight";
      continue;
    }
    // Rounding to a narrower type shows from the first integer on that it does
    // not have.
    if (auto cast = dyn_cast<onnx::CastOp>(op))
      if (cast.getTo().isBF16() || cast.getTo().isF16())
        slice.largest += cast.getTo().isBF16() ? 256 : 2048;
    for (Value operand : op->getOperands()) {
      // A number that is chosen hides keys; one that is compared, added or
      // multiplied with may be a length.
      if (isa<onnx::WhereOp>(op) && getConstantFloat(operand))
        continue;
      worklist.push_back({operand, isNeeded});
    }
  }
  if (slice.limit < 16)
    return "depends on a table of less than 16 steps";
  if (slice.largest > maxConstant && slice.limit > maxConstant)
    return ("depends on numbers or tables that reach beyond " +
            Twine(maxConstant) + ", and such lengths are not tried")
        .str();
  return "";
}

/// Evaluates `value` for the sizes and the attention mask of a witness.
std::string MaskClassifier::evaluateOn(Value value, const Slice &slice,
                                       const Witness &witness,
                                       reference::Tensor &result) {
  int64_t steps = witness.past + witness.tokens;
  reference::Bindings bindings;
  if (slice.attentionMask) {
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

  reference::Options options;
  options.readWeight =
      reference::readWeightsOf(function->getParentOfType<ModuleOp>());
  reference::Interpreter interpreter(options);
  FailureOr<reference::Tensor> found =
      interpreter.evaluateTensor(value, bindings);
  if (failed(found))
    return "it cannot be evaluated: " +
           (interpreter.getError() ? interpreter.getError()->message : "");
  result = std::move(*found);
  return "";
}

/// What the terms make of scores that are all zero.
struct MaskClassifier::Scores {
  /// [batch, heads or 1, tokens, steps]
  int64_t shape[4];
  std::vector<float> values;
  /// True if numbers were put in the place of scores, not added: then no score
  /// counts beside them.
  bool areReplaced = true;
};

std::string MaskClassifier::applyTerms(ArrayRef<MaskTerm> terms, int64_t heads,
                                       Slice &slice, const Witness &witness,
                                       Scores &scores) {
  int64_t steps = witness.past + witness.tokens;
  SmallVector<reference::Tensor> tensors;
  int64_t shape[4] = {witness.batch, 1, witness.tokens, steps};
  for (const MaskTerm &term : terms) {
    reference::Tensor found;
    std::string reason = evaluateOn(term.value, slice, witness, found);
    if (!reason.empty())
      return "the mask: " + reason;
    SmallVector<int64_t> dims(found.getShape());
    if (term.isFolded && dims.size() == 3) {
      if (dims[0] % witness.batch != 0)
        return "the first dimension of the mask is not batch and heads";
      dims.insert(dims.begin() + 1, dims[0] / witness.batch);
      dims[0] = witness.batch;
      found = found.reshaped(dims);
    }
    if (dims.size() > 4)
      return "the mask has more than four dimensions";
    for (auto [i, size] : llvm::enumerate(llvm::reverse(dims))) {
      size_t axis = 3 - i;
      if (size == 1)
        continue;
      if (axis == 1 && size == heads)
        shape[1] = heads;
      else if (size != shape[axis]) {
        if (axis == 3 && size < steps)
          slice.keys = size;
        return ("dimension " + Twine(axis) + " of the mask is " + Twine(size) +
                " " + witness.describe())
            .str();
      }
    }
    tensors.push_back(std::move(found));
  }
  llvm::copy(shape, scores.shape);
  scores.values.assign(shape[0] * shape[1] * shape[2] * shape[3], 0.0f);
  for (auto [term, tensor] : llvm::zip_equal(terms, tensors)) {
    std::vector<int64_t> sources =
        reference::getBroadcastSources(shape, tensor.getShape());
    bool adds = term.kind == MaskTerm::Kind::Added;
    scores.areReplaced &= !adds;
    for (auto [value, source] : llvm::zip_equal(scores.values, sources)) {
      double element = tensor.getFloat(source);
      if (adds)
        value += static_cast<float>(term.factor * element);
      else if ((element != 0) == (term.kind == MaskTerm::Kind::Hides))
        value = static_cast<float>(term.number);
    }
  }
  return "";
}

std::string MaskClassifier::checkWitness(const Witness &witness,
                                         const Scores &scores, Result &result) {
  size_t at = 0;
  const int64_t *shape = scores.shape;
  for (int64_t b = 0; b < shape[0]; ++b) {
    for (int64_t h = 0; h < shape[1]; ++h) {
      for (int64_t q = 0; q < shape[2]; ++q, at += shape[3]) {
        ArrayRef<float> row(scores.values.data() + at, shape[3]);
        int64_t time = witness.past + q, first = -1, last = -1;
        for (int64_t k = 0; k < shape[3]; ++k) {
          bool wanted = k <= time && witness.isKept(b, k) &&
                        (result.window == 0 || time - k < result.window);
          bool visible = row[k] > hiddenLimit;
          if (visible != wanted)
            return (Twine("the mask is not causal with padding") +
                    (result.window ? " and a window of " + Twine(result.window)
                                   : Twine()) +
                    ": key " + Twine(k) + " of query " + Twine(q) + " is " +
                    (visible ? "visible" : "hidden") + " " + witness.describe())
                .str();
          if (!visible)
            continue;
          first = first < 0 ? k : first;
          last = k;
        }
        if (first < 0)
          checkEmptyRow(row, scores.areReplaced, result);
        // Without the pattern of a real mask a bias may count in other ways.
        else if (witness.pattern != Contents::Scattered &&
                 !checkBias(row.slice(first, last - first + 1), h, shape[1],
                            result))
          return ("the mask adds a bias that is no multiple of the key's "
                  "distance " +
                  witness.describe());
      }
    }
  }
  return "";
}

/// Notes what hides the keys of a query that sees none.
void MaskClassifier::checkEmptyRow(ArrayRef<float> row, bool areReplaced,
                                   Result &result) {
  for (float value : row) {
    if (result.hidden == 0)
      result.hidden = value;
    if (result.hidden != value || (!areReplaced && value > absorbingLimit))
      result.isMixed = true;
  }
}

/// Whether the visible keys `row` of head `head` have the slope of that head.
/// The first row that shows it sets it.
bool MaskClassifier::checkBias(ArrayRef<float> row, int64_t head, int64_t heads,
                               Result &result) {
  bool isFlat = llvm::all_of(row, [&](float v) { return v == row.front(); });
  if (row.size() < 2 || (isFlat && result.slopes.empty()))
    return true;
  if (result.slopes.empty())
    result.slopes.assign(heads, NAN);
  // Heads that share one row share its slope.
  if (static_cast<int64_t>(result.slopes.size()) != heads)
    return false;
  float &slope = result.slopes[head];
  if (std::isnan(slope))
    slope = (row.back() - row.front()) / static_cast<float>(row.size() - 1);
  for (auto [i, value] : llvm::enumerate(row)) {
    float wanted = row.front() + slope * static_cast<float>(i);
    float size = std::max(std::abs(row.front()), std::abs(value));
    if (std::abs(value - wanted) > 1e-6f * std::max(size, 1.0f))
      return false;
  }
  return true;
}

/// The sizes of witnesses for a slice whose largest constant is `largest`, with
/// up to `limit` steps.
static SmallVector<std::array<int64_t, 3>> getSizes(int64_t largest,
                                                    int64_t limit) {
  // (batch, past, tokens): one token and several, with and without a past, and
  // no two sizes equal, so that none is taken for another.
  SmallVector<std::array<int64_t, 3>> sizes{
      {1, 0, 1}, {2, 0, 5}, {2, 3, 1}, {3, 4, 2}, {1, 2, 7}};
  bool isLimited = limit <= largest + 7;
  if (isLimited)
    largest = limit - 7;
  if (largest > 1 || isLimited) {
    sizes.push_back({2, largest + 3, 1});
    sizes.push_back({2, largest + 4, 3});
    sizes.push_back({1, 0, std::min(largest, maxTokens) + 3});
  }
  return sizes;
}

MaskClassifier::Positions MaskClassifier::classifyPositions(Value value) {
  Slice slice;
  Positions result;
  result.reason = collectSlice(value, slice);
  if (result.reason.empty() && !slice.attentionMask)
    result.reason = "does not depend on the attention mask";
  std::optional<int64_t> offset;
  if (result.reason.empty())
    for (auto [batch, past, tokens] : getSizes(slice.largest, slice.limit))
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

MaskClassifier::Result MaskClassifier::evaluate(ArrayRef<MaskTerm> terms,
                                                int64_t heads) {
  Slice slice;
  Result result;
  SmallVector<Value> roots;
  for (const MaskTerm &term : terms)
    roots.push_back(term.value);
  result.reason = collectSlice(roots, slice);
  if (!result.reason.empty()) {
    result.reason = "the mask " + result.reason;
    return result;
  }
  evaluate(terms, heads, slice, result);
  // A mask that does not fit the scores: the model ends where a table does.
  if (slice.keys >= 16 && slice.keys < slice.limit) {
    slice.limit = slice.keys;
    result = Result();
    evaluate(terms, heads, slice, result);
  }
  return result;
}

void MaskClassifier::evaluate(ArrayRef<MaskTerm> terms, int64_t heads,
                              Slice &slice, Result &result) {
  SmallVector<std::array<int64_t, 3>> sizes =
      getSizes(slice.largest, slice.limit);
  // The window is what the last query of the longest witness sees; that all
  // others see as much is checked with the rest.
  auto longest = *llvm::max_element(
      sizes, [](auto &a, auto &b) { return a[1] + a[2] < b[1] + b[2]; });
  {
    Witness witness{longest[0], longest[1], longest[2], Contents::Ones};
    Scores scores;
    result.reason = applyTerms(terms, heads, slice, witness, scores);
    if (!result.reason.empty())
      return;
    ArrayRef<float> row =
        ArrayRef(scores.values).take_back(longest[1] + longest[2]);
    int64_t visible =
        llvm::count_if(row, [](float v) { return v > hiddenLimit; });
    if (visible > 0 && visible < static_cast<int64_t>(row.size()))
      result.window = visible;
  }
  for (auto [batch, past, tokens] : sizes) {
    for (Contents pattern :
         {Contents::Ones, Contents::LeftPadded, Contents::Scattered}) {
      // Without an attention mask there is nothing to hide padding with.
      if (!hasAttentionMask() && pattern != Contents::Ones)
        continue;
      Witness witness{batch, past, tokens, pattern};
      Scores scores;
      result.reason = applyTerms(terms, heads, slice, witness, scores);
      if (result.reason.empty())
        result.reason = checkWitness(witness, scores, result);
      if (!result.reason.empty())
        return;
    }
  }
  // One row for all heads is one slope for each of them.
  if (result.slopes.size() == 1)
    result.slopes.assign(heads, float(result.slopes.front()));
  for (float &slope : result.slopes)
    if (std::isnan(slope))
      slope = 0;
}

std::string MaskClassifier::checkRowGuard(Value guard, bool isSplit,
                                          const Result &mask) {
  Slice slice;
  std::string reason = collectSlice({guard}, slice);
  if (!reason.empty())
    return "what zeroes queries " + reason;
  for (auto [batch, past, tokens] : getSizes(slice.largest, slice.limit)) {
    for (Contents pattern :
         {Contents::Ones, Contents::LeftPadded, Contents::Scattered}) {
      if (!hasAttentionMask() && pattern != Contents::Ones)
        continue;
      Witness witness{batch, past, tokens, pattern};
      reference::Tensor found;
      reason = evaluateOn(guard, slice, witness, found);
      if (!reason.empty())
        return "what zeroes queries: " + reason;
      SmallVector<int64_t> shape(found.getShape());
      // Without heads it is the same in either order.
      if (shape.size() == 4 && isSplit)
        std::swap(shape[1], shape[2]);
      if (shape.size() != 4 || (shape[0] != 1 && shape[0] != batch) ||
          shape[1] != 1 || (shape[2] != 1 && shape[2] != tokens) ||
          shape[3] != 1)
        return "what zeroes queries is not one bool for each";
      std::vector<int64_t> sources =
          reference::getBroadcastSources({batch, 1, tokens, 1}, shape);
      for (int64_t b = 0, at = 0; b < batch; ++b) {
        for (int64_t q = 0; q < tokens; ++q, ++at) {
          bool sees = false;
          int64_t time = past + q;
          for (int64_t k = 0; k <= time && !sees; ++k)
            sees = witness.isKept(b, k) &&
                   (mask.window == 0 || time - k < mask.window);
          if ((found.getInt(sources[at]) != 0) == sees)
            return "queries are zeroed that see keys, or others are not, " +
                   witness.describe();
        }
      }
    }
  }
  return "";
}

bool MaskClassifier::hasAttentionMask() {
  for (unsigned i = 0, e = function.getNumArguments(); i < e; ++i) {
    auto binding = function.getArgAttrOfType<BindingAttr>(i, kBindingAttrName);
    if (binding && binding.getRole() == Role::attention_mask)
      return true;
  }
  return false;
}
