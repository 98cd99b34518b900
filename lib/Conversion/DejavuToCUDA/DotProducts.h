//===- DotProducts.h - what linear kernels have in common -------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_CONVERSION_DEJAVUTOCUDA_DOTPRODUCTS_H
#define DEJAVU_LIB_CONVERSION_DEJAVUTOCUDA_DOTPRODUCTS_H

#include "DeviceKernels.h"

namespace mlir::dejavu::cuda {

/// Generates the sums of one warp, whose lanes load 16 bytes at a time. A
/// lane's sum goes through its elements in order; the lanes' sums meet in a
/// tree.
struct DotGenerator {
  DeviceBuilder &b;
  Type element;
  int64_t lanes;              ///< elements of a load
  SmallVector<Value> weights; ///< rows of the weights
  SmallVector<Value> inputs;  ///< rows of the input

  /// The sums over rows of `size` elements, for each row of the weights and
  /// each of the input.
  SmallVector<Value> run(int64_t size);

private:
  Value loadInput(Value row, Value at);
  /// Adds the products of `steps` loads, from elements `at` on.
  SmallVector<Value> add(Value at, int64_t steps, ValueRange sums);
};

/// What is added to the sum for one output; null where nothing is.
struct Addends {
  Value bias, residual;
};

/// The arguments of one product of a linear kernel; null where it has none.
struct LinearArguments {
  Value weight, bias, factor, factorBias, residual, result, copy;
  Value out; ///< rows of the weight

  /// Makes the result of output `at` of row `row` of a sum, and of the
  /// factor's, and stores it.
  void finish(DeviceBuilder &b, const Epilogue &epilogue, Value sum,
              Value factorSum, Value row, Value at) const;
  /// The same of a product without a factor, whose addends are loaded.
  void finish(DeviceBuilder &b, const Epilogue &epilogue, Value sum,
              const Addends &addends, Value row, Value at) const;
  SmallVector<Value *, 7> getPointers();

private:
  void store(DeviceBuilder &b, Value x, Value row, Value at) const;
};

/// Adds the types of the arguments of all products and of the four numbers
/// behind them.
void appendLinearTypes(DeviceLibrary &library, const LinearSpec &spec,
                       SmallVectorImpl<Type> &types);
/// Takes these arguments: the products and the numbers.
std::pair<SmallVector<LinearArguments>, ValueRange>
takeLinearArguments(DeviceBuilder &b, const LinearSpec &spec,
                    ValueRange arguments);
/// Of places that are numbered through the products, of which each has
/// `counts`: the product of `place`, and the place in it.
std::pair<LinearArguments, Value>
chooseProduct(DeviceBuilder &b, ArrayRef<LinearArguments> products,
              ArrayRef<int64_t> counts, Value place);

} // namespace mlir::dejavu::cuda

#endif // DEJAVU_LIB_CONVERSION_DEJAVUTOCUDA_DOTPRODUCTS_H
