//===- AttentionMatcher.cpp - attention in onnx ops -----------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionMatcher.h"

using namespace mlir;
using namespace mlir::dejavu;

using Dims = SymbolicShapes::Dims;

/// How deep a score may lie below the softmax.
static constexpr int maxDepth = 24;

//===----------------------------------------------------------------------===//
// Small questions
//===----------------------------------------------------------------------===//

static int64_t getRank(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type ? type.getRank() : -1;
}

/// The uses of `value` but those that ask for its shape.
static SmallVector<OpOperand *> getUses(Value value) {
  SmallVector<OpOperand *> uses;
  for (OpOperand &use : value.getUses())
    if (!isa<onnx::ShapeOp, onnx::SizeOp>(use.getOwner()))
      uses.push_back(&use);
  return uses;
}

/// The one user of `value`, if it is an `OpTy`.
template <typename OpTy>
static OpTy getOnlyUser(Value value) {
  SmallVector<OpOperand *> uses = getUses(value);
  return uses.size() == 1 ? dyn_cast<OpTy>(uses.front()->getOwner()) : OpTy();
}

/// The operand of an op that hands it on, but for the precision of floats.
static Value getCopied(Operation *op) {
  if (isa<onnx::IdentityOp, onnx::DropoutOp>(op))
    return op->getOperand(0);
  if (auto cast = dyn_cast<onnx::CastOp>(op))
    if (cast.getTo().isF32() &&
        getElementTypeOrSelf(cast.getInput().getType()).isF32())
      return cast.getInput();
  return {};
}

/// The number that `value` is, a constant or computed from some: exporters
/// spell the scale as 1 / sqrt(size).
static std::optional<double> evaluateNumber(Value value, int depth = 0) {
  if (std::optional<double> number = getConstantFloat(value))
    return number;
  if (std::optional<int64_t> number = getConstantInt(value))
    return static_cast<double>(*number);
  Operation *op = value.getDefiningOp();
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!op || !type || !type.hasStaticShape() || type.getNumElements() != 1 ||
      depth > 8 || op->getNumOperands() == 0)
    return std::nullopt;
  std::optional<double> a = evaluateNumber(op->getOperand(0), depth + 1);
  if (!a)
    return std::nullopt;
  auto round = [](double x) { return static_cast<double>(float(x)); };
  if (isa<onnx::SqrtOp>(op))
    return round(std::sqrt(*a));
  if (isa<onnx::ReciprocalOp>(op))
    return round(1 / *a);
  if (isa<onnx::CastOp, onnx::ReshapeOp, onnx::SqueezeOp, onnx::UnsqueezeOp>(
          op))
    return type.getElementType().isF32() ? round(*a) : *a;
  std::optional<double> b;
  if (isa<onnx::MulOp, onnx::DivOp>(op) && type.getElementType().isF32())
    b = evaluateNumber(op->getOperand(1), depth + 1);
  if (!b)
    return std::nullopt;
  return round(isa<onnx::MulOp>(op) ? *a * *b : *a / *b);
}

/// x and f for `x * f` or `x / (1 / f)` with a constant f of which `value` does
/// not take a dimension.
static std::pair<Value, double> matchFactor(Value value) {
  Operation *op = value.getDefiningOp();
  Value rest;
  double factor = 1;
  if (isa_and_nonnull<onnx::MulOp>(op)) {
    for (Value operand : op->getOperands()) {
      if (std::optional<double> number = evaluateNumber(operand)) {
        factor = *number;
        rest = getOtherOperand(op, operand);
      }
    }
  } else if (isa_and_nonnull<onnx::DivOp>(op)) {
    std::optional<double> number = evaluateNumber(op->getOperand(1));
    if (number && *number != 0) {
      factor = 1 / *number;
      rest = op->getOperand(0);
    }
  }
  if (!rest || getRank(rest) < 0 || getRank(rest) != getRank(value))
    return {};
  return {rest, factor};
}

bool Heads::isInOrder() const {
  return llvm::equal(perm, llvm::seq<int64_t>(0, perm.size()));
}

std::optional<Dims> Heads::getShape(const SymbolicShapes &shapes) const {
  const Dims *dims = shapes.getShape(value);
  if (!dims || dims->size() != perm.size())
    return std::nullopt;
  Dims result;
  for (int64_t axis : perm)
    result.push_back((*dims)[axis]);
  return result;
}

//===----------------------------------------------------------------------===//
// Operands of the products
//===----------------------------------------------------------------------===//

