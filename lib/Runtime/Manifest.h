//===- Manifest.h - what an executable says about itself --------*- C++ -*-===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The compiler embeds a JSON manifest in the executable (docs/Internals.md,
// section 4). This is its parsed form. parse() checks everything that the
// rest of the runtime relies on: sizes are positive, indices in range, every
// layer has its cache tensors in the signature.
//
//===----------------------------------------------------------------------===//

#ifndef DEJAVU_LIB_RUNTIME_MANIFEST_H
#define DEJAVU_LIB_RUNTIME_MANIFEST_H

#include "DType.h"
#include "Status.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dejavu::rt {

/// What a tensor of the model's signature is to the runtime.
enum class Role { Ids, AttentionMask, Positions, Key, Value, Logits, Plain };

/// What a model can be asked for.
enum class Form {
  Decoder, ///< prefill and decode, with a cache between them
  Forward, ///< its inputs and outputs as plain tensors
};

/// An input or output of the model as it was exported.
struct SignatureEntry {
  std::string name;
  Role role = Role::Ids;
  int64_t layer = -1; ///< of a key or value
  /// Of a plain tensor: its type, and its dimensions as numbers or names. `?`
  /// stands for a dimension of which nothing is known.
  DType dtype = DType::F32;
  std::vector<std::string> dims;
};

/// How a layer keeps what its keys and values are made of until they are
/// wanted: the last `ring` steps, `width` f32 numbers for each.
struct DeferredCache {
  int64_t ring = 0;
  int64_t width = 0;
};

struct ManifestLayer {
  int64_t heads = 0;
  int64_t kvHeads = 0;
  int64_t headDim = 0;
  std::optional<DeferredCache> deferred;
  bool hasMlp = false;
  int64_t neurons = 0;
  std::string mlpSparsity; ///< "dense", "exact", ...
};

struct ManifestWeight {
  std::string name;
  DType dtype = DType::F32;
  Shape shape;
  bool synthetic = false; ///< made on the GPU, in no file
};

/// What is chosen, or left out.
enum class Unit {
  Neuron,
  KvGroup, ///< a key and value head with the query heads that read it
};

/// A place in @decode that counts the units it reads.
struct ManifestCounter {
  int64_t layer = 0;
  Unit unit = Unit::Neuron;
  int64_t units = 0;
  int64_t bytesPerUnit = 0;
  /// Whether it counts the chosen set, at each token; the others count bytes
  /// alone.
  bool density = true;
};

/// Bytes by what they belong to: "embedding", "mlp", ... The names are the
/// compiler's.
using Parts = std::map<std::string, int64_t>;

struct WorkspaceSize {
  int64_t bytesPerRow = 0;
  int64_t bytesFixed = 0;
};

struct TapSite {
  int64_t site = 0;
  int64_t layer = -1;
  std::string op;
  std::string name;
  int64_t width = 0;
  bool hidden = false; ///< of an MLP's hidden layer, which @prefill reports
};

/// How a kernel of a GPU is launched.
struct CudaKernel {
  int64_t threads = 0; ///< in a block
  int64_t shared = 0;  ///< bytes of dynamic shared memory
  int64_t cluster = 1; ///< blocks in a cluster
  bool early = false;  ///< may begin before the kernel in front of it ends
};

/// The kernels, compiled for one kind of GPU.
struct CudaImage {
  std::string chip; ///< "sm_90"
  /// 10 * major + minor of the compute capability, and what stands behind it:
  /// 'a' for that capability alone, 'f' for its family, or 0.
  int64_t capability = 0;
  char variant = 0;
  bool isPtx = false; ///< text for the driver to compile, with a zero behind it
  int64_t offset = 0; ///< in the executable's code for GPUs
  int64_t size = 0;
  std::vector<CudaKernel> kernels; ///< in the order of CudaCode::kernels
};

/// What the manifest of a model for a GPU says about its code.
struct CudaCode {
  std::vector<std::string> kernels; ///< names
  std::vector<CudaImage> images;
};

struct Manifest {
  Form form = Form::Decoder;
  std::string compiler;
  std::string modelName;
  std::string modelDigest; ///< empty if there is none
  std::vector<std::string> cpuFeatures;
  std::optional<CudaCode> cuda; ///< of a model for a GPU
  std::string sparsity;
  int64_t vocab = 0;
  int64_t maxContext = 0;
  /// Positions are in positionMin .. positionLimit - 1; a limit of 0 says
  /// that any position will do, as with rotary embeddings.
  int64_t positionMin = 0;
  int64_t positionLimit = 0;
  DType cacheType = DType::F32; ///< F32, or on a GPU F16 or BF16
  std::vector<int64_t> eos;
  std::vector<ManifestLayer> layers;
  std::vector<SignatureEntry> inputs;
  std::vector<SignatureEntry> outputs;
  std::vector<ManifestWeight> weights;
  std::string weightsDigest;
  int64_t denseBytes = 0;  ///< that a token of the dense model reads
  int64_t alwaysBytes = 0; ///< that are read whatever is selected
  std::vector<ManifestCounter> counters;
  /// What of `alwaysBytes` and `denseBytes` belongs to what, if known.
  std::optional<Parts> alwaysParts;
  std::optional<Parts> denseParts;
  WorkspaceSize prefillWorkspace;
  WorkspaceSize decodeWorkspace;
  std::vector<TapSite> taps; ///< hidden ones last
  /// Names of nodes that generated code refers to when it fails.
  std::vector<std::string> nodes;

  /// Steps that a sequence may have: the smaller of maxContext and the
  /// positions there are.
  int64_t contextLimit() const;
  bool isEos(int64_t id) const;
  /// Whether the weights are made on the GPU: all of them are, or none.
  bool hasSyntheticWeights() const;
  /// Null if the signature has no input of that role.
  const SignatureEntry *findInput(Role role) const;
  /// Null if there is no such site.
  const TapSite *findTap(int64_t site) const;
  /// Whether the signature takes the cache of past steps.
  bool hasPast() const;

  /// Parses and validates. The error names the field:
  /// `layers[2].mlp.neurons: expected a positive integer`.
  static ErrorOr<Manifest> parse(std::string_view text);
};

/// The manifest for people: the same JSON, indented.
ErrorOr<std::string> prettyManifest(std::string_view text);

} // namespace dejavu::rt

#endif // DEJAVU_LIB_RUNTIME_MANIFEST_H
