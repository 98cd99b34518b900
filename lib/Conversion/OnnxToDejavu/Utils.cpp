//===- Utils.cpp - what the raise passes share ----------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Utils.h"

#include "dejavu/Analysis/SymbolicShapes.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace mlir::dejavu;

func::FuncOp dejavu::getMain(ModuleOp module) {
  auto main = module.lookupSymbol<func::FuncOp>("main");
  return main && !main.isExternal() && main.getBody().hasOneBlock()
             ? main
             : func::FuncOp();
}

StringRef dejavu::getSignatureName(func::FuncOp function,
                                   BlockArgument argument) {
  auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                    "onnx.name");
  return name ? name.getValue() : "";
}

StringRef dejavu::getResultName(func::FuncOp function, unsigned index) {
  auto name = function.getResultAttrOfType<StringAttr>(index, "onnx.name");
  return name ? name.getValue() : "";
}

void dejavu::eraseDeadOps(func::FuncOp function) {
  // Users come after what they use, so one pass from the end suffices.
  for (Operation &op :
       llvm::make_early_inc_range(llvm::reverse(function.front())))
    if (isOpTriviallyDead(&op))
      op.erase();
}

std::optional<double> dejavu::getConstantFloat(Value value) {
  auto constant = value.getDefiningOp<onnx::ConstantOp>();
  if (!constant)
    return std::nullopt;
  auto dense = dyn_cast<DenseFPElementsAttr>(constant.getValue());
  if (!dense || dense.getNumElements() != 1)
    return std::nullopt;
  APFloat element = *dense.value_begin<APFloat>();
  bool losesInfo;
  element.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                  &losesInfo);
  return element.convertToDouble();
}

std::optional<int64_t> dejavu::getConstantInt(Value value) {
  std::optional<SmallVector<int64_t>> ints = getConstantInts(value);
  if (!ints || ints->size() != 1)
    return std::nullopt;
  return ints->front();
}

Value dejavu::getOtherOperand(Operation *op, Value value) {
  return op->getOperand(0) == value ? op->getOperand(1) : op->getOperand(0);
}

remark::RemarkOpts dejavu::getRemarkOptions(Operation *op) {
  auto function = op->getParentOfType<func::FuncOp>();
  return remark::RemarkOpts::name("raise").category("raise").function(
      function ? function.getName() : StringRef("main"));
}

void dejavu::reportNotRaised(Operation *core, StringRef what,
                             const Twine &reason) {
  std::string text = reason.str();
  core->setAttr(kNotRaisedAttrName, StringAttr::get(core->getContext(), text));
  remark::missed(core->getLoc(), getRemarkOptions(core))
      << (what + " is not raised: " + text).str();
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// What a weight holds, as one attribute. Two weights with equal contents hold
/// the same elements.
static Attribute getContents(WeightOp weight) {
  SmallVector<Attribute> contents{weight.getSource(),
                                  TypeAttr::get(weight.getStoredType())};
  if (std::optional<ArrayAttr> recipe = weight.getRecipe())
    llvm::append_range(contents, *recipe);
  return ArrayAttr::get(weight.getContext(), contents);
}

WeightTable::WeightTable(ModuleOp module) : symbols(module) {
  for (auto weight : module.getOps<WeightOp>())
    byContents.try_emplace(getContents(weight),
                           FlatSymbolRefAttr::get(weight.getSymNameAttr()));
}

WeightOp WeightTable::lookup(FlatSymbolRefAttr name) const {
  return symbols.lookup<WeightOp>(name.getAttr());
}

FlatSymbolRefAttr
WeightTable::getCopy(WeightOp weight, const Twine &name, bool keepsName,
                     llvm::function_ref<void(WeightOp)> change) {
  OpBuilder builder(weight->getContext());
  builder.setInsertionPointAfter(weight);
  auto copy = cast<WeightOp>(builder.clone(*weight));
  copy->removeAttr(kCopyOfAttrName);
  change(copy);
  auto [it, inserted] =
      byContents.try_emplace(getContents(copy), FlatSymbolRefAttr());
  if (!inserted) {
    copy.erase();
    return it->second;
  }
  if (keepsName)
    copy->setAttr(kCopyOfAttrName, weight.getSymNameAttr());
  copy.setSymName(name.str());
  // The clone is in the module already; the table only has to make its name
  // unique.
  copy->remove();
  symbols.insert(copy, std::next(Block::iterator(weight)));
  return it->second = FlatSymbolRefAttr::get(copy.getSymNameAttr());
}

FlatSymbolRefAttr WeightTable::getTransposed(FlatSymbolRefAttr name) {
  WeightOp weight = lookup(name);
  return getCopy(weight, weight.getSymName() + ".T", /*keepsName=*/true,
                 [](WeightOp copy) {
                   copy.appendRecipeStep(
                       TransposeAttr::get(copy->getContext(), {1, 0}));
                 });
}

FlatSymbolRefAttr WeightTable::getRows(FlatSymbolRefAttr name,
                                       ArrayRef<int64_t> rows) {
  WeightOp weight = lookup(name);
  SmallVector<int64_t> ranges;
  for (int64_t row : rows) {
    if (!ranges.empty() && row == ranges[ranges.size() - 2] + ranges.back())
      ++ranges.back();
    else
      ranges.append({row, 1});
  }
  if (ranges.size() == 2 && ranges[0] == 0 &&
      ranges[1] == weight.getTensorType().getDimSize(0))
    return name;
  return getCopy(weight, weight.getSymName() + ".rows", /*keepsName=*/false,
                 [&](WeightOp copy) {
                   copy.appendRecipeStep(
                       TakeRowsAttr::get(copy->getContext(), ranges));
                 });
}

FlatSymbolRefAttr WeightTable::getReshaped(FlatSymbolRefAttr name,
                                           ArrayRef<int64_t> shape) {
  WeightOp weight = lookup(name);
  RankedTensorType type = weight.getTensorType();
  if (type.getShape() == shape)
    return name;
  if (weight.getRecipe() ||
      ShapedType::getNumElements(shape) != type.getNumElements())
    return {};
  return getCopy(weight, weight.getSymName() + ".reshaped", /*keepsName=*/false,
                 [&](WeightOp copy) {
                   copy.setTypeAttr(TypeAttr::get(
                       RankedTensorType::get(shape, type.getElementType())));
                 });
}

/// The load of a weight before ops that keep its elements in order.
static LoadWeightOp findLoad(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (auto load = dyn_cast<LoadWeightOp>(op))
      return load;
    bool keepsOrder = isa<onnx::ReshapeOp, onnx::SqueezeOp, onnx::UnsqueezeOp,
                          onnx::FlattenOp, onnx::IdentityOp>(op) ||
                      (isa<onnx::CastOp>(op) &&
                       getElementTypeOrSelf(op->getOperand(0).getType()) ==
                           getElementTypeOrSelf(op->getResult(0).getType()));
    // A transpose that moves only dimensions of size one.
    if (auto transpose = dyn_cast<onnx::TransposeOp>(op)) {
      auto type = dyn_cast<RankedTensorType>(transpose.getData().getType());
      if (!type || !type.hasStaticShape())
        return {};
      SmallVector<int64_t> moved;
      for (int64_t axis : transpose.getPerm())
        if (type.getDimSize(axis) != 1)
          moved.push_back(axis);
      keepsOrder = llvm::is_sorted(moved);
    }
    if (!keepsOrder)
      return {};
    value = op->getOperand(0);
  }
  return {};
}