/// True if `op` makes [a * b, c, d] of [a, b, c, d].
static bool foldsHeads(onnx::ReshapeOp op, const SymbolicShapes &shapes) {
  const Dims *from = shapes.getShape(op.getData());
  return from && from->size() == 4 &&
         shapes.hasShape(op, {(*from)[0] * (*from)[1], (*from)[2], (*from)[3]});
}

/// Looks through factors, transposes and the folding of batch and heads. With
/// `scale` null, factors are not looked through.
static Heads peel(Heads heads, double *scale, const SymbolicShapes &shapes) {
  while (Operation *op = heads.value.getDefiningOp()) {
    if (Value copied = getCopied(op)) {
      heads.value = copied;
    } else if (auto [rest, factor] = matchFactor(heads.value); scale && rest) {
      *scale *= factor;
      heads.value = rest;
    } else if (auto transpose = dyn_cast<onnx::TransposeOp>(op)) {
      for (int64_t &axis : heads.perm)
        axis = transpose.getPerm()[axis];
      heads.value = transpose.getData();
    } else if (auto reshape = dyn_cast<onnx::ReshapeOp>(op);
               reshape && heads.perm.size() == 3 && heads.perm[0] == 0 &&
               foldsHeads(reshape, shapes)) {
      heads.perm.insert(heads.perm.begin(), 0);
      for (size_t i = 1; i < 4; ++i)
        heads.perm[i] += 1;
      heads.value = reshape.getData();
    } else {
      break;
    }
  }
  return heads;
}

/// The value whose heads are repeated in `heads`: [b, h, t, d] becomes
/// [b, h, 1, t, d], [b, h, g, t, d] and [b, h * g, t, d]. The shapes prove it.
static Heads peelRepeat(Heads heads, double *scale,
                        const SymbolicShapes &shapes) {
  heads = peel(heads, scale, shapes);
  auto reshape = heads.value.getDefiningOp<onnx::ReshapeOp>();
  auto expand = reshape ? reshape.getData().getDefiningOp<onnx::ExpandOp>()
                        : onnx::ExpandOp();
  if (!expand)
    return heads;
  const Dims *merged = shapes.getShape(reshape);
  const Dims *repeated = shapes.getShape(expand);
  const Dims *single = shapes.getShape(expand.getInput());
  if (!merged || !repeated || !single || merged->size() != 4 ||
      repeated->size() != 5 || single->size() != 5)
    return heads;
  const Dims &r = *repeated;
  if (ArrayRef<DimExpr>(*merged) !=
          ArrayRef<DimExpr>({r[0], r[1] * r[2], r[3], r[4]}) ||
      ArrayRef<DimExpr>(*single) !=
          ArrayRef<DimExpr>({r[0], r[1], 1, r[3], r[4]}))
    return heads;
  Operation *insert = expand.getInput().getDefiningOp();
  if (!isa_and_nonnull<onnx::UnsqueezeOp, onnx::ReshapeOp>(insert) ||
      !shapes.hasShape(insert->getOperand(0), {r[0], r[1], r[3], r[4]}))
    return heads;
  return peelRepeat({insert->getOperand(0), heads.perm}, scale, shapes);
}

//===----------------------------------------------------------------------===//
// Scores
//===----------------------------------------------------------------------===//

namespace {
/// `cap(scale * product)` and the terms that follow.
struct Scores {
  onnx::MatMulOp product;
  double scale = 1, softcap = 0;
  SmallVector<MaskTerm> terms;
  std::optional<double> clamp;
};

/// Finds the product below a value that goes into a softmax.
class ScoreMatcher {
public:
  explicit ScoreMatcher(const SymbolicShapes &shapes) : shapes(shapes) {}

