//===- TapSitesTest.cpp - where values of a program can be watched --------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A dense program, and programs of which some values were left out.
//
//===----------------------------------------------------------------------===//

#include "dejavu/Analysis/TapSites.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mlir::dejavu;

/// An attention and an MLP. The nodes have names, as imported ones do.
static const char kDense[] = R"(
  %q = dejavu.linear %x, @square : tensor<?x1x8xf32> -> tensor<?x1x8xf32> loc("q")
  %k = dejavu.linear %x, @square : tensor<?x1x8xf32> -> tensor<?x1x8xf32> loc("k")
  %v = dejavu.linear %x, @square : tensor<?x1x8xf32> -> tensor<?x1x8xf32> loc("v")
  %c1 = dejavu.kv_append %c, %k, %v : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>
  %a, %c2 = dejavu.attention %q, %c1, %starts scale = 1.0 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64> loc("a")
  %o = dejavu.linear %a, @square : tensor<?x1x8xf32> -> tensor<?x1x8xf32> loc("o")
  %y = dejavu.residual_add %x, %o : tensor<?x1x8xf32> loc("y")
  %f = dejavu.ffn silu %y, gate = @up up = @up down = @up : tensor<?x1x8xf32> loc("f")
)";

/// The same with predictors, deferred keys and a sparse MLP.
static const char kPredicted[] = R"(
  %p = dejavu.predict low_rank %x, first = @wfirst second = @wsecond : tensor<?x1x8xf32> -> tensor<?x1x2xf32> loc("p")
  %s = dejavu.select top_k %p k = 1 : tensor<?x1x2xf32> -> !dejavu.active<kv_group, 2>
  %q = dejavu.gather_linear %x, %s, @square : tensor<?x1x8xf32>, !dejavu.active<kv_group, 2> -> tensor<?x1x8xf32> loc("q")
  %c1 = dejavu.kv_append_deferred %c, %x, %s key = @square value = @square ring = 4 : !dejavu.kv_cache<2 x 4>, tensor<?x1x8xf32>, !dejavu.active<kv_group, 2>
  %a, %c2 = dejavu.sparse_attention %q, %c1, %starts, %s scale = 1.0 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>, !dejavu.active<kv_group, 2> loc("a")
  %o = dejavu.sparse_linear %a, %s, @square : tensor<?x1x8xf32>, !dejavu.active<kv_group, 2> -> tensor<?x1x8xf32> loc("o")
  %y = dejavu.residual_add %x, %o : tensor<?x1x8xf32> loc("y")
  %g = dejavu.linear %y, @up activation = silu : tensor<?x1x8xf32> -> tensor<?x1x16xf32> loc("f")
  %t = dejavu.select magnitude %g at 0.5 : tensor<?x1x16xf32> -> !dejavu.active<neuron, 16>
  %h = dejavu.gather_linear %y, %t, @up times(%g : tensor<?x1x16xf32>) : tensor<?x1x8xf32>, !dejavu.active<neuron, 16> -> tensor<?x1x16xf32> loc("f")
  %f = dejavu.sparse_linear %h, %t, @up : tensor<?x1x16xf32>, !dejavu.active<neuron, 16> -> tensor<?x1x8xf32> loc("f")
)";

namespace {
class TapSitesTest : public testing::Test {
protected:
  TapSitesTest() { context.loadDialect<func::FuncDialect, DejavuDialect>(); }

  /// Parses functions of these names and bodies.
  void
  parse(const std::vector<std::pair<std::string, std::string>> &functions) {
    std::string text = R"(
      dejavu.weight @square : tensor<8x8xf32> from <"m", offset = 0, length = 256>
      dejavu.weight @up : tensor<16x8xf32> from <"m", offset = 0, length = 512>
      dejavu.weight @wfirst : tensor<1x8xf32> from <"m", offset = 0, length = 32>
      dejavu.weight @wsecond : tensor<1x2xf32> from <"m", offset = 0, length = 8>
    )";
    for (const auto &[name, body] : functions)
      text += "func.func @" + name + R"((%x: tensor<?x1x8xf32>,
          %starts: tensor<?xi64>, %c: !dejavu.kv_cache<2 x 4>,
          %d: !dejavu.kv_cache<2 x 4>) {)" +
              body + "\nreturn\n}\n";
    module = parseSourceString<ModuleOp>(text, &context);
    ASSERT_TRUE(module);
  }

  func::FuncOp get(StringRef name) {
    return module->lookupSymbol<func::FuncOp>(name);
  }

  /// A site as text: layer, op, name and width.
  static std::string describe(const TapSite &site) {
    return std::to_string(site.layer) + " " + site.op + " " + site.name + " " +
           std::to_string(site.width);
  }
  static std::vector<std::string> describe(const std::vector<TapSite> &sites) {
    std::vector<std::string> texts;
    for (const TapSite &site : sites)
      texts.push_back(describe(site));
    return texts;
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};
} // namespace

TEST_F(TapSitesTest, Dense) {
  parse({{"prefill", kDense}});
  EXPECT_EQ(
      describe(findTapSites(get("prefill"))),
      (std::vector<std::string>{"0 linear q 8", "0 linear k 8", "0 linear v 8",
                                "0 attention a 8", "0 linear o 8",
                                "0 residual_add y 8", "0 ffn f 8"}));
}

