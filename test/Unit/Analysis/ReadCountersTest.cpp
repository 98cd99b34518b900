//===- ReadCountersTest.cpp - what a program counts of its reads ----------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Bytes are those of one unit's rows: 32 of @up and @down, 16 of @gate, 4 of
// @units; 128 of @square and 16 of @vector for one of two heads.
//
//===----------------------------------------------------------------------===//

#include "dejavu/Analysis/ReadCounters.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mlir::dejavu;

namespace {
/// What is expected of a counter.
struct Expected {
  std::string op;
  int64_t layer;
  Unit unit;
  int64_t units, bytesPerUnit;
  bool isDensity;
  std::optional<double> share = std::nullopt;
};

class ReadCountersTest : public testing::Test {
protected:
  ReadCountersTest() {
    context.loadDialect<func::FuncDialect, DejavuDialect>();
  }

  /// Parses the body of a function of %x and %p, the activations and scores of
  /// neurons, %h, those of heads, and what attention needs.
  void parse(const std::string &body) {
    module = parseSourceString<ModuleOp>(R"(
      dejavu.weight @up : tensor<16x8xf32> from <"m", offset = 0, length = 512>
      dejavu.weight @down : tensor<16x8xf32> from <"m", offset = 0, length = 512>
      dejavu.weight @gate : tensor<16x8xf16> from <"m", offset = 0, length = 256>
      dejavu.weight @units : tensor<16xf32> from <"m", offset = 0, length = 64>
      dejavu.weight @square : tensor<8x8xf32> from <"m", offset = 0, length = 256>
      dejavu.weight @vector : tensor<8xf32> from <"m", offset = 0, length = 32>
      func.func @decode(%x: tensor<?x1x8xf32>, %p: tensor<?x1x16xf32>,
          %h: tensor<?x1x2xf32>, %starts: tensor<?xi64>,
          %c: !dejavu.kv_cache<2 x 4>, %d: !dejavu.kv_cache<2 x 4>) {
    )" + body + "\nreturn\n}",
                                         &context);
    ASSERT_TRUE(module);
    function = module->lookupSymbol<func::FuncOp>("decode");
  }

  void expectCounters(const std::vector<Expected> &expected) {
    std::vector<ReadCounter> counters = findReadCounters(function);
    ASSERT_EQ(counters.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      SCOPED_TRACE("counter " + std::to_string(i));
      const ReadCounter &counter = counters[i];
      EXPECT_EQ(counter.op->getName().stripDialect().str(), expected[i].op);
      EXPECT_EQ(counter.layer, expected[i].layer);
      EXPECT_EQ(counter.unit, expected[i].unit);
      EXPECT_EQ(counter.units, expected[i].units);
      EXPECT_EQ(counter.bytesPerUnit, expected[i].bytesPerUnit);
      EXPECT_EQ(counter.isDensity, expected[i].isDensity);
      EXPECT_EQ(counter.expectedShare, expected[i].share);
    }
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  func::FuncOp function;
};
} // namespace

// Only rows of the down projection are skipped. Its bias is read anyway.
TEST_F(ReadCountersTest, ExactMLP) {
  parse(R"(
    %h0 = dejavu.linear %x, @up activation = relu : tensor<?x1x8xf32> -> tensor<?x1x16xf32>
    %s = dejavu.select exact %h0 : tensor<?x1x16xf32> -> !dejavu.active<neuron, 16>
    %f = dejavu.sparse_linear %h0, %s, @down, @vector : tensor<?x1x16xf32>, !dejavu.active<neuron, 16> -> tensor<?x1x8xf32>
  )");
  expectCounters({{"select", 0, Unit::neuron, 16, 32, true}});
}

// Of the set the up projection and its bias; of what is not zero the rest.
TEST_F(ReadCountersTest, PredictedMLP) {
  parse(R"(
    %s = dejavu.select threshold %p at 0.0 profile = <density = 0.25, active = 0.125, recall = 0.5, loss = 0.0> : tensor<?x1x16xf32> -> !dejavu.active<neuron, 16>
    %f = dejavu.sparse_ffn relu %x, %s, up = @up, @units down = @down, @vector : tensor<?x1x8xf32>, !dejavu.active<neuron, 16>
  )");
  expectCounters({{"select", 0, Unit::neuron, 16, 36, true, 0.25},
                  {"sparse_ffn", 0, Unit::neuron, 16, 32, false, 0.125}});
}

