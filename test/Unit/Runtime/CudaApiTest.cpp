//===- CudaApiTest.cpp - our names against the driver's header ------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CudaBlas.h"

#include "gtest/gtest.h"

#include <cuda.h>
#if __has_include(<cublasLt.h>)
#include <cublasLt.h>
#define HAS_CUBLASLT
#endif
#include <type_traits>

using namespace dejavu::rt;

template <typename Ours, typename Theirs>
static void expectEqual(Ours ours, Theirs theirs) {
  EXPECT_EQ(static_cast<long long>(ours), static_cast<long long>(theirs));
}

TEST(CudaApi, Numbers) {
  expectEqual(cuda::kSuccess, CUDA_SUCCESS);
  expectEqual(cuda::kErrorOutOfMemory, CUDA_ERROR_OUT_OF_MEMORY);
  expectEqual(cuda::kErrorNoDevice, CUDA_ERROR_NO_DEVICE);
  expectEqual(cuda::kErrorNotReady, CUDA_ERROR_NOT_READY);
  expectEqual(cuda::DeviceAttribute::multiprocessors,
              CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
  expectEqual(cuda::DeviceAttribute::memoryClockKHz,
              CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE);
  expectEqual(cuda::DeviceAttribute::memoryBusBits,
              CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH);
  expectEqual(cuda::DeviceAttribute::capabilityMajor,
              CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
  expectEqual(cuda::DeviceAttribute::capabilityMinor,
              CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
  expectEqual(cuda::FunctionAttribute::maxDynamicShared,
              CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
  expectEqual(cuda::FunctionAttribute::nonPortableCluster,
              CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED);
  expectEqual(cuda::JitOption::errorLog, CU_JIT_ERROR_LOG_BUFFER);
  expectEqual(cuda::JitOption::errorLogBytes,
              CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES);
  expectEqual(cuda::kStreamNonBlocking, CU_STREAM_NON_BLOCKING);
  expectEqual(cuda::kEventDisableTiming, CU_EVENT_DISABLE_TIMING);
  expectEqual(cuda::kHostPortable, CU_MEMHOSTALLOC_PORTABLE);
  expectEqual(cuda::kHostMapped, CU_MEMHOSTALLOC_DEVICEMAP);
  expectEqual(cuda::CaptureMode::threadLocal,
              CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
  expectEqual(cuda::LaunchAttributeId::clusterDimension,
              CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION);
  expectEqual(cuda::LaunchAttributeId::programmaticStreamSerialization,
              CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION);
}

static_assert(std::is_same_v<cuda::Address, CUdeviceptr>);
static_assert(std::is_same_v<cuda::Device, CUdevice>);
static_assert(sizeof(cuda::Result) == sizeof(CUresult));
static_assert(sizeof(cuda::DeviceAttribute) == sizeof(CUdevice_attribute));
static_assert(sizeof(cuda::FunctionAttribute) == sizeof(CUfunction_attribute));
static_assert(sizeof(cuda::JitOption) == sizeof(CUjit_option));
static_assert(sizeof(cuda::CaptureMode) == sizeof(CUstreamCaptureMode));

TEST(CudaApi, LaunchAttribute) {
  static_assert(sizeof(cuda::LaunchAttribute) == sizeof(CUlaunchAttribute));
  static_assert(alignof(cuda::LaunchAttribute) == alignof(CUlaunchAttribute));
  static_assert(sizeof(cuda::LaunchAttributeValue) ==
                sizeof(CUlaunchAttributeValue));
  EXPECT_EQ(offsetof(cuda::LaunchAttribute, id),
            offsetof(CUlaunchAttribute, id));
  EXPECT_EQ(offsetof(cuda::LaunchAttribute, value),
            offsetof(CUlaunchAttribute, value));

  // Written under our names, read under the driver's.
  cuda::LaunchAttribute ours = {};
  ours.value.cluster = {2, 3, 4};
  const auto &theirs = reinterpret_cast<const CUlaunchAttribute &>(ours);
  EXPECT_EQ(theirs.value.clusterDim.x, 2u);
  EXPECT_EQ(theirs.value.clusterDim.y, 3u);
  EXPECT_EQ(theirs.value.clusterDim.z, 4u);
  EXPECT_EQ(
      offsetof(cuda::LaunchAttributeValue, programmaticSerialization),
      offsetof(CUlaunchAttributeValue, programmaticStreamSerializationAllowed));
}

TEST(CudaApi, LaunchConfig) {
  static_assert(sizeof(cuda::LaunchConfig) == sizeof(CUlaunchConfig));
  static_assert(alignof(cuda::LaunchConfig) == alignof(CUlaunchConfig));
#define EXPECT_SAME_PLACE(OURS, THEIRS)                                        \
  EXPECT_EQ(offsetof(cuda::LaunchConfig, OURS),                                \
            offsetof(CUlaunchConfig, THEIRS))
  EXPECT_SAME_PLACE(gridX, gridDimX);
  EXPECT_SAME_PLACE(gridY, gridDimY);
  EXPECT_SAME_PLACE(gridZ, gridDimZ);
  EXPECT_SAME_PLACE(blockX, blockDimX);
  EXPECT_SAME_PLACE(blockY, blockDimY);
  EXPECT_SAME_PLACE(blockZ, blockDimZ);
  EXPECT_SAME_PLACE(sharedBytes, sharedMemBytes);
  EXPECT_SAME_PLACE(stream, hStream);
  EXPECT_SAME_PLACE(attributes, attrs);
  EXPECT_SAME_PLACE(numAttributes, numAttrs);
#undef EXPECT_SAME_PLACE
}

#ifdef HAS_CUBLASLT
TEST(CudaApi, CublasLt) {
  expectEqual(blas::kSuccess, CUBLAS_STATUS_SUCCESS);
  expectEqual(blas::DataType::f32, CUDA_R_32F);
  expectEqual(blas::DataType::f16, CUDA_R_16F);
  expectEqual(blas::DataType::bf16, CUDA_R_16BF);
  expectEqual(blas::ComputeType::f32, CUBLAS_COMPUTE_32F);
  expectEqual(blas::OperationAttribute::transposeA,
              CUBLASLT_MATMUL_DESC_TRANSA);
  expectEqual(blas::kTranspose, CUBLAS_OP_T);
  expectEqual(blas::PreferenceAttribute::maxWorkspaceBytes,
              CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES);
  expectEqual(blas::PreferenceAttribute::reductionSchemes,
              CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK);
  expectEqual(blas::PreferenceAttribute::minAlignmentA,
              CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES);
  expectEqual(blas::PreferenceAttribute::minAlignmentB,
              CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES);
  expectEqual(blas::PreferenceAttribute::minAlignmentC,
              CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES);
  expectEqual(blas::PreferenceAttribute::minAlignmentD,
              CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES);
  expectEqual(blas::kReduceInOrder, CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE);
  static_assert(sizeof(blas::Result) == sizeof(cublasStatus_t));
  static_assert(sizeof(blas::DataType) == sizeof(cudaDataType));
  static_assert(sizeof(blas::ComputeType) == sizeof(cublasComputeType_t));
  static_assert(sizeof(blas::OperationAttribute) ==
                sizeof(cublasLtMatmulDescAttributes_t));
  static_assert(sizeof(blas::PreferenceAttribute) ==
                sizeof(cublasLtMatmulPreferenceAttributes_t));
  static_assert(sizeof(blas::Algorithm) == sizeof(cublasLtMatmulAlgo_t));
  static_assert(sizeof(blas::Heuristic) ==
                sizeof(cublasLtMatmulHeuristicResult_t));
  static_assert(offsetof(blas::Heuristic, workspaceBytes) ==
                offsetof(cublasLtMatmulHeuristicResult_t, workspaceSize));
  static_assert(offsetof(blas::Heuristic, state) ==
                offsetof(cublasLtMatmulHeuristicResult_t, state));
}
#endif
