//===- LaneProvenanceTest.cpp - where moved elements come from ------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The ways in which exporters split heads and cut packed projections, each
// small enough to write down which lane must be where.
//
//===----------------------------------------------------------------------===//

#include "dejavu/Analysis/LaneProvenance.h"

#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"
#include "dejavu/Dialect/Onnx/IR/Onnx.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mlir::dejavu;

namespace {
class LaneProvenanceTest : public testing::Test {
protected:
  LaneProvenanceTest() {
    context.loadDialect<func::FuncDialect, DejavuDialect, onnx::OnnxDialect>();
  }

  /// Parses the body of a function of %x [batch, tokens, 12] and %c and %s
  /// [batch, tokens, 4] that returns %r.
  void parse(const std::string &body, const std::string &type,
             const std::string &dims = "\"batch\", \"tokens\", \"12\"") {
    std::string text = R"(
      func.func @main(%x: tensor<?x?x12xf32> {onnx.dims = [)" +
                       dims + R"(]},
          %c: tensor<?x?x2xf32> {onnx.dims = ["batch", "tokens", "2"]},
          %s: tensor<?x?x2xf32> {onnx.dims = ["batch", "tokens", "2"]})
          -> )" + type +
                       " {\n" + body + "\nreturn %r : " + type + "\n}";
    module = parseSourceString<ModuleOp>(text, &context);
    ASSERT_TRUE(module);
    function = *module->getOps<func::FuncOp>().begin();
    shapes.emplace(function);
    provenance.emplace(*shapes);
  }

  Value result() { return function.front().getTerminator()->getOperand(0); }

  /// The form of the result and the lanes of %x in it.
  void expectMoved(const std::string &form, const std::vector<int64_t> &lanes) {
    EXPECT_EQ(provenance->getSource(result()), function.getArgument(0));
    std::optional<LaneMap> map = provenance->get(result());
    ASSERT_TRUE(map) << provenance->getReason().str();
    EXPECT_EQ(map->source, function.getArgument(0));
    EXPECT_EQ((*map)->getForm(), form);
    std::optional<std::vector<int64_t>> moved = (*map)->getMoved();
    ASSERT_TRUE(moved);
    EXPECT_EQ(*moved, lanes);
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  func::FuncOp function;
  std::optional<SymbolicShapes> shapes;
  std::optional<LaneProvenance> provenance;
};
} // namespace

TEST_F(LaneProvenanceTest, SplitHeads) {
  parse(R"(
    %h = onnx.Constant dense<[0, 0, 3, 4]> : tensor<4xi64>
    %0 = onnx.Reshape(%x, %h) : (tensor<?x?x12xf32>, tensor<4xi64>) -> tensor<?x?x3x4xf32>
    %r = onnx.Transpose(%0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x3x4xf32>) -> tensor<?x3x?x4xf32>
  )",
        "tensor<?x3x?x4xf32>");
  expectMoved("bltl", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  EXPECT_EQ((*provenance->get(result()))->getLaneSizes(),
            (SmallVector<int64_t>{3, 4}));
}

// [heads, 3 * size]: the keys, as GPT-NeoX packs them.
TEST_F(LaneProvenanceTest, PackedInEachHead) {
  parse(R"(
    %h = onnx.Constant dense<[0, 0, 2, 6]> : tensor<4xi64>
    %0 = onnx.Reshape(%x, %h) : (tensor<?x?x12xf32>, tensor<4xi64>) -> tensor<?x?x2x6xf32>
    %1 = onnx.Transpose(%0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x2x6xf32>) -> tensor<?x2x?x6xf32>
    %q, %r, %v = onnx.Split(%1) {axis = 3 : i64} : (tensor<?x2x?x6xf32>) -> (tensor<?x2x?x2xf32>, tensor<?x2x?x2xf32>, tensor<?x2x?x2xf32>)
  )",
        "tensor<?x2x?x2xf32>");
  expectMoved("bltl", {2, 3, 8, 9});
}

