//===- OnnxToLinalg.cpp - dense functions to linalg on tensors ------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Lowering.h"

#include "dejavu/Conversion/OnnxToLinalg/Passes.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::dejavu {
#define GEN_PASS_DEF_CONVERTONNXTOLINALGPASS
#include "dejavu/Conversion/OnnxToLinalg/Passes.h.inc"
} // namespace mlir::dejavu

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::dense;

//===----------------------------------------------------------------------===//
// Table
//===----------------------------------------------------------------------===//

LoweringTable::LoweringTable() {
  addElementwise(*this);
  addActivations(*this);
  addCompare(*this);
  addControlFlow(*this);
  addConvolutions(*this);
  addQuantisation(*this);
  addReductions(*this);
  addProducts(*this);
  addMovement(*this);
  addIndexing(*this);
  addShapes(*this);
  addNorms(*this);
}

const LoweringTable &LoweringTable::get() {
  static const LoweringTable table;
  return table;
}

const Handler *LoweringTable::find(Operation *op) const {
  auto it = handlers.find(op->getName().getStringRef());
  return it == handlers.end() ? nullptr : &it->second;
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

LogicalResult Lowering::lowerBlock(Block &block) {
  for (Operation &op : block.without_terminator()) {
    for (Type type :
         llvm::concat<const Type>(op.getOperandTypes(), op.getResultTypes()))
      if (!getTensorType(type))
        return op.emitOpError()
               << "expected tensors of known rank, found " << type;
    const Handler *handler = LoweringTable::get().find(&op);
    if (!handler)
      return op.emitOpError("has no lowering");
    Operation *outer = std::exchange(current, &op);
    Location before = getLoc();
    setLoc(op.getLoc());
    LogicalResult result =
        foldContents(&op) ? success() : (*handler)(&op, *this);
    current = outer;
    setLoc(before);
    if (failed(result))
      return failure();
  }
  return success();
}

/// Reports all ops without a lowering at once.
static LogicalResult checkSupported(ModuleOp module,
                                    ArrayRef<func::FuncOp> functions) {
  struct Use {
    int64_t count = 0;
    Operation *first = nullptr;
  };
  llvm::MapVector<StringRef, Use> unknown;
  for (func::FuncOp function : functions)
    function.walk([&](Operation *op) {
      if (isa<func::FuncOp, func::ReturnOp, onnx::YieldOp>(op) ||
          LoweringTable::get().find(op))
        return;
      Use &use = unknown[op->getName().getStringRef()];
      if (use.count++ == 0)
        use.first = op;
    });
  if (unknown.empty())
    return success();
  InFlightDiagnostic diag = emitError(unknown.begin()->second.first->getLoc())
                            << "ops that cannot be compiled:";
  for (auto &[name, use] : unknown) {
    diag << (name == unknown.begin()->first ? " " : ", ") << name << " ("
         << use.count << ")";
    diag.attachNote(use.first->getLoc()) << "first '" << name << "' is here";
  }
  return diag;
}

/// Whether a function has been lowered already.
static bool isLowered(func::FuncOp function) {
  return function
      .walk([](Operation *op) {
        return isa_and_present<linalg::LinalgDialect, tensor::TensorDialect,
                               memref::MemRefDialect>(op->getDialect())
                   ? WalkResult::interrupt()
                   : WalkResult::advance();
      })
      .wasInterrupted();
}

/// Replaces a dense function's body of onnx ops.
static LogicalResult lowerFunction(func::FuncOp function) {
  SmallVector<Type> inputs, results;
  for (Type type : function.getArgumentTypes())
    inputs.push_back(getTensorType(type));
  for (Type type : function.getResultTypes())
    results.push_back(getTensorType(type));
  for (Type type : llvm::concat<Type>(inputs, results))
    if (!type)
      return function.emitOpError("expected tensors of known rank");

  Region old;
  old.takeBody(function.getBody());
  Block *entry = function.addEntryBlock();
  // The new arguments have the new types.
  function.setFunctionType(
      FunctionType::get(function.getContext(), inputs, results));
  for (auto [argument, type] : llvm::zip_equal(entry->getArguments(), inputs))
    argument.setType(type);

  OpBuilder builder = OpBuilder::atBlockBegin(entry);
  Lowering lowering(builder, function.getLoc());
  for (auto [before, after] :
       llvm::zip_equal(old.getArguments(), entry->getArguments()))
    lowering.bind(before, after);
  if (failed(lowering.lowerBlock(old.front())))
    return failure();
  SmallVector<Value> values;
  for (auto [value, type] :
       llvm::zip_equal(old.front().getTerminator()->getOperands(), results)) {
    Value tensor = lowering.get(value);
    if (tensor.getType() != type)
      tensor = tensor::CastOp::create(lowering, type, tensor);
    values.push_back(tensor);
  }
  func::ReturnOp::create(lowering, values);
  return success();
}

/// Casts the operands and results of calls to and from signless types.
static void convertCall(func::CallOp call, FunctionType type) {
  OpBuilder builder(call);
  auto cast = [&](Value value, Type to) -> Value {
    return value.getType() == to
               ? value
               : tensor::BitcastOp::create(builder, call.getLoc(), to, value)
                     .getResult();
  };
  for (auto [operand, to] :
       llvm::zip_equal(call->getOpOperands(), type.getInputs()))
    operand.set(cast(operand.get(), to));
  builder.setInsertionPointAfter(call);
  for (auto [result, to] :
       llvm::zip_equal(call.getResults(), type.getResults())) {
    Type from = result.getType();
    if (from == to)
      continue;
    result.setType(to);
    Value back = cast(result, from);
    result.replaceAllUsesExcept(back, back.getDefiningOp());
  }
}

namespace {
struct ConvertOnnxToLinalg
    : dejavu::impl::ConvertOnnxToLinalgPassBase<ConvertOnnxToLinalg> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<func::FuncOp> functions;
    for (auto function : module.getOps<func::FuncOp>())
      if (function->hasAttr(kDenseAttrName) && !function.isExternal() &&
          !isLowered(function))
        functions.push_back(function);
    if (failed(checkSupported(module, functions)))
      return signalPassFailure();
    for (func::FuncOp function : functions)
      if (failed(lowerFunction(function)))
        return signalPassFailure();
    SymbolTable symbols(module);
    module.walk([&](func::CallOp call) {
      auto callee = symbols.lookup<func::FuncOp>(call.getCallee());
      if (callee && callee->hasAttr(kDenseAttrName))
        convertCall(call, callee.getFunctionType());
    });
  }
};
} // namespace
