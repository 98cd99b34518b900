//===- Lanes.h - activations made of chosen lanes ---------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the analysis LaneProvenance found, put into effect: a value that was
// moved from a linear layer, whatever moved it, is an activation of its own.
// The weight of the layer is cut instead of its result.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_CONVERSION_ONNXTODEJAVU_LANES_H
#define DEJAVU_LIB_CONVERSION_ONNXTODEJAVU_LANES_H

#include "Utils.h"

#include "dejavu/Analysis/LaneProvenance.h"
#include "mlir/IR/PatternMatch.h"

#include <map>
#include <vector>

namespace mlir::dejavu {

class LaneBuilder {
public:
  /// All live longer; `shapes` learns of the ops that are made.
  LaneBuilder(IRRewriter &rewriter, SymbolicShapes &shapes,
              WeightTable &weights)
      : rewriter(rewriter), shapes(shapes), weights(weights),
        provenance(shapes) {}

  LaneProvenance &getProvenance() { return provenance; }

  /// The dimensions of `value` that are batch and tokens, by what is known of
  /// their sizes. Empty if that cannot be told.
  SmallVector<int64_t> getRowAxes(Value value) const;

  /// Where the lanes of `value` come from, with the row axes of its source
  /// chosen by getRowAxes.
  std::optional<LaneMap> getMap(Value value);

  /// The activation [batch, tokens, lanes] that has `lanes` of `source`. Of a
  /// linear layer it is a layer with fewer rows; otherwise the lanes are
  /// gathered. Made once, behind the source. Null if the source cannot have
  /// the form of an activation.
  Value getActivation(Value source, ArrayRef<int64_t> rowAxes,
                      const std::vector<int64_t> &lanes);

  /// The same for the lanes of a map, in its order; null if it does more than
  /// move them.
  Value getActivation(const LaneMap &map);

  /// A value of `type` with the parts of `table`, made of an activation that
  /// has its lanes in order. Made at the insertion point; null if there is no
  /// way to write its shape.
  Value arrange(Value activation, const LaneTable &table,
                RankedTensorType type);

  /// Creates an op and tells `shapes` about it.
  template <typename OpTy, typename... Args>
  OpTy create(Args &&...args) {
    auto op = OpTy::create(rewriter, std::forward<Args>(args)...);
    shapes.update(op);
    return op;
  }

  /// A constant tensor of rank 1.
  Value createInts(Location loc, ArrayRef<int64_t> numbers);

private:
  Value getBase(Value source, ArrayRef<int64_t> rowAxes);
  /// Some heads of what works on each head alone; null for other ops.
  Value getHeads(Value base, RankedTensorType type,
                 const std::vector<int64_t> &lanes);

  IRRewriter &rewriter;
  SymbolicShapes &shapes;
  WeightTable &weights;
  LaneProvenance provenance;
  llvm::DenseMap<Value, Value> bases;
  std::map<std::pair<const void *, std::vector<int64_t>>, Value> cuts;
};

} // namespace mlir::dejavu

#endif // DEJAVU_LIB_CONVERSION_ONNXTODEJAVU_LANES_H
