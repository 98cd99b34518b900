//===- AttentionKernels.cpp - attention over the cache ---------------- ===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionGenerator.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cuda;

std::string AttentionSpec::getName() const {
  std::string name =
      (Twine(features / cache.getHeadDim()) + "over" + Twine(cache.getHeads()) +
       "x" + Twine(cache.getHeadDim()) + "_" + nameElement(element) + "_scale" +
       nameNumber(scale) + "_" + stringifyMaskedRows(maskedRows))
          .str();
  if (!softcap.isZero())
    name += "_softcap" + nameNumber(softcap);
  if (window)
    name += "_window" + std::to_string(*window);
  for (float slope : slopes)
    name += "_" + nameNumber(slope);
  if (query)
    name += "_query_rope" + query->getName();
  if (key)
    name += "_key_rope" + key->getName();
  return name + (appends ? "_append" : "");
}

int64_t cuda::getAttentionGroup(const AttentionSpec &spec) {
  int64_t group = std::min(spec.getGroup(), kMaxAttentionGroup);
  while (spec.getGroup() % group != 0)
    --group;
  return group;
}

int64_t cuda::getAttentionBlocks(const AttentionSpec &spec) {
  return spec.cache.getHeads() * spec.getGroup() / getAttentionGroup(spec);
}

int64_t cuda::getAttentionTokens(const AttentionSpec &spec) {
  if (spec.appends || !hasMatrixAttention(spec))
    return 1;
  return kMaxAttentionGroup / getAttentionGroup(spec);
}

int64_t cuda::getAttentionRows(const AttentionSpec &spec) {
  // Two blocks for each multiprocessor of a large GPU, or four: that was
  // fastest.
  int64_t blocks = hasMatrixAttention(spec) ? 256 : 512;
  return spec.appends ? blocks / getAttentionBlocks(spec) : 0;
}

int64_t cuda::getAttentionParts(const AttentionSpec &spec) {
  return std::clamp<int64_t>(getAttentionRows(spec), 1, kMaxAttentionParts);
}

int64_t cuda::getAttentionScratch(const AttentionSpec &spec) {
  return spec.features / spec.cache.getHeadDim() *
         AttentionLayout(spec).getPartialSize();
}

int64_t cuda::getAttentionKernel(DeviceLibrary &library,
                                 const AttentionSpec &spec) {
  AttentionLayout layout(spec);
  Type pointer = library.getPointer(), number = library.getNumber();
  int64_t pointers =
      spec.appends ? 9 + spec.query.has_value() + spec.key.has_value() : 6;
  SmallVector<Type> types(pointers, pointer);
  types.append(spec.appends ? 1 : 2, number);
  return library.get("attention_" + spec.getName(), types,
                     KernelShape{.threads = layout.threads,
                                 .sharedBytes = layout.size * 4,
                                 .waitsItself = spec.appends},
                     [&](DeviceBuilder &b, ValueRange args) {
                       (hasMatrixAttention(spec)
                            ? generateMatrixAttention
                            : generateLaneAttention)(b, spec, args);
                     });
}
