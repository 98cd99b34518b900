//===- ExternalDataFuzzer.cpp - any descriptor of external data -----------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A model of one node whose weights say where their data lie in words that the
// fuzzer chooses. The input is text: a line for the type and shape of a tensor
// (`T data_type dim...`), followed by lines `key=value`. Each T begins a
// tensor.
//
//===----------------------------------------------------------------------===//

#include "FuzzImport.h"

#include "llvm/ADT/SmallVector.h"

#include <cstddef>
#include <cstdint>
#include <string>

using llvm::StringRef;

static std::string varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7)
    bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}

static std::string number(int field, uint64_t value) {
  return varint(field << 3) + varint(value);
}

static std::string message(int field, StringRef bytes) {
  return varint(field << 3 | 2) + varint(bytes.size()) + bytes.str();
}

/// A TensorProto of the lines of `text` up to the next T.
static std::string makeTensor(StringRef &text, int index) {
  auto takeLine = [&] {
    auto [line, rest] = text.split('\n');
    text = rest;
    return line;
  };
  llvm::SmallVector<StringRef> words;
  takeLine().split(words, ' ', /*MaxSplit=*/12, /*KeepEmpty=*/false);
  std::string tensor;
  uint64_t kind = 1;
  for (size_t i = 1; i < words.size(); ++i) {
    int64_t value = 0;
    words[i].getAsInteger(0, value);
    if (i == 1)
      kind = static_cast<uint64_t>(value);
    else
      tensor += number(1, static_cast<uint64_t>(value));
  }
  tensor += number(2, kind);
  tensor += message(8, "w" + std::to_string(index));
  while (!text.empty() && !text.starts_with("T ")) {
    auto [key, value] = takeLine().split('=');
    tensor += message(13, message(1, key) + message(2, value));
  }
  return tensor + number(14, 1);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  StringRef text(reinterpret_cast<const char *>(data), size);
  std::string graph, outputs;
  for (int i = 0; i < 8 && (i == 0 || !text.empty()); ++i) {
    std::string name = std::to_string(i);
    graph += message(1, message(1, "w" + name) + message(2, "y" + name) +
                            message(4, "Identity"));
    graph += message(5, makeTensor(text, i));
    outputs += message(12, message(1, "y" + name));
  }
  graph += message(2, "graph") + outputs;
  std::string model =
      number(1, 10) + message(8, number(2, 20)) + message(7, graph);
  ::dejavu::fuzz::importModel(model);
  return 0;
}