// [heads, 3, size], picked by Gather, and heads joined with the batch, as in
// older exports of BLOOM.
TEST_F(LaneProvenanceTest, HeadsInTheBatch) {
  parse(R"(
    %h = onnx.Constant dense<[0, 0, 2, 3, 2]> : tensor<5xi64>
    %two = onnx.Constant dense<2> : tensor<i64>
    %f = onnx.Constant dense<[-1, 2]> : tensor<2xi64>
    %0 = onnx.Reshape(%x, %h) : (tensor<?x?x12xf32>, tensor<5xi64>) -> tensor<?x?x2x3x2xf32>
    %1 = onnx.Gather(%0, %two) {axis = 3 : i64} : (tensor<?x?x2x3x2xf32>, tensor<i64>) -> tensor<?x?x2x2xf32>
    %2 = onnx.Transpose(%1) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x2x2xf32>) -> tensor<?x2x?x2xf32>
    %r = onnx.Reshape(%2, %f) : (tensor<?x2x?x2xf32>, tensor<2xi64>) -> tensor<?x2xf32>
  )",
        "tensor<?x2xf32>");
  expectMoved("bltl", {4, 5, 10, 11});
  EXPECT_EQ((*provenance->get(result()))->parts[2], (LaneTable::Part{0, 1, 0}));
}

// A group of query heads for each key, and keys repeated for their queries, as
// in large Falcon.
TEST_F(LaneProvenanceTest, RepeatedKeys) {
  parse(R"(
    %h = onnx.Constant dense<[0, 0, 1, 6, 2]> : tensor<5xi64>
    %b = onnx.Constant dense<4> : tensor<1xi64>
    %e = onnx.Constant dense<5> : tensor<1xi64>
    %a = onnx.Constant dense<3> : tensor<1xi64>
    %four = onnx.Constant dense<[1, 1, 1, 4, 1]> : tensor<5xi64>
    %m = onnx.Constant dense<[0, 0, 4, 2]> : tensor<4xi64>
    %0 = onnx.Reshape(%x, %h) : (tensor<?x?x12xf32>, tensor<5xi64>) -> tensor<?x?x1x6x2xf32>
    %1 = onnx.Slice(%0, %b, %e) axes(%a) : (tensor<?x?x1x6x2xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<?x?x1x1x2xf32>
    %2 = onnx.Expand(%1, %four) : (tensor<?x?x1x1x2xf32>, tensor<5xi64>) -> tensor<?x?x1x4x2xf32>
    %3 = onnx.Reshape(%2, %m) : (tensor<?x?x1x4x2xf32>, tensor<4xi64>) -> tensor<?x?x4x2xf32>
    %r = onnx.Transpose(%3) {perm = array<i64: 0, 2, 3, 1>} : (tensor<?x?x4x2xf32>) -> tensor<?x4x2x?xf32>
  )",
        "tensor<?x4x2x?xf32>");
  expectMoved("bllt", {8, 9, 8, 9, 8, 9, 8, 9});
}

// Two halves of one source, exchanged.
TEST_F(LaneProvenanceTest, JoinedParts) {
  parse(R"(
    %0, %1 = onnx.Split(%x) {axis = 2 : i64} : (tensor<?x?x12xf32>) -> (tensor<?x?x6xf32>, tensor<?x?x6xf32>)
    %r = onnx.Concat(%1, %0) {axis = 2 : i64} : (tensor<?x?x6xf32>, tensor<?x?x6xf32>) -> tensor<?x?x12xf32>
  )",
        "tensor<?x?x12xf32>");
  expectMoved("btl", {6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5});
}

// Sizes that are the same number are still told apart.
TEST_F(LaneProvenanceTest, StaticSizes) {
  parse(R"(
    %h = onnx.Constant dense<[12, 12, 3, 4]> : tensor<4xi64>
    %y = onnx.Constant dense<[12, 12, 12]> : tensor<3xi64>
    %0 = onnx.Reshape(%x, %h) : (tensor<?x?x12xf32>, tensor<4xi64>) -> tensor<12x12x3x4xf32>
    %r = onnx.Transpose(%0) {perm = array<i64: 0, 2, 1, 3>} : (tensor<12x12x3x4xf32>) -> tensor<12x3x12x4xf32>
  )",
        "tensor<12x3x12x4xf32>", "\"12\", \"12\", \"12\"");
  expectMoved("bltl", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
}

