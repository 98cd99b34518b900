//===- DejavuDialect.cpp - attributes and types of the dejavu dialect -----===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dejavu/Dialect/Dejavu/IR/Dejavu.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::dejavu;

#include "dejavu/Dialect/Dejavu/IR/DejavuDialect.cpp.inc"
#include "dejavu/Dialect/Dejavu/IR/DejavuEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dejavu/Dialect/Dejavu/IR/DejavuAttrs.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dejavu/Dialect/Dejavu/IR/DejavuTypes.cpp.inc"

void DejavuDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dejavu/Dialect/Dejavu/IR/DejavuAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "dejavu/Dialect/Dejavu/IR/DejavuTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dejavu/Dialect/Dejavu/IR/DejavuOps.cpp.inc"
      >();
}

bool mlir::dejavu::isActivationType(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getRank() == 3 && tensor.getElementType().isF32() &&
         !tensor.isDynamicDim(2);
}

LogicalResult KVCacheType::verify(function_ref<InFlightDiagnostic()> emitError,
                                  int64_t heads, int64_t headDim) {
  if (heads <= 0 || headDim <= 0)
    return emitError() << "expected a positive number of heads and elements, "
                          "found "
                       << heads << " x " << headDim;
  return success();
}

LogicalResult ActiveType::verify(function_ref<InFlightDiagnostic()> emitError,
                                 Unit unit, int64_t extent) {
  if (extent <= 0)
    return emitError() << "expected a positive extent, found " << extent;
  return success();
}

LogicalResult ProfileAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                  APFloat density, APFloat active,
                                  APFloat recall, APFloat loss) {
  for (const APFloat &each : {density, active, recall, loss}) {
    double share = each.convertToDouble();
    if (!(share >= 0 && share <= 1))
      return emitError() << "expected shares between 0 and 1, found " << share;
  }
  return success();
}

/// The fields of a profile, in their order.
static constexpr llvm::StringLiteral kProfileFields[] = {"density", "active",
                                                         "recall", "loss"};

Attribute ProfileAttr::parse(AsmParser &parser, Type) {
  double values[4];
  if (parser.parseLess())
    return {};
  for (auto [i, name] : llvm::enumerate(kProfileFields))
    if ((i > 0 && parser.parseComma()) || parser.parseKeyword(name) ||
        parser.parseEqual() || parser.parseFloat(values[i]))
      return {};
  SMLoc location = parser.getCurrentLocation();
  if (parser.parseGreater())
    return {};
  return ProfileAttr::getChecked([&] { return parser.emitError(location); },
                                 parser.getContext(), APFloat(values[0]),
                                 APFloat(values[1]), APFloat(values[2]),
                                 APFloat(values[3]));
}

void ProfileAttr::print(AsmPrinter &printer) const {
  const APFloat values[] = {getDensity(), getActive(), getRecall(), getLoss()};
  printer << '<';
  for (auto [i, name] : llvm::enumerate(kProfileFields)) {
    // As short as what is read back as the same.
    double value = values[i].convertToDouble(), again = 0;
    std::string text = llvm::formatv("{0:e6}", value);
    if (StringRef(text).getAsDouble(again) || again != value)
      text = llvm::formatv("{0:e16}", value);
    printer << (i > 0 ? ", " : "") << name << " = " << text;
  }
  printer << '>';
}
