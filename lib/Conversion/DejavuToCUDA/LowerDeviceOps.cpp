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
/// With more, products are left to a library.
static constexpr int64_t kLibraryRows = 8;

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
  Operation *product = getProductBehind(op);
  if (product)
    fusedNorms.try_emplace(op, FusedNorm{spec, arguments});
  arguments.push_back(allocateResult(op));
  auto launch = [&] {
    host.launch(getNormKernel(library, spec),
                host.mul(host.getRows(), host.number(groups)), arguments);
  };
  if (!product) {
    launch();
    return success();
  }
  chooseRows(host.getRows(), [] {}, launch);
  // The product reads the input of the norm.
  auto place = places.find(op.getInput());
  if (place != places.end() && lastUses.lookup(op.getInput()) == op) {
    transient[product].push_back(place->second);
    places.erase(place);
  }
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

static Rotation getRotation(RopeOp op) {
  return {getFeatures(op.getTable().getType()), op.getInterleaved()};
}

LogicalResult DeviceLowering::lower(RopeOp op) {
  int64_t kernel = getRopeKernel(library, getFeatures(op.getType()),
                                 op.getHeads(), getRotation(op));
  Value input = getMemory(op.getInput()), table = getMemory(op.getTable());
  host.launch(kernel, host.getRows(), {input, table, allocateResult(op)});
  return success();
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

void DeviceLowering::chooseRows(Value rows, llvm::function_ref<void()> one,
                                llvm::function_ref<void()> more) {
  for (auto [predicate, body] : {std::pair(arith::CmpIPredicate::eq, one),
                                 {arith::CmpIPredicate::ne, more}})
    host.when(arith::CmpIOp::create(host.getBuilder(), predicate, rows,
                                    host.number(1)),
              body);
}

Operation *DeviceLowering::getProductBehind(NormOp op) {
  if (entry == Entry::prefill || op.getGroups() != 1 || op.use_empty())
    return nullptr;
  Operation *first = *op->user_begin();
  for (Operation *user : op->getUsers())
    if (user->isBeforeInBlock(first))
      first = user;
  if (auto head = dyn_cast<LMHeadOp>(first))
    return op->hasOneUse() &&
                   hasStreamedLinear(LinearSpec(getType(head.getWeightAttr())))
               ? first
               : nullptr;
  if (auto ffn = dyn_cast<FFNOp>(first))
    return op->hasOneUse() && getFusedSpec(ffn) ? first : nullptr;
  auto linear = dyn_cast<LinearOp>(first);
  if (!linear || linear.getInMajor())
    return nullptr;
  if (std::optional<ExactMLP> mlp = getExactMLP(linear)) {
    unsigned users = mlp->gather ? 2 : 1;
    return op.getResult().hasNUses(users) ? first : nullptr;
  }
  SmallVector<LinearOp> others = getLinearsLike(linear);
  bool isAll = others.size() + 1 ==
               static_cast<size_t>(llvm::range_size(op->getUsers()));
  if (!isAll || !hasStreamedLinear(LinearSpec(getType(linear.getWeightAttr()))))
    return nullptr;
  return others.empty() ? first : others.back();
}

void DeviceLowering::multiply(Product product) {
  const Factor &first = product.factors.front();
  LinearSpec spec(getType(first.weight), product.epilogue);
  for (const Factor &other : ArrayRef(product.factors).drop_front())
    spec.outs.push_back(getType(other.weight).getDimSize(0));
  spec.isGated = first.factorWeight != nullptr;
  spec.hasFactorBias = first.factorBias != nullptr;
  spec.epilogue.hasBias = first.bias != nullptr;
  spec.epilogue.hasResidual = first.residual != nullptr;
  spec.epilogue.hasCopy = first.copy != nullptr;
  Value isLeft = leavesToLibrary(first.weight);
  if (!isLeft)
    return multiplyByKernels(product, spec);
  if (product.part)
    isLeft = arith::AndIOp::create(host.getBuilder(), isLeft,
                                   host.isMore(product.rows, kLibraryRows));
  host.choose(
      isLeft, [&] { multiplyByLibrary(product, spec); },
      [&] { multiplyByKernels(product, spec); });
}

void DeviceLowering::multiplyByKernels(Product product,
                                       const LinearSpec &spec) {
  if (!product.part) {
    product.part = product.tokens = product.rows;
    product.from = host.number(0);
  }
  SmallVector<Value> arguments;
  for (const Factor &factor : product.factors) {
    for (FlatSymbolRefAttr weight :
         {factor.weight, factor.bias, factor.factorWeight, factor.factorBias})
      if (weight)
        arguments.push_back(getWeight(weight));
    if (factor.residual)
      arguments.push_back(factor.residual);
    arguments.push_back(factor.result);
    if (factor.copy)
      arguments.push_back(factor.copy);
  }
  arguments.append({product.rows, product.part, product.tokens, product.from});
  SmallVector<HostEntry::Variant> variants;
  // With the norm, a streamed product has other arguments.
  if (!hasStreamedLinear(spec))
    variants.push_back(
        {1, getLinearKernel(library, spec, 1), getLinearBlocks(spec, 1)});
  else if (!product.norm)
    variants.push_back(
        {1, getStreamedLinearKernel(library, {spec, std::nullopt}), -1});
  if (hasMatrixLinear(spec))
    variants.push_back({kMatrixRows, getMatrixLinearKernel(library, spec),
                        getMatrixLinearBlocks(spec)});
  else
    for (int64_t rows : ArrayRef(kRowBlocks).drop_front())
      variants.push_back({rows, getLinearKernel(library, spec, rows),
                          getLinearBlocks(spec, rows)});
  auto launchRows = [&] {
    SmallVector<Value> all{product.input};
    llvm::append_range(all, arguments);
    host.launchRows(variants, product.rows, Value(), all);
  };
  if (!product.norm)
    return launchRows();
  chooseRows(
      product.rows,
      [&] {
        SmallVector<Value> all = product.norm->arguments;
        llvm::append_range(all, arguments);
        host.launch(
            getStreamedLinearKernel(library, {spec, product.norm->spec}),
            host.number(-1), all);
      },
      launchRows);
}

//===----------------------------------------------------------------------===//
// Products of many rows
//===----------------------------------------------------------------------===//

/// What dejavu_matmul calls a type of weights, if a library has products of it.
static std::optional<int64_t> getLibraryType(Type element) {
  if (element.isF32())
    return 0;
  if (element.isF16())
    return 1;
  if (element.isBF16())
    return 2;
  return std::nullopt;
}

Value DeviceLowering::leavesToLibrary(FlatSymbolRefAttr weight) {
  if (entry != Entry::prefill ||
      !getLibraryType(getType(weight).getElementType()))
    return {};
  if (!hasLibrary)
    hasLibrary = host.hasLibrary(kLibraryRows);
  return hasLibrary;
}

Value DeviceLowering::allocateConverted(FlatSymbolRefAttr weight,
                                        int64_t features, bool isPart,
                                        Operation *op) {
  if (!leavesToLibrary(weight))
    return {};
  Type element = getType(weight).getElementType();
  if (element.isF32() && !isPart)
    return {};
  return allocateScratch(features * element.getIntOrFloatBitWidth() / 8, op);
}

void DeviceLowering::allocateForLibrary(Product &product, Operation *op) {
  const Factor &first = product.factors.front();
  RankedTensorType type = getType(first.weight);
  product.converted = allocateConverted(first.weight, type.getDimSize(1),
                                        product.part != nullptr, op);
  if (first.factorWeight && leavesToLibrary(first.weight))
    product.gated =
        allocateScratch(type.getDimSize(0) * int64_t(sizeof(float)), op);
}

void DeviceLowering::multiplyByLibrary(const Product &product,
                                       const LinearSpec &spec) {
  Value input = product.input;
  if (product.converted) {
    input = product.converted;
    bool isPart = product.part != nullptr;
    host.launch(getConvertKernel(library, spec.in, spec.element), product.rows,
                {product.input, input, isPart ? product.part : product.rows,
                 isPart ? product.tokens : product.rows,
                 isPart ? product.from : host.number(0)});
  }
  for (auto [factor, out] : llvm::zip(product.factors, spec.outs)) {
    auto multiply = [&, out = out](FlatSymbolRefAttr weight, Value result) {
      host.multiply({*getLibraryType(spec.element), /*isInMajor=*/false,
                     product.rows, spec.in, out, getWeight(weight), input,
                     result});
    };
    multiply(factor.weight, factor.result);
    if (factor.factorWeight)
      multiply(factor.factorWeight, product.gated);
    finishByKernel(product, factor, spec, out);
  }
}

void DeviceLowering::finishByKernel(const Product &product,
                                    const Factor &factor,
                                    const LinearSpec &spec, int64_t out) {
  SmallVector<Value> arguments{factor.result};
  if (factor.bias)
    arguments.push_back(getWeight(factor.bias));
  if (factor.factorWeight)
    arguments.push_back(product.gated);
  if (factor.factorBias)
    arguments.push_back(getWeight(factor.factorBias));
  if (factor.residual)
    arguments.push_back(factor.residual);
  SmallVector<Value> grid{host.number(llvm::divideCeil(out, 256)),
                          product.rows};
  if (spec.isGated)
    return host.launch(getGateKernel(library, spec), grid, arguments);
  if (spec.epilogue.isNothing())
    return;
  arguments.append({factor.result, product.rows});
  host.launch(getPartialSumKernel(library, 1, out, spec.epilogue), grid,
              arguments);
}

void DeviceLowering::sumRowsByLibrary(const RowSum &sum) {
  RankedTensorType type = getType(sum.weight);
  int64_t in = type.getDimSize(0), out = type.getDimSize(1);
  Type element = type.getElementType();
  Value input = sum.input, rows = host.getRows();
  if (sum.converted) {
    input = sum.converted;
    host.launch(getConvertKernel(library, in, element), rows,
                {sum.input, input, rows, rows, host.number(0)});
  }
  host.multiply({*getLibraryType(element), /*isInMajor=*/true, rows, in, out,
                 getWeight(sum.weight), input, sum.partial});
}

//===----------------------------------------------------------------------===//
// Sums of rows
//===----------------------------------------------------------------------===//

int64_t DeviceLowering::getParts(FlatSymbolRefAttr weight) {
  // With many rows there are enough blocks without cutting the sum.
  return entry == Entry::prefill ? 1 : getRowSumParts(getType(weight));
}

void DeviceLowering::allocate(RowSum &sum, Operation *op) {
  int64_t out = getType(sum.weight).getDimSize(1);
  sum.partial = allocateScratch(getParts(sum.weight) * out * sizeof(float), op);
  sum.converted =
      allocateConverted(sum.weight, getType(sum.weight).getDimSize(0),
                        /*isPart=*/false, op);
  if (!sum.result)
    std::tie(sum.result, sum.residual) = allocateFused(op->getResult(0));
}

void DeviceLowering::sumRows(const RowSum &sum) {
  RankedTensorType type = getType(sum.weight);
  int64_t out = type.getDimSize(1), parts = getParts(sum.weight);
  auto sumByKernels = [&] {
    SmallVector<HostEntry::Variant> variants;
    bool hasMatrices = !sum.isSparse && hasMatrixRowSum(type);
    for (int64_t rows : kRowBlocks)
      if (rows == 1 || !hasMatrices)
        variants.push_back(
            {rows, getRowSumKernel(library, type, parts, rows, sum.isSparse),
             getRowSumBlocks(type)});
    if (hasMatrices)
      variants.push_back({kMatrixRows,
                          getMatrixRowSumKernel(library, type, parts),
                          getMatrixRowSumBlocks(type)});
    host.launchRows(
        variants, host.getRows(), host.number(parts),
        {sum.input, getWeight(sum.weight), sum.partial, host.getRows()});
  };
  if (Value isLeft = leavesToLibrary(sum.weight))
    host.choose(isLeft, [&] { sumRowsByLibrary(sum); }, sumByKernels);
  else
    sumByKernels();

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

SmallVector<LinearOp> DeviceLowering::getLinearsLike(LinearOp op) {
  SmallVector<LinearOp> alike;
  RankedTensorType type = getType(op.getWeightAttr());
  if (getFusedAdd(op) || getExactMLP(op))
    return alike;
  for (Operation *user : op.getInput().getUsers()) {
    auto other = dyn_cast<LinearOp>(user);
    if (!other || !op->isBeforeInBlock(other) || other.getInMajor() ||
        getFusedAdd(other) || memory.contains(other) || getExactMLP(other))
      continue;
    RankedTensorType otherType = getType(other.getWeightAttr());
    if (otherType.getElementType() == type.getElementType() &&
        other.getBias().has_value() == op.getBias().has_value() &&
        other.getActivation() == op.getActivation())
      alike.push_back(other);
  }
  llvm::sort(alike,
             [](LinearOp a, LinearOp b) { return a->isBeforeInBlock(b); });
  return alike;
}

LogicalResult DeviceLowering::lower(LinearOp op) {
  if (memory.contains(op)) // part of another product
    return success();
  if (op.getInMajor()) {
    RowSum sum{getMemory(op.getInput()), op.getWeightAttr(), op.getBiasAttr()};
    sum.epilogue.activation = op.getActivation();
    allocate(sum, op);
    sumRows(sum);
    return success();
  }
  Product product;
  product.input = getMemory(op.getInput());
  std::optional<ExactMLP> mlp = getExactMLP(op);
  // For one row, an MLP has the norm in it, not its first product.
  product.norm = mlp ? nullptr : getNorm(op.getInput());
  product.epilogue.activation = op.getActivation();
  product.rows = host.getRows();
  SmallVector<LinearOp> ops = getLinearsLike(op);
  ops.insert(ops.begin(), op);
  for (LinearOp each : ops) {
    Factor &factor = product.factors.emplace_back();
    factor.weight = each.getWeightAttr();
    factor.bias = each.getBiasAttr();
    std::tie(factor.result, factor.residual) = allocateFused(each);
    if (ResidualAddOp add = getFusedAdd(each))
      factor.copy = allocateCopy(add);
  }
  allocateForLibrary(product, op);
  if (mlp)
    launchExact(*mlp, product.factors.front().result);
  launchUnlessOne(mlp.has_value(), [&] { multiply(product); });
  return success();
}

LogicalResult DeviceLowering::lower(LMHeadOp op) {
  if (!op->hasOneUse() || !isa<func::ReturnOp>(*op->user_begin()))
    return op.emitOpError() << "has no kernel for CUDA unless its result is "
                               "returned";
  Product product;
  product.input = getMemory(op.getInput());
  Factor &factor = product.factors.emplace_back();
  factor.weight = op.getWeightAttr();
  factor.bias = op.getBiasAttr();
  factor.result = memory[op] = host.getPointer(Field::logits);
  product.norm = getNorm(op.getInput());
  product.epilogue.scale = op.getScale().convertToFloat();
  product.epilogue.softcap = op.getSoftcap().convertToFloat();
  product.rows = host.getRows();
  if (op.getFrom()) {
    product.tokens = host.getNumber(Field::tokens);
    product.from = host.getNumber(Field::logitsFrom);
    product.part = host.sub(product.tokens, product.from);
    product.rows = host.mul(host.getNumber(Field::batch), product.part);
  }
  allocateForLibrary(product, op);
  multiply(product);
  return success();
}

//===----------------------------------------------------------------------===//
// Exact sparsity
//===----------------------------------------------------------------------===//

Value DeviceLowering::getCount(SelectOp op) {
  auto counter = counters.find(op);
  if (counter == counters.end())
    return {};
  Value counts = host.getPointer(Field::counts);
  Value first = host.mul(host.number(counter->second), host.getRows());
  return host.ifNotNull(counts,
                        host.getAddress(counts, first, sizeof(int32_t)));
}

LogicalResult DeviceLowering::lower(SelectOp op) {
  if (op.getKind() != SelectKind::exact)
    return op.emitOpError() << "has no kernel for CUDA: expected an exact "
                               "selection";
  // The set is what is not zero; who reads rows sees that for itself.
  Value count = getCount(op);
  if (!count)
    return success();
  int64_t kernel = getCountKernel(library, op.getType().getExtent());
  launchUnlessOne(fusedForOne.contains(op), [&] {
    host.when(host.isNotNull(count), [&] {
      host.launch(kernel, host.getRows(), {getMemory(op.getScores()), count});
    });
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
  else
    keepsOrder(op, kNotFused);
  allocate(sum, op);
  launchUnlessOne(isFused, [&] { sumRows(sum); });
  return success();
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

/// The op that rotates the heads of `features` for this one use.
static RopeOp getFusedRope(Value features, KVCacheType cache) {
  auto rope = features.getDefiningOp<RopeOp>();
  if (!rope || !features.hasOneUse() ||
      getFeatures(rope.getType()) !=
          static_cast<int64_t>(rope.getHeads()) * cache.getHeadDim())
    return {};
  return rope;
}

SmallVector<Operation *> DeviceLowering::getFusedOps(AttentionOp op) {
  auto append = op.getCache().getDefiningOp<KVAppendOp>();
  if (!append)
    return {};
  KVCacheType cache = append.getCache().getType();
  SmallVector<Operation *> ops{append};
  for (Value features : {append.getKey(), op.getQuery()})
    if (RopeOp rope = getFusedRope(features, cache))
      ops.push_back(rope);
  return ops;
}

void DeviceLowering::append(KVAppendOp op, RopeOp keyRope, RopeOp queryRope,
                            Value rotatedQuery) {
  int64_t layer = cacheNumbers.lookup(op.getCache());
  AppendSpec spec{op.getCache().getType(), cacheElement};
  SmallVector<Value> arguments{
      getMemory(keyRope ? keyRope.getInput() : op.getKey()),
      getMemory(op.getValue())};
  if (keyRope) {
    spec.key = getRotation(keyRope);
    arguments.push_back(getMemory(keyRope.getTable()));
  }
  if (queryRope) {
    spec.query = getRotation(queryRope);
    spec.queryHeads = queryRope.getHeads();
    arguments.append({getMemory(queryRope.getInput()),
                      getMemory(queryRope.getTable()), rotatedQuery});
  }
  arguments.append({host.getTablePointer(Field::keys, layer),
                    host.getTablePointer(Field::values, layer),
                    host.getPointer(Field::pastAt),
                    host.getNumber(Field::tokens),
                    host.getNumber(Field::capacity)});
  host.launch(getKVAppendKernel(library, spec), host.getRows(), arguments);
}

LogicalResult DeviceLowering::lower(KVAppendOp op) {
  cacheNumbers[op.getResult()] = cacheNumbers.lookup(op.getCache());
  if (!isFused(op)) // else part of attention
    append(op, RopeOp(), RopeOp(), Value());
  return success();
}

Value DeviceLowering::getAttentionParts(const AttentionSpec &spec) {
  int64_t most = cuda::getAttentionParts(spec);
  if (most == 1)
    return host.number(1);
  auto &b = host.getBuilder();
  Value parts = arith::DivUIOp::create(b, host.number(getAttentionRows(spec)),
                                       host.getRows());
  parts = arith::MaxUIOp::create(b, parts, host.number(1));
  return arith::MinUIOp::create(b, parts, host.number(most));
}

LogicalResult DeviceLowering::lower(AttentionOp op) {
  if (op.getPredicted())
    return op.emitOpError() << "has no kernel for CUDA with a predicted set";
  if (op.getStarts() != function.getArgument(2))
    return op.emitOpError() << "expected the starts of the function";
  KVCacheType cache = op.getCache().getType();
  AttentionSpec spec{cache,
                     cacheElement,
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
  KVAppendOp appended;
  RopeOp keyRope, queryRope;
  if (isFused(op.getCache().getDefiningOp())) {
    appended = op.getCache().getDefiningOp<KVAppendOp>();
    keyRope = getFusedRope(appended.getKey(), cache);
    queryRope = getFusedRope(op.getQuery(), cache);
  }
  Value query = getMemory(queryRope ? queryRope.getInput() : op.getQuery());
  SmallVector<Value> arguments;
  if (appended && entry == Entry::decode) {
    spec.appends = true;
    arguments.push_back(query);
    if (queryRope) {
      spec.query = getRotation(queryRope);
      arguments.push_back(getMemory(queryRope.getTable()));
    }
    arguments.append(
        {getMemory(keyRope ? keyRope.getInput() : appended.getKey()),
         getMemory(appended.getValue())});
    if (keyRope) {
      spec.key = getRotation(keyRope);
      arguments.push_back(getMemory(keyRope.getTable()));
    }
  } else {
    // Queries see keys of other tokens, which have to be there before.
    if (queryRope)
      query = allocateScratch(spec.features * sizeof(float), op);
    if (appended)
      append(appended, keyRope, queryRope, query);
    arguments.push_back(query);
  }
  int64_t layer = cacheNumbers.lookup(op.getCache());
  cacheNumbers[op.getNewCache()] = layer;
  arguments.append({host.getTablePointer(Field::keys, layer),
                    host.getTablePointer(Field::values, layer),
                    host.getPointer(Field::starts),
                    host.getPointer(Field::pastAt)});
  if (spec.appends)
    arguments.push_back(
        allocateScratch(getAttentionScratch(spec) * sizeof(float), op));
  arguments.push_back(allocateResult(op.getResult()));
  if (!spec.appends)
    arguments.push_back(host.getNumber(Field::tokens));
  arguments.push_back(host.getNumber(Field::capacity));
  Value rows = host.getRows();
  if (int64_t tokens = getAttentionTokens(spec); tokens > 1)
    rows = host.mul(host.getNumber(Field::batch),
                    host.ceilDiv(host.getNumber(Field::tokens), tokens));
  host.launch(
      getAttentionKernel(library, spec),
      {host.number(getAttentionBlocks(spec)), getAttentionParts(spec), rows},
      arguments);
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
