//===- WidenFloats.cpp - compute in f32 -----------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Inputs and outputs keep their types, with casts behind and before them.
// Everything between is of f32, weights by a step of their recipe.
//
//===----------------------------------------------------------------------===//

#include "dejavu/Conversion/OnnxToDejavu/Passes.h"

#include "Utils.h"

#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/IR/TypeUtilities.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_ONNXWIDENFLOATSPASS
#include "dejavu/Conversion/OnnxToDejavu/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;

static bool isNarrow(Type type) { return type.isF16() || type.isBF16(); }

static bool isNarrowTensor(Type type) {
  return isNarrow(getElementTypeOrSelf(type));
}

static Value castTo(OpBuilder &builder, Location loc, Value value,
                    Type element) {
  OperationState state(loc, onnx::CastOp::getOperationName());
  state.addOperands(value);
  state.addTypes(cast<ShapedType>(value.getType()).clone(element));
  state.addAttribute("to", TypeAttr::get(element));
  return builder.create(state)->getResult(0);
}

namespace {
struct WidenFloats : dejavu::impl::OnnxWidenFloatsPassBase<WidenFloats> {
  void runOnOperation() override {
    func::FuncOp main = getMain(getOperation());
    if (!main)
      return;
    // The bits of a narrow number are not those of a wide one.
    bool hasNarrow = false, hasBits = false;
    main.walk([&](Operation *op) {
      hasNarrow |= llvm::any_of(op->getResultTypes(), isNarrowTensor);
      hasBits |= isa<onnx::BitCastOp>(op);
    });
    if (!hasNarrow || hasBits)
      return;
    widenWeights(main);
    widenBody(main);
  }

private:
  void widenWeights(func::FuncOp main);
  void widenBody(func::FuncOp main);
};
} // namespace

void WidenFloats::widenWeights(func::FuncOp main) {
  SymbolTable symbols(getOperation());
  llvm::DenseMap<Operation *, FlatSymbolRefAttr> wide;
  main.walk([&](LoadWeightOp load) {
    auto weight = symbols.lookup<WeightOp>(load.getWeight());
    if (!weight || !isNarrowTensor(load.getType()))
      return;
    FlatSymbolRefAttr &name = wide[weight];
    if (!name) {
      auto copy = cast<WeightOp>(weight->clone());
      copy.appendRecipeStep(
          CastAttr::get(&getContext(), Float32Type::get(&getContext())));
      copy.setSymName((weight.getSymName() + ".f32").str());
      symbols.insert(copy, std::next(Block::iterator(weight)));
      name = FlatSymbolRefAttr::get(copy.getSymNameAttr());
    }
    load.setWeightAttr(name);
  });
}

void WidenFloats::widenBody(func::FuncOp main) {
  AttrTypeReplacer replacer;
  Type f32 = Float32Type::get(&getContext());
  replacer.addReplacement([&](FloatType type) -> std::optional<Type> {
    return isNarrow(type) ? f32 : std::optional<Type>();
  });
  replacer.addReplacement(
      [&](DenseElementsAttr value)
          -> std::optional<std::pair<Attribute, WalkResult>> {
        if (!isNarrow(value.getElementType()))
          return std::nullopt;
        auto convert = [](const APFloat &number) {
          APFloat copy = number;
          bool lost;
          copy.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven,
                       &lost);
          return copy.bitcastToAPInt();
        };
        return std::make_pair(
            Attribute(cast<DenseFPElementsAttr>(value).mapValues(f32, convert)),
            WalkResult::skip());
      });
  Block &body = main.front();
  for (Operation &op : body)
    replacer.recursivelyReplaceElementsIn(&op, /*replaceAttrs=*/true,
                                          /*replaceLocs=*/false,
                                          /*replaceTypes=*/true);

  OpBuilder builder(&body, body.begin());
  for (BlockArgument argument : body.getArguments()) {
    if (!isNarrowTensor(argument.getType()) || argument.use_empty())
      continue;
    Value cast = castTo(builder, argument.getLoc(), argument, f32);
    argument.replaceAllUsesExcept(cast, cast.getDefiningOp());
  }
  Operation *terminator = body.getTerminator();
  builder.setInsertionPoint(terminator);
  for (auto [operand, type] : llvm::zip(terminator->getOpOperands(),
                                        main.getFunctionType().getResults()))
    if (isNarrowTensor(type))
      operand.set(castTo(builder, operand.get().getLoc(), operand.get(),
                         getElementTypeOrSelf(type)));
}
