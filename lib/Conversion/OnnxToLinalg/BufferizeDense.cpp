//===- BufferizeDense.cpp - dense functions to loops over buffers ---------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One-shot bufferisation works on a module, and the entry points that call the
// dense functions are not to be touched. So these move to a module of their own
// while it runs.
//
//===----------------------------------------------------------------------===//

#include "dejavu/Conversion/OnnxToLinalg/Passes.h"

#include "mlir/Conversion/MathToLibm/MathToLibm.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/FuncBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotModuleBufferize.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/ControlFlow/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/Linalg/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Tensor/Transforms/SubsetInsertionOpInterfaceImpl.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/DialectConversion.h"
#include "mlir/Transforms/Passes.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_BUFFERIZEDENSEPASS
#include "dejavu/Conversion/OnnxToLinalg/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;

//===----------------------------------------------------------------------===//
// Bufferisation
//===----------------------------------------------------------------------===//

static bufferization::OneShotBufferizationOptions getOptions() {
  bufferization::OneShotBufferizationOptions options;
  options.bufferizeFunctionBoundaries = true;
  options.setFunctionBoundaryTypeConversion(
      bufferization::LayoutMapOption::IdentityLayoutMap);
  options.bufferAlignment = 0;
  // A copy of a part of a buffer would otherwise be a call of a library.
  options.memCpyFn = [](OpBuilder &builder, Location location, Value from,
                        Value to) -> LogicalResult {
    linalg::CopyOp::create(builder, location, from, to);
    return success();
  };
  return options;
}

static LogicalResult bufferize(ModuleOp module) {
  // The memory of arguments is the caller's.
  Builder builder(module.getContext());
  for (auto function : module.getOps<func::FuncOp>())
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      function.setArgAttr(
          i, bufferization::BufferizationDialect::kWritableAttrName,
          builder.getBoolAttr(false));
  bufferization::OneShotBufferizationOptions options = getOptions();
  bufferization::BufferizationState state;
  if (failed(bufferization::runOneShotModuleBufferize(module, options, state)))
    return failure();
  bufferization::removeBufferizationAttributesInModule(module);
  return success();
}

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

/// The address of a C string.
static Value getText(OpBuilder &builder, ModuleOp module, SymbolTable &symbols,
                     llvm::StringMap<LLVM::GlobalOp> &texts, StringRef text,
                     Location location) {
  LLVM::GlobalOp &global = texts[text];
  if (!global) {
    OpBuilder outer = OpBuilder::atBlockEnd(module.getBody());
    std::string bytes = text.str();
    bytes.push_back('\0');
    auto type = LLVM::LLVMArrayType::get(outer.getI8Type(), bytes.size());
    global = LLVM::GlobalOp::create(outer, location, type, /*isConstant=*/true,
                                    LLVM::Linkage::Internal, "dejavu_check",
                                    outer.getStringAttr(bytes));
    symbols.insert(global);
  }
  return LLVM::AddressOfOp::create(builder, location, global);
}

/// Replaces each cf.assert by a call that does not return.
static void lowerChecks(ModuleOp module, ArrayRef<func::FuncOp> functions) {
  SymbolTable symbols(module);
  llvm::StringMap<LLVM::GlobalOp> texts;
  func::FuncOp stop = module.lookupSymbol<func::FuncOp>("dejavu_rt_stop");
  for (func::FuncOp function : functions)
    function.walk([&](cf::AssertOp op) {
      if (!stop) {
        OpBuilder outer = OpBuilder::atBlockEnd(module.getBody());
        stop = func::FuncOp::create(
            outer, module.getLoc(), "dejavu_rt_stop",
            outer.getFunctionType(
                LLVM::LLVMPointerType::get(module.getContext()), {}));
        stop.setPrivate();
        symbols.insert(stop);
      }
      OpBuilder builder(op);
      Location location = op.getLoc();
      Value yes = arith::ConstantOp::create(builder, location,
                                            builder.getBoolAttr(true));
      Value fails = arith::XOrIOp::create(builder, location, op.getArg(), yes);
      auto branch = scf::IfOp::create(builder, location, fails,
                                      /*withElseRegion=*/false);
      builder.setInsertionPointToStart(branch.thenBlock());
      Value text =
          getText(builder, module, symbols, texts, op.getMsg(), location);
      func::CallOp::create(builder, location, stop, text);
      op.erase();
    });
}

/// Functions of libm for what LLVM has no intrinsic for, or computes with less
/// care.
static LogicalResult lowerMath(ModuleOp module) {
  RewritePatternSet patterns(module.getContext());
  populateMathToLibmConversionPatterns(patterns);
  ConversionTarget target(*module.getContext());
  target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
  target.addDynamicallyLegalOp<math::AcoshOp, math::AsinhOp, math::AtanhOp,
                               math::ErfOp, math::ExpM1Op, math::Log1pOp>(
      [](Operation *op) {
        auto function = op->getParentOfType<func::FuncOp>();
        return !function || !function->hasAttr(kDenseAttrName);
      });
  return applyPartialConversion(module, target, std::move(patterns));
}

//===----------------------------------------------------------------------===//
// Views
//===----------------------------------------------------------------------===//

