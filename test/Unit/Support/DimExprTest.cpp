//===- DimExprTest.cpp - polynomials over named dimensions ----------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Support/DimExpr.h"

#include <gtest/gtest.h>

using mlir::dejavu::DimExpr;

namespace {
const DimExpr batch = DimExpr::symbol("batch");
const DimExpr past = DimExpr::symbol("past");
const DimExpr tokens = DimExpr::symbol("tokens");

/// `text` parsed and printed, or "none".
std::string parse(const char *text) {
  std::optional<DimExpr> expr = DimExpr::parse(text);
  return expr ? expr->str() : "none";
}

TEST(DimExpr, ArithmeticHasOneForm) {
  EXPECT_EQ(past + tokens, tokens + past);
  EXPECT_EQ((past + tokens) * batch, batch * tokens + past * batch);
  EXPECT_EQ((past + tokens) * (past - tokens), past * past - tokens * tokens);
  EXPECT_EQ(past - past, DimExpr(0));
  EXPECT_NE(past, tokens);
  EXPECT_EQ((batch * DimExpr(2) * tokens + DimExpr(1)).str(),
            "2*batch*tokens + 1");
  EXPECT_EQ((past - tokens).str(), "past - tokens");
  EXPECT_EQ(DimExpr(INT64_MIN).str(), "-9223372036854775808");
}

TEST(DimExpr, ConstantsAndSymbols) {
  EXPECT_EQ(DimExpr(-3).getConstant(), -3);
  EXPECT_EQ((past - past).getConstant(), 0);
  EXPECT_EQ(past.getConstant(), std::nullopt);
  EXPECT_EQ(past.getSymbol(), "past");
  EXPECT_EQ((past + past).getSymbol(), std::nullopt);
  EXPECT_EQ((past * past).getSymbol(), std::nullopt);
  EXPECT_TRUE((past + DimExpr(1)).isNonNegative());
  EXPECT_FALSE((past - DimExpr(1)).isNonNegative());
}

TEST(DimExpr, DividesExactlyOrNotAtAll) {
  // The -1 of a reshape of keys: [batch, 4, past + tokens, 16] to
  // [-1, past + tokens, 16].
  DimExpr count = batch * DimExpr(4) * (past + tokens) * DimExpr(16);
  EXPECT_EQ(count.divideExactly((past + tokens) * DimExpr(16)),
            batch * DimExpr(4));
  EXPECT_EQ(count.divideExactly(batch * DimExpr(64)), past + tokens);
  EXPECT_EQ(DimExpr(12).divideExactly(DimExpr(-4)), DimExpr(-3));
  EXPECT_EQ(DimExpr(0).divideExactly(past), DimExpr(0));
  EXPECT_EQ(count.divideExactly(past), std::nullopt);
  EXPECT_EQ(count.divideExactly(past - tokens), std::nullopt);
  EXPECT_EQ(count.divideExactly(DimExpr(7)), std::nullopt);
  EXPECT_EQ(count.divideExactly(DimExpr(0)), std::nullopt);
  EXPECT_EQ(DimExpr(INT64_MIN).divideExactly(DimExpr(-1)), std::nullopt);
  // Every product is divided by its factors again.
  DimExpr sum = past * DimExpr(3) - tokens + DimExpr(5);
  for (const DimExpr &factor : {batch, past + tokens, sum, sum * sum})
    EXPECT_EQ((sum * factor).divideExactly(factor), sum);
}

TEST(DimExpr, OverflowIsInvalid) {
  DimExpr huge(INT64_MAX);
  EXPECT_FALSE((huge + DimExpr(1)).isValid());
  EXPECT_FALSE((huge * past * DimExpr(2)).isValid());
  EXPECT_FALSE((huge + DimExpr(1) - DimExpr(1)).isValid());
  EXPECT_NE(huge + DimExpr(1), huge + DimExpr(1));
  EXPECT_EQ((huge + DimExpr(1)).getConstant(), std::nullopt);
}

TEST(DimExpr, Evaluates) {
  auto valueOf = [](const std::string &name) -> std::optional<int64_t> {
    if (name == "past")
      return 5;
    if (name == "tokens")
      return 3;
    return std::nullopt;
  };
  EXPECT_EQ(((past + tokens) * tokens - DimExpr(4)).evaluate(valueOf), 20);
  EXPECT_EQ((past * batch).evaluate(valueOf), std::nullopt);
  EXPECT_EQ((past * DimExpr(INT64_MAX)).evaluate(valueOf), std::nullopt);
}

TEST(DimExpr, ParsesWhatExportersWrite) {
  EXPECT_EQ(parse("past_sequence_length + sequence_length"),
            "past_sequence_length + sequence_length");
  EXPECT_EQ(parse("s70 + s15"), "s15 + s70");
  EXPECT_EQ(parse(" 2*(a+ 3) - a*-1 "), "3*a + 6");
  EXPECT_EQ(parse("16"), "16");
  EXPECT_EQ(parse("unk__0.dim/1:x"), "unk__0.dim/1:x");
  for (const char *bad : {"", "?", "a +", "+", "a b", "(a", "a)", "a ** b",
                          "2a", "9223372036854775808", "floor(a / 2)", "a % 2"})
    EXPECT_EQ(parse(bad), "none") << bad;
  // Nesting that could exhaust the stack is refused.
  EXPECT_EQ(parse((std::string(100000, '(') + "a").c_str()), "none");
  EXPECT_EQ(parse((std::string(100000, '-') + "a").c_str()), "none");
}
} // namespace
