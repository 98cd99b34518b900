//===- Reporter.cpp - how the importer says what is wrong -----------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Reporter.h"
#include "Model.pb.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::dejavu::onnximport;

Reporter::Reporter(MLIRContext &context, StringRef file)
    : location(FileLineColLoc::get(&context, file, 0, 0)) {}

LogicalResult Reporter::error(const Twine &message) const {
  return emitError(location) << message;
}

LogicalResult Reporter::error(const proto::NodeProto &node,
                              const Twine &message) const {
  return emitError(location)
         << "node " << quoted(getName(node)) << " ("
         << operatorName(node.domain(), node.op_type()) << "): " << message;
}

Reporter Reporter::within(const Twine &call) const {
  Reporter result = *this;
  result.prefix = (call + "/").str();
  return result;
}

std::string Reporter::getName(const proto::NodeProto &node) const {
  return prefix + nodeName(node);
}

void Reporter::warning(const Twine &message) const {
  emitWarning(location) << message;
}

/// The number of bytes of the UTF-8 character at the start of `text`, or 0 if
/// there is none that may be printed.
static unsigned characterLength(StringRef text) {
  unsigned char first = text.front();
  if (first < 0x80)
    return llvm::isPrint(first) ? 1 : 0;
  // U+0080 to U+009F are control characters.
  if (first == 0xC2 && text.size() > 1 &&
      static_cast<unsigned char>(text[1]) < 0xA0)
    return 0;
  unsigned length = llvm::getNumBytesForUTF8(first);
  if (length > text.size() || length > 4)
    return 0;
  const auto *begin = reinterpret_cast<const llvm::UTF8 *>(text.data());
  return llvm::isLegalUTF8Sequence(begin, begin + length) ? length : 0;
}

std::string mlir::dejavu::onnximport::printable(StringRef name) {
  constexpr size_t limit = 160;
  std::string result;
  llvm::raw_string_ostream os(result);
  while (!name.empty()) {
    if (result.size() >= limit) {
      os << "...";
      break;
    }
    unsigned length = characterLength(name);
    if (length == 0 || name.front() == '\\') {
      unsigned char byte = name.front();
      os << "\\x" << llvm::hexdigit(byte >> 4) << llvm::hexdigit(byte & 15);
      length = 1;
    } else {
      os << name.take_front(length);
    }
    name = name.drop_front(length);
  }
  return result;
}

std::string mlir::dejavu::onnximport::quoted(StringRef name) {
  return "'" + printable(name) + "'";
}

StringRef mlir::dejavu::onnximport::normalizedDomain(StringRef domain) {
  return domain.empty() ? StringRef("ai.onnx") : domain;
}

std::string mlir::dejavu::onnximport::operatorName(StringRef domain,
                                                   StringRef opType) {
  return printable(normalizedDomain(domain)) + "::" + printable(opType);
}

std::string mlir::dejavu::onnximport::nodeName(const proto::NodeProto &node) {
  if (!node.name().empty())
    return node.name();
  for (const std::string &output : node.output())
    if (!output.empty())
      return node.op_type() + " of output '" + output + "'";
  return node.op_type() + " without outputs";
}
