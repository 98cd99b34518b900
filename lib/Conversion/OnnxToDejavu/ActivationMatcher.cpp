//===- ActivationMatcher.cpp - activations by their values ----------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ActivationMatcher.h"

#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;
using namespace mlir::dejavu;

bool dejavu::isElementwise(Operation *op) {
  return op->getNumResults() == 1 &&
         isa<onnx::AddOp, onnx::SubOp, onnx::MulOp, onnx::DivOp, onnx::PowOp,
             onnx::MaxOp, onnx::MinOp, onnx::NegOp, onnx::SqrtOp, onnx::ErfOp,
             onnx::ExpOp, onnx::ReciprocalOp, onnx::ReluOp, onnx::SigmoidOp,
             onnx::TanhOp, onnx::GeluOp, onnx::SwishOp, onnx::SoftplusOp,
             onnx::ClipOp, onnx::AbsOp, onnx::IdentityOp>(op);
}

/// True if `value` follows from constants alone.
static bool isConstant(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  if (isa<onnx::ConstantOp>(op))
    return true;
  return isElementwise(op) && llvm::all_of(op->getOperands(), isConstant);
}

ElementwiseSlice ElementwiseSlice::get(Value value) {
  ElementwiseSlice slice;
  slice.result = value;
  SmallVector<std::pair<Operation *, unsigned>> stack;
  llvm::DenseSet<Operation *> open;
  auto enter = [&](Value v) {
    Operation *op = v.getDefiningOp();
    if (isConstant(v))
      return;
    // What changes the shape is no part of an MLP.
    if (!op || !isElementwise(op) || v.getType() != value.getType())
      slice.leaves.insert(v);
    else if (open.insert(op).second)
      stack.push_back({op, 0});
  };
  enter(value);
  while (!stack.empty()) {
    auto &[op, next] = stack.back();
    if (next < op->getNumOperands()) {
      enter(op->getOperand(next++));
      continue;
    }
    slice.ops.insert(op);
    stack.pop_back();
  }
  return slice;
}

/// The value of `op` for those of its operands.
static std::optional<double> compute(Operation *op, ArrayRef<double> x) {
  using Result = std::optional<double>;
  return TypeSwitch<Operation *, Result>(op)
      .Case([&](onnx::AddOp) { return Result(x[0] + x[1]); })
      .Case([&](onnx::SubOp) { return Result(x[0] - x[1]); })
      .Case([&](onnx::MulOp) { return Result(x[0] * x[1]); })
      .Case([&](onnx::DivOp) { return Result(x[0] / x[1]); })
      .Case([&](onnx::PowOp) { return Result(std::pow(x[0], x[1])); })
      .Case([&](onnx::MaxOp) { return Result(*llvm::max_element(x)); })
      .Case([&](onnx::MinOp) { return Result(*llvm::min_element(x)); })
      .Case([&](onnx::NegOp) { return Result(-x[0]); })
      .Case([&](onnx::SqrtOp) { return Result(std::sqrt(x[0])); })
      .Case([&](onnx::ErfOp) { return Result(std::erf(x[0])); })
      .Case([&](onnx::ExpOp) { return Result(std::exp(x[0])); })
      .Case([&](onnx::AbsOp) { return Result(std::abs(x[0])); })
      .Case([&](onnx::ReciprocalOp) { return Result(1 / x[0]); })
      .Case([&](onnx::ReluOp) { return Result(std::max(x[0], 0.0)); })
      .Case([&](onnx::TanhOp) { return Result(std::tanh(x[0])); })
      .Case([&](onnx::IdentityOp) { return Result(x[0]); })
      .Case([&](onnx::SigmoidOp) { return Result(1 / (1 + std::exp(-x[0]))); })
      .Case([&](onnx::SoftplusOp) {
        return Result(std::log1p(std::exp(-std::abs(x[0]))) +
                      std::max(x[0], 0.0));
      })
      .Case([&](onnx::SwishOp swish) {
        double alpha = swish.getAlpha().convertToDouble();
        return Result(x[0] / (1 + std::exp(-alpha * x[0])));
      })
      .Case([&](onnx::ClipOp clip) {
        double value = x[0];
        size_t next = 1;
        if (clip.getMin())
          value = std::max(value, x[next++]);
        if (clip.getMax())
          value = std::min(value, x[next++]);
        return Result(value);
      })
      .Case([&](onnx::GeluOp gelu) {
        if (gelu.getApproximate() == onnx::GeluApproximation::None)
          return Result(0.5 * x[0] * (1 + std::erf(x[0] * M_SQRT1_2)));
        double inner =
            std::sqrt(M_2_PI) * (x[0] + 0.044715 * x[0] * x[0] * x[0]);
        return Result(0.5 * x[0] * (1 + std::tanh(inner)));
      })
      .Default([](Operation *) { return Result(); });
}

