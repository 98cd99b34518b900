//===- RaiseRope.cpp - rotary position embeddings -------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A rotated value is linear in an activation and in factors that depend on
// positions alone. The analysis LaneProvenance tells which lanes of both make
// each of its lanes; whether that is a rotation, of which pairs, is read off
// the numbers.
//
//===----------------------------------------------------------------------===//

#include "dejavu/Conversion/OnnxToDejavu/Passes.h"

#include "Lanes.h"

#include "llvm/ADT/SetVector.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_RAISEROPEPASS
#include "dejavu/Conversion/OnnxToDejavu/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;

namespace {
/// What is known of a value that is linear in an activation and in factors.
struct Linear {
  Value source;
  llvm::SmallSetVector<Value, 4> factors;
  /// Whether products were added up.
  bool isSum = false;
};

/// A lane of a factor.
using FactorLane = std::pair<int64_t, int64_t>;

/// A rotation of pairs of lanes of each head.
struct Rotation {
  int64_t heads = 0, headDim = 0;
  bool isInterleaved = false;
  /// For each lane of the rotated value the lane of the source in its place.
  std::vector<int64_t> lanes;
  /// For each pair its cosine and sine.
  SmallVector<FactorLane> cosines, sines;
};

/// A factor as `scale * function(angles[lane])`.
struct Trigonometric {
  Operation *function = nullptr; ///< a Cos or Sin
  Value angles;
  std::vector<int64_t> lanes;
  double scale = 1;
};

struct RaiseRope : dejavu::impl::RaiseRopePassBase<RaiseRope> {
  void runOnOperation() override;
};

/// The pass at work on one function.
class Raiser {
public:
  Raiser(func::FuncOp function, IRRewriter &rewriter, SymbolicShapes &shapes,
         WeightTable &weights)
      : function(function), rewriter(rewriter), shapes(shapes),
        weights(weights), lanes(rewriter, shapes, weights) {}

  void run();

private:
  void visit(Operation *op);
  std::optional<Linear> combine(Operation *op);
  void raise(Value rotated, const Linear &linear);
  Value getTable(ArrayRef<Value> factors, const Rotation &rotation,
                 Operation *user);
  Value getAngleTable(ArrayRef<Value> factors, const Rotation &rotation);
  Value getJoinedTable(ArrayRef<Value> factors, const Rotation &rotation,
                       Operation *user);
  std::optional<Trigonometric> matchTrigonometric(Value factor);
  bool dependsOnPositions(Value value);

  func::FuncOp function;
  IRRewriter &rewriter;
  SymbolicShapes &shapes;
  WeightTable &weights;
  LaneBuilder lanes;
  /// Values that depend on what a dejavu op computes.
  llvm::DenseSet<Value> activations;
  llvm::DenseMap<Value, Linear> linears;
  /// Values that depend on an argument.
  llvm::DenseSet<Value> varying;
  std::map<std::string, Value> tables;
};
} // namespace

//===----------------------------------------------------------------------===//
// Candidates
//===----------------------------------------------------------------------===//

/// The factor that `value` is moved from, if it varies with positions.
bool Raiser::dependsOnPositions(Value value) {
  return !activations.contains(value) && varying.contains(value) &&
         isa<FloatType>(getElementTypeOrSelf(value.getType()));
}

