//===- LowerDeviceOps.cpp - launches of one op --------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DeviceLowering.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cuda;

/// Rows that products are made for.
static constexpr int64_t kRowBlocks[] = {1, 2, 4, 8};

//===----------------------------------------------------------------------===//
// Rows in, rows out
//===----------------------------------------------------------------------===//

LogicalResult DeviceLowering::lower(EmbedOp op) {
  FailureOr<Value> ids = getIds(op.getIds(), op);
  if (failed(ids))
    return failure();
  int64_t kernel = getEmbedKernel(library, getType(op.getTableAttr()),
                                  op.getOffset(), op.getScale());
  host.launch(kernel, host.getRows(),
              {*ids, getWeight(op.getTableAttr()), allocateResult(op)});
  return success();
}

LogicalResult DeviceLowering::lower(ResidualAddOp op) {
  if (memory.contains(op)) // part of an operand's product
    return success();
  Value lhs = getMemory(op.getLhs()), rhs = getMemory(op.getRhs());
  host.launch(getAddKernel(library, getFeatures(op.getType())), host.getRows(),
              {lhs, rhs, allocateResult(op)});
  return success();
}

LogicalResult DeviceLowering::lower(NormOp op) {
  int64_t groups = op.getGroups();
  NormSpec spec{op.getKind(),
                getFeatures(op.getType()) / groups,
                op.getScale().has_value(),
                op.getBias().has_value(),
                op.getEpsilon(),
                op.getWeightOffset()};
  SmallVector<Value> arguments{getMemory(op.getInput())};
  for (FlatSymbolRefAttr weight : {op.getScaleAttr(), op.getBiasAttr()})
    if (weight)
      arguments.push_back(getWeight(weight));
  arguments.push_back(allocateResult(op));
  host.launch(getNormKernel(library, spec),
              host.mul(host.getRows(), host.number(groups)), arguments);
  return success();
}

LogicalResult DeviceLowering::lower(RopeTableOp op) {
  FailureOr<Value> positions = getIds(op.getPositions(), op);
  if (failed(positions))
    return failure();
  int64_t kernel =
      getRopeTableKernel(library, getFeatures(op.getType()), op.getScale());
  host.launch(kernel, host.getRows(),
              {*positions, getWeight(op.getInvFreqAttr()), allocateResult(op)});
  return success();
}

