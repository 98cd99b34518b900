//===- ReporterTest.cpp - names in messages -------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Reporter.h"

#include <gtest/gtest.h>

using namespace mlir::dejavu::onnximport;

namespace {

TEST(Printable, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(printable("layers.0/fc1 (x)"), "layers.0/fc1 (x)");
  EXPECT_EQ(printable("a\nb\tc"), "a\\x0Ab\\x09c");
  EXPECT_EQ(printable("\x1B[31m"), "\\x1B[31m");
  EXPECT_EQ(printable("\x7F"), "\\x7F");
  EXPECT_EQ(printable("a\\n"), "a\\x5Cn");
  EXPECT_EQ(printable(llvm::StringRef("\0", 1)), "\\x00");
}

TEST(Printable, KeepsUtf8AndEscapesTheRest) {
  EXPECT_EQ(printable("gr\xC3\xB6\xC3\x9F"
                      "er \xE2\x82\xAC"),
            "gr\xC3\xB6\xC3\x9F"
            "er \xE2\x82\xAC");
  EXPECT_EQ(printable("\xFF"), "\\xFF");
  EXPECT_EQ(printable("\xC3"), "\\xC3");          // cut off
  EXPECT_EQ(printable("\xC0\xAF"), "\\xC0\\xAF"); // not the shortest form
  EXPECT_EQ(printable("\xC2\x9B"), "\\xC2\\x9B"); // a control character
}

TEST(Printable, EndsSomewhere) {
  std::string text = printable(std::string(1 << 20, 'x'));
  EXPECT_LT(text.size(), 200u);
  EXPECT_EQ(text.substr(text.size() - 3), "...");
}

TEST(OperatorName, SaysTheDomain) {
  EXPECT_EQ(operatorName("", "Add"), "ai.onnx::Add");
  EXPECT_EQ(operatorName("ai.onnx", "Add"), "ai.onnx::Add");
  EXPECT_EQ(operatorName("com.microsoft", "Add"), "com.microsoft::Add");
}

} // namespace
