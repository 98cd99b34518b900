//===- CudaBlas.h - functions of cuBLASLt -----------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The library of products of large matrices, as far as it is used: types and
// numbers under names of our own (test/Unit/Runtime/CudaApiTest.cpp compares
// them with its header), and a table of functions that is loaded when a prompt
// wants them. It is never linked, and an executable runs without it.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_CUDABLAS_H
#define DEJAVU_LIB_RUNTIME_CUDABLAS_H

#include "CudaApi.h"
#include "Status.h"

namespace dejavu::rt::blas {

/// 0 is success.
using Result = int;
inline constexpr Result kSuccess = 0;

using Handle = struct HandleStruct *;
using Operation = struct OperationStruct *;
using Layout = struct LayoutStruct *;
using Preference = struct PreferenceStruct *;

enum class DataType : int { f32 = 0, f16 = 2, bf16 = 14 };
/// Products and sums in f32; those of f32 without tf32.
enum class ComputeType : int { f32 = 68 };
enum class OperationAttribute : int { transposeA = 3 };
/// A value of the attribute.
inline constexpr int kTranspose = 1;
enum class PreferenceAttribute : int {
  maxWorkspaceBytes = 1,
  reductionSchemes = 3,
  minAlignmentA = 5,
  minAlignmentB = 6,
  minAlignmentC = 7,
  minAlignmentD = 8,
};
/// Parts of sums are added in a step of its own. A mask; no parts at all are
/// always allowed.
inline constexpr unsigned kReduceInOrder = 2;

struct Algorithm {
  uint64_t data[8];
};
struct Heuristic {
  Algorithm algorithm;
  size_t workspaceBytes;
  Result state;
  float waves;
  int reserved[4];
};

} // namespace dejavu::rt::blas

namespace dejavu::rt {

/// As in CudaDriver.h.
#define DEJAVU_BLAS_FUNCTIONS(X)                                               \
  X(create, "cublasLtCreate", (blas::Handle *))                                \
  X(destroy, "cublasLtDestroy", (blas::Handle))                                \
  X(operationCreate, "cublasLtMatmulDescCreate",                               \
    (blas::Operation *, blas::ComputeType, blas::DataType))                    \
  X(operationDestroy, "cublasLtMatmulDescDestroy", (blas::Operation))          \
  X(operationSet, "cublasLtMatmulDescSetAttribute",                            \
    (blas::Operation, blas::OperationAttribute, const void *, size_t))         \
  X(layoutCreate, "cublasLtMatrixLayoutCreate",                                \
    (blas::Layout *, blas::DataType, uint64_t, uint64_t, int64_t))             \
  X(layoutDestroy, "cublasLtMatrixLayoutDestroy", (blas::Layout))              \
  X(preferenceCreate, "cublasLtMatmulPreferenceCreate", (blas::Preference *))  \
  X(preferenceDestroy, "cublasLtMatmulPreferenceDestroy", (blas::Preference))  \
  X(preferenceSet, "cublasLtMatmulPreferenceSetAttribute",                     \
    (blas::Preference, blas::PreferenceAttribute, const void *, size_t))       \
  X(getHeuristic, "cublasLtMatmulAlgoGetHeuristic",                            \
    (blas::Handle, blas::Operation, blas::Layout, blas::Layout, blas::Layout,  \
     blas::Layout, blas::Preference, int, blas::Heuristic *, int *))           \
  X(multiply, "cublasLtMatmul",                                                \
    (blas::Handle, blas::Operation, const void *, const void *, blas::Layout,  \
     const void *, blas::Layout, const void *, const void *, blas::Layout,     \
     void *, blas::Layout, const blas::Algorithm *, void *, size_t,            \
     cuda::Stream))

struct CudaBlas {
#define DEJAVU_BLAS_MEMBER(NAME, SYMBOL, PARAMETERS)                           \
  blas::Result(*NAME) PARAMETERS = nullptr;
  DEJAVU_BLAS_FUNCTIONS(DEJAVU_BLAS_MEMBER)
#undef DEJAVU_BLAS_MEMBER

  /// Success, or an error that says which function failed.
  Status check(blas::Result result, const char *function) const;

  /// The library of this machine, loaded once, or the one set below. Null if
  /// there is none, or if DEJAVU_CUBLASLT is `none`; an error if that names a
  /// library which cannot be used.
  static ErrorOr<const CudaBlas *> get();
  /// Loads a library from a file.
  static ErrorOr<CudaBlas> load(const char *library);
  /// Has get() return another library from now on; null: that of the machine.
  static void replace(const CudaBlas *other);
  /// Whether DEJAVU_CUBLASLT says that none is wanted.
  static bool isUnwanted();
};

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_CUDABLAS_H
