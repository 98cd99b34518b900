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

#include "mlir/IR/Remarks.h"

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
  chooseRows(host.getRows(), [] {}, launch);
}

ResidualAddOp DeviceLowering::getMLPAdd(Value residual) {
  for (Operation *user : residual.getUsers()) {
    auto add = dyn_cast<ResidualAddOp>(user);
    if (!add || add.getLhs() == add.getRhs())
      continue;
    Value other = getOther(add, residual);
    if (!other.hasOneUse())
      continue;
    auto ffn = other.getDefiningOp<FFNOp>();
    if (ffn && getFusedSpec(ffn))
      return add;
    auto last = other.getDefiningOp<SparseLinearOp>();
    if (!last)
      continue;
    Value hidden = last.getInput();
    if (auto gather = hidden.getDefiningOp<GatherLinearOp>())
      hidden = gather.getFactor();
    auto first = hidden ? hidden.getDefiningOp<LinearOp>() : LinearOp();
    std::optional<ExactMLP> mlp;
    if (first)
      mlp = getExactMLP(first);
    if (mlp && mlp->last == last)
      return add;
  }
  return {};
}

Value DeviceLowering::allocateCopy(Value residual) {
  if (reduction != Reduction::atomic || entry != Entry::decode ||
      residual.hasOneUse())
    return {};
  ResidualAddOp add = getMLPAdd(residual);
  return add ? allocateResult(add) : Value();
}

void DeviceLowering::keepsOrder(Operation *op, StringRef reason) {
  if (reduction != Reduction::atomic || entry != Entry::decode)
    return;
  auto options = remark::RemarkOpts::name("reduction")
                     .category("lower")
                     .function(function.getName());
  remark::missed(op->getLoc(), options)
      << ("sums of an MLP stay in order: " + reason).str();
}

void DeviceLowering::allocate(FusedMLP &mlp, Value result, Operation *op) {
  // Blocks can add to what is there: a copy of the residual, or the residual.
  if (reduction == Reduction::atomic) {
    ResidualAddOp add = getFusedAdd(result);
    mlp.target = add ? getMemory(add) : Value();
    if (mlp.target)
      mlp.residual = getMemory(getOther(add, result));
    else
      mlp.target = mlp.residual = reuseResidual(result, op);
    if (!mlp.target)
      keepsOrder(op, add ? "the residual is read by others, and what makes it "
                           "is no product that could copy it"
                         : "there is no residual to add to");
  }
  if (mlp.target) {
    mlp.result = mlp.target;
    mlp.spec.isAtomic = true;
    mlp.spec.hasDownBias = mlp.downBias != nullptr;
    return;
  }
  std::tie(mlp.result, mlp.residual) = allocateFused(result);
  int64_t bytes =
      kPartialHeader + kMaxBlocks * mlp.spec.features * int64_t(sizeof(float));
  mlp.target = allocateScratch(bytes, op);
}

void DeviceLowering::launchFused(const FusedMLP &mlp) {
  auto launch = [&](bool isCounted) {
    SmallVector<Value> arguments{mlp.input};
    FusedFFNSpec spec = mlp.spec;
    spec.isCounted = isCounted;
    if (mlp.norm) {
      spec.norm = mlp.norm->spec;
      arguments = mlp.norm->arguments;
    }
    for (FlatSymbolRefAttr weight :
         {mlp.gate, mlp.gateBias, mlp.up, mlp.upBias, mlp.down,
          mlp.spec.hasDownBias ? mlp.downBias : FlatSymbolRefAttr()})
      if (weight)
        arguments.push_back(getWeight(weight));
    if (spec.leavesActivations())
      arguments.push_back(mlp.activations);
    arguments.push_back(mlp.target);
    host.launch(getFusedFFNKernel(library, spec), host.number(-1), arguments);
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
    if (isCounted)
      arguments.push_back(mlp.activeCount);
    arguments.push_back(mlp.result);
    host.launch(
        getBlockSumKernel(library, mlp.spec.features, epilogue, isCounted),
        host.number(getBlockSumBlocks(mlp.spec.features, isCounted)),
        arguments);
  };
  auto launchOne = [&] {
    if (!mlp.activeCount)
      return launch(/*isCounted=*/false);
    host.choose(
        host.isNotNull(mlp.activeCount), [&] { launch(/*isCounted=*/true); },
        [&] { launch(/*isCounted=*/false); });
  };
  chooseRows(host.getRows(), launchOne, [] {});
}

std::optional<FusedFFNSpec> DeviceLowering::getFusedSpec(FFNOp op) {
  RankedTensorType type = getType(op.getUpAttr());
  bool isGated = op.getGate().has_value();
  FusedFFNSpec spec{type.getDimSize(1),
                    type.getDimSize(0),
                    type.getElementType(),
                    op.getActivation(),
                    isGated,
                    op.getGateBias().has_value(),
                    op.getUpBias().has_value()};
  bool isAlike = getType(op.getDownAttr()) == type &&
                 (!isGated || getType(op.getGateAttr()) == type);
  if (entry != Entry::decode || !isAlike || !hasFusedFFN(spec))
    return std::nullopt;
  return spec;
}

