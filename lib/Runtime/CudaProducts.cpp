//===- CudaProducts.cpp - products of many rows by cuBLASLt ---------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CudaProducts.h"

#include <algorithm>

using namespace dejavu::rt;

ErrorOr<std::unique_ptr<CudaProducts>>
CudaProducts::create(const CudaDevice &device, const CudaBlas &library) {
  std::unique_ptr<CudaProducts> products(new CudaProducts(device, library));
  if (Status status =
          library.check(library.create(&products->handle), "cublasLtCreate");
      status.failed()) {
    products->handle = nullptr;
    return status;
  }
  return products;
}

CudaProducts::~CudaProducts() {
  for (auto &[key, plan] : plans) {
    for (blas::Layout layout : {plan.weight, plan.input, plan.result})
      if (layout)
        library.layoutDestroy(layout);
    if (plan.operation)
      library.operationDestroy(plan.operation);
  }
  if (handle)
    library.destroy(handle);
}

/// What an address is a multiple of, as far as the library asks.
static int64_t getAlignment(const void *address) {
  auto number = reinterpret_cast<uintptr_t>(address);
  return std::min<uint64_t>(number & -number, 256);
}

Status CudaProducts::askHeuristic(Plan &plan, const Key &key) {
  blas::Preference preference = nullptr;
  Status status = library.check(library.preferenceCreate(&preference),
                                "cublasLtMatmulPreferenceCreate");
  if (status.failed())
    return status;
  auto set = [&](blas::PreferenceAttribute attribute, const void *value,
                 size_t size) {
    if (status.succeeded())
      status = library.check(
          library.preferenceSet(preference, attribute, value, size),
          "cublasLtMatmulPreferenceSetAttribute");
  };
  size_t bytes = kWorkspaceBytes;
  set(blas::PreferenceAttribute::maxWorkspaceBytes, &bytes, sizeof(bytes));
  uint32_t schemes = blas::kReduceInOrder;
  set(blas::PreferenceAttribute::reductionSchemes, &schemes, sizeof(schemes));
  std::pair<blas::PreferenceAttribute, int64_t> alignments[] = {
      {blas::PreferenceAttribute::minAlignmentA, key[5]},
      {blas::PreferenceAttribute::minAlignmentB, key[6]},
      {blas::PreferenceAttribute::minAlignmentC, key[7]},
      {blas::PreferenceAttribute::minAlignmentD, key[7]}};
  for (auto [attribute, alignment] : alignments) {
    auto value = static_cast<uint32_t>(alignment);
    set(attribute, &value, sizeof(value));
  }
  int count = 0;
  if (status.succeeded())
    status = library.check(
        library.getHeuristic(handle, plan.operation, plan.weight, plan.input,
                             plan.result, plan.result, preference, 1,
                             &plan.heuristic, &count),
        "cublasLtMatmulAlgoGetHeuristic");
  library.preferenceDestroy(preference);
  if (status.succeeded() &&
      (count < 1 || plan.heuristic.state != blas::kSuccess))
    return Status::error("cuBLASLt has no algorithm for it");
  return status;
}

Status CudaProducts::fill(Plan &plan, const dejavu_matmul &product,
                          const Key &key) {
  static constexpr blas::DataType kTypes[] = {
      blas::DataType::f32, blas::DataType::f16, blas::DataType::bf16};
  if (product.type < 0 || product.type >= int64_t(std::size(kTypes)))
    return makeError("there is no type %lld",
                     static_cast<long long>(product.type));
  blas::DataType type = kTypes[product.type];
  Status status = library.check(library.operationCreate(&plan.operation,
                                                        blas::ComputeType::f32,
                                                        blas::DataType::f32),
                                "cublasLtMatmulDescCreate");
  // The library counts columns first. So the result [rows, out] is one of `out`
  // rows there, and a weight [out, in] has to be transposed.
  int32_t transpose = blas::kTranspose;
  if (status.succeeded() && !product.in_major)
    status =
        library.check(library.operationSet(plan.operation,
                                           blas::OperationAttribute::transposeA,
                                           &transpose, sizeof(transpose)),
                      "cublasLtMatmulDescSetAttribute");
  auto layOut = [&](blas::Layout &layout, blas::DataType element,
                    int64_t height, int64_t width) {
    if (status.succeeded())
      status = library.check(
          library.layoutCreate(&layout, element, height, width, height),
          "cublasLtMatrixLayoutCreate");
  };
  if (product.in_major)
    layOut(plan.weight, type, product.out, product.in);
  else
    layOut(plan.weight, type, product.in, product.out);
  layOut(plan.input, type, product.in, product.rows);
  layOut(plan.result, blas::DataType::f32, product.out, product.rows);
  return status.failed() ? status : askHeuristic(plan, key);
}

Status CudaProducts::multiply(const dejavu_matmul &product, void *workspace) {
  Key key = {product.type,
             product.in_major,
             product.rows,
             product.in,
             product.out,
             getAlignment(product.weight),
             getAlignment(product.input),
             getAlignment(product.result)};
  auto [at, isNew] = plans.try_emplace(key);
  Plan &plan = at->second;
  Status status = isNew ? fill(plan, product, key) : Status::success();
  float one = 1, zero = 0;
  if (status.succeeded())
    status = library.check(
        library.multiply(handle, plan.operation, &one, product.weight,
                         plan.weight, product.input, plan.input, &zero,
                         product.result, plan.result, product.result,
                         plan.result, &plan.heuristic.algorithm, workspace,
                         kWorkspaceBytes, device.stream()),
        "cublasLtMatmul");
  return status.withPrefix(formatString(
      "a product of %lld x %lld and %lld x %lld",
      static_cast<long long>(product.rows), static_cast<long long>(product.in),
      static_cast<long long>(product.in), static_cast<long long>(product.out)));
}
