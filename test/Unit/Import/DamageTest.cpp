//===- DamageTest.cpp - models with every byte cut off or changed ---------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Whatever a file holds, an import ends, with a module or with a diagnostic.
//
//===----------------------------------------------------------------------===//

#include "dejavu/Import/ONNX/OnnxImporter.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace mlir;
namespace fs = std::filesystem;

namespace {

/// A field of the wire format. All numbers here are below 128.
std::string field(int number, const std::string &payload) {
  return std::string{static_cast<char>(number << 3 | 2),
                     static_cast<char>(payload.size())} +
         payload;
}
std::string field(int number, int value) {
  return {static_cast<char>(number << 3), static_cast<char>(value)};
}

/// A value_info: float [2, n].
std::string valueInfo(const std::string &name) {
  std::string shape = field(1, field(1, 2)) + field(1, field(2, "n"));
  return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)));
}

/// Y = Reshape(X + W, [2, -1]), with W a weight in raw_data. The graph comes
/// last, so that nothing can be cut off without a loss.
std::string makeModel() {
  std::string weight = field(1, 2) + field(1, 1) + field(2, 1) + field(8, "W") +
                       field(9, "\1\2\3\4\5\6\7\7");
  std::string shape =
      field(1, 2) + field(2, 7) + field(8, "S") +
      field(7, std::string("\2\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\1"));
  std::string allowZero =
      field(1, "allowzero") + field(3, 1) + std::string("\xA0\1\2");
  std::string graph = field(1, field(1, "X") + field(1, "W") + field(2, "A") +
                                   field(4, "Add")) +
                      field(1, field(1, "A") + field(1, "S") + field(2, "Y") +
                                   field(4, "Reshape") + field(5, allowZero)) +
                      field(2, "g") + field(5, weight) + field(5, shape) +
                      field(11, valueInfo("X")) + field(12, valueInfo("Y"));
  // The graph is longer than 127 bytes.
  std::string size = {static_cast<char>(0x80 | (graph.size() & 0x7F)),
                      static_cast<char>(graph.size() >> 7)};
  return field(1, 10) + field(8, field(1, "") + field(2, 20)) + "\x3A" + size +
         graph;
}

class Damage : public testing::Test {
protected:
  Damage() : context(MLIRContext::Threading::DISABLED) {
    std::string name = "/tmp/dejavu-import-XXXXXX";
    if (char *made = ::mkdtemp(name.data()))
      folder = made;
  }
  ~Damage() override {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }

  /// Imports `bytes`; says whether that worked. Failure has one diagnostic.
  bool import(const std::string &bytes) {
    std::ofstream(folder / "m.onnx", std::ios::binary) << bytes;
    unsigned errors = 0;
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      errors += diagnostic.getSeverity() == DiagnosticSeverity::Error;
      last = diagnostic.str();
      return success();
    });
    bool imported = succeeded(
        mlir::dejavu::importOnnxModel(context, (folder / "m.onnx").string()));
    EXPECT_EQ(errors, imported ? 0u : 1u) << last;
    return imported;
  }

  MLIRContext context;
  fs::path folder;
  std::string last;
};

TEST_F(Damage, NothingIsWrongWithTheWholeModel) {
  EXPECT_TRUE(import(makeModel())) << last;
}

TEST_F(Damage, EveryPrefixIsRefused) {
  std::string model = makeModel();
  for (size_t length = 0; length < model.size(); ++length)
    EXPECT_FALSE(import(model.substr(0, length))) << length;
}

TEST_F(Damage, EveryChangedByteIsSurvived) {
  std::string model = makeModel();
  unsigned refused = 0;
  for (size_t place = 0; place < model.size(); ++place)
    for (int value : {0x00, 0x01, 0x0A, 0x7F, 0x80, 0xFF}) {
      std::string changed = model;
      changed[place] = static_cast<char>(value);
      refused += !import(changed);
    }
  EXPECT_GT(refused, model.size());
}

} // namespace
