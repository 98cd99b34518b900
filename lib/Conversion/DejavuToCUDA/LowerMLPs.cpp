//===- LowerMLPs.cpp - MLPs in one launch ---------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An MLP of one row has a launch for all of it, where there is a kernel: a
// dense one, and one of exact sparsity, which is several ops. Several rows have
// a launch for each product.
//
//===----------------------------------------------------------------------===//

#include "DeviceLowering.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cuda;

bool cuda::isNonzeroSet(Value set, Value values) {
  auto select = set.getDefiningOp<SelectOp>();
  return select && select.getKind() == SelectKind::exact &&
         select.getScores() == values;
}

void DeviceLowering::launchUnlessOne(bool hasFused,
                                     llvm::function_ref<void()> launch) {
  if (!hasFused)
    return launch();
  Value isMore =
      arith::CmpIOp::create(host.getBuilder(), arith::CmpIPredicate::ne,
                            host.getRows(), host.number(1));
  host.when(isMore, launch);
}

void DeviceLowering::allocate(FusedMLP &mlp, Value result, Operation *op) {
  // Blocks add to what is there already if the result is made where the
  // residual is.
  if (reduction == Reduction::atomic)
    mlp.target = reuseResidual(result, op);
  if (mlp.target) {
    mlp.result = mlp.residual = mlp.target;
    mlp.spec.isAtomic = true;
    mlp.spec.hasDownBias = mlp.downBias != nullptr;
    return;
  }
  std::tie(mlp.result, mlp.residual) = allocateFused(result);
  int64_t bytes = kPartialHeader +
                  kMaxBlocks * mlp.spec.features * int64_t(sizeof(float));
  mlp.target = allocateScratch(bytes, op);
}

void DeviceLowering::launchFused(const FusedMLP &mlp) {
  Value isOne =
      arith::CmpIOp::create(host.getBuilder(), arith::CmpIPredicate::eq,
                            host.getRows(), host.number(1));
  host.when(isOne, [&] {
    SmallVector<Value> arguments{mlp.input};
    for (FlatSymbolRefAttr weight :
         {mlp.gate, mlp.gateBias, mlp.up, mlp.upBias, mlp.down,
          mlp.spec.hasDownBias ? mlp.downBias : FlatSymbolRefAttr()})
      if (weight)
        arguments.push_back(getWeight(weight));
    if (mlp.activations)
      arguments.push_back(mlp.activations);
    arguments.push_back(mlp.target);
    host.launch(getFusedFFNKernel(library, mlp.spec), host.number(-1),
                arguments);
    if (mlp.spec.isAtomic)
      return;
    Epilogue epilogue;
    epilogue.hasBias = mlp.downBias != nullptr;
    epilogue.hasResidual = mlp.residual != nullptr;
    arguments = {mlp.target};
    if (mlp.downBias)
      arguments.push_back(getWeight(mlp.downBias));
    if (mlp.residual)
      arguments.push_back(mlp.residual);
    arguments.push_back(mlp.result);
    host.launch(getBlockSumKernel(library, mlp.spec.features, epilogue),
                host.number(getBlockSumBlocks(mlp.spec.features)), arguments);
  });
}

LogicalResult DeviceLowering::lower(FFNOp op) {
  if (op.getPredicted())
    return op.emitOpError() << "has no kernel for CUDA with a predicted set";
  RankedTensorType type = getType(op.getUpAttr());
  int64_t neurons = type.getDimSize(0);
  Product product;
  product.input = getMemory(op.getInput());
  bool isGated = op.getGate().has_value();
  product.weight = isGated ? op.getGateAttr() : op.getUpAttr();
  product.bias = isGated ? op.getGateBiasAttr() : op.getUpBiasAttr();
  if (isGated) {
    product.factorWeight = op.getUpAttr();
    product.factorBias = op.getUpBiasAttr();
  }
  product.epilogue.activation = op.getActivation();
  product.rows = host.getRows();
  product.result = allocateScratch(neurons * sizeof(float), op);
  RowSum sum{product.result, op.getDownAttr(), op.getDownBiasAttr()};

  FusedMLP mlp{
      FusedFFNSpec{type.getDimSize(1), neurons, type.getElementType(),
                   op.getActivation(), isGated, op.getGateBias().has_value(),
                   op.getUpBias().has_value()},
      product.input,
      op.getGateAttr(),
      op.getGateBiasAttr(),
      op.getUpAttr(),
      op.getUpBiasAttr(),
      op.getDownAttr(),
      op.getDownBiasAttr()};
  bool isAlike = getType(op.getDownAttr()) == type &&
                 (!isGated || getType(op.getGateAttr()) == type);
  bool isFused = entry == Entry::decode && isAlike && hasFusedFFN(mlp.spec);
  if (isFused) {
    allocate(mlp, op.getResult(), op);
    launchFused(mlp);
    sum.result = mlp.result;
    sum.residual = mlp.residual;
  }
  allocate(sum, op);
  launchUnlessOne(isFused, [&] {
    multiply(product);
    sumRows(sum);
  });
  return success();
}

//===----------------------------------------------------------------------===//
// Exact sparsity
//===----------------------------------------------------------------------===//

/// The only user of `value` of that type besides exact selections.
template <typename Op>
static Op getOnlyUser(Value value) {
  Op only;
  for (Operation *user : value.getUsers()) {
    if (isa<SelectOp>(user))
      continue;
    auto op = dyn_cast<Op>(user);
    if (!op || only)
      return {};
    only = op;
  }
  return only;
}

bool DeviceLowering::launchExact(LinearOp op, Value activations) {
  if (entry != Entry::decode || op.getInMajor() || !op.getActivation())
    return false;
  Value hidden = op.getResult();
  auto gather = getOnlyUser<GatherLinearOp>(hidden);
  if (gather && (gather.getFactor() != hidden ||
                 gather.getInput() != op.getInput() ||
                 !isNonzeroSet(gather.getActive(), hidden)))
    return false;
  auto sparse =
      getOnlyUser<SparseLinearOp>(gather ? gather.getResult() : hidden);
  if (!sparse || !isNonzeroSet(sparse.getActive(), hidden) ||
      sparse.getInput() != (gather ? gather.getResult() : hidden))
    return false;
  RankedTensorType type = getType(op.getWeightAttr());
  if (getType(sparse.getWeightAttr()) != type ||
      (gather && getType(gather.getWeightAttr()) != type))
    return false;

  FusedMLP mlp;
  mlp.spec = FusedFFNSpec{type.getDimSize(1), type.getDimSize(0),
                          type.getElementType(), *op.getActivation()};
  mlp.spec.isExact = true;
  mlp.spec.isGated = gather != nullptr;
  mlp.input = getMemory(op.getInput());
  (gather ? mlp.gate : mlp.up) = op.getWeightAttr();
  (gather ? mlp.gateBias : mlp.upBias) = op.getBiasAttr();
  if (gather) {
    mlp.up = gather.getWeightAttr();
    mlp.upBias = gather.getBiasAttr();
  }
  mlp.spec.hasGateBias = mlp.gateBias != nullptr;
  mlp.spec.hasUpBias = mlp.upBias != nullptr;
  mlp.down = sparse.getWeightAttr();
  mlp.downBias = sparse.getBiasAttr();
  mlp.activations = activations;
  if (!hasFusedFFN(mlp.spec))
    return false;
  allocate(mlp, sparse.getResult(), op);
  launchFused(mlp);
  if (gather)
    fusedForOne[gather] = {};
  fusedForOne[sparse] = {mlp.result, mlp.residual};
  return true;
}
