//===- Weights.cpp - weights as tensors -----------------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A weight is read anew by each op that uses it: memory stays bounded by the
// largest weight, and an oracle may take its time.
//
//===----------------------------------------------------------------------===//

#include "dejavu/Reference/Interpreter.h"
#include "dejavu/Support/WeightData.h"

#include "mlir/IR/Diagnostics.h"

#include <memory>

using namespace mlir;
using namespace mlir::dejavu;

reference::ReadWeight reference::readWeightsOf(ModuleOp module) {
  // The reader is made at the first use, since a module without weights needs
  // no files.
  auto reader = std::make_shared<std::optional<WeightReader>>();
  return
      [module, reader](Operation *op, std::string &error) -> FailureOr<Tensor> {
        auto weight = dyn_cast<WeightOp>(op);
        if (!weight) {
          error = "expected the name of a dejavu.weight";
          return failure();
        }
        RankedTensorType type = weight.getTensorType();
        FailureOr<Element> element = getElement(type.getElementType());
        if (failed(element) || failed(countElements(type.getShape()))) {
          error = ("weight '" + weight.getSymName() +
                   "' is too large or of a kind that is not supported")
                      .str();
          return failure();
        }
        // Keep what the reader reports, as the reason of the failure.
        ScopedDiagnosticHandler handler(op->getContext(),
                                        [&](Diagnostic &diagnostic) {
                                          if (error.empty())
                                            error = diagnostic.str();
                                          return success();
                                        });
        if (!*reader) {
          FailureOr<WeightReader> opened = WeightReader::open(module);
          if (failed(opened))
            return failure();
          reader->emplace(std::move(*opened));
        }
        FailureOr<std::vector<double>> values = (*reader)->readF64(weight);
        if (failed(values))
          return failure();
        Tensor tensor(*element, type.getShape());
        for (int64_t i = 0; i < tensor.size(); ++i)
          tensor.setFloat(i, (*values)[i]);
        return tensor;
      };
}
