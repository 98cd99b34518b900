//===- RaiseSDPA.cpp - attention over given keys and values ---------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Encoders, cross attention, and decoders whose cache or mask is not
// understood: whatever is done to the scores between product and softmax
// becomes one mask, which stays a tensor of the graph.
//
//===----------------------------------------------------------------------===//

#include "dejavu/Conversion/OnnxToDejavu/Passes.h"

#include "AttentionMatcher.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_RAISESDPAPASS
#include "dejavu/Conversion/OnnxToDejavu/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;

/// A number that is put in the place of a score may as well be added, if any
/// score disappears beside it.
static constexpr double absorbingLimit = -1e36;

namespace {
struct RaiseSDPA : dejavu::impl::RaiseSDPAPassBase<RaiseSDPA> {
  void runOnOperation() override {
    func::FuncOp function = getMain(getOperation());
    if (!function)
      return;
    SymbolicShapes symbolic(function);
    shapes = &symbolic;
    SmallVector<AttentionMatch, 0> matches;
    for (onnx::SoftmaxOp core : findCores(function)) {
      AttentionMatch match;
      std::string reason = matchAttention(core, symbolic, match);
      if (reason.empty())
        reason = checkTerms(match);
      if (reason.empty())
        matches.push_back(match);
      else
        reportNotRaised(core, "attention", reason);
    }
    IRRewriter rewriter(&getContext());
    WeightTable weights(getOperation());
    LaneBuilder lanes(rewriter, symbolic, weights);
    for (const AttentionMatch &match : matches)
      raise(lanes, match);
    eraseDeadOps(function);
  }

private:
  std::string checkTerms(const AttentionMatch &match);
  void raise(LaneBuilder &lanes, const AttentionMatch &match);
  Value makeMask(ImplicitLocOpBuilder &builder, const AttentionMatch &match);
  Value makeConstant(ImplicitLocOpBuilder &builder, float number);
  Value makeInts(ImplicitLocOpBuilder &builder, ArrayRef<int64_t> numbers);
  Value broadcast(ImplicitLocOpBuilder &builder, Value value, bool isFolded,
                  int64_t heads);

  SymbolicShapes *shapes = nullptr;
};
} // namespace

/// Whether the terms can be one mask.
std::string RaiseSDPA::checkTerms(const AttentionMatch &match) {
  for (const MaskTerm &term : match.terms) {
    auto type = dyn_cast<RankedTensorType>(term.value.getType());
    if (!type || type.getRank() > 4)
      return "the mask is not of rank 4 or less";
    bool isBool = type.getElementType().isInteger(1);
    if (!isBool && !type.getElementType().isF32())
      return "the mask is neither bool nor f32";
    if (term.kind != MaskTerm::Kind::Added && term.number > absorbingLimit)
      return "the number that hides a key does not hide it entirely";
    if (isBool && term.kind == MaskTerm::Kind::Added)
      return "a mask of bools is added to the scores";
  }
  return "";
}

Value RaiseSDPA::makeConstant(ImplicitLocOpBuilder &builder, float number) {
  auto type = RankedTensorType::get({}, builder.getF32Type());
  return onnx::ConstantOp::create(builder, type,
                                  DenseElementsAttr::get(type, number));
}

Value RaiseSDPA::makeInts(ImplicitLocOpBuilder &builder,
                          ArrayRef<int64_t> numbers) {
  auto type = RankedTensorType::get({static_cast<int64_t>(numbers.size())},
                                    builder.getI64Type());
  return onnx::ConstantOp::create(builder, type,
                                  DenseElementsAttr::get(type, numbers));
}

/// `value` with four dimensions. [batch * heads, queries, keys] is taken apart.
Value RaiseSDPA::broadcast(ImplicitLocOpBuilder &builder, Value value,
                           bool isFolded, int64_t heads) {
  auto type = cast<RankedTensorType>(value.getType());
  int64_t rank = type.getRank();
  if (rank == 4)
    return value;
  if (isFolded && rank == 3 && type.getDimSize(0) != 1) {
    Value sizes = onnx::ShapeOp::create(
        builder, RankedTensorType::get({2}, builder.getI64Type()), value,
        /*end=*/builder.getI64IntegerAttr(3),
        /*start=*/builder.getI64IntegerAttr(1));
    Value front = makeInts(builder, {-1, heads});
    Value shape = onnx::ConcatOp::create(
        builder, RankedTensorType::get({4}, builder.getI64Type()),
        ValueRange{front, sizes}, /*axis=*/0);
    return onnx::ReshapeOp::create(
        builder,
        RankedTensorType::get({ShapedType::kDynamic, heads, type.getDimSize(1),
                               type.getDimSize(2)},
                              type.getElementType()),
        value, shape);
  }
  SmallVector<int64_t> sizes(4 - rank, 1);
  llvm::append_range(sizes, type.getShape());
  return onnx::UnsqueezeOp::create(
      builder, RankedTensorType::get(sizes, type.getElementType()), value,
      makeInts(builder, llvm::to_vector(llvm::seq<int64_t>(0, 4 - rank))));
}