std::optional<Linear> Raiser::combine(Operation *op) {
  LaneProvenance &provenance = lanes.getProvenance();
  if (isa<onnx::MulOp>(op)) {
    for (Value factor : op->getOperands()) {
      Value value = getOtherOperand(op, factor);
      if (!dependsOnPositions(factor) || !activations.contains(value) ||
          linears.count(value))
        continue;
      // Signs may stand between the source and the product.
      Linear linear;
      linear.source = provenance.getSource(value);
      while (auto neg = linear.source.getDefiningOp<onnx::NegOp>())
        linear.source = provenance.getSource(neg.getX());
      // A rotated half: a Concat of a negated part and another.
      if (auto concat = linear.source.getDefiningOp<onnx::ConcatOp>()) {
        Value common;
        for (Value part : concat.getInputs()) {
          Value from = provenance.getSource(part);
          if (auto neg = from.getDefiningOp<onnx::NegOp>())
            from = provenance.getSource(neg.getX());
          if (common && from != common)
            common = linear.source;
          else
            common = from;
        }
        linear.source = common;
      }
      linear.factors.insert(provenance.getSource(factor));
      return linear;
    }
    return std::nullopt;
  }
  // A lookup at places that are not constant mixes rows.
  if (isa<onnx::GatherOp, onnx::GatherElementsOp, onnx::GatherNDOp,
          onnx::ScatterNDOp>(op) &&
      varying.contains(op->getOperand(1)))
    return std::nullopt;
  bool isSum = isa<onnx::AddOp, onnx::SubOp>(op);
  if (!isSum && !isDataMovement(op) && !isa<onnx::NegOp>(op))
    return std::nullopt;
  SmallVector<Value> operands = isDataMovement(op)
                                    ? getMovedOperands(op)
                                    : SmallVector<Value>(op->getOperands());
  Linear linear;
  bool hasLinear = false;
  for (Value operand : operands) {
    auto it = linears.find(operand);
    if (it == linears.end())
      continue;
    hasLinear = true;
    if (linear.source && linear.source != it->second.source)
      return std::nullopt;
    linear.source = it->second.source;
    linear.factors.insert_range(it->second.factors);
    linear.isSum |= it->second.isSum;
  }
  if (!hasLinear)
    return std::nullopt;
  for (Value operand : operands)
    if (!linears.count(operand) &&
        (isSum || provenance.getSource(operand) != linear.source))
      return std::nullopt;
  linear.isSum |= isSum;
  return linear;
}

void Raiser::visit(Operation *op) {
  // Tables of cosines may be looked up as embeddings are.
  bool isActivation = isa<DejavuDialect>(op->getDialect()) &&
                      !isa<LoadWeightOp, RopeTableOp, EmbedOp>(op);
  bool isVarying = isActivation;
  for (Value operand : op->getOperands()) {
    // Sizes say nothing of contents.
    isActivation |= !isa<onnx::ShapeOp>(op) && activations.contains(operand);
    isVarying |= varying.contains(operand);
  }
  for (Value result : op->getResults()) {
    if (isActivation)
      activations.insert(result);
    if (isVarying)
      varying.insert(result);
  }
  if (!isActivation || isa<DejavuDialect>(op->getDialect()))
    return;
  if (std::optional<Linear> linear = combine(op))
    for (Value result : op->getResults())
      linears[result] = *linear;
}

//===----------------------------------------------------------------------===//
// Rotations
//===----------------------------------------------------------------------===//

