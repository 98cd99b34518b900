//===- Interpreter.h - the reference interpreter ----------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Evaluates functions of the `onnx` and `dejavu` dialects with naive loops: the
// oracle that every other way to run a model is tested against. Sums are
// accumulated in double precision and each result is rounded once to its
// element type. It never asserts on what it is given: whatever it cannot do is
// an error with the location of the op.
//
// It can also evaluate a single value and only what that value needs, from
// values that the caller binds. Raise classifies attention masks that way.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_REFERENCE_INTERPRETER_H
#define DEJAVU_REFERENCE_INTERPRETER_H

#include "dejavu/Reference/Tensor.h"

#include "mlir/IR/Location.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/DenseMap.h"

#include <functional>
#include <optional>
#include <string>
#include <variant>

namespace mlir {
class ModuleOp;
class Operation;
class Region;
namespace func {
class FuncOp;
} // namespace func
} // namespace mlir

namespace mlir::dejavu::reference {

/// The value of `!dejavu.kv_cache`: tensors [batch, heads, time, head dim].
struct Cache {
  Tensor keys, values;
};

/// The value of `!dejavu.active`: ascending indices for each row, where rows
/// are tokens of sequences, row-major.
struct ActiveSet {
  std::vector<std::vector<int64_t>> rows;
};

/// A value at run time. An `index` is a tensor of rank 0.
using RuntimeValue = std::variant<Tensor, Cache, ActiveSet>;

/// Values of SSA values.
using Bindings = llvm::DenseMap<Value, RuntimeValue>;

/// Why an evaluation failed.
struct Error {
  Location loc;
  std::string message;
};

/// Reads the weight of a `dejavu.weight` op as the program sees it, that is
/// with its recipe applied. Fails with a message in `error`.
using ReadWeight =
    std::function<FailureOr<Tensor>(Operation *weight, std::string &error)>;

/// A reader of the weights of `module` from the model's files, or one that
/// fails if the module does not say where they are.
ReadWeight readWeightsOf(ModuleOp module);

struct Options {
  /// Where weights come from. Without it a weight is an error.
  ReadWeight readWeight;
  /// Called with each op that was executed and its results.
  std::function<void(Operation *, llvm::ArrayRef<RuntimeValue>)> onOp;
};

/// Whether the interpreter knows what `op` does.
bool isKnown(Operation *op);

class Interpreter {
public:
  explicit Interpreter(Options options = {}) : options(std::move(options)) {}

  /// Runs a function of one block on `arguments`.
  FailureOr<llvm::SmallVector<RuntimeValue>>
  run(func::FuncOp function, llvm::ArrayRef<RuntimeValue> arguments);

  /// The value of `root`, given those in `bindings`. Only ops that `root` needs
  /// are executed. The values that were found on the way are added to
  /// `bindings`, so that a second root costs only what it needs in addition.
  /// A bound value hides the op that would compute it.
  FailureOr<RuntimeValue> evaluate(Value root, Bindings &bindings);

  /// The same for a root that is a tensor.
  FailureOr<Tensor> evaluateTensor(Value root, Bindings &bindings);

  /// Why the last call failed.
  const std::optional<Error> &getError() const { return error; }

private:
  LogicalResult execute(Operation *op, Bindings &values);
  FailureOr<llvm::SmallVector<RuntimeValue>>
  runRegion(Region &region, llvm::ArrayRef<RuntimeValue> arguments,
            Bindings &values);
  LogicalResult checkType(Value value, const RuntimeValue &found);
  LogicalResult fail(Location loc, const llvm::Twine &message);

  Options options;
  std::optional<Error> error;
};

} // namespace mlir::dejavu::reference

#endif // DEJAVU_REFERENCE_INTERPRETER_H
