//===- TensorFiles.cpp - tensors of the interpreter in files --------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TensorFiles.h"

#include "Safetensors.h"

#include "llvm/ADT/APFloat.h"

#include <cstring>

using namespace mlir;
using namespace mlir::dejavu;
using reference::Element;
using reference::Tensor;
namespace rt = ::dejavu::rt;

/// Kinds that both sides know.
static constexpr std::pair<Element, rt::DType> kinds[] = {
    {Element::Bool, rt::DType::BOOL}, {Element::I8, rt::DType::I8},
    {Element::I16, rt::DType::I16},   {Element::I32, rt::DType::I32},
    {Element::I64, rt::DType::I64},   {Element::U8, rt::DType::U8},
    {Element::U16, rt::DType::U16},   {Element::U32, rt::DType::U32},
    {Element::U64, rt::DType::U64},   {Element::F16, rt::DType::F16},
    {Element::BF16, rt::DType::BF16}, {Element::F32, rt::DType::F32},
    {Element::F64, rt::DType::F64}};

/// The semantics of a floating-point kind.
static const llvm::fltSemantics &getSemantics(Element element) {
  switch (element) {
  case Element::F16:
    return APFloat::IEEEhalf();
  case Element::BF16:
    return APFloat::BFloat();
  case Element::F32:
    return APFloat::IEEEsingle();
  default:
    return APFloat::IEEEdouble();
  }
}

/// The little-endian word of `size` bytes at `data`.
static uint64_t load(const uint8_t *data, int64_t size) {
  uint64_t word = 0;
  std::memcpy(&word, data, size);
  return word;
}

static void loadElements(Tensor &tensor, const uint8_t *data, int64_t size) {
  for (int64_t i = 0; i < tensor.size(); ++i) {
    uint64_t word = load(data + i * size, size);
    if (!tensor.isFloat()) {
      tensor.setInt(i, static_cast<int64_t>(word));
      continue;
    }
    bool losesInfo;
    APFloat number(getSemantics(tensor.getElement()), APInt(size * 8, word));
    number.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                   &losesInfo);
    tensor.setFloat(i, number.convertToDouble());
  }
}

static std::vector<uint8_t> storeElements(const Tensor &tensor, int64_t size) {
  std::vector<uint8_t> bytes(tensor.size() * size);
  for (int64_t i = 0; i < tensor.size(); ++i) {
    uint64_t word = static_cast<uint64_t>(tensor.getInt(i));
    if (tensor.isFloat()) {
      bool losesInfo;
      APFloat number(tensor.getFloat(i));
      number.convert(getSemantics(tensor.getElement()),
                     APFloat::rmNearestTiesToEven, &losesInfo);
      word = number.bitcastToAPInt().getZExtValue();
    }
    std::memcpy(bytes.data() + i * size, &word, size);
  }
  return bytes;
}

FailureOr<std::map<std::string, Tensor>>
mlir::dejavu::readTensors(const std::string &path, std::string &error) {
  rt::ErrorOr<rt::SafetensorsFile> file = rt::SafetensorsFile::open(path);
  if (file.failed()) {
    error = file.message();
    return failure();
  }
  std::map<std::string, Tensor> tensors;
  for (const rt::TensorView &view : file->tensors()) {
    const auto *kind = llvm::find_if(
        kinds, [&](auto &kind) { return kind.second == view.dtype; });
    if (kind == std::end(kinds) ||
        failed(reference::countElements(view.shape))) {
      error = path + ": '" + view.name + "' is of a kind that is not supported";
      return failure();
    }
    Tensor tensor(kind->first, view.shape);
    loadElements(tensor, view.data, rt::sizeOf(view.dtype));
    tensors.emplace(view.name, std::move(tensor));
  }
  return tensors;
}

LogicalResult
mlir::dejavu::writeTensors(const std::string &path, const NamedTensors &tensors,
                           const std::map<std::string, std::string> &metadata,
                           std::string &error) {
  std::vector<std::vector<uint8_t>> bytes;
  std::vector<rt::TensorView> views;
  for (const auto &[name, tensor] : tensors) {
    const auto *kind = llvm::find_if(
        kinds, [&](auto &kind) { return kind.first == tensor.getElement(); });
    if (kind == std::end(kinds)) {
      error = path + ": '" + name + "' is of a kind that is not supported";
      return failure();
    }
    bytes.push_back(storeElements(tensor, rt::sizeOf(kind->second)));
    views.push_back(
        {name, kind->second,
         rt::Shape(tensor.getShape().begin(), tensor.getShape().end()),
         bytes.back().data(), bytes.back().size()});
  }
  rt::Status status = rt::writeSafetensors(path, views, metadata);
  error = status.message();
  return success(status.succeeded());
}