/// Reads a rotation off `table`, whose last lanes are a head. Nothing if it is
/// another function.
static std::optional<Rotation> matchRotation(const LaneTable &table,
                                             bool isInterleaved) {
  SmallVector<int64_t> sizes = table.getLaneSizes();
  if (sizes.empty())
    return std::nullopt;
  Rotation rotation;
  rotation.isInterleaved = isInterleaved;
  rotation.headDim = sizes.back();
  rotation.heads = static_cast<int64_t>(table.lanes.size()) / rotation.headDim;
  // The first lanes of a head are rotated, the others stay.
  int64_t rotated = 0;
  while (rotated < rotation.headDim && table.lanes[rotated].size() == 2)
    ++rotated;
  if (rotated == 0 || rotated % 2 != 0)
    return std::nullopt;
  int64_t half = rotated / 2;
  auto getPair = [&](int64_t p) -> std::pair<int64_t, int64_t> {
    return isInterleaved ? std::pair(2 * p, 2 * p + 1) : std::pair(p, p + half);
  };
  rotation.lanes.assign(table.lanes.size(), -1);
  for (int64_t head = 0; head < rotation.heads; ++head) {
    int64_t base = head * rotation.headDim;
    for (int64_t p = 0; p < half; ++p) {
      auto [first, second] = getPair(p);
      const auto &x = table.lanes[base + first];
      const auto &y = table.lanes[base + second];
      if (x.size() != 2 || y.size() != 2)
        return std::nullopt;
      // x' = x cos - y sin: the sine is what is subtracted.
      int64_t minus = x[0].factor == -1 ? 0 : 1;
      const LaneTable::Term &sine = x[minus], &cosine = x[1 - minus];
      if (sine.factor != -1 || cosine.factor != 1 || sine.leaf < 0 ||
          cosine.leaf < 0)
        return std::nullopt;
      // y' = y cos + x sin.
      int64_t other = y[0].lane == cosine.lane ? 0 : 1;
      const LaneTable::Term &sine2 = y[other], &cosine2 = y[1 - other];
      if (sine2.factor != 1 || cosine2.factor != 1 ||
          sine2.lane != cosine.lane || cosine2.lane != sine.lane ||
          sine2.leaf < 0 || cosine2.leaf < 0)
        return std::nullopt;
      rotation.lanes[base + first] = cosine.lane;
      rotation.lanes[base + second] = sine.lane;
      // Both cosines, and all heads', have to be the same; lanes of one factor
      // that are equal have been given the same number.
      FactorLane cos{cosine.leaf, cosine.leafLane};
      FactorLane sin{sine.leaf, sine.leafLane};
      if (cos != FactorLane{cosine2.leaf, cosine2.leafLane} ||
          sin != FactorLane{sine2.leaf, sine2.leafLane})
        return std::nullopt;
      if (head == 0) {
        rotation.cosines.push_back(cos);
        rotation.sines.push_back(sin);
      } else if (rotation.cosines[p] != cos || rotation.sines[p] != sin) {
        return std::nullopt;
      }
    }
    for (int64_t i = rotated; i < rotation.headDim; ++i) {
      const auto &terms = table.lanes[base + i];
      if (terms.size() != 1 || terms[0].leaf >= 0 || terms[0].factor != 1)
        return std::nullopt;
      rotation.lanes[base + i] = terms[0].lane;
    }
  }
  return rotation;
}

