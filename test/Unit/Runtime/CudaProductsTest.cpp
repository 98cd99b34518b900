//===- CudaProductsTest.cpp - products, with a library that records -------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The library multiplies for itself, as it has been told that matrices lie.
//
//===----------------------------------------------------------------------===//

#include "CudaProducts.h"
#include "FakeCuda.h"

#include <cstdlib>
#include <gtest/gtest.h>
#include <string>
#include <vector>

using namespace dejavu::rt;
using namespace dejavu::test;

namespace {
struct FakeLayout {
  blas::DataType type;
  uint64_t rows, columns;
  int64_t stride;
};
struct FakeOperation {
  int transpose = 0;
};
struct FakePreference {
  std::vector<std::pair<blas::PreferenceAttribute, size_t>> values;
};

/// What the library has been asked for.
struct Record {
  int handles = 0, objects = 0, asked = 0, multiplied = 0;
  int algorithms = 1; ///< that it has
  blas::Result result = 0;
  FakePreference preference;
  FakeLayout weight = {}, input = {}, output = {};
  size_t workspaceBytes = 0;
  cuda::Stream stream = nullptr;
};
Record record;

template <typename T, typename Fake>
T make(Fake fake) {
  ++record.objects;
  return reinterpret_cast<T>(new Fake(std::move(fake)));
}
template <typename Fake, typename T>
int destroy(T object) {
  --record.objects;
  delete reinterpret_cast<Fake *>(object);
  return 0;
}
template <typename T>
const FakeLayout &see(T layout) {
  return *reinterpret_cast<const FakeLayout *>(layout);
}

int multiply(blas::Handle, blas::Operation operation, const void *alpha,
             const void *a, blas::Layout aLayout, const void *b,
             blas::Layout bLayout, const void *beta, const void *, blas::Layout,
             void *d, blas::Layout dLayout, const blas::Algorithm *algorithm,
             void *, size_t bytes, cuda::Stream stream) {
  ++record.multiplied;
  record.weight = see(aLayout);
  record.input = see(bLayout);
  record.output = see(dLayout);
  record.workspaceBytes = bytes;
  record.stream = stream;
  EXPECT_EQ(*static_cast<const float *>(alpha), 1.0f);
  EXPECT_EQ(*static_cast<const float *>(beta), 0.0f);
  EXPECT_EQ(algorithm->data[0], 77u);
  bool isTransposed = reinterpret_cast<FakeOperation *>(operation)->transpose;
  auto at = [](const void *data, const FakeLayout &layout, uint64_t row,
               uint64_t column) {
    EXPECT_LT(row, layout.rows);
    EXPECT_LT(column, layout.columns);
    return static_cast<const float *>(data)[column * layout.stride + row];
  };
  for (uint64_t i = 0; i < record.output.rows; ++i)
    for (uint64_t j = 0; j < record.output.columns; ++j) {
      float sum = 0;
      for (uint64_t k = 0; k < record.input.rows; ++k)
        sum += (isTransposed ? at(a, record.weight, k, i)
                             : at(a, record.weight, i, k)) *
               at(b, record.input, k, j);
      static_cast<float *>(d)[j * record.output.stride + i] = sum;
    }
  return record.result;
}

CudaBlas makeFake() {
  CudaBlas fake;
  fake.create = [](blas::Handle *handle) {
    ++record.handles;
    *handle = reinterpret_cast<blas::Handle>(uintptr_t(1));
    return record.result;
  };
  fake.destroy = [](blas::Handle) { return --record.handles, 0; };
  fake.operationCreate = [](blas::Operation *operation, blas::ComputeType,
                            blas::DataType scale) {
    EXPECT_EQ(scale, blas::DataType::f32);
    *operation = make<blas::Operation>(FakeOperation());
    return 0;
  };
  fake.operationDestroy = destroy<FakeOperation, blas::Operation>;
  fake.operationSet = [](blas::Operation operation, blas::OperationAttribute,
                         const void *value, size_t size) {
    EXPECT_EQ(size, sizeof(int32_t));
    reinterpret_cast<FakeOperation *>(operation)->transpose =
        *static_cast<const int32_t *>(value);
    return 0;
  };
  fake.layoutCreate = [](blas::Layout *layout, blas::DataType type,
                         uint64_t rows, uint64_t columns, int64_t stride) {
    *layout = make<blas::Layout>(FakeLayout{type, rows, columns, stride});
    return 0;
  };
  fake.layoutDestroy = destroy<FakeLayout, blas::Layout>;
  fake.preferenceCreate = [](blas::Preference *preference) {
    *preference = make<blas::Preference>(FakePreference());
    return 0;
  };
  fake.preferenceDestroy = destroy<FakePreference, blas::Preference>;
  fake.preferenceSet = [](blas::Preference preference,
                          blas::PreferenceAttribute attribute,
                          const void *value, size_t size) {
    reinterpret_cast<FakePreference *>(preference)
        ->values.emplace_back(
            attribute, size == 8 ? *static_cast<const uint64_t *>(value)
                                 : *static_cast<const uint32_t *>(value));
    return 0;
  };
  fake.getHeuristic = [](blas::Handle, blas::Operation, blas::Layout,
                         blas::Layout, blas::Layout, blas::Layout,
                         blas::Preference preference, int,
                         blas::Heuristic *result, int *count) {
    ++record.asked;
    record.preference = *reinterpret_cast<FakePreference *>(preference);
    result->algorithm.data[0] = 77;
    return *count = record.algorithms, 0;
  };
  fake.multiply = multiply;
  return fake;
}

class CudaProductsTest : public testing::Test {
protected:
  CudaProductsTest() {
    record = {};
    device = std::move(*CudaDevice::open());
  }