FlatSymbolRefAttr dejavu::matchReshapedWeight(Value value,
                                              ArrayRef<int64_t> shape,
                                              WeightTable &weights) {
  auto type =
      value ? dyn_cast<RankedTensorType>(value.getType()) : RankedTensorType();
  if (!type || !type.hasStaticShape() ||
      type.getNumElements() != ShapedType::getNumElements(shape))
    return {};
  LoadWeightOp load = findLoad(value);
  return load ? weights.getReshaped(load.getWeightAttr(), shape)
              : FlatSymbolRefAttr();
}

FlatSymbolRefAttr dejavu::matchWeight(Value value, WeightTable &weights) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || type.getRank() < 2 || !type.hasStaticShape() ||
      llvm::any_of(type.getShape().drop_back(2),
                   [](int64_t size) { return size != 1; }))
    return {};
  if (FlatSymbolRefAttr weight =
          matchReshapedWeight(value, type.getShape().take_back(2), weights))
    return weight;
  // Look through transposes of a matrix, in whatever shape.
  while (Operation *op = value.getDefiningOp()) {
    if (auto transpose = dyn_cast<onnx::TransposeOp>(op)) {
      int64_t rank = type.getRank();
      SmallVector<int64_t> swap = llvm::to_vector(llvm::seq<int64_t>(0, rank));
      std::swap(swap[rank - 1], swap[rank - 2]);
      if (transpose.getPerm() != ArrayRef<int64_t>(swap))
        return {};
      FlatSymbolRefAttr inner = matchWeight(transpose.getData(), weights);
      return inner ? weights.getTransposed(inner) : inner;
    }
    auto before = op->getNumOperands() > 0
                      ? dyn_cast<RankedTensorType>(op->getOperand(0).getType())
                      : RankedTensorType();
    bool keeps =
        isa<onnx::IdentityOp>(op) ||
        (isa<onnx::SqueezeOp, onnx::UnsqueezeOp, onnx::ReshapeOp>(op) &&
         before && before.getRank() >= 2 &&
         before.getShape().take_back(2) == type.getShape().take_back(2));
    if (!keeps)
      return {};
    value = op->getOperand(0);
    type = before;
    if (!type)
      return {};
  }
  return {};
}

FlatSymbolRefAttr dejavu::matchVector(Value value, int64_t size,
                                      WeightTable &weights) {
  auto type =
      value ? dyn_cast<RankedTensorType>(value.getType()) : RankedTensorType();
  if (!type || type.getRank() < 1 || type.getShape().back() != size)
    return {};
  return matchReshapedWeight(value, {size}, weights);
}