/// Gives the views that expand dimensions sizes and strides: upstream's
/// expansion of memref.expand_shape takes one unknown size for each dimension
/// that is expanded, and there may be more.
static void lowerExpansions(func::FuncOp function) {
  function.walk([](memref::ExpandShapeOp op) {
    MemRefType type = op.getResultType();
    auto source = cast<MemRefType>(op.getSrc().getType());
    if (!type.getLayout().isIdentity() || !source.getLayout().isIdentity())
      return;
    OpBuilder builder(op);
    Location location = op.getLoc();
    SmallVector<OpFoldResult> sizes = op.getMixedOutputShape();
    SmallVector<OpFoldResult> strides(sizes.size());
    OpFoldResult stride = builder.getIndexAttr(1);
    for (size_t dim = sizes.size(); dim-- > 0;) {
      strides[dim] = stride;
      std::optional<int64_t> size = getConstantIntValue(sizes[dim]);
      std::optional<int64_t> known = getConstantIntValue(stride);
      if (size && known)
        stride = builder.getIndexAttr(*size * *known);
      else
        stride =
            arith::MulIOp::create(
                builder, location,
                getValueOrCreateConstantIndexOp(builder, location, stride),
                getValueOrCreateConstantIndexOp(builder, location, sizes[dim]))
                .getResult();
    }
    auto view = memref::ReinterpretCastOp::create(
        builder, location, type, op.getSrc(),
        OpFoldResult(builder.getIndexAttr(0)), sizes, strides);
    op.replaceAllUsesWith(view.getResult());
    op.erase();
  });
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

/// Gives a call of a function that takes buffers by now buffers of tensors.
static void convertCall(func::CallOp call, FunctionType type) {
  OpBuilder builder(call);
  for (auto [operand, to] :
       llvm::zip_equal(call->getOpOperands(), type.getInputs()))
    if (operand.get().getType() != to)
      operand.set(bufferization::ToBufferOp::create(
          builder, call.getLoc(), cast<MemRefType>(to), operand.get()));
  builder.setInsertionPointAfter(call);
  for (auto [result, to] :
       llvm::zip_equal(call.getResults(), type.getResults())) {
    Type from = result.getType();
    if (from == to)
      continue;
    result.setType(to);
    auto tensor = bufferization::ToTensorOp::create(
        builder, call.getLoc(), from, result, /*restrict=*/true);
    result.replaceAllUsesExcept(tensor.getResult(), tensor);
  }
}

namespace {
struct BufferizeDense : dejavu::impl::BufferizeDensePassBase<BufferizeDense> {
  using BufferizeDensePassBase::BufferizeDensePassBase;

  void getDependentDialects(DialectRegistry &registry) const override {
    BufferizeDensePassBase::getDependentDialects(registry);
    arith::registerBufferizableOpInterfaceExternalModels(registry);
    bufferization::func_ext::registerBufferizableOpInterfaceExternalModels(
        registry);
    cf::registerBufferizableOpInterfaceExternalModels(registry);
    linalg::registerBufferizableOpInterfaceExternalModels(registry);
    scf::registerBufferizableOpInterfaceExternalModels(registry);
    tensor::registerBufferizableOpInterfaceExternalModels(registry);
    tensor::registerSubsetOpInterfaceExternalModels(registry);
  }

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<func::FuncOp> functions;
    for (auto function : module.getOps<func::FuncOp>())
      if (function->hasAttr(kDenseAttrName) && !function.isExternal())
        functions.push_back(function);
    if (functions.empty())
      return;
    OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
    auto own = ModuleOp::create(builder, module.getLoc());
    for (func::FuncOp function : functions)
      function->moveBefore(own.getBody(), own.getBody()->end());

    OpPassManager before("builtin.module");
    before.addPass(createCanonicalizerPass());
    before.addPass(createCSEPass());
    before.addPass(createLinalgElementwiseOpFusionPass());
    before.addPass(createCSEPass());
    OpPassManager after("builtin.module");
    after.addPass(createCanonicalizerPass());
    after.addPass(createCSEPass());
    after.addNestedPass<func::FuncOp>(createDenseDeallocationPass());
    after.addNestedPass<func::FuncOp>(createConvertLinalgToLoopsPass());
    LogicalResult result = success();
    if (failed(runPipeline(before, own)) || failed(bufferize(own)) ||
        failed(runPipeline(after, own)))
      result = failure();

    // Back, with constants under names that are free.
    SymbolTable symbols(module);
    functions.clear();
    for (Operation &op : llvm::make_early_inc_range(*own.getBody())) {
      if (auto function = dyn_cast<func::FuncOp>(op)) {
        functions.push_back(function);
        continue;
      }
      auto global = dyn_cast<memref::GlobalOp>(op);
      if (!global)
        continue;
      std::string name;
      for (unsigned number = numConstants;; ++number) {
        name = "dense_constant_" + std::to_string(number);
        if (!symbols.lookup(name)) {
          numConstants = number + 1;
          break;
        }
      }
      if (failed(SymbolTable::replaceAllSymbolUses(
              global, StringAttr::get(&getContext(), name), own)))
        result = failure();
      SymbolTable::setSymbolName(global, name);
      global->moveBefore(own);
      symbols.insert(global);
    }
    for (func::FuncOp function : functions)
      function->moveBefore(own);
    own.erase();
    if (failed(result))
      return signalPassFailure();
    lowerChecks(module, functions);
    for (func::FuncOp function : functions)
      lowerExpansions(function);
    if (failed(lowerMath(module)))
      return signalPassFailure();

    SymbolTable now(module);
    module.walk([&](func::CallOp call) {
      auto callee = now.lookup<func::FuncOp>(call.getCallee());
      if (callee && callee->hasAttr(kDenseAttrName))
        convertCall(call, callee.getFunctionType());
    });
  }

private:
  unsigned numConstants = 0;
};
} // namespace