TEST_F(LaneProvenanceTest, RowsThatAreGone) {
  parse(R"(
    %0 = onnx.Constant dense<0> : tensor<i64>
    %r = onnx.Gather(%x, %0) {axis = 1 : i64} : (tensor<?x?x12xf32>, tensor<i64>) -> tensor<?x12xf32>
  )",
        "tensor<?x12xf32>");
  EXPECT_FALSE(provenance->get(result()));
  EXPECT_EQ(provenance->getReason(), "does not have all rows of its source");
}

// Rows of one size, exchanged: the other set of sizes, or the places, tell.
TEST_F(LaneProvenanceTest, RowsInOtherPlaces) {
  parse(R"(
    %h = onnx.Constant dense<[-1, 2, 12]> : tensor<3xi64>
    %0 = onnx.Reshape(%x, %h) : (tensor<?x?x12xf32>, tensor<3xi64>) -> tensor<?x2x12xf32>
    %r = onnx.Transpose(%0) {perm = array<i64: 1, 0, 2>} : (tensor<?x2x12xf32>) -> tensor<2x?x12xf32>
  )",
        "tensor<2x?x12xf32>");
  EXPECT_FALSE(provenance->get(result()));
}

TEST_F(LaneProvenanceTest, ArithmeticIsNoMovement) {
  parse("%r = onnx.Neg(%x) : (tensor<?x?x12xf32>) -> tensor<?x?x12xf32>",
        "tensor<?x?x12xf32>");
  EXPECT_EQ(provenance->getSource(result()), result());
  EXPECT_FALSE(provenance->get(result(), function.getArgument(0)));
  EXPECT_EQ(provenance->getReason(), "depends on onnx.Neg");
}

// x * cos + rotated x * sin for heads of two features.
TEST_F(LaneProvenanceTest, Rotation) {
  parse(R"(
    %h = onnx.Constant dense<[0, 0, 6, 2]> : tensor<4xi64>
    %two = onnx.Constant dense<2> : tensor<1xi64>
    %0 = onnx.Reshape(%x, %h) : (tensor<?x?x12xf32>, tensor<4xi64>) -> tensor<?x?x6x2xf32>
    %a, %b = onnx.Split(%0) {axis = 3 : i64} : (tensor<?x?x6x2xf32>) -> (tensor<?x?x6x1xf32>, tensor<?x?x6x1xf32>)
    %n = onnx.Neg(%b) : (tensor<?x?x6x1xf32>) -> tensor<?x?x6x1xf32>
    %t = onnx.Concat(%n, %a) {axis = 3 : i64} : (tensor<?x?x6x1xf32>, tensor<?x?x6x1xf32>) -> tensor<?x?x6x2xf32>
    %cu = onnx.Unsqueeze(%c, %two) : (tensor<?x?x2xf32>, tensor<1xi64>) -> tensor<?x?x1x2xf32>
    %su = onnx.Unsqueeze(%s, %two) : (tensor<?x?x2xf32>, tensor<1xi64>) -> tensor<?x?x1x2xf32>
    %1 = onnx.Mul(%0, %cu) : (tensor<?x?x6x2xf32>, tensor<?x?x1x2xf32>) -> tensor<?x?x6x2xf32>
    %2 = onnx.Mul(%su, %t) : (tensor<?x?x1x2xf32>, tensor<?x?x6x2xf32>) -> tensor<?x?x6x2xf32>
    %r = onnx.Add(%1, %2) : (tensor<?x?x6x2xf32>, tensor<?x?x6x2xf32>) -> tensor<?x?x6x2xf32>
  )",
        "tensor<?x?x6x2xf32>");
  Value leaves[] = {function.getArgument(1), function.getArgument(2)};
  std::optional<LaneMap> map =
      provenance->evaluate(result(), function.getArgument(0), {0, 1}, leaves);
  ASSERT_TRUE(map) << provenance->getReason().str();
  EXPECT_EQ((*map)->getForm(), "btll");
  ASSERT_EQ((*map)->lanes.size(), 12u);
  // Head 1: x2 cos0 - x3 sin0 and x3 cos1 + x2 sin1.
  using Terms = SmallVector<LaneTable::Term, 1>;
  EXPECT_EQ((*map)->lanes[2], (Terms{{1, 2, 0, 0}, {-1, 3, 1, 0}}));
  EXPECT_EQ((*map)->lanes[3], (Terms{{1, 3, 0, 1}, {1, 2, 1, 1}}));
  EXPECT_FALSE((*map)->getMoved());
}