// No more can be active than was selected.
TEST_F(ReadCountersTest, MoreActiveThanSelected) {
  parse(R"(
    %s = dejavu.select top_k %p k = 2 profile = <density = 0.125, active = 0.5, recall = 0.25, loss = 0.0> : tensor<?x1x16xf32> -> !dejavu.active<neuron, 16>
    %f = dejavu.sparse_ffn relu2 %x, %s, gate = @gate, @units up = @up, @units down = @down : tensor<?x1x8xf32>, !dejavu.active<neuron, 16>
  )");
  expectCounters({{"select", 0, Unit::neuron, 16, 20, true, 0.125},
                  {"sparse_ffn", 0, Unit::neuron, 16, 68, false, 0.125}});
}

// Nothing is exactly zero: one counter for all rows. No profile, no share.
TEST_F(ReadCountersTest, PredictedWithoutZeros) {
  parse(R"(
    %s = dejavu.select threshold %p at 0.0 : tensor<?x1x16xf32> -> !dejavu.active<neuron, 16>
    %f = dejavu.sparse_ffn silu %x, %s, gate = @gate up = @up, @units down = @down : tensor<?x1x8xf32>, !dejavu.active<neuron, 16>
  )");
  expectCounters({{"select", 0, Unit::neuron, 16, 16 + 32 + 4 + 32, true}});
}

// The set of the product is no choice for the block.
TEST_F(ReadCountersTest, TwoMagnitudes) {
  parse(R"(
    %c1 = dejavu.kv_append %c, %x, %x : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>
    %a, %c2 = dejavu.attention %x, %c1, %starts scale = 1.0 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
    %b, %d1 = dejavu.attention %x, %d, %starts scale = 1.0 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
    %g = dejavu.linear %x, @gate activation = silu : tensor<?x1x8xf32> -> tensor<?x1x16xf32>
    %s = dejavu.select magnitude %g at 0.5 : tensor<?x1x16xf32> -> !dejavu.active<neuron, 16>
    %u = dejavu.gather_linear %x, %s, @up, @units times(%g : tensor<?x1x16xf32>) : tensor<?x1x8xf32>, !dejavu.active<neuron, 16> -> tensor<?x1x16xf32>
    %t = dejavu.select magnitude %u at 0.25 : tensor<?x1x16xf32> -> !dejavu.active<neuron, 16>
    %f = dejavu.sparse_linear %u, %t, @down : tensor<?x1x16xf32>, !dejavu.active<neuron, 16> -> tensor<?x1x8xf32>
  )");
  expectCounters({{"select", 1, Unit::neuron, 16, 36, true},
                  {"select", 1, Unit::neuron, 16, 32, false}});
}

// Queries and outputs of the heads of the set; keys and values of those that
// were computed.
TEST_F(ReadCountersTest, Heads) {
  parse(R"(
    %s = dejavu.select top_k %h k = 1 profile = <density = 0.5, active = 0.25, recall = 0.5, loss = 0.0> : tensor<?x1x2xf32> -> !dejavu.active<kv_group, 2>
    %q = dejavu.gather_linear %x, %s, @square, @vector : tensor<?x1x8xf32>, !dejavu.active<kv_group, 2> -> tensor<?x1x8xf32>
    %c1 = dejavu.kv_append_deferred %c, %x, %s key = @square, @vector value = @square ring = 4 : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>, !dejavu.active<kv_group, 2>
    %a, %c2 = dejavu.sparse_attention %q, %c1, %starts, %s scale = 1.0 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>, !dejavu.active<kv_group, 2>
    %o = dejavu.sparse_linear %a, %s, @square, @vector : tensor<?x1x8xf32>, !dejavu.active<kv_group, 2> -> tensor<?x1x8xf32>
  )");
  expectCounters({{"select", 0, Unit::kv_group, 2, 128 + 16 + 128, true, 0.5},
                  {"kv_append_deferred", 0, Unit::kv_group, 2, 128 + 16 + 128,
                   false, 0.5}});
}

