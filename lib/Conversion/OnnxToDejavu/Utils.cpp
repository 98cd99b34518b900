//===- Utils.cpp - what the raise passes share ----------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Utils.h"

#include "dejavu/Analysis/SymbolicShapes.h"

#include "mlir/IR/Builders.h"

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

FlatSymbolRefAttr WeightTable::getTransposed(FlatSymbolRefAttr name) {
  WeightOp weight = lookup(name);
  OpBuilder builder(weight->getContext());
  builder.setInsertionPointAfter(weight);
  auto copy = cast<WeightOp>(builder.clone(*weight));
  copy.appendRecipeStep(TransposeAttr::get(weight->getContext(), {1, 0}));
  auto [it, inserted] =
      byContents.try_emplace(getContents(copy), FlatSymbolRefAttr());
  if (!inserted) {
    copy.erase();
    return it->second;
  }
  copy->setAttr(kCopyOfAttrName, weight.getSymNameAttr());
  copy.setSymName((weight.getSymName() + ".T").str());
  // The clone is in the module already; the table only has to make its name
  // unique.
  copy->remove();
  symbols.insert(copy, std::next(Block::iterator(weight)));
  return it->second = FlatSymbolRefAttr::get(copy.getSymNameAttr());
}

FlatSymbolRefAttr dejavu::matchWeight(Value value, WeightTable &weights) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || type.getRank() != 2)
    return {};
  if (auto load = value.getDefiningOp<LoadWeightOp>())
    return load.getWeightAttr();
  auto transpose = value.getDefiningOp<onnx::TransposeOp>();
  if (!transpose || transpose.getPerm() != ArrayRef<int64_t>{1, 0})
    return {};
  FlatSymbolRefAttr inner = matchWeight(transpose.getData(), weights);
  return inner ? weights.getTransposed(inner) : inner;
}

FlatSymbolRefAttr dejavu::matchVector(Value value, int64_t size) {
  auto load = value ? value.getDefiningOp<LoadWeightOp>() : LoadWeightOp();
  auto type =
      load ? dyn_cast<RankedTensorType>(load.getType()) : RankedTensorType();
  if (!type || type.getRank() != 1 || type.getDimSize(0) != size)
    return {};
  return load.getWeightAttr();
}