/// The type of an elementwise op on two masks.
static RankedTensorType getJoinedType(Value a, Value b, Type element) {
  auto x = cast<RankedTensorType>(a.getType());
  auto y = cast<RankedTensorType>(b.getType());
  SmallVector<int64_t> sizes;
  for (auto [m, n] : llvm::zip_equal(x.getShape(), y.getShape()))
    sizes.push_back(m == 1 ? n : n == 1 || ShapedType::isDynamic(n) ? m : n);
  return RankedTensorType::get(sizes, element);
}

/// One mask of all terms; null if there is none.
Value RaiseSDPA::makeMask(ImplicitLocOpBuilder &builder,
                          const AttentionMatch &match) {
  Value mask;
  Type f32 = builder.getF32Type();
  for (const MaskTerm &term : match.terms) {
    Value value = broadcast(builder, term.value, term.isFolded, match.heads);
    if (term.kind == MaskTerm::Kind::Added) {
      if (term.factor != 1)
        value = onnx::MulOp::create(builder, value.getType(), value,
                                    makeConstant(builder, term.factor));
      mask = mask ? onnx::AddOp::create(
                        builder, getJoinedType(mask, value, f32), mask, value)
                        .getResult()
                  : value;
      continue;
    }
    bool keeps = term.kind == MaskTerm::Kind::Keeps;
    // Alone it is a mask of bools, unless it hides with another number than
    // the rows without keys can tell.
    if (match.terms.size() == 1 && std::isfinite(term.number)) {
      if (keeps)
        return value;
      return onnx::NotOp::create(builder, value.getType(), value);
    }
    Value rest = mask ? mask : makeConstant(builder, 0);
    Value hidden = makeConstant(builder, term.number);
    RankedTensorType type =
        mask ? getJoinedType(value, mask, f32)
             : cast<RankedTensorType>(
                   cast<RankedTensorType>(value.getType()).clone(f32));
    mask = onnx::WhereOp::create(builder, type, value, keeps ? rest : hidden,
                                 keeps ? hidden : rest);
  }
  return mask;
}

void RaiseSDPA::raise(LaneBuilder &lanes, const AttentionMatch &match) {
  Location loc = match.core->getLoc();
  ImplicitLocOpBuilder builder(loc, &getContext());
  builder.setInsertionPointAfter(match.output.getDefiningOp());
  double scale = match.scale;
  Value query = mergeHeads(builder, lanes, loc, match.query, *shapes, &scale);
  Value key = mergeHeads(builder, lanes, loc, match.key, *shapes, &scale);
  Value value = mergeHeads(builder, lanes, loc, match.value, *shapes);
  Value mask = makeMask(builder, match);
  auto queryType = cast<RankedTensorType>(query.getType());
  auto type =
      RankedTensorType::get({queryType.getDimSize(0), queryType.getDimSize(1),
                             match.heads * match.valueDim},
                            queryType.getElementType());
  // A number in the place of all scores of a row makes them equal; the guard
  // never strikes.
  bool isChosen = mask && getElementTypeOrSelf(mask.getType()).isInteger(1);
  MaskedRows rows =
      match.guardsNaN && !isChosen ? MaskedRows::zero : MaskedRows::uniform;
  auto attention = SDPAOp::create(
      builder, type, query, key, value, mask, match.heads, match.kvHeads,
      llvm::APFloat(static_cast<float>(scale)), rows, /*causal=*/false,
      llvm::APFloat(static_cast<float>(match.softcap)));
  replaceWithMerged(builder, match.output, attention, match.heads, *shapes);
  remark::passed(loc, getRemarkOptions(attention))
      << ("attention is raised without a cache: " + Twine(match.heads) +
          " heads of " + Twine(match.headDim) +
          (mask ? ", with the graph's mask" : ", without a mask"))
             .str();
}
