//===- DecoderLayers.h - the blocks of each layer ---------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which attention and which MLP belong to a layer of a decoder, and where the
// residual stream enters them: the places from which predictors look ahead. The
// rules are in docs/Predictors.md.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_ANALYSIS_DECODERLAYERS_H
#define DEJAVU_ANALYSIS_DECODERLAYERS_H

#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"
#include "dejavu/Support/PredictorFile.h"

#include <vector>

namespace mlir::func {
class FuncOp;
} // namespace mlir::func

namespace mlir::dejavu {

/// One layer of an entry point that raise has made. What is not there is null.
struct DecoderLayer {
  AttentionOp attention;
  FFNOp ffn;
  /// The residual stream where it enters the block: the input of the norm
  /// before it.
  Value attentionInput, ffnInput;
};

/// The layers in order: one for each attention. Where there are as many MLPs,
/// each attention has one; else an MLP belongs to the last attention before it.
std::vector<DecoderLayer> findDecoderLayers(func::FuncOp function);

/// Where a predictor for the `unit`s of layer `layer` reads; null if there is
/// no such value.
Value getPredictorSite(ArrayRef<DecoderLayer> layers, int64_t layer, Unit unit,
                       LookAhead lookAhead);

/// The linear op that makes the queries, keys or values `value`, if nothing but
/// norms of heads and rotations stand between; else null.
LinearOp findProjection(Value value);

} // namespace mlir::dejavu

#endif // DEJAVU_ANALYSIS_DECODERLAYERS_H
