//===- Compiler.h - the row of phases, run ----------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_TOOLS_DEJAVU_COMPILE_COMPILER_H
#define DEJAVU_TOOLS_DEJAVU_COMPILE_COMPILER_H

#include "dejavu/Conversion/DejavuToCUDA/Passes.h"
#include "dejavu/Dialect/Dejavu/Transforms/Passes.h"
#include "dejavu/Import/Synthetic/SyntheticModel.h"
#include "dejavu/Pipelines/Pipelines.h"

#include <optional>
#include <string>

namespace mlir::dejavu {

/// What the command line asks for.
struct CompileOptions {
  std::string modelPath, outputPath, toolPath;
  std::optional<SyntheticOptions> synthetic; ///< in place of a model
  SparsityKind sparsity = SparsityKind::exact;
  WeightType weights = WeightType::f32;
  std::vector<std::string> chips; ///< GPUs to compile for; empty: the CPU
  Reduction reduction = Reduction::deterministic; ///< on GPUs
  std::string predictors;                         ///< empty: none
  KVPolicy kv = KVPolicy::automatic;
  int64_t maxContext = 0; ///< 0: the default
  std::optional<Phase> from;
  std::optional<Phase> to = Phase::emit;
  std::string remarks, coverageReport, dumpCode;
};

/// Compiles; prints errors and the closing lines to stderr.
LogicalResult compileModel(const CompileOptions &options);

} // namespace mlir::dejavu

#endif // DEJAVU_TOOLS_DEJAVU_COMPILE_COMPILER_H