  std::optional<Scores> match(Value value, int depth = 0) {
    Operation *op = value.getDefiningOp();
    if (!op || depth > maxDepth)
      return std::nullopt;
    if (auto product = dyn_cast<onnx::MatMulOp>(op)) {
      // A product with a matrix is a linear layer.
      int64_t rank = getRank(product.getA());
      if (rank < 3 || rank > 4 || getRank(product.getB()) != rank)
        return std::nullopt;
      Scores scores;
      scores.product = product;
      return scores;
    }
    if (Value copied = getCopied(op))
      return match(copied, depth + 1);
    if (auto [rest, factor] = matchFactor(value); rest)
      return matchScaled(rest, factor, depth);
    if (auto tanh = dyn_cast<onnx::TanhOp>(op)) {
      std::optional<Scores> scores = match(tanh.getX(), depth + 1);
      if (!scores || !scores->terms.empty() || scores->softcap != 0)
        return std::nullopt;
      scores->softcap = 1;
      return scores;
    }
    if (isa<onnx::AddOp, onnx::MaxOp>(op) && op->getNumOperands() == 2)
      return matchJoined(op, depth);
    if (auto where = dyn_cast<onnx::WhereOp>(op))
      return matchWhere(where, depth);
    if (auto reshape = dyn_cast<onnx::ReshapeOp>(op))
      return matchReshape(reshape, depth);
    return std::nullopt;
  }

private:
  std::optional<Scores> matchScaled(Value rest, double factor, int depth) {
    std::optional<Scores> scores = match(rest, depth + 1);
    if (!scores || scores->clamp)
      return std::nullopt;
    // c tanh(s x / c) times f is (cf) tanh((sf) x / (cf)).
    scores->scale *= factor;
    scores->softcap *= factor;
    if (scores->softcap < 0)
      return std::nullopt;
    for (MaskTerm &term : scores->terms) {
      term.factor *= factor;
      term.number *= factor;
    }
    return scores;
  }

  /// A mask that is added, or a clamp from below.
  std::optional<Scores> matchJoined(Operation *op, int depth) {
    for (Value operand : op->getOperands()) {
      Value other = getOtherOperand(op, operand);
      if (getRank(operand) != getRank(op->getResult(0)))
        continue;
      std::optional<double> number = evaluateNumber(other);
      if (isa<onnx::MaxOp>(op) && (!number || *number > -1e4))
        continue;
      std::optional<Scores> scores = match(operand, depth + 1);
      if (!scores || scores->clamp)
        continue;
      if (isa<onnx::MaxOp>(op)) {
        scores->clamp = *number;
        return scores;
      }
      MaskTerm term;
      term.kind = MaskTerm::Kind::Added;
      term.value = other;
      term.isFolded = getRank(operand) == 3;
      scores->terms.push_back(term);
      return scores;
    }
    return std::nullopt;
  }

  std::optional<Scores> matchWhere(onnx::WhereOp where, int depth) {
    for (bool keeps : {true, false}) {
      Value inner = keeps ? where.getX() : where.getY();
      std::optional<double> number =
          evaluateNumber(keeps ? where.getY() : where.getX());
      if (!number || getRank(inner) != getRank(where))
        continue;
      std::optional<Scores> scores = match(inner, depth + 1);
      if (!scores || scores->clamp)
        continue;
      MaskTerm term;
      term.kind = keeps ? MaskTerm::Kind::Keeps : MaskTerm::Kind::Hides;
      term.value = where.getCondition();
      term.number = *number;
      term.isFolded = getRank(inner) == 3;
      scores->terms.push_back(term);
      return scores;
    }
    return std::nullopt;
  }

  /// [b * h, q, k] and [b, h, q, k].
  std::optional<Scores> matchReshape(onnx::ReshapeOp reshape, int depth) {
    if (!foldsHeads(reshape, shapes)) {
      const Dims *to = shapes.getShape(reshape);
      if (!to || to->size() != 4 ||
          !shapes.hasShape(reshape.getData(),
                           {(*to)[0] * (*to)[1], (*to)[2], (*to)[3]}))
        return std::nullopt;
    }
    return match(reshape.getData(), depth + 1);
  }

  const SymbolicShapes &shapes;
};
} // namespace

//===----------------------------------------------------------------------===//
// Probabilities
//===----------------------------------------------------------------------===//

/// [b, h, q, d] for the result of a product, which may have batch and heads
/// folded.
static Value unfoldHeads(Value context, const SymbolicShapes &shapes) {
  if (getRank(context) == 4)
    return context;
  auto reshape = getOnlyUser<onnx::ReshapeOp>(context);
  const Dims *to = reshape ? shapes.getShape(reshape) : nullptr;
  if (!to || to->size() != 4 ||
      !shapes.hasShape(context, {(*to)[0] * (*to)[1], (*to)[2], (*to)[3]}))
    return {};
  return reshape;
}

