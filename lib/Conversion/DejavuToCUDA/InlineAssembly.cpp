//===- InlineAssembly.cpp - what NVVM has no intrinsic for ----------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InlineAssembly.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace mlir::dejavu;
using namespace mlir::dejavu::cuda;

void cuda::addFour(DeviceBuilder &b, Value vector, Value pointer) {
  SmallVector<Value> operands{pointer};
  for (int64_t i = 0; i < 4; ++i)
    operands.push_back(b.extract(vector, i));
  LLVM::InlineAsmOp::create(
      b, TypeRange(), operands,
      "red.relaxed.gpu.global.add.v4.f32 [$0], {$1, $2, $3, $4};", "l,f,f,f,f",
      /*has_side_effects=*/true, /*is_align_stack=*/false,
      LLVM::tailcallkind::TailCallKind::None, LLVM::AsmDialectAttr(),
      ArrayAttr());
}
