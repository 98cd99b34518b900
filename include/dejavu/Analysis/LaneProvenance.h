//===- LaneProvenance.h - where moved elements come from --------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Exporters split heads, cut packed projections, repeat keys and rotate
// features in many spellings. What they do is not read off the ops but
// evaluated: each op that only moves data is run by the reference interpreter
// on a tensor whose elements are their own index, for two sets of sizes of the
// symbolic dimensions. That gives for each element of a value which element of
// its source it is.
//
// The elements of a source have *rows* (the dimensions of batch and tokens,
// which every part of a model keeps apart) and *lanes* (all others, counted in
// row-major order). A LaneMap says that a value has all rows of its source,
// each in its place, and which lanes it has, the same in all rows.
//
// Results are shared between slices of equal structure: the layers of a model
// cost what one of them costs.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_ANALYSIS_LANEPROVENANCE_H
#define DEJAVU_ANALYSIS_LANEPROVENANCE_H

#include "dejavu/Analysis/SymbolicShapes.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mlir::dejavu {

/// What the lanes of a value are made of.
struct LaneTable {
  /// A dimension of the value, or one factor of it, from outer to inner.
  struct Part {
    /// The dimension of the value that this is a factor of.
    int64_t axis;
    /// The row dimension of the source that runs here, as an index into
    /// `rowAxes`; -1 if lanes run here.
    int64_t row;
    /// How many lanes; 0 for rows.
    int64_t size;
    bool operator==(const Part &other) const {
      return axis == other.axis && row == other.row && size == other.size;
    }
  };

  /// One product in the sum that a lane is: `factor * source[lane]`, times
  /// `leaf[leafLane]` if there is a leaf (see LaneProvenance::evaluate).
  struct Term {
    double factor = 0;
    int64_t lane = -1;
    int64_t leaf = -1;
    int64_t leafLane = -1;
    bool operator==(const Term &other) const {
      return factor == other.factor && lane == other.lane &&
             leaf == other.leaf && leafLane == other.leafLane;
    }
  };

  /// The dimensions of the source that are rows.
  SmallVector<int64_t> rowAxes;
  /// Dimensions of the value without those of size one.
  SmallVector<Part> parts;
  /// For each combination of the lane parts, row-major in the order of
  /// `parts`, its terms: one without a leaf if data only moved.
  std::vector<SmallVector<Term, 1>> lanes;

  /// The lanes of the source, if each lane is one of them, unchanged.
  std::optional<std::vector<int64_t>> getMoved() const;
  /// Sizes of the lane parts, in order.
  SmallVector<int64_t> getLaneSizes() const;
  /// The kinds of the parts in order: 'b' and 't' for the rows 0 and 1, 'l'
  /// for lanes. "bltl" is [batch, heads, tokens, features], and "btl" an
  /// activation. Rows of size one do not show.
  std::string getForm() const;
};

/// The lanes of a value of a function.
struct LaneMap {
  Value source;
  std::shared_ptr<const LaneTable> table;
  const LaneTable *operator->() const { return table.get(); }
};

struct LaneSlice;

class LaneProvenance {
public:
  explicit LaneProvenance(const SymbolicShapes &shapes) : shapes(shapes) {}

  /// The value that `value` is moved from, through ops that only move data. It
  /// is `value` itself if its op does more, or joins data of several sources.
  Value getSource(Value value);

  /// The lanes of `value` in terms of `source`, which is getSource(value) if
  /// it is not given; nothing, with a reason, if there is no such map.
  /// `rowAxes` are the row dimensions of the source: without them, {0, 1} of
  /// rank 3, {0, 2} of rank 4, and else its dynamic dimensions.
  std::optional<LaneMap> get(Value value, Value source = {},
                             llvm::ArrayRef<int64_t> rowAxes = {});

  /// The same where `value` may also add, subtract and negate lanes, and
  /// multiply them by constants and by elements of `leaves`. A lane has up to
  /// two terms. The last dimension of a leaf is lanes, and the others are the
  /// rows of the source or of size one.
  std::optional<LaneMap> evaluate(Value value, Value source,
                                  llvm::ArrayRef<int64_t> rowAxes,
                                  llvm::ArrayRef<Value> leaves);

  /// Why the last call gave nothing.
  llvm::StringRef getReason() const { return reason; }

private:
  std::optional<LaneMap> find(LaneSlice &slice);

  const SymbolicShapes &shapes;
  std::string reason;
  /// Results by the structure of the slice: a table, or why there is none.
  struct Entry {
    std::shared_ptr<const LaneTable> table;
    std::string reason;
  };
  std::map<std::string, Entry> entries;
};

/// True if `op` only moves elements of its data operands.
bool isDataMovement(Operation *op);

/// The operands of an op that only moves data whose elements it moves; the
/// others say where to.
SmallVector<Value> getMovedOperands(Operation *op);

} // namespace mlir::dejavu

#endif // DEJAVU_ANALYSIS_LANEPROVENANCE_H
