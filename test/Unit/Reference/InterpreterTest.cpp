//===- InterpreterTest.cpp - evaluation of single values ------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The ops are tested in test/Reference. Here: what a slice executes, what a
// binding hides, and what fails.
//
//===----------------------------------------------------------------------===//

#include "dejavu/Reference/Interpreter.h"

#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"
#include "dejavu/Dialect/Onnx/IR/Onnx.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mlir::dejavu::reference;

namespace {
class InterpreterTest : public testing::Test {
protected:
  InterpreterTest() {
    context.loadDialect<func::FuncDialect, mlir::dejavu::DejavuDialect,
                        onnx::OnnxDialect>();
    options.onOp = [&](Operation *op, llvm::ArrayRef<RuntimeValue>) {
      executed.push_back(op->getName().stripDialect().str());
    };
  }

  /// Parses a module whose first function is under test.
  void parse(const char *text) {
    module = parseSourceString<ModuleOp>(text, &context);
    ASSERT_TRUE(module);
    function = *module->getOps<func::FuncOp>().begin();
  }

  Value argument(unsigned index) { return function.getArgument(index); }
  /// What the function returns at `index`.
  Value result(unsigned index) {
    return function.front().getTerminator()->getOperand(index);
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  func::FuncOp function;
  Options options;
  std::vector<std::string> executed;
};
} // namespace

static constexpr const char *twoRoots = R"(
  func.func @main(%a: tensor<?xi64>, %b: tensor<?xi64>)
      -> (tensor<?xi64>, tensor<?xi64>) {
    %0 = onnx.Neg(%a) : (tensor<?xi64>) -> tensor<?xi64>
    %1 = onnx.Add(%0, %0) : (tensor<?xi64>, tensor<?xi64>) -> tensor<?xi64>
    %2 = onnx.Mul(%0, %b) : (tensor<?xi64>, tensor<?xi64>) -> tensor<?xi64>
    return %1, %2 : tensor<?xi64>, tensor<?xi64>
  }
)";

TEST_F(InterpreterTest, ExecutesOnlyWhatARootNeeds) {
  parse(twoRoots);
  Interpreter interpreter(options);
  Bindings bindings;
  bindings[argument(0)] = Tensor::ofInts({2}, {1, 2});
  FailureOr<Tensor> first = interpreter.evaluateTensor(result(0), bindings);
  ASSERT_TRUE(succeeded(first));
  EXPECT_EQ(first->toInts(), (llvm::SmallVector<int64_t>{-2, -4}));
  EXPECT_EQ(executed, (std::vector<std::string>{"Neg", "Add"}));

  // The second root finds what the first has computed.
  executed.clear();
  bindings[argument(1)] = Tensor::ofInts({1}, {10});
  FailureOr<Tensor> second = interpreter.evaluateTensor(result(1), bindings);
  ASSERT_TRUE(succeeded(second));
  EXPECT_EQ(second->toInts(), (llvm::SmallVector<int64_t>{-10, -20}));
  EXPECT_EQ(executed, (std::vector<std::string>{"Mul"}));
}

TEST_F(InterpreterTest, ABindingHidesTheOp) {
  parse(twoRoots);
  Interpreter interpreter(options);
  Bindings bindings;
  bindings[result(0).getDefiningOp()->getOperand(0)] = Tensor::ofInts({1}, {7});
  FailureOr<Tensor> found = interpreter.evaluateTensor(result(0), bindings);
  ASSERT_TRUE(succeeded(found));
  EXPECT_EQ(found->toInts(), (llvm::SmallVector<int64_t>{14}));
  EXPECT_EQ(executed, (std::vector<std::string>{"Add"}));
}

