//===- Utils.h - what the raise passes share --------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Small questions about onnx IR, and the table of weights with their
// transposed copies.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_CONVERSION_ONNXTODEJAVU_UTILS_H
#define DEJAVU_LIB_CONVERSION_ONNXTODEJAVU_UTILS_H

#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"
#include "dejavu/Dialect/Onnx/IR/Onnx.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Remarks.h"

namespace mlir::dejavu {

/// Argument and result attribute: what a tensor of the signature is.
inline constexpr llvm::StringLiteral kBindingAttrName = "dejavu.binding";

/// Argument attribute: the positions of tokens, which the model computes from
/// its attention mask and has no input for.
inline constexpr llvm::StringLiteral kPositionsAttrName = "dejavu.positions";

/// Attribute of an op that is the core of an attention or the activation of
/// an MLP that could not be raised: why.
inline constexpr llvm::StringLiteral kNotRaisedAttrName = "dejavu.not_raised";

/// The function that was imported; null if there is none.
func::FuncOp getMain(ModuleOp module);

/// The name of an argument or result in the file.
llvm::StringRef getSignatureName(func::FuncOp function, BlockArgument argument);
llvm::StringRef getResultName(func::FuncOp function, unsigned index);

/// Erases the ops of `function` whose results nobody uses.
void eraseDeadOps(func::FuncOp function);

/// The value of a constant of one floating-point element.
std::optional<double> getConstantFloat(Value value);

/// The value of a constant of one integer element.
std::optional<int64_t> getConstantInt(Value value);

/// The operand of `op`, which has two, that is not `value`.
Value getOtherOperand(Operation *op, Value value);

/// Marks `core` as not raised and emits the remark about it. `what` is
/// "attention" or "MLP".
void reportNotRaised(Operation *core, llvm::StringRef what,
                     const llvm::Twine &reason);

/// Attribute of a transposed copy of a weight: the name of the original.
inline constexpr llvm::StringLiteral kCopyOfAttrName = "dejavu.copy_of";

/// Options of a remark of the raise phase about `op`.
remark::RemarkOpts getRemarkOptions(Operation *op);

/// The weights of a module, with copies in another layout.
class WeightTable {
public:
  explicit WeightTable(ModuleOp module);

  WeightOp lookup(FlatSymbolRefAttr name) const;

  /// The weight whose meaning is the transpose of the matrix `name`. It is
  /// made once, with a recipe, and `name` comes back if it is transposed twice.
  FlatSymbolRefAttr getTransposed(FlatSymbolRefAttr name);

  /// The weight that has some rows (indices along the first dimension) of the
  /// weight `name`, which it is itself if that is all of them in order.
  FlatSymbolRefAttr getRows(FlatSymbolRefAttr name, ArrayRef<int64_t> rows);

  /// The weight with the elements of `name` in another shape; null if that is
  /// not to be had without moving elements.
  FlatSymbolRefAttr getReshaped(FlatSymbolRefAttr name,
                                ArrayRef<int64_t> shape);

private:
  /// The weight that `change` makes of a copy of `weight`, once for each
  /// content. A null name says that there is none.
  FlatSymbolRefAttr getCopy(WeightOp weight, const llvm::Twine &name,
                            bool keepsName,
                            llvm::function_ref<void(WeightOp)> change);

  SymbolTable symbols;
  /// Symbols by what they hold: source, stored type and recipe.
  llvm::DenseMap<Attribute, FlatSymbolRefAttr> byContents;
};

/// The matrix that `value` loads, with the last two dimensions of `value`, all
/// others being one: null if it is none. Transposes, casts to f32's own type
/// and changes of shape between the two are looked through.
FlatSymbolRefAttr matchWeight(Value value, WeightTable &weights);

/// The weight of shape `shape` whose elements are those of `value`: null if it
/// is none. Ops that only change the shape are looked through.
FlatSymbolRefAttr matchReshapedWeight(Value value, ArrayRef<int64_t> shape,
                                      WeightTable &weights);

/// The vector of `size` elements that `value` loads: null if it is none. All
/// dimensions of `value` but the last may be one.
FlatSymbolRefAttr matchVector(Value value, int64_t size, WeightTable &weights);

/// Erases weights that nobody uses, orders the others by their first use, and
/// gives a transposed copy its original's name where that is free.
void cleanUpWeights(ModuleOp module);

} // namespace mlir::dejavu

#endif // DEJAVU_LIB_CONVERSION_ONNXTODEJAVU_UTILS_H