/// Finds values and output behind the softmax.
static std::string matchProbabilities(onnx::SoftmaxOp softmax,
                                      const SymbolicShapes &shapes,
                                      AttentionMatch &match) {
  Value probabilities = softmax;
  while (true) {
    onnx::WhereOp guard;
    for (Operation *user : probabilities.getUsers()) {
      auto isNaN = dyn_cast<onnx::IsNaNOp>(user);
      auto where = isNaN ? getOnlyUser<onnx::WhereOp>(isNaN) : onnx::WhereOp();
      if (where && where.getCondition() == isNaN &&
          where.getY() == probabilities &&
          getConstantFloat(where.getX()) == 0.0)
        guard = where;
    }
    SmallVector<OpOperand *> uses = getUses(probabilities);
    if (uses.size() != (guard ? 2 : 1))
      return "the probabilities have more than one use";
    if (guard) {
      match.guardsNaN = true;
      probabilities = guard;
      continue;
    }
    Operation *user = uses.front()->getOwner();
    auto reshape = dyn_cast<onnx::ReshapeOp>(user);
    if (user->getNumResults() > 0 && (getCopied(user) == probabilities ||
                                      (reshape && foldsHeads(reshape, shapes))))
      probabilities = user->getResult(0);
    else
      break;
  }
  auto product = getOnlyUser<onnx::MatMulOp>(probabilities);
  if (!product || product.getA() != probabilities)
    return "the probabilities are not multiplied with values";
  int64_t rank = getRank(product.getB());
  if (rank != getRank(probabilities))
    return "the values are not of the rank of the probabilities";
  match.value = peelRepeat(
      {product.getB(), llvm::to_vector<4>(llvm::seq<int64_t>(0, rank))},
      nullptr, shapes);
  match.output = unfoldHeads(product, shapes);
  if (!match.output)
    return "the result is not [batch, heads, queries, features]";
  Value guarded = match.output;
  auto transpose = getOnlyUser<onnx::TransposeOp>(guarded);
  if (transpose && transpose.getPerm() == ArrayRef<int64_t>{0, 2, 1, 3})
    guarded = transpose;
  auto where = getOnlyUser<onnx::WhereOp>(guarded);
  if (where && where.getY() == guarded &&
      where.getType() == guarded.getType() &&
      evaluateNumber(where.getX()) == 0.0) {
    match.rowGuard = where.getCondition();
    match.guardedOutput = where;
    match.isGuardSplit = guarded != match.output;
  }
  return "";
}

static std::string matchSoftmax(onnx::SoftmaxOp softmax,
                                const SymbolicShapes &shapes,
                                AttentionMatch &match) {
  int64_t rank = getRank(softmax);
  if (rank < 3 || rank > 4 ||
      (softmax.getAxis() != -1 && softmax.getAxis() != rank - 1))
    return "the softmax is not over the keys of [batch, heads, queries, keys]";
  std::optional<Scores> scores = ScoreMatcher(shapes).match(softmax.getInput());
  if (!scores)
    return "the input of the softmax is no product with masks";
  match.scale = scores->scale;
  match.softcap = scores->softcap;
  match.terms = scores->terms;
  match.clamp = scores->clamp;
  // Factors of queries and keys are factors of the scores.
  rank = getRank(scores->product.getA());
  auto perm = llvm::to_vector<4>(llvm::seq<int64_t>(0, rank));
  match.query = peel({scores->product.getA(), perm}, &match.scale, shapes);
  std::swap(perm[rank - 2], perm[rank - 1]);
  match.key = peelRepeat({scores->product.getB(), perm}, &match.scale, shapes);
  return matchProbabilities(softmax, shapes, match);
}

/// Checks that query, keys and values fit together, and fills in the sizes.
static std::string checkShapes(const SymbolicShapes &shapes,
                               AttentionMatch &match) {
  std::optional<Dims> query = match.query.getShape(shapes);
  std::optional<Dims> key = match.key.getShape(shapes);
  std::optional<Dims> value = match.value.getShape(shapes);
  if (!query || !key || !value || query->size() != 4 || key->size() != 4 ||
      value->size() != 4)
    return "queries, keys and values are not [batch, heads, steps, features]";
  auto number = [](const DimExpr &dim) {
    return dim.getConstant().value_or(0);
  };
  match.heads = number((*query)[1]);
  match.kvHeads = number((*key)[1]);
  match.headDim = number((*query)[3]);
  match.valueDim = number((*value)[3]);
  if (match.heads <= 0 || match.kvHeads <= 0 || match.headDim <= 0 ||
      match.valueDim <= 0)
    return "heads and their size are not known";
  if (number((*key)[3]) != match.headDim || match.heads % match.kvHeads != 0)
    return "queries and keys differ in heads";
  if (number((*value)[1]) != match.kvHeads)
    return "keys and values differ in heads";
  for (Value v : {match.query.value, match.key.value, match.value.value})
    if (!getElementTypeOrSelf(v.getType()).isF32())
      return "queries, keys and values are not f32";
  return "";
}