TEST_F(InterpreterTest, AnArgumentWithoutValueIsAnError) {
  parse(twoRoots);
  Interpreter interpreter;
  Bindings bindings;
  bindings[argument(0)] = Tensor::ofInts({1}, {1});
  EXPECT_TRUE(failed(interpreter.evaluate(result(1), bindings)));
  ASSERT_TRUE(interpreter.getError());
  EXPECT_EQ(interpreter.getError()->message,
            "an argument that has no value is needed, of type tensor<?xi64>");

  // The error is that of the last call.
  EXPECT_TRUE(succeeded(interpreter.evaluate(result(0), bindings)));
  EXPECT_FALSE(interpreter.getError());
}

TEST_F(InterpreterTest, ABindingOfAnotherTypeIsAnError) {
  parse(twoRoots);
  Interpreter interpreter;
  Bindings bindings;
  bindings[argument(0)] = Tensor::ofFloats({1}, {1});
  EXPECT_TRUE(failed(interpreter.evaluate(result(0), bindings)));
  ASSERT_TRUE(interpreter.getError());
  EXPECT_EQ(interpreter.getError()->message,
            "expected a value of type tensor<?xi64>, found tensor<1xf32>");
  bindings[argument(0)] = Cache{};
  EXPECT_TRUE(failed(interpreter.evaluate(result(0), bindings)));
  bindings[argument(0)] = Tensor::scalar(1);
  EXPECT_TRUE(failed(interpreter.evaluate(result(0), bindings)));
}

TEST_F(InterpreterTest, AStaticShapeNeedsNoTensor) {
  parse(R"(
    module {
      dejavu.weight @w : tensor<3x4xf32>
          from #dejavu.source<"none", offset = 0, length = 48>
      func.func @main() -> (tensor<2xi64>, tensor<3x4xf32>) {
        %0 = dejavu.load_weight @w : tensor<3x4xf32>
        %1 = onnx.Shape(%0) : (tensor<3x4xf32>) -> tensor<2xi64>
        return %1, %0 : tensor<2xi64>, tensor<3x4xf32>
      }
    }
  )");
  Interpreter interpreter(options);
  Bindings bindings;
  FailureOr<Tensor> shape = interpreter.evaluateTensor(result(0), bindings);
  ASSERT_TRUE(succeeded(shape));
  EXPECT_EQ(shape->toInts(), (llvm::SmallVector<int64_t>{3, 4}));
  EXPECT_EQ(executed, (std::vector<std::string>{"Shape"}));

  // The weight itself is not to be had without a reader.
  EXPECT_TRUE(failed(interpreter.evaluate(result(1), bindings)));
  ASSERT_TRUE(interpreter.getError());
  EXPECT_EQ(interpreter.getError()->message,
            "'dejavu.load_weight': weight 'w' is not available");
}

TEST_F(InterpreterTest, RunChecksItsArguments) {
  parse(twoRoots);
  Interpreter interpreter;
  EXPECT_TRUE(failed(interpreter.run(function, {})));
  EXPECT_EQ(interpreter.getError()->message, "expected 2 arguments, found 0");
  RuntimeValue one = Tensor::ofInts({1}, {1});
  auto results = interpreter.run(function, {one, one});
  ASSERT_TRUE(succeeded(results));
  EXPECT_EQ(std::get<Tensor>((*results)[0]).toInts(),
            (llvm::SmallVector<int64_t>{-2}));
}

TEST_F(InterpreterTest, DeepGraphsNeedNoStack) {
  std::string text = "func.func @main(%0: tensor<i64>) -> tensor<i64> {\n";
  constexpr int depth = 20000;
  for (int i = 0; i < depth; ++i)
    text += "  %" + std::to_string(i + 1) + " = onnx.Add(%" +
            std::to_string(i) +
            ", %0) : (tensor<i64>, tensor<i64>) -> tensor<i64>\n";
  text += "  return %" + std::to_string(depth) + " : tensor<i64>\n}\n";
  parse(text.c_str());
  Interpreter interpreter;
  Bindings bindings;
  bindings[argument(0)] = Tensor::scalar(1);
  FailureOr<Tensor> found = interpreter.evaluateTensor(result(0), bindings);
  ASSERT_TRUE(succeeded(found));
  EXPECT_EQ(found->getInt(0), depth + 1);
}