  std::unique_ptr<CudaProducts> open() {
    auto products = CudaProducts::create(*device, library);
    EXPECT_TRUE(products.succeeded()) << products.message();
    return std::move(*products);
  }

  FakeCuda cuda;
  std::unique_ptr<CudaDevice> device;
  CudaBlas library = makeFake();
};

/// Memory that is a multiple of 256 in address.
struct alignas(256) Floats {
  float values[64];
};
} // namespace

TEST_F(CudaProductsTest, BothLayoutsOfWeights) {
  // Two rows of three features, and two results each.
  Floats input = {{1, 2, 3, 4, 5, 6}}, result;
  Floats outMajor = {{1, 0, 2, 0, 3, 0}}, inMajor = {{1, 0, 0, 3, 2, 0}};
  auto products = open();
  for (auto [isInMajor, weight] : {std::pair(0, &outMajor), {1, &inMajor}}) {
    result = {{-1, -1, -1, -1}};
    ASSERT_TRUE(products
                    ->multiply({0, isInMajor, 2, 3, 2, weight->values,
                                input.values, result.values},
                               nullptr)
                    .succeeded());
    // Rows are (1, 0, 2) and (0, 3, 0).
    EXPECT_EQ(std::vector<float>(result.values, result.values + 4),
              (std::vector<float>{7, 6, 16, 15}))
        << isInMajor;
    EXPECT_EQ(record.weight.type, blas::DataType::f32);
    EXPECT_EQ(record.output.type, blas::DataType::f32);
  }
  EXPECT_EQ(record.workspaceBytes, CudaProducts::kWorkspaceBytes);
  EXPECT_EQ(record.stream, device->stream());
  products.reset();
  EXPECT_EQ(record.objects, 0);
  EXPECT_EQ(record.handles, 0);
}

TEST_F(CudaProductsTest, TheLibraryIsAskedOnceForEachShape) {
  Floats input = {}, weight = {}, result = {};
  dejavu_matmul product = {
      0, 0, 2, 3, 2, weight.values, input.values, result.values};
  auto products = open();
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(products->multiply(product, nullptr).succeeded());
  EXPECT_EQ(record.asked, 1);
  // Sums have one order, addresses are multiples of 256.
  using Attribute = blas::PreferenceAttribute;
  EXPECT_EQ(record.preference.values,
            (decltype(record.preference.values){
                {Attribute::maxWorkspaceBytes, CudaProducts::kWorkspaceBytes},
                {Attribute::reductionSchemes, 2},
                {Attribute::minAlignmentA, 256},
                {Attribute::minAlignmentB, 256},
                {Attribute::minAlignmentC, 256},
                {Attribute::minAlignmentD, 256}}));
  product.rows = 1;
  ASSERT_TRUE(products->multiply(product, nullptr).succeeded());
  EXPECT_EQ(record.asked, 2);
  // Another address may want another algorithm.
  product.input = input.values + 4;
  ASSERT_TRUE(products->multiply(product, nullptr).succeeded());
  EXPECT_EQ(record.asked, 3);
  EXPECT_EQ(record.preference.values[3],
            std::pair(Attribute::minAlignmentB, size_t(16)));
  EXPECT_EQ(record.multiplied, 5);
}

TEST_F(CudaProductsTest, Errors) {
  Floats input = {}, weight = {}, result = {};
  dejavu_matmul product = {
      0, 0, 2, 3, 2, weight.values, input.values, result.values};
  auto products = open();
  record.algorithms = 0;
  EXPECT_EQ(products->multiply(product, nullptr).message(),
            "a product of 2 x 3 and 3 x 2: cuBLASLt has no algorithm for it");
  product.type = 3;
  EXPECT_EQ(products->multiply(product, nullptr).message(),
            "a product of 2 x 3 and 3 x 2: there is no type 3");
  record.algorithms = 1;
  record.result = 14;
  product.type = 1;
  product.rows = 1;
  product.in = 1;
  product.out = 1;
  EXPECT_EQ(products->multiply(product, nullptr).message(),
            "a product of 1 x 1 and 1 x 1: cublasLtMatmul failed with error "
            "14");
  EXPECT_EQ(record.weight.type, blas::DataType::f16);
  EXPECT_EQ(CudaProducts::create(*device, library).message(),
            "cublasLtCreate failed with error 14");
}

TEST(CudaBlasTest, WhatTheEnvironmentWants) {
  ::setenv("DEJAVU_CUBLASLT", "none", 1);
  auto none = CudaBlas::get();
  ASSERT_TRUE(none.succeeded());
  EXPECT_EQ(*none, nullptr);
  EXPECT_TRUE(CudaBlas::isUnwanted());
  ::setenv("DEJAVU_CUBLASLT", "./libnone.so", 1);
  EXPECT_EQ(
      CudaBlas::get().message().rfind("DEJAVU_CUBLASLT: cannot be loaded: ", 0),
      0u);
  ::unsetenv("DEJAVU_CUBLASLT");
  CudaBlas fake = makeFake();
  CudaBlas::replace(&fake);
  EXPECT_EQ(*CudaBlas::get(), &fake);
  CudaBlas::replace(nullptr);
  EXPECT_TRUE(CudaBlas::load("libc.so.6").message() ==
              "libc.so.6: has no cublasLtCreate");
}