SmallVector<onnx::SoftmaxOp> dejavu::findCores(func::FuncOp function) {
  SmallVector<onnx::SoftmaxOp> cores;
  for (auto softmax : function.getOps<onnx::SoftmaxOp>()) {
    bool isCore = false;
    SmallVector<Value> worklist{softmax};
    llvm::DenseSet<Operation *> seen;
    while (getRank(softmax) >= 3 && !worklist.empty() && !isCore) {
      Value value = worklist.pop_back_val();
      for (OpOperand &use : value.getUses()) {
        Operation *user = use.getOwner();
        if (isa<onnx::MatMulOp>(user))
          isCore |= use.getOperandNumber() == 0;
        else if (isa<onnx::WhereOp, onnx::IsNaNOp, onnx::CastOp,
                     onnx::DropoutOp, onnx::IdentityOp, onnx::ReshapeOp,
                     onnx::SliceOp, onnx::MulOp>(user) &&
                 seen.insert(user).second)
          llvm::append_range(worklist, user->getResults());
      }
    }
    if (isCore)
      cores.push_back(softmax);
  }
  return cores;
}

std::string dejavu::matchAttention(onnx::SoftmaxOp core,
                                   const SymbolicShapes &shapes,
                                   AttentionMatch &match) {
  match = AttentionMatch();
  match.core = core;
  std::string reason = matchSoftmax(core, shapes, match);
  return reason.empty() ? checkShapes(shapes, match) : reason;
}

//===----------------------------------------------------------------------===//
// Caches and activations
//===----------------------------------------------------------------------===//

std::string dejavu::matchCache(const Heads &heads, StringRef what,
                               CacheMatch &match) {
  auto concat = heads.value.getDefiningOp<onnx::ConcatOp>();
  if (!concat || !heads.isInOrder() || concat.getInputs().size() != 2 ||
      (concat.getAxis() != 2 && concat.getAxis() != -2))
    return ("the " + what + "s are not a past joined with new steps").str();
  Value past = concat.getInputs()[0];
  while (Operation *op = past.getDefiningOp()) {
    Value copied = getCopied(op);
    if (!copied)
      break;
    past = copied;
  }
  match.past = dyn_cast<BlockArgument>(past);
  if (!match.past)
    return ("the past " + what + "s are not an input of the model").str();
  match.present = concat;
  match.fresh = {concat.getInputs()[1], heads.perm};
  return "";
}

/// The activation whose lanes are the heads and features of `heads`, if those
/// are moved from somewhere, batch and steps staying apart.
static Value mergeLanes(LaneBuilder &builder, const Heads &heads) {
  std::optional<LaneMap> map = builder.getMap(heads.value);
  std::optional<std::vector<int64_t>> moved =
      map ? map->table->getMoved() : std::nullopt;
  if (!moved)
    return {};
  // The order of the lane parts: those of the heads, then those of the
  // features.
  SmallVector<std::pair<int64_t, int64_t>> parts;
  for (const LaneTable::Part &part : map->table->parts) {
    if (part.row >= 0 && part.axis != heads.perm[part.row == 0 ? 0 : 2])
      return {};
    if (part.row >= 0)
      continue;
    if (part.axis != heads.perm[1] && part.axis != heads.perm[3])
      return {};
    parts.push_back({part.axis == heads.perm[1] ? 0 : 1, part.size});
  }
  SmallVector<int64_t> strides(parts.size(), 1);
  for (size_t i = parts.size(); i-- > 1;)
    strides[i - 1] = strides[i] * parts[i].second;
  std::vector<int64_t> places{0};
  for (int64_t group : {0, 1}) {
    for (auto [part, stride] : llvm::zip_equal(parts, strides)) {
      if (part.first != group)
        continue;
      std::vector<int64_t> inner;
      for (int64_t place : places)
        for (int64_t i = 0; i < part.second; ++i)
          inner.push_back(place + i * stride);
      places = std::move(inner);
    }
  }
  for (int64_t &place : places)
    place = (*moved)[place];
  return builder.getActivation(map->source, map->table->rowAxes, places);
}

/// Takes constant factors off an activation.
static Value peelFactors(Value activation, double *scale) {
  while (scale) {
    auto [rest, factor] = matchFactor(activation);
    if (!rest)
      break;
    *scale *= factor;
    activation = rest;
  }
  return activation;
}