LogicalResult DeviceLowering::lower(RopeOp op) {
  int64_t kernel =
      getRopeKernel(library, getFeatures(op.getType()), op.getHeads(),
                    getFeatures(op.getTable().getType()), op.getInterleaved());
  Value input = getMemory(op.getInput()), table = getMemory(op.getTable());
  host.launch(kernel, host.getRows(), {input, table, allocateResult(op)});
  return success();
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

void DeviceLowering::multiply(Product product) {
  LinearSpec spec{getType(product.weight), product.epilogue,
                  product.factorWeight != nullptr,
                  product.factorBias != nullptr};
  spec.epilogue.hasBias = product.bias != nullptr;
  spec.epilogue.hasResidual = product.residual != nullptr;
  if (!product.part) {
    product.part = product.tokens = product.rows;
    product.from = host.number(0);
  }
  SmallVector<Value> arguments{product.input};
  for (FlatSymbolRefAttr weight :
       {product.weight, product.bias, product.factorWeight, product.factorBias})
    if (weight)
      arguments.push_back(getWeight(weight));
  if (product.residual)
    arguments.push_back(product.residual);
  arguments.append({product.result, product.rows, product.part, product.tokens,
                    product.from});
  SmallVector<HostEntry::Variant> variants;
  for (int64_t rows : kRowBlocks)
    variants.push_back({rows, getLinearKernel(library, spec, rows),
                        getLinearBlocks(spec, rows)});
  host.launchRows(variants, product.rows, Value(), arguments);
}

int64_t DeviceLowering::getParts(FlatSymbolRefAttr weight) {
  // With many rows there are enough blocks without cutting the sum.
  return entry == Entry::prefill ? 1 : getRowSumParts(getType(weight));
}

void DeviceLowering::allocate(RowSum &sum, Operation *op) {
  int64_t out = getType(sum.weight).getDimSize(1);
  sum.partial = allocateScratch(getParts(sum.weight) * out * sizeof(float), op);
  if (!sum.result)
    std::tie(sum.result, sum.residual) = allocateFused(op->getResult(0));
}

void DeviceLowering::sumRows(const RowSum &sum) {
  RankedTensorType type = getType(sum.weight);
  int64_t out = type.getDimSize(1), parts = getParts(sum.weight);
  SmallVector<HostEntry::Variant> variants;
  for (int64_t rows : kRowBlocks)
    variants.push_back(
        {rows, getRowSumKernel(library, type, parts, rows, sum.isSparse),
         getRowSumBlocks(type)});
  host.launchRows(
      variants, host.getRows(), host.number(parts),
      {sum.input, getWeight(sum.weight), sum.partial, host.getRows()});

  Epilogue epilogue = sum.epilogue;
  epilogue.hasBias = sum.bias != nullptr;
  epilogue.hasResidual = sum.residual != nullptr;
  SmallVector<Value> arguments{sum.partial};
  if (sum.bias)
    arguments.push_back(getWeight(sum.bias));
  if (sum.residual)
    arguments.push_back(sum.residual);
  arguments.append({sum.result, host.getRows()});
  host.launch(getPartialSumKernel(library, parts, out, epilogue),
              {host.number(llvm::divideCeil(out, 256)), host.getRows()},
              arguments);
}

LogicalResult DeviceLowering::lower(LinearOp op) {
  if (op.getInMajor()) {
    RowSum sum{getMemory(op.getInput()), op.getWeightAttr(), op.getBiasAttr()};
    sum.epilogue.activation = op.getActivation();
    allocate(sum, op);
    sumRows(sum);
    return success();
  }
  Product product;
  product.input = getMemory(op.getInput());
  product.weight = op.getWeightAttr();
  product.bias = op.getBiasAttr();
  product.epilogue.activation = op.getActivation();
  product.rows = host.getRows();
  std::tie(product.result, product.residual) = allocateFused(op);
  bool isFused = launchExact(op, product.result);
  launchUnlessOne(isFused, [&] { multiply(product); });
  return success();
}

LogicalResult DeviceLowering::lower(LMHeadOp op) {
  if (!op->hasOneUse() || !isa<func::ReturnOp>(*op->user_begin()))
    return op.emitOpError() << "has no kernel for CUDA unless its result is "
                               "returned";
  Product product;
  product.input = getMemory(op.getInput());
  product.weight = op.getWeightAttr();
  product.bias = op.getBiasAttr();
  product.epilogue.scale = op.getScale().convertToFloat();
  product.epilogue.softcap = op.getSoftcap().convertToFloat();
  product.result = memory[op] = host.getPointer(Field::logits);
  product.rows = host.getRows();
  if (op.getFrom()) {
    product.tokens = host.getNumber(Field::tokens);
    product.from = host.getNumber(Field::logitsFrom);
    product.part = host.sub(product.tokens, product.from);
    product.rows = host.mul(host.getNumber(Field::batch), product.part);
  }
  multiply(product);
  return success();
}

//===----------------------------------------------------------------------===//
// Exact sparsity
//===----------------------------------------------------------------------===//

LogicalResult DeviceLowering::lower(SelectOp op) {
  if (op.getKind() != SelectKind::exact)
    return op.emitOpError() << "has no kernel for CUDA: expected an exact "
                               "selection";
  // The set is what is not zero; who reads rows sees that for itself.
  Value counts = host.getPointer(Field::counts);
  int64_t extent = op.getType().getExtent();
  auto counter = counters.find(op);
  if (counter == counters.end())
    return success();
  host.when(host.isNotNull(counts), [&] {
    Value first = host.mul(host.number(counter->second), host.getRows());
    host.launch(getCountKernel(library, extent), host.getRows(),
                {getMemory(op.getScores()),
                 host.getAddress(counts, first, sizeof(int32_t))});
  });
  return success();
}

LogicalResult DeviceLowering::lower(GatherLinearOp op) {
  if (!op.getFactor() || !isNonzeroSet(op.getActive(), op.getFactor()))
    return op.emitOpError() << "has no kernel for CUDA: expected a factor and "
                               "the set of what is not zero in it";
  RankedTensorType weight = getType(op.getWeightAttr());
  SmallVector<Value> arguments{getMemory(op.getInput()),
                               getWeight(op.getWeightAttr())};
  if (op.getBias())
    arguments.push_back(getWeight(op.getBiasAttr()));
  arguments.append(
      {getMemory(op.getFactor()), allocateResult(op), host.getRows()});
  GatherSpec spec{weight, op.getBias().has_value()};
  SmallVector<HostEntry::Variant> variants;
  for (int64_t rows : kRowBlocks)
    variants.push_back({rows, getGatherLinearKernel(library, spec, rows),
                        getGatherLinearBlocks(spec)});
  launchUnlessOne(fusedForOne.contains(op), [&] {
    host.launchRows(variants, host.getRows(), Value(), arguments);
  });
  return success();
}

LogicalResult DeviceLowering::lower(SparseLinearOp op) {
  // Behind a product with what is not zero, the product is zero where that is.
  Value input = op.getInput();
  bool isKnown = isNonzeroSet(op.getActive(), input);
  if (auto gather = input.getDefiningOp<GatherLinearOp>())
    isKnown |= gather.getActive() == op.getActive() && gather.getFactor() &&
               isNonzeroSet(op.getActive(), gather.getFactor());
  if (!isKnown)
    return op.emitOpError() << "has no kernel for CUDA: expected the set of "
                               "what is not zero in the input";
  RowSum sum{getMemory(input), op.getWeightAttr(), op.getBiasAttr()};
  sum.isSparse = true;
  auto fused = fusedForOne.find(op);
  bool isFused = fused != fusedForOne.end();
  if (isFused)
    std::tie(sum.result, sum.residual) = fused->second;
  allocate(sum, op);
  launchUnlessOne(isFused, [&] { sumRows(sum); });
  return success();
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

LogicalResult DeviceLowering::lower(KVAppendOp op) {
  int64_t layer = cacheNumbers.lookup(op.getCache());
  cacheNumbers[op.getResult()] = layer;
  host.launch(getKVAppendKernel(library, op.getCache().getType()),
              host.getRows(),
              {getMemory(op.getKey()), getMemory(op.getValue()),
               host.getTablePointer(Field::keys, layer),
               host.getTablePointer(Field::values, layer),
               host.getPointer(Field::pastAt), host.getNumber(Field::tokens),
               host.getNumber(Field::capacity)});
  return success();
}

LogicalResult DeviceLowering::lower(AttentionOp op) {
  if (op.getPredicted())
    return op.emitOpError() << "has no kernel for CUDA with a predicted set";
  if (op.getStarts() != function.getArgument(2))
    return op.emitOpError() << "expected the starts of the function";
  AttentionSpec spec{op.getCache().getType(),
                     getFeatures(op.getQuery().getType()),
                     op.getScale(),
                     op.getSoftcap(),
                     op.getMaskedRows(),
                     std::nullopt,
                     {}};
  if (op.getWindow())
    spec.window = static_cast<int64_t>(*op.getWindow());
  if (std::optional<ArrayRef<float>> slopes = op.getAlibi())
    spec.slopes.assign(slopes->begin(), slopes->end());
  spec.parts = entry == Entry::prefill ? 1 : getAttentionParts(spec);
  int64_t layer = cacheNumbers.lookup(op.getCache());
  cacheNumbers[op.getNewCache()] = layer;
  Value partial =
      allocateScratch(getAttentionScratch(spec) * sizeof(float), op);
  host.launch(
      getAttentionKernel(library, spec),
      {host.number(getAttentionBlocks(spec)), host.number(spec.parts),
       host.getRows()},
      {getMemory(op.getQuery()), host.getTablePointer(Field::keys, layer),
       host.getTablePointer(Field::values, layer),
       host.getPointer(Field::starts), host.getPointer(Field::pastAt), partial,
       host.getNumber(Field::tokens), host.getNumber(Field::capacity)});
  int64_t queries = spec.features / spec.cache.getHeadDim();
  host.launch(getAttentionCombineKernel(library, spec),
              {host.number(queries), host.getRows()},
              {partial, allocateResult(op.getResult())});
  return success();
}

LogicalResult DeviceLowering::lower(func::ReturnOp op) {
  Value logits = op.getNumOperands() ? op.getOperand(0) : Value();
  if (!logits || !logits.getDefiningOp<LMHeadOp>())
    return op.emitOpError()
           << "expected the logits of a lm_head as first operand";
  for (auto [index, operand] : llvm::enumerate(op.getOperands().drop_front()))
    if (!isa<KVCacheType>(operand.getType()) ||
        cacheNumbers.lookup(operand) != static_cast<int64_t>(index))
      return op.emitOpError() << "expected the caches in their order after "
                                 "the logits, found operand "
                              << index + 1 << " of type " << operand.getType();
  host.finish();
  return success();
}
