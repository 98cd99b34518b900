//===- TensorTest.cpp - tensors of the reference interpreter --------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Reference/Tensor.h"

#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"

#include <cmath>

using namespace mlir;
using namespace mlir::dejavu::reference;

TEST(Tensor, RoundsToItsElementKind) {
  // 1 + 2^-12 lies between two numbers of f16; 2^-25 is below half the
  // smallest.
  Tensor half = Tensor::ofFloats({2}, {1 + 0x1p-12, 0x1p-26}, Element::F16);
  EXPECT_EQ(half.getFloat(0), 1);
  EXPECT_EQ(half.getFloat(1), 0);
  Tensor brain = Tensor::ofFloats({}, {1 + 0x1p-7 + 0x1p-9}, Element::BF16);
  EXPECT_EQ(brain.getFloat(0), 1 + 0x1p-7);
  Tensor single = Tensor::ofFloats({}, {0.1}, Element::F32);
  EXPECT_EQ(single.getFloat(0), static_cast<double>(0.1f));
}

TEST(Tensor, WrapsIntegers) {
  Tensor bytes = Tensor::ofInts({3}, {128, -129, 256}, Element::I8);
  EXPECT_EQ(bytes.getInt(0), -128);
  EXPECT_EQ(bytes.getInt(1), 127);
  EXPECT_EQ(bytes.getInt(2), 0);
  EXPECT_EQ(Tensor::ofInts({}, {-1}, Element::U32).getInt(0), 0xffffffff);
  Tensor large = Tensor::ofInts({}, {-1}, Element::U64);
  EXPECT_EQ(large.getFloat(0), 0x1p64);
  EXPECT_EQ(Tensor::ofInts({}, {2}, Element::Bool).getInt(0), 1);
}

TEST(Tensor, ConvertsFloatsToIntegersWithoutOverflow) {
  Tensor x = Tensor::ofFloats({5}, {NAN, INFINITY, -INFINITY, -2.9, 1e30},
                              Element::F64);
  EXPECT_EQ(x.getInt(0), 0);
  EXPECT_EQ(x.getInt(1), INT64_MAX);
  EXPECT_EQ(x.getInt(2), INT64_MIN);
  EXPECT_EQ(x.getInt(3), -2);
  EXPECT_EQ(x.getInt(4), INT64_MAX);
}

TEST(Tensor, CountsElementsOfPossibleShapesAlone) {
  EXPECT_EQ(*countElements({}), 1);
  EXPECT_EQ(*countElements({2, 0, 5}), 0);
  EXPECT_EQ(*countElements({INT64_MAX, INT64_MAX, 0}), 0);
  EXPECT_TRUE(failed(countElements({-1})));
  EXPECT_TRUE(failed(countElements({0, -1})));
  EXPECT_TRUE(failed(countElements({INT64_MAX, 2})));
  EXPECT_TRUE(failed(countElements({int64_t(1) << 16, int64_t(1) << 15})));
}

TEST(Tensor, FindsSources) {
  // A transpose of [2, 3], and [2, 1] broadcast to [2, 3].
  EXPECT_EQ(getSources({3, 2}, {1, 3}),
            (std::vector<int64_t>{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(getBroadcastSources({2, 3}, {2, 1}),
            (std::vector<int64_t>{0, 0, 0, 1, 1, 1}));
  EXPECT_EQ(getSources({}, {}, 7), (std::vector<int64_t>{7}));
  EXPECT_TRUE(getSources({2, 0}, {0, 1}).empty());
}

TEST(Tensor, Prints) {
  std::string text;
  llvm::raw_string_ostream os(text);
  Tensor::ofFloats({2, 1}, {0.5, -INFINITY}).print(os);
  os << ' ';
  Tensor::scalar(3).print(os);
  EXPECT_EQ(text, "tensor<2x1xf32> [[0.5], [-inf]] tensor<i64> 3");
}
