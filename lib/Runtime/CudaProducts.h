//===- CudaProducts.h - products of many rows by cuBLASLt -------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Enqueues what dejavu_rt_matmul is asked for. The library is asked once for
// each shape how it would do it; parts of sums may be added in a step of their
// own, but in no order that changes, so the same shapes give the same bits.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_CUDAPRODUCTS_H
#define DEJAVU_LIB_RUNTIME_CUDAPRODUCTS_H

#include "CudaBlas.h"
#include "CudaDevice.h"

#include "dejavu-rt/abi.h"

#include <array>
#include <map>

namespace dejavu::rt {

class CudaProducts {
public:
  /// Bytes of GPU memory that products may use beside their operands.
  static constexpr uint64_t kWorkspaceBytes = 32 << 20;

  /// The device must outlive this object.
  static ErrorOr<std::unique_ptr<CudaProducts>> create(const CudaDevice &device,
                                                       const CudaBlas &library);
  ~CudaProducts();
  CudaProducts(const CudaProducts &) = delete;

  /// Enqueues a product. `workspace` has kWorkspaceBytes.
  Status multiply(const dejavu_matmul &product, void *workspace);

private:
  /// How products of one shape are done.
  struct Plan {
    blas::Operation operation = nullptr;
    blas::Layout weight = nullptr, input = nullptr, result = nullptr;
    blas::Heuristic heuristic = {};
  };
  /// Type, layout, rows, in, out; alignments of weight, input, result.
  using Key = std::array<int64_t, 8>;

  CudaProducts(const CudaDevice &device, const CudaBlas &library)
      : device(device), library(library) {}
  Status fill(Plan &plan, const dejavu_matmul &product, const Key &key);
  Status askHeuristic(Plan &plan, const Key &key);

  const CudaDevice &device;
  const CudaBlas &library;
  blas::Handle handle = nullptr;
  std::map<Key, Plan> plans;
};

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_CUDAPRODUCTS_H