/// The value of what follows from constants.
static std::optional<double> getNumber(Value value) {
  if (std::optional<double> number = getConstantFloat(value))
    return number;
  if (std::optional<int64_t> number = getConstantInt(value))
    return static_cast<double>(*number);
  Operation *op = value.getDefiningOp();
  if (!op || isa<onnx::ConstantOp>(op))
    return std::nullopt;
  SmallVector<double> operands;
  for (Value operand : op->getOperands()) {
    std::optional<double> number = getNumber(operand);
    if (!number)
      return std::nullopt;
    operands.push_back(*number);
  }
  return compute(op, operands);
}

std::optional<double>
ElementwiseSlice::evaluate(ArrayRef<double> numbers) const {
  llvm::SmallDenseMap<Value, double> values;
  for (auto [leaf, number] : llvm::zip_equal(leaves, numbers))
    values[leaf] = number;
  for (Operation *op : ops) {
    SmallVector<double> operands;
    for (Value operand : op->getOperands()) {
      auto it = values.find(operand);
      std::optional<double> number = it == values.end()
                                         ? getNumber(operand)
                                         : std::optional<double>(it->second);
      if (!number)
        return std::nullopt;
      operands.push_back(*number);
    }
    std::optional<double> result = compute(op, operands);
    if (!result)
      return std::nullopt;
    values[op->getResult(0)] = *result;
  }
  auto it = values.find(result);
  return it == values.end() ? std::nullopt : std::optional<double>(it->second);
}

/// What `activation` is.
static double apply(Activation activation, double x) {
  switch (activation) {
  case Activation::relu:
    return std::max(x, 0.0);
  case Activation::relu2:
    return x > 0 ? x * x : 0;
  case Activation::gelu:
    return 0.5 * x * (1 + std::erf(x * M_SQRT1_2));
  case Activation::gelu_tanh:
    return 0.5 * x *
           (1 + std::tanh(std::sqrt(M_2_PI) * (x + 0.044715 * x * x * x)));
  case Activation::silu:
    return x / (1 + std::exp(-x));
  case Activation::quick_gelu:
    return x / (1 + std::exp(-1.702 * x));
  }
  return 0;
}

/// The functions differ by more than 1e-4 somewhere, and constants that an
/// exporter rounds to f32 make less than 1e-6 of the argument.
static bool isClose(double found, double wanted, double size) {
  return std::abs(found - wanted) <= 2e-6 * (1 + size);
}

/// Arguments on both sides of zero, zero, and some where tails differ.
static SmallVector<double> getSamples() {
  SmallVector<double> samples{0, -30, 30, 1e-3, -1e-3};
  for (int i = -40; i <= 40; ++i)
    samples.push_back(i * 0.1875 + 0.01);
  return samples;
}

static constexpr Activation allActivations[] = {
    Activation::relu,      Activation::relu2, Activation::gelu,
    Activation::gelu_tanh, Activation::silu,  Activation::quick_gelu};

std::optional<Activation>
dejavu::matchActivation(const ElementwiseSlice &slice) {
  if (slice.leaves.size() != 1)
    return std::nullopt;
  for (Activation activation : allActivations) {
    bool matches = llvm::all_of(getSamples(), [&](double x) {
      std::optional<double> found = slice.evaluate({x});
      return found &&
             isClose(*found, apply(activation, x),
                     std::abs(x) *
                         (activation == Activation::relu2 ? std::abs(x) : 1));
    });
    if (matches)
      return activation;
  }
  return std::nullopt;
}

std::optional<std::pair<Activation, unsigned>>
dejavu::matchGatedActivation(const ElementwiseSlice &slice) {
  if (slice.leaves.size() != 2)
    return std::nullopt;
  for (unsigned gate = 0; gate < 2; ++gate)
    for (Activation activation : allActivations) {
      bool matches = true;
      for (double x : getSamples())
        for (double factor : {-3.0, -0.5, 0.0, 0.125, 2.0}) {
          if (!matches)
            break;
          double numbers[2];
          numbers[gate] = x;
          numbers[1 - gate] = factor;
          std::optional<double> found = slice.evaluate(numbers);
          double size = std::abs(x) * (1 + std::abs(factor));
          if (activation == Activation::relu2)
            size *= std::abs(x);
          matches =
              found && isClose(*found, apply(activation, x) * factor, size);
        }
      if (matches)
        return std::make_pair(activation, gate);
    }
  return std::nullopt;
}