std::optional<Trigonometric> Raiser::matchTrigonometric(Value factor) {
  Trigonometric match;
  Value value = factor;
  while (auto mul = value.getDefiningOp<onnx::MulOp>()) {
    std::optional<double> scale = getConstantFloat(mul.getB());
    Value rest = mul.getA();
    if (!scale) {
      scale = getConstantFloat(mul.getA());
      rest = mul.getB();
    }
    if (!scale || rest.getType() != value.getType())
      return std::nullopt;
    match.scale *= *scale;
    value = rest;
  }
  Operation *op = value.getDefiningOp();
  if (!op || !isa<onnx::CosOp, onnx::SinOp>(op))
    return std::nullopt;
  match.function = op;
  std::optional<LaneMap> map = lanes.getMap(op->getOperand(0));
  // The lanes have to be the last dimension, as those of the factor are.
  auto type = cast<RankedTensorType>(value.getType());
  if (!map || (*map)->parts.empty() ||
      (*map)->parts.back().axis != type.getRank() - 1 ||
      (*map)->parts.back().row >= 0 || (*map)->getLaneSizes().size() != 1)
    return std::nullopt;
  std::optional<std::vector<int64_t>> moved = (*map)->getMoved();
  if (!moved)
    return std::nullopt;
  match.angles = map->source;
  match.lanes = std::move(*moved);
  return match;
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

/// The positions [batch, tokens] and the vector of frequencies whose product
/// `angles` is.
static std::pair<Value, Value> matchAngles(Value angles) {
  auto isPositions = [](Value value) -> Value {
    // Up to the integers, through ops that keep their order.
    while (Operation *op = value.getDefiningOp()) {
      auto type = dyn_cast<RankedTensorType>(value.getType());
      if (type && type.getElementType().isInteger(64) && type.getRank() == 2)
        break;
      if (!isa<onnx::CastOp, onnx::UnsqueezeOp, onnx::ReshapeOp,
               onnx::SqueezeOp, onnx::IdentityOp, onnx::ExpandOp>(op))
        return {};
      value = op->getOperand(0);
    }
    auto type = dyn_cast<RankedTensorType>(value.getType());
    bool fits =
        type && type.getElementType().isInteger(64) && type.getRank() == 2;
    return fits ? value : Value();
  };
  auto isFrequencies = [](Value value) -> Value {
    while (Operation *op = value.getDefiningOp()) {
      if (isa<LoadWeightOp>(op))
        return value;
      if (!isa<onnx::UnsqueezeOp, onnx::ReshapeOp, onnx::SqueezeOp,
               onnx::IdentityOp, onnx::ExpandOp, onnx::TransposeOp,
               onnx::CastOp>(op))
        return {};
      value = op->getOperand(0);
    }
    return {};
  };
  Operation *op = angles.getDefiningOp();
  if (!op || !isa<onnx::MulOp, onnx::MatMulOp>(op))
    return {};
  if (auto product = dyn_cast<onnx::MatMulOp>(op)) {
    // An outer product: the dimension between the two is one.
    auto type = dyn_cast<RankedTensorType>(product.getA().getType());
    if (!type || type.getShape().back() != 1)
      return {};
  }
  for (Value operand : op->getOperands()) {
    Value positions = isPositions(operand);
    Value frequencies = isFrequencies(getOtherOperand(op, operand));
    if (positions && frequencies)
      return {positions, frequencies};
  }
  return {};
}

/// A rope_table, if the factors are the cosines and sines of products of
/// positions with frequencies.
Value Raiser::getAngleTable(ArrayRef<Value> factors, const Rotation &rotation) {
  SmallVector<std::optional<Trigonometric>> matches;
  for (Value factor : factors)
    matches.push_back(matchTrigonometric(factor));
  Value angles;
  double scale = 0;
  std::vector<int64_t> order;
  for (auto [cosine, sine] :
       llvm::zip_equal(rotation.cosines, rotation.sines)) {
    const auto &cos = matches[cosine.first], &sin = matches[sine.first];
    if (!cos || !sin || !isa<onnx::CosOp>(cos->function) ||
        !isa<onnx::SinOp>(sin->function) || cos->angles != sin->angles ||
        cos->scale != sin->scale ||
        cos->lanes[cosine.second] != sin->lanes[sine.second])
      return {};
    if (angles && (cos->angles != angles || cos->scale != scale))
      return {};
    angles = cos->angles;
    scale = cos->scale;
    order.push_back(cos->lanes[cosine.second]);
  }
  auto [positions, frequencies] = matchAngles(angles);
  if (!positions)
    return {};
  // The rows of the angles are those of the positions.
  const SymbolicShapes::Dims *dims = shapes.getShape(angles);
  const SymbolicShapes::Dims *rows = shapes.getShape(positions);
  SmallVector<int64_t> axes = lanes.getRowAxes(angles);
  if (!dims || !rows || axes.size() != 2 || (*dims)[axes[1]] != (*rows)[1] ||
      ((*rows)[0] != DimExpr(1) && (*dims)[axes[0]] != (*rows)[0]))
    return {};
  auto weightType = cast<RankedTensorType>(frequencies.getType());
  int64_t count = weightType.getNumElements();
  FlatSymbolRefAttr weight = matchReshapedWeight(frequencies, {count}, weights);
  if (!weight || !weightType.getElementType().isF32() ||
      llvm::any_of(order, [&](int64_t lane) { return lane >= count; }))
    return {};
  weight = weights.getRows(weight, order);

  std::string key = std::to_string(reinterpret_cast<uintptr_t>(
                        positions.getAsOpaquePointer())) +
                    weight.getValue().str() + " " + std::to_string(scale);
  Value &table = tables[key];
  if (table)
    return table;
  auto type = cast<RankedTensorType>(positions.getType());
  auto tableType =
      RankedTensorType::get({type.getDimSize(0), type.getDimSize(1),
                             2 * static_cast<int64_t>(order.size())},
                            rewriter.getF32Type());
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPointAfterValue(positions);
  table = lanes.create<RopeTableOp>(
      angles.getLoc(), tableType, positions, weight,
      scale == 1 ? FloatAttr() : rewriter.getF32FloatAttr(scale));
  return table;
}

/// The cosines and sines, whatever they are, one after the other.
Value Raiser::getJoinedTable(ArrayRef<Value> factors, const Rotation &rotation,
                             Operation *user) {
  auto getHalf = [&](ArrayRef<FactorLane> half) -> Value {
    std::vector<int64_t> taken;
    int64_t factor = half.front().first;
    for (const FactorLane &lane : half) {
      if (lane.first != factor)
        return {};
      taken.push_back(lane.second);
    }
    Value value = factors[factor];
    auto type = cast<RankedTensorType>(value.getType());
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPointAfterValue(value);
    if (type.getRank() == 2) {
      value = lanes.create<onnx::UnsqueezeOp>(
          value.getLoc(),
          RankedTensorType::get({1, type.getDimSize(0), type.getDimSize(1)},
                                type.getElementType()),
          value, lanes.createInts(value.getLoc(), {0}));
      return lanes.getActivation(value, {0, 1}, taken);
    }
    return lanes.getActivation(value, lanes.getRowAxes(value), taken);
  };
  std::string key;
  for (ArrayRef<FactorLane> half : {ArrayRef<FactorLane>(rotation.cosines),
                                    ArrayRef<FactorLane>(rotation.sines)})
    for (auto [factor, lane] : half)
      key += std::to_string(reinterpret_cast<uintptr_t>(
                 factors[factor].getAsOpaquePointer())) +
             ":" + std::to_string(lane) + ",";
  auto known = tables.find(key);
  if (known != tables.end())
    return known->second;
  Value cosines = getHalf(rotation.cosines), sines = getHalf(rotation.sines);
  if (!cosines || !sines)
    return {};
  auto type = cast<RankedTensorType>(cosines.getType());
  if (sines.getType() != type || !isActivationType(type))
    return {};
  // Where both are defined: they dominate the first rotation.
  OpBuilder::InsertionGuard guard(rewriter);
  Operation *last = cosines.getDefiningOp();
  for (Operation *op : {last, sines.getDefiningOp()})
    if (op && (!last || last->isBeforeInBlock(op)))
      last = op;
  if (last)
    rewriter.setInsertionPointAfter(last);
  else
    rewriter.setInsertionPoint(user);
  Value table = lanes.create<onnx::ConcatOp>(
      cosines.getLoc(),
      RankedTensorType::get(
          {type.getDimSize(0), type.getDimSize(1), 2 * type.getDimSize(2)},
          type.getElementType()),
      ValueRange{cosines, sines}, 2);
  return tables[key] = table;
}

Value Raiser::getTable(ArrayRef<Value> factors, const Rotation &rotation,
                       Operation *user) {
  if (Value table = getAngleTable(factors, rotation))
    return table;
  return getJoinedTable(factors, rotation, user);
}

//===----------------------------------------------------------------------===//
// Raising
//===----------------------------------------------------------------------===//

void Raiser::raise(Value rotated, const Linear &linear) {
  SmallVector<Value> factors(linear.factors.begin(), linear.factors.end());
  Operation *op = rotated.getDefiningOp();
  std::optional<LaneMap> map = lanes.getProvenance().evaluate(
      rotated, linear.source, lanes.getRowAxes(linear.source), factors);
  if (!map) {
    remark::missed(op->getLoc(), getRemarkOptions(op))
        << ("rotary embedding is not raised: it " +
            lanes.getProvenance().getReason())
               .str();
    return;
  }
  // Lanes of a factor whose angles are the same lane are the same: the lowest
  // stands for all.
  LaneTable table = *map->table;
  for (auto [f, factor] : llvm::enumerate(factors)) {
    std::optional<Trigonometric> match = matchTrigonometric(factor);
    if (!match)
      continue;
    for (auto &terms : table.lanes)
      for (LaneTable::Term &term : terms)
        if (term.leaf == static_cast<int64_t>(f))
          term.leafLane =
              llvm::find(match->lanes, match->lanes[term.leafLane]) -
              match->lanes.begin();
  }
  std::optional<Rotation> rotation = matchRotation(table, false);
  if (!rotation)
    rotation = matchRotation(table, true);
  if (!rotation) {
    remark::missed(op->getLoc(), getRemarkOptions(op))
        << "rotary embedding is not raised: it is no rotation of pairs that "
           "is known";
    return;
  }
  // Heads that are the same are rotated once.
  int64_t size = rotation->headDim;
  std::vector<int64_t> unique, places;
  for (int64_t head = 0; head < rotation->heads; ++head) {
    auto begin = rotation->lanes.begin() + head * size;
    int64_t at = 0, count = static_cast<int64_t>(unique.size()) / size;
    while (at < count &&
           !std::equal(begin, begin + size, unique.begin() + at * size))
      ++at;
    if (at == count)
      unique.insert(unique.end(), begin, begin + size);
    for (int64_t i = 0; i < size; ++i)
      places.push_back(at * size + i);
  }
  Value input = lanes.getActivation(linear.source, map->table->rowAxes, unique);
  Value cosSin = input ? getTable(factors, *rotation, op) : Value();
  if (!cosSin) {
    remark::missed(op->getLoc(), getRemarkOptions(op))
        << "rotary embedding is not raised: its factors have no form as a "
           "table";
    return;
  }
  auto tableType = cast<RankedTensorType>(cosSin.getType());
  auto inputType = cast<RankedTensorType>(input.getType());
  if (tableType.getDimSize(1) != inputType.getDimSize(1) ||
      (tableType.getDimSize(0) != inputType.getDimSize(0) &&
       tableType.getDimSize(0) != 1))
    return;
  rewriter.setInsertionPoint(op);
  Value rope = lanes.create<RopeOp>(
      op->getLoc(), input.getType(), input, cosSin,
      rewriter.getI64IntegerAttr(static_cast<int64_t>(unique.size()) / size),
      rotation->isInterleaved ? rewriter.getUnitAttr() : UnitAttr());
  // Heads that are repeated are moved data again.
  Value all = rope;
  if (!llvm::equal(places, llvm::seq<int64_t>(0, unique.size())))
    all = lanes.create<onnx::GatherOp>(
        op->getLoc(),
        RankedTensorType::get({inputType.getDimSize(0), inputType.getDimSize(1),
                               static_cast<int64_t>(places.size())},
                              inputType.getElementType()),
        rope, lanes.createInts(op->getLoc(), places), 2);
  Value result =
      lanes.arrange(all, table, cast<RankedTensorType>(rotated.getType()));
  if (!result)
    return;
  rewriter.replaceAllUsesWith(rotated, result);
}

void Raiser::run() {
  for (BlockArgument argument : function.getArguments())
    varying.insert(argument);
  SmallVector<Operation *> ops;
  for (Operation &op : function.front()) {
    visit(&op);
    ops.push_back(&op);
  }
  // The last values of a rotation: some user does something else.
  for (Operation *op : ops)
    for (Value result : op->getResults()) {
      auto it = linears.find(result);
      if (it == linears.end() || !it->second.isSum)
        continue;
      bool isLast = llvm::any_of(result.getUsers(), [&](Operation *user) {
        return user->getNumResults() == 0 ||
               (!isa<onnx::ShapeOp>(user) &&
                !linears.count(user->getResult(0)));
      });
      if (isLast)
        raise(result, it->second);
    }
}

void RaiseRope::runOnOperation() {
  func::FuncOp function = getMain(getOperation());
  if (!function)
    return;
  SymbolicShapes shapes(function);
  WeightTable weights(getOperation());
  IRRewriter rewriter(&getContext());
  Raiser(function, rewriter, shapes, weights).run();
  eraseDeadOps(function);
}