LogicalResult DeviceLowering::lower(FFNOp op) {
  if (op.getPredicted())
    return op.emitOpError() << "has no kernel for CUDA with a predicted set";
  int64_t neurons = getType(op.getUpAttr()).getDimSize(0);
  Product product;
  product.input = getMemory(op.getInput());
  bool isGated = op.getGate().has_value();
  Factor &factor = product.factors.emplace_back();
  factor.weight = isGated ? op.getGateAttr() : op.getUpAttr();
  factor.bias = isGated ? op.getGateBiasAttr() : op.getUpBiasAttr();
  if (isGated) {
    factor.factorWeight = op.getUpAttr();
    factor.factorBias = op.getUpBiasAttr();
  }
  product.epilogue.activation = op.getActivation();
  product.rows = host.getRows();
  factor.result = allocateScratch(neurons * sizeof(float), op);
  RowSum sum{factor.result, op.getDownAttr(), op.getDownBiasAttr()};

  std::optional<FusedFFNSpec> spec = getFusedSpec(op);
  if (spec) {
    FusedMLP mlp{*spec,
                 product.input,
                 getNorm(op.getInput()),
                 op.getGateAttr(),
                 op.getGateBiasAttr(),
                 op.getUpAttr(),
                 op.getUpBiasAttr(),
                 op.getDownAttr(),
                 op.getDownBiasAttr()};
    allocate(mlp, op.getResult(), op);
    launchFused(mlp);
    sum.result = mlp.result;
    sum.residual = mlp.residual;
  }
  bool isFused = spec.has_value();
  if (!isFused)
    keepsOrder(op, kNotFused);
  allocateForLibrary(product, op);
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

std::optional<DeviceLowering::ExactMLP>
DeviceLowering::getExactMLP(LinearOp op) {
  if (entry != Entry::decode || op.getInMajor() || !op.getActivation())
    return std::nullopt;
  Value hidden = op.getResult();
  ExactMLP ops{op, getOnlyUser<GatherLinearOp>(hidden), {}, {}};
  if (ops.gather && (ops.gather.getFactor() != hidden ||
                     ops.gather.getInput() != op.getInput() ||
                     !isNonzeroSet(ops.gather.getActive(), hidden)))
    return std::nullopt;
  Value scaled = ops.gather ? ops.gather.getResult() : hidden;
  ops.last = getOnlyUser<SparseLinearOp>(scaled);
  if (!ops.last || ops.last.getInput() != scaled ||
      !isNonzeroSet(ops.last.getActive(), hidden))
    return std::nullopt;
  RankedTensorType type = getType(op.getWeightAttr());
  // One launch counts for one of them.
  if (llvm::count_if(hidden.getUsers(), llvm::IsaPred<SelectOp>) != 1)
    return std::nullopt;
  if (getType(ops.last.getWeightAttr()) != type ||
      (ops.gather && getType(ops.gather.getWeightAttr()) != type))
    return std::nullopt;
  ops.spec = FusedFFNSpec{type.getDimSize(1), type.getDimSize(0),
                          type.getElementType(), *op.getActivation()};
  ops.spec.isExact = true;
  ops.spec.isGated = ops.gather != nullptr;
  bool hasBias = op.getBias().has_value();
  ops.spec.hasGateBias = ops.gather && hasBias;
  ops.spec.hasUpBias = ops.gather ? ops.gather.getBias().has_value() : hasBias;
  return hasFusedFFN(ops.spec) ? std::optional(ops) : std::nullopt;
}

void DeviceLowering::launchExact(const ExactMLP &ops, Value activations) {
  LinearOp first = ops.first;
  GatherLinearOp gather = ops.gather;
  SparseLinearOp last = ops.last;
  FusedMLP mlp;
  mlp.spec = ops.spec;
  mlp.input = getMemory(first.getInput());
  mlp.norm = getNorm(first.getInput());
  (gather ? mlp.gate : mlp.up) = first.getWeightAttr();
  (gather ? mlp.gateBias : mlp.upBias) = first.getBiasAttr();
  if (gather) {
    mlp.up = gather.getWeightAttr();
    fusedForOne[gather] = {};
  }
  mlp.down = last.getWeightAttr();
  mlp.downBias = last.getBiasAttr();
  mlp.activations = activations;
  allocate(mlp, last.getResult(), first);
  auto select = last.getActive().getDefiningOp<SelectOp>();
  mlp.activeCount = getCount(select);
  if (!mlp.spec.isAtomic)
    fusedForOne[select] = {};
  launchFused(mlp);
  fusedForOne[last] = {mlp.result, mlp.residual};
}