Value dejavu::mergeHeads(OpBuilder &builder, LaneBuilder &lanes, Location loc,
                         const Heads &given, const SymbolicShapes &shapes,
                         double *scale) {
  Heads heads = peel(given, scale, shapes);
  auto type = cast<RankedTensorType>(heads.value.getType());
  auto getSize = [&](size_t i) { return type.getDimSize(heads.perm[i]); };
  std::optional<Dims> dims = heads.getShape(shapes);
  // [batch, steps, heads, features] as they are, or moved there.
  SmallVector<int64_t, 4> order{heads.perm[0], heads.perm[2], heads.perm[1],
                                heads.perm[3]};
  bool isOrdered = llvm::equal(order, llvm::seq<int64_t>(0, 4));
  auto reshape = heads.value.getDefiningOp<onnx::ReshapeOp>();
  // Unless it is a part of an activation: then the layer behind it is cut.
  Operation *whole = reshape ? reshape.getData().getDefiningOp() : nullptr;
  bool isPart = whole && isDataMovement(whole);
  if (isOrdered && reshape && dims && !isPart &&
      isActivationType(reshape.getData().getType()) &&
      shapes.hasShape(reshape.getData(),
                      {(*dims)[0], (*dims)[2], (*dims)[1] * (*dims)[3]}))
    return peelFactors(reshape.getData(), scale);
  Value merged = mergeLanes(lanes, heads);
  if (merged && isActivationType(merged.getType()))
    return peelFactors(merged, scale);
  Value split = heads.value;
  if (!isOrdered)
    split = onnx::TransposeOp::create(
        builder, loc,
        RankedTensorType::get({getSize(0), getSize(2), getSize(1), getSize(3)},
                              type.getElementType()),
        heads.value, builder.getDenseI64ArrayAttr(order));
  std::optional<int64_t> count = dims ? (*dims)[1].getConstant() : std::nullopt;
  std::optional<int64_t> size = dims ? (*dims)[3].getConstant() : std::nullopt;
  int64_t features = count.value_or(getSize(1)) * size.value_or(getSize(3));
  auto shapeType = RankedTensorType::get({3}, builder.getI64Type());
  Value shape = onnx::ConstantOp::create(
      builder, loc, shapeType,
      DenseElementsAttr::get(shapeType, ArrayRef<int64_t>{0, 0, features}));
  return onnx::ReshapeOp::create(
      builder, loc,
      RankedTensorType::get({getSize(0), getSize(2), features},
                            type.getElementType()),
      split, shape);
}

void dejavu::replaceWithMerged(OpBuilder &builder, Value output,
                               Value activation, int64_t heads,
                               const SymbolicShapes &shapes, bool isSplit) {
  const Dims *dims = shapes.getShape(output);
  // What is dead now is erased later: the shapes of values that are gone would
  // be taken for those of new ones.
  auto replaceReshapes = [&](Value split, int64_t steps, int64_t count) {
    for (Operation *user : split.getUsers()) {
      auto reshape = dyn_cast<onnx::ReshapeOp>(user);
      if (reshape && shapes.hasShape(reshape, {(*dims)[0], (*dims)[steps],
                                               (*dims)[count] * (*dims)[3]}))
        reshape.getResult().replaceAllUsesWith(activation);
    }
  };
  if (dims && isSplit)
    replaceReshapes(output, 1, 2);
  if (dims && !isSplit)
    for (Operation *user : output.getUsers()) {
      auto transpose = dyn_cast<onnx::TransposeOp>(user);
      if (transpose && transpose.getPerm() == ArrayRef<int64_t>{0, 2, 1, 3})
        replaceReshapes(transpose, 2, 1);
    }
  auto type = cast<RankedTensorType>(output.getType());
  Location loc = activation.getLoc();
  auto shapeType = RankedTensorType::get({4}, builder.getI64Type());
  int64_t features = getFeatures(activation.getType()) / heads;
  Value shape = onnx::ConstantOp::create(
      builder, loc, shapeType,
      DenseElementsAttr::get(shapeType,
                             ArrayRef<int64_t>{0, 0, heads, features}));
  Value result = onnx::ReshapeOp::create(
      builder, loc,
      RankedTensorType::get({type.getDimSize(0),
                             type.getDimSize(isSplit ? 1 : 2), heads, features},
                            type.getElementType()),
      activation, shape);
  if (!isSplit)
    result = onnx::TransposeOp::create(
        builder, loc, type, result, builder.getDenseI64ArrayAttr({0, 2, 1, 3}));
  output.replaceAllUsesWith(result);
}
