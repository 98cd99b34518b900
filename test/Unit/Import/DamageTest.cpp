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

/// A number of the wire format, below 2^14.
std::string varint(size_t number) {
  if (number < 128)
    return {static_cast<char>(number)};
  return {static_cast<char>(0x80 | (number & 0x7F)),
          static_cast<char>(number >> 7)};
}

/// A field of the wire format.
std::string field(int number, const std::string &payload) {
  return varint(number << 3 | 2) + varint(payload.size()) + payload;
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
  return field(1, 10) + field(8, field(1, "") + field(2, 20)) + field(7, graph);
}

/// Y = If(C) then f(X) else X + S, where f(x) is Softmax(x, axis = k) with a
/// reference to the attribute k of f, and S a sparse tensor.
std::string makeNestedModel() {
  auto named = [](const std::string &name) { return field(1, name); };
  auto kind = [](int type) { return std::string("\xA0\1") + char(type); };
  std::string reference =
      field(5, named("axis") + kind(2) + std::string("\xAA\1\1k"));
  std::string function =
      named("f") + field(4, "x") + field(5, "y") + field(6, "k") +
      field(7,
            field(1, "x") + field(2, "y") + field(4, "Softmax") + reference) +
      field(9, field(1, "") + field(2, 20)) + field(10, "my");
  std::string then = field(1, field(1, "X") + field(2, "T") + field(4, "f") +
                                  field(5, named("k") + field(3, 1) + kind(2)) +
                                  field(7, "my")) +
                     field(12, named("T"));
  std::string sparse =
      field(1, field(1, 1) + field(2, 1) + field(8, "S") +
                   field(9, std::string("\0\0\x80?", 4))) +
      field(2, field(1, 1) + field(2, 7) + field(7, std::string("\1"))) +
      field(3, 2);
  std::string otherwise = field(1, field(1, "X") + field(1, "S") +
                                       field(2, "E") + field(4, "Add")) +
                          field(12, named("E")) + field(15, sparse);
  std::string condition =
      field(2, field(1, field(1, 9) + field(2, std::string())));
  std::string graph =
      field(1, field(1, "C") + field(2, "Y") + field(4, "If") +
                   field(5, named("then_branch") + field(6, then) + kind(5)) +
                   field(5, named("else_branch") + field(6, otherwise) +
                                kind(5))) +
      field(11, valueInfo("X")) + field(11, named("C") + condition) +
      field(12, valueInfo("Y"));
  return field(1, 10) + field(8, field(1, "") + field(2, 20)) +
         field(8, field(1, "my") + field(2, 1)) + field(25, function) +
         field(7, graph);
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

TEST_F(Damage, NothingIsWrongWithTheWholeModels) {
  EXPECT_TRUE(import(makeModel())) << last;
  EXPECT_TRUE(import(makeNestedModel())) << last;
}

TEST_F(Damage, EveryPrefixIsRefused) {
  for (const std::string &model : {makeModel(), makeNestedModel()})
    for (size_t length = 0; length < model.size(); ++length)
      EXPECT_FALSE(import(model.substr(0, length))) << length;
}

TEST_F(Damage, EveryChangedByteIsSurvived) {
  for (const std::string &model : {makeModel(), makeNestedModel()}) {
    unsigned refused = 0;
    for (size_t place = 0; place < model.size(); ++place)
      for (int value : {0x00, 0x01, 0x0A, 0x7F, 0x80, 0xFF}) {
        std::string changed = model;
        changed[place] = static_cast<char>(value);
        refused += !import(changed);
      }
    EXPECT_GT(refused, model.size());
  }
}

} // namespace