// Predictors, and the hidden layer of a sparse MLP, are not shown; the rest has
// the names of a dense program.
TEST_F(TapSitesTest, Predicted) {
  parse({{"decode", kPredicted}});
  EXPECT_EQ(describe(findTapSites(get("decode"))),
            (std::vector<std::string>{"0 linear q 8", "0 attention a 8",
                                      "0 linear o 8", "0 residual_add y 8",
                                      "0 ffn f 8"}));
}

// Deferred keys and values are left out; the others have the numbers of
// @prefill, and values of @decode.
TEST_F(TapSitesTest, Match) {
  parse({{"prefill", kDense}, {"decode", kPredicted}});
  std::vector<TapSite> reference = findTapSites(get("prefill"));
  FailureOr<std::vector<TapSite>> matched =
      matchTapSites(get("decode"), reference);
  ASSERT_TRUE(succeeded(matched));
  EXPECT_EQ(describe(*matched), describe(reference));
  std::vector<std::string> made;
  for (const TapSite &site : *matched) {
    Operation *op = site.value ? site.value.getDefiningOp() : nullptr;
    made.push_back(op ? op->getName().stripDialect().str() : "none");
    if (op) {
      EXPECT_EQ(op->getParentOp(), get("decode").getOperation());
    }
  }
  EXPECT_EQ(made, (std::vector<std::string>{"gather_linear", "none", "none",
                                            "sparse_attention", "sparse_linear",
                                            "residual_add", "sparse_linear"}));
}

// Where nothing was left out, names may differ.
TEST_F(TapSitesTest, MatchByNumber) {
  parse(
      {{"prefill",
        R"(%y = dejavu.residual_add %x, %x : tensor<?x1x8xf32> loc("one"))"},
       {"decode",
        R"(%y = dejavu.residual_add %x, %x : tensor<?x1x8xf32> loc("two"))"}});
  FailureOr<std::vector<TapSite>> matched =
      matchTapSites(get("decode"), findTapSites(get("prefill")));
  ASSERT_TRUE(succeeded(matched));
  EXPECT_EQ(describe(*matched),
            (std::vector<std::string>{"0 residual_add two 8"}));
}

// A value that the reference has not, and one that it has earlier.
TEST_F(TapSitesTest, MatchFails) {
  parse({{"prefill", kDense},
         {"other",
          R"(%y = dejavu.residual_add %x, %x : tensor<?x1x8xf32> loc("z"))"},
         {"turned", R"(
            %y = dejavu.residual_add %x, %x : tensor<?x1x8xf32> loc("y")
            %o = dejavu.linear %y, @square : tensor<?x1x8xf32> -> tensor<?x1x8xf32> loc("o")
          )"}});
  std::vector<std::string> errors;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    errors.push_back(diagnostic.str());
    return success();
  });
  std::vector<TapSite> reference = findTapSites(get("prefill"));
  EXPECT_TRUE(failed(matchTapSites(get("other"), reference)));
  EXPECT_TRUE(failed(matchTapSites(get("turned"), reference)));
  EXPECT_EQ(errors,
            (std::vector<std::string>{
                "expected the tap sites of @prefill, of which there are 7, "
                "found 'residual_add' of layer 0 besides",
                "expected the tap sites of @prefill, of which there are 7, "
                "found 'linear' of layer 0 besides"}));
}

// A hidden site for each MLP, and one for its gate; a layer may have none.
TEST_F(TapSitesTest, HiddenSites) {
  parse({{"prefill", R"(
    %a, %c1 = dejavu.attention %x, %c, %starts scale = 1.0 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
    %f = dejavu.ffn silu %a, gate = @up up = @up down = @up : tensor<?x1x8xf32>
    %b, %d1 = dejavu.attention %f, %d, %starts scale = 1.0 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
    %g = dejavu.ffn relu %b, up = @up down = @up : tensor<?x1x8xf32>
  )"},
         {"first", R"(
    %a, %c1 = dejavu.attention %x, %c, %starts scale = 1.0 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
    %b, %d1 = dejavu.attention %a, %d, %starts scale = 1.0 masked_rows = zero : tensor<?x1x8xf32>, !dejavu.kv_cache<2 x 4>, tensor<?xi64>
    %g = dejavu.ffn relu %b, up = @up down = @up : tensor<?x1x8xf32>
  )"}});
  std::vector<HiddenSite> sites = findHiddenSites(get("prefill"), 40);
  ASSERT_EQ(sites.size(), 2u);
  EXPECT_EQ(sites[0].layer, 0);
  EXPECT_EQ(sites[0].width, 16);
  EXPECT_EQ(sites[0].hidden, 40);
  EXPECT_EQ(sites[0].gate, 41);
  EXPECT_EQ(sites[1].layer, 1);
  EXPECT_EQ(sites[1].hidden, 42);
  EXPECT_EQ(sites[1].gate, -1);
  sites = findHiddenSites(get("first"), 0);
  ASSERT_EQ(sites.size(), 1u);
  EXPECT_EQ(sites[0].layer, 1);
  EXPECT_EQ(sites[0].hidden, 0);
}