// Sets stand where they are chosen and belong to the layer that uses them.
TEST_F(ReadCountersTest, LayersOfEarlySets) {
  parse(R"(
    %s1 = dejavu.select threshold %p at 0.0 : tensor<?x1x16xf32> -> !dejavu.active<neuron, 16>
    %t1 = dejavu.select top_k %h k = 1 : tensor<?x1x2xf32> -> !dejavu.active<kv_group, 2>
    %s0 = dejavu.select threshold %p at 1.0 : tensor<?x1x16xf32> -> !dejavu.active<neuron, 16>
    %a, %c1 = dejavu.attention %x, %c, %starts scale = 1.0 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
    %f0 = dejavu.sparse_ffn gelu %a, %s0, up = @up down = @down : tensor<?x1x8xf32>, !dejavu.active<neuron, 16>
    %d1 = dejavu.kv_append_deferred %d, %f0, %t1 key = @square value = @square ring = 4 : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>, !dejavu.active<kv_group, 2>
    %b, %d2 = dejavu.sparse_attention %f0, %d1, %starts, %t1 scale = 1.0 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>, !dejavu.active<kv_group, 2>
    %f1 = dejavu.sparse_ffn relu %b, %s1, up = @up down = @down : tensor<?x1x8xf32>, !dejavu.active<neuron, 16>
  )");
  expectCounters({{"select", 1, Unit::neuron, 16, 32, true},
                  {"select", 1, Unit::kv_group, 2, 0, true},
                  {"select", 0, Unit::neuron, 16, 64, true},
                  {"kv_append_deferred", 1, Unit::kv_group, 2, 256, false},
                  {"sparse_ffn", 1, Unit::neuron, 16, 32, false}});
}

// As many MLPs as attentions: one for each, though it comes first.
TEST_F(ReadCountersTest, ParallelBlocks) {
  parse(R"(
    %s = dejavu.select threshold %p at 0.0 : tensor<?x1x16xf32> -> !dejavu.active<neuron, 16>
    %f0 = dejavu.ffn relu %x, up = @up down = @down : tensor<?x1x8xf32>
    %a, %c1 = dejavu.attention %x, %c, %starts scale = 1.0 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
    %f1 = dejavu.sparse_ffn relu %x, %s, up = @up down = @down : tensor<?x1x8xf32>, !dejavu.active<neuron, 16>
    %b, %d1 = dejavu.attention %x, %d, %starts scale = 1.0 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
  )");
  expectCounters({{"select", 1, Unit::neuron, 16, 32, true},
                  {"sparse_ffn", 1, Unit::neuron, 16, 32, false}});
}

TEST_F(ReadCountersTest, Blocks) {
  parse(R"(
    %s = dejavu.select top_k %h k = 1 : tensor<?x1x2xf32> -> !dejavu.active<kv_group, 2>
    %a, %c1 = dejavu.attention %x, %c, %starts scale = 1.0 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
    %b, %d1 = dejavu.sparse_attention %x, %d, %starts, %s scale = 1.0 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>, !dejavu.active<kv_group, 2>
    %o = dejavu.sparse_linear %b, %s, @square : tensor<?x1x8xf32>, !dejavu.active<kv_group, 2> -> tensor<?x1x8xf32>
    %f = dejavu.ffn relu %o, up = @up down = @down : tensor<?x1x8xf32>
  )");
  std::vector<std::string> mlps, attentions;
  function.walk([&](Operation *op) {
    if (isMLP(op))
      mlps.push_back(op->getName().stripDialect().str());
    if (isAttention(op))
      attentions.push_back(op->getName().stripDialect().str());
  });
  // The output projection of heads is no MLP.
  EXPECT_EQ(mlps, std::vector<std::string>{"ffn"});
  EXPECT_EQ(attentions,
            (std::vector<std::string>{"attention", "sparse_attention"}));
}
