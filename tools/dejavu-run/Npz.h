//===- Npz.h - NumPy archives -----------------------------------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An .npz file is a zip archive of .npy files, stored or deflated. libzip
// unpacks it; sizes are checked against each array's own header.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_TOOLS_DEJAVU_RUN_NPZ_H
#define DEJAVU_TOOLS_DEJAVU_RUN_NPZ_H

#include "DType.h"
#include "Safetensors.h"
#include "Status.h"

#include <string>
#include <vector>

namespace dejavu::run {

/// An array in C order.
struct Array {
  std::string name; ///< without `.npy`
  rt::DType dtype = rt::DType::F32;
  rt::Shape shape;
  std::vector<uint8_t> data;

  rt::TensorView view() const {
    return {name, dtype, shape, data.data(), data.size()};
  }
};

/// Reads all arrays in the order of the archive. Errors name the file.
rt::ErrorOr<std::vector<Array>> readNpz(const std::string &path);

/// Writes arrays, not compressed, through a temporary name.
rt::Status writeNpz(const std::string &path,
                    const std::vector<rt::TensorView> &tensors);

} // namespace dejavu::run

#endif // DEJAVU_TOOLS_DEJAVU_RUN_NPZ_H
