//===- DotProducts.cpp - what linear kernels have in common ---------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DotProducts.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cuda;

//===----------------------------------------------------------------------===//
// Sums
//===----------------------------------------------------------------------===//

Value DotGenerator::loadInput(Value row, Value at) {
  Type f32 = b.getF32Type();
  int64_t width = std::min<int64_t>(lanes, 4);
  auto type = VectorType::get({width}, f32);
  SmallVector<Value> elements;
  for (int64_t i = 0; i < lanes; i += width) {
    Value part = b.load(b.at(b.at(row, f32, at), f32, i), type, width * 4);
    for (int64_t j = 0; j < width; ++j)
      elements.push_back(b.extract(part, j));
  }
  return b.pack(elements);
}

SmallVector<Value> DotGenerator::add(Value at, int64_t steps, ValueRange sums) {
  SmallVector<Value> next(sums);
  auto type = VectorType::get({lanes}, element);
  int64_t alignment = lanes * element.getIntOrFloatBitWidth() / 8;
  // All loads of weights come first: they take longest.
  SmallVector<Value> places, loaded;
  for (int64_t step = 0; step < steps; ++step) {
    places.push_back(b.add(at, step * kWarp * lanes));
    for (Value row : weights)
      loaded.push_back(
          b.loadOnce(b.at(row, element, places[step]), type, alignment));
  }
  for (int64_t step = 0; step < steps; ++step)
    for (auto [i, input] : llvm::enumerate(inputs)) {
      Value x = loadInput(input, places[step]);
      for (size_t row = 0; row < weights.size(); ++row) {
        Value w = b.toFloats(loaded[step * weights.size() + row]);
        Value &sum = next[row * inputs.size() + i];
        for (int64_t lane = 0; lane < lanes; ++lane)
          sum = b.fma(b.extract(w, lane), b.extract(x, lane), sum);
      }
    }
  return next;
}

SmallVector<Value> DotGenerator::run(int64_t size) {
  SmallVector<Value> sums(weights.size() * inputs.size(), b.f32(0));
  int64_t steps = std::max<int64_t>(1, 8 / weights.size());
  int64_t stride = kWarp * lanes;
  Value start = b.mul(b.lane(), lanes);
  int64_t done = 0;
  for (int64_t unroll : {steps, int64_t(1)}) {
    int64_t whole = (size - done) / (unroll * stride) * (unroll * stride);
    if (whole > 0)
      sums = b.fold(b.add(start, done), b.add(start, done + whole),
                    b.index(unroll * stride), sums,
                    [&](Value at, ValueRange carried) {
                      return add(at, unroll, carried);
                    });
    done += whole;
  }
  if (done < size) {
    Value at = b.add(start, done);
    sums = b.choose(
        b.isLess(at, b.index(size)), ValueRange(sums).getTypes(),
        [&] { return add(at, 1, sums); }, [&] { return sums; });
  }
  for (Value &sum : sums)
    sum = b.sumLanes(sum);
  return sums;
}

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

std::string LinearSpec::getName() const {
  std::string name;
  for (int64_t out : outs)
    name += (name.empty() ? "" : "_") + std::to_string(out);
  return (name + "x" + Twine(in) + "_" + nameElement(element) +
          epilogue.getName() + (isGated ? "_gated" : "") +
          (hasFactorBias ? "_bias" : ""))
      .str();
}

SmallVector<Value *, 7> LinearArguments::getPointers() {
  return {&weight, &bias, &factor, &factorBias, &residual, &result, &copy};
}

void cuda::appendLinearTypes(DeviceLibrary &library, const LinearSpec &spec,
                             SmallVectorImpl<Type> &types) {
  int64_t each = 2 + spec.epilogue.hasBias + spec.isGated + spec.hasFactorBias +
                 spec.epilogue.hasResidual + spec.epilogue.hasCopy;
  types.append(each * spec.outs.size(), library.getPointer());
  types.append(4, library.getNumber());
}

std::pair<SmallVector<LinearArguments>, ValueRange>
cuda::takeLinearArguments(DeviceBuilder &b, const LinearSpec &spec,
                          ValueRange arguments) {
  bool isThere[] = {true,
                    spec.epilogue.hasBias,
                    spec.isGated,
                    spec.hasFactorBias,
                    spec.epilogue.hasResidual,
                    true,
                    spec.epilogue.hasCopy};
  SmallVector<LinearArguments> products;
  for (int64_t out : spec.outs) {
    LinearArguments &product = products.emplace_back();
    for (auto [pointer, has] : llvm::zip(product.getPointers(), isThere)) {
      if (!has)
        continue;
      *pointer = arguments.front();
      arguments = arguments.drop_front();
    }
    product.out = b.index(out);
  }
  return {products, arguments};
}

std::pair<LinearArguments, Value>
cuda::chooseProduct(DeviceBuilder &b, ArrayRef<LinearArguments> products,
                    ArrayRef<int64_t> counts, Value place) {
  LinearArguments chosen = products.front();
  Value own = place;
  int64_t first = 0;
  for (size_t i = 1; i < products.size(); ++i) {
    first += counts[i - 1];
    Value isBehind = b.isLess(b.index(first - 1), place);
    LinearArguments other = products[i];
    for (auto [mine, its] :
         llvm::zip(chosen.getPointers(), other.getPointers()))
      if (*mine)
        *mine = b.select(isBehind, *its, *mine);
    chosen.out = b.select(isBehind, other.out, chosen.out);
    own = b.select(isBehind, b.add(place, -first), own);
  }
  return {chosen, own};
}

void LinearArguments::store(DeviceBuilder &b, Value x, Value row,
                            Value at) const {
  Value place = b.add(b.mul(row, out), at);
  for (Value to : {result, copy})
    if (to)
      b.store(x, b.at(to, b.getF32Type(), place));
}

void LinearArguments::finish(DeviceBuilder &b, const Epilogue &epilogue,
                             Value sum, Value factorSum, Value row,
                             Value at) const {
  Type f32 = b.getF32Type();
  auto addTo = [&](Value x, Value vector) {
    return vector ? b.fadd(x, b.loadConstant(b.at(vector, f32, at), f32)) : x;
  };
  Value x = epilogue.apply(b, addTo(sum, bias));
  if (factor)
    x = b.fmul(x, addTo(factorSum, factorBias));
  if (residual) {
    Value place = b.add(b.mul(row, out), at);
    x = b.fadd(x, b.load(b.at(residual, f32, place), f32));
  }
  store(b, x, row, at);
}

void LinearArguments::finish(DeviceBuilder &b, const Epilogue &epilogue,
                             Value sum, const Addends &addends, Value row,
                             Value at) const {
  Value x = addends.bias ? b.fadd(sum, addends.bias) : sum;
  x = epilogue.apply(b, x);
  store(b, addends.residual ? b.fadd(x, addends.residual) : x, row, at);
}
