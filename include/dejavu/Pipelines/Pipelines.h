//===- Pipelines.h - the phases of a compilation ----------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A compilation is a row of phases, each of which ends in IR that can be
// printed and compiled from. dejavu-opt and dejavu-compile share the pipelines
// below. Import and emit are no pipelines: they start and end outside the IR.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_PIPELINES_PIPELINES_H
#define DEJAVU_PIPELINES_PIPELINES_H

#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace mlir::dejavu {

enum class KVPolicy;
enum class Reduction;
enum class WeightType;

/// The phases, in order.
enum class Phase { import, raise, sparsify, partition, schedule, lower, emit };

/// The name of `phase`, as in --compile-to.
llvm::StringRef stringifyPhase(Phase phase);
/// The phase called `name`.
std::optional<Phase> symbolizePhase(llvm::StringRef name);

/// What a model is raised to.
enum class RaiseForm {
  any,     ///< a decoder if it can be, else without a cache
  decoder, ///< `@prefill` and `@decode`, with a cache
  forward  ///< `@forward`, without one
};

struct RaisePipelineConfig {
  RaiseForm form = RaiseForm::any;
  /// Leave what no pattern claims as onnx ops, for the reference interpreter.
  bool keepOnnx = false;
};

/// What may be skipped in a token's step.
enum class SparsityKind { dense, exact, threshold, predicted };

struct SparsifyPipelineConfig {
  SparsityKind sparsity = SparsityKind::exact;
  /// Element type of the matrices; nothing keeps f32.
  std::optional<WeightType> weights;
  /// What `dejavu calibrate` has written, for `threshold` and `predicted`.
  std::string predictors;
  /// Keys and values of heads that are not selected; nothing is automatic.
  std::optional<KVPolicy> kv;
};

struct LowerCPUPipelineConfig {
  /// f32 lanes of a vector register.
  int64_t vectorLanes = 16;
};

struct LowerCUDAPipelineConfig {
  /// The chips that kernels are made for, as TargetInfo knows them, ascending.
  std::vector<std::string> chips;
  /// How the sums of blocks become one; nothing is in one order.
  std::optional<Reduction> reduction = {};
};

/// Raise: onnx ops -> dejavu ops, `@main` -> `@prefill` and `@decode`, or
/// `@forward`.
void buildRaisePipeline(OpPassManager &manager,
                        const RaisePipelineConfig &config = {});
/// Sparsify: weights get their element type, MLP blocks their sparsity.
void buildSparsifyPipeline(OpPassManager &manager,
                           const SparsifyPipelineConfig &config);

/// Lower for the CPU: dejavu ops -> kernels -> the llvm dialect.
void buildLowerCPUPipeline(OpPassManager &manager,
                           const LowerCPUPipelineConfig &config);

/// Lower for GPUs: dejavu ops -> kernels and the functions that launch them ->
/// the llvm dialect.
void buildLowerCUDAPipeline(OpPassManager &manager,
                            const LowerCUDAPipelineConfig &config);
/// The second half of it: what each gpu.module holds becomes nvvm and llvm, and
/// the functions that launch become llvm.
void buildEmitCUDAPipeline(OpPassManager &manager);

/// Registers --dejavu-raise, --dejavu-sparsify, --dejavu-lower-cpu and
/// --dejavu-lower-cuda-kernels.
void registerDejavuPipelines();

} // namespace mlir::dejavu

#endif // DEJAVU_PIPELINES_PIPELINES_H
