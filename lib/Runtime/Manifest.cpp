//===- Manifest.cpp - what an executable says about itself ----------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Manifest.h"

#include "Checked.h"
#include "Field.h"

#include "dejavu-rt/abi.h"

#include <algorithm>
#include <charconv>
#include <set>

using namespace dejavu::rt;

static ManifestLayer parseLayer(const Field &field) {
  ManifestLayer layer;
  Field attention = field["attention"];
  layer.heads = attention["heads"].integer(1);
  layer.kvHeads = attention["kv_heads"].integer(1);
  layer.headDim = attention["head_dim"].integer(1);
  if (Field deferred = attention["deferred"]; !deferred.isNull())
    layer.deferred = DeferredCache{deferred["ring"].integer(1),
                                   deferred["width"].integer(1)};
  // A block that was not recognised has no MLP to speak of.
  Field mlp = field["mlp"];
  if (mlp.isNull())
    return layer;
  layer.hasMlp = true;
  layer.neurons = mlp["neurons"].integer(1);
  layer.mlpSparsity = mlp["sparsity"].string();
  return layer;
}

/// An input or output of a model without a cache.
static SignatureEntry parsePlainEntry(const Field &field) {
  // As many as dejavu_tensor has room for.
  static constexpr size_t kMaxRank = DEJAVU_MAX_RANK;
  SignatureEntry entry;
  entry.role = Role::Plain;
  entry.name = field["name"].string();
  if (std::string role = field["role"].string(); role != "plain")
    field["role"].fail("unknown role '" + role + "'");
  std::string type = field["dtype"].string();
  if (std::optional<DType> dtype = parseDType(type))
    entry.dtype = *dtype;
  else
    field["dtype"].fail("unknown dtype '" + type + "'");
  for (const Field &dim : field["shape"].array())
    entry.dims.push_back(dim.string());
  if (entry.dims.size() > kMaxRank)
    field["shape"].fail("more dimensions than tensors can have");
  return entry;
}

static SignatureEntry parseSignatureEntry(const Field &field, bool isInput,
                                          size_t numLayers) {
  SignatureEntry entry;
  entry.name = field["name"].string();
  std::string role = field["role"].string();
  if (role == "key" || role == "value") {
    entry.role = role == "key" ? Role::Key : Role::Value;
    entry.layer = field["layer"].integer(0);
    if (entry.layer >= static_cast<int64_t>(numLayers))
      field["layer"].fail("there is no such layer");
  } else if (isInput && role == "ids") {
    entry.role = Role::Ids;
  } else if (isInput && role == "attention_mask") {
    entry.role = Role::AttentionMask;
  } else if (isInput && role == "positions") {
    entry.role = Role::Positions;
  } else if (!isInput && role == "logits") {
    entry.role = Role::Logits;
  } else {
    field["role"].fail("unknown role '" + role + "'");
  }
  return entry;
}

/// Names and roles appear once.
static void checkSignature(const Field &field,
                           const std::vector<SignatureEntry> &entries) {
  std::set<std::string> names;
  std::set<std::pair<Role, int64_t>> roles;
  for (const SignatureEntry &entry : entries) {
    if (!names.insert(entry.name).second)
      field.fail("the name '" + entry.name + "' appears twice");
    if (entry.role != Role::Plain &&
        !roles.insert({entry.role, entry.layer}).second)
      field.fail("'" + entry.name + "' repeats the role of another tensor");
  }
}

static void parseSignature(const Field &field, Manifest &manifest) {
  if (manifest.form == Form::Forward) {
    for (const Field &input : field["inputs"].array())
      manifest.inputs.push_back(parsePlainEntry(input));
    for (const Field &output : field["outputs"].array())
      manifest.outputs.push_back(parsePlainEntry(output));
    checkSignature(field["inputs"], manifest.inputs);
    checkSignature(field["outputs"], manifest.outputs);
    return;
  }
  size_t numLayers = manifest.layers.size();
  for (const Field &input : field["inputs"].array())
    manifest.inputs.push_back(parseSignatureEntry(input, true, numLayers));
  for (const Field &output : field["outputs"].array())
    manifest.outputs.push_back(parseSignatureEntry(output, false, numLayers));
  checkSignature(field["inputs"], manifest.inputs);
  checkSignature(field["outputs"], manifest.outputs);
  if (!manifest.findInput(Role::Ids))
    field["inputs"].fail("there is no input of the role 'ids'");
  size_t pasts = 0;
  for (const SignatureEntry &entry : manifest.inputs)
    pasts += entry.role == Role::Key || entry.role == Role::Value;
  if (pasts != 0 && pasts != 2 * numLayers)
    field["inputs"].fail("some layers have keys and values, some do not");
}

static ManifestWeight parseWeight(const Field &field) {
  ManifestWeight weight;
  weight.name = field["name"].string();
  std::string type = field["dtype"].string();
  if (std::optional<DType> dtype = parseDType(type))
    weight.dtype = *dtype;
  else
    field["dtype"].fail("unknown dtype '" + type + "'");
  for (const Field &dim : field["shape"].array())
    weight.shape.push_back(dim.integer(0));
  weight.synthetic = field["synthetic"].boolean(false);
  return weight;
}

static ManifestCounter parseCounter(const Field &field,
                                    const std::vector<ManifestLayer> &layers) {
  ManifestCounter counter;
  counter.layer = field["layer"].integer(0);
  std::string unit = field["unit"].string("neuron");
  if (unit == "kv_group")
    counter.unit = Unit::KvGroup;
  else if (unit != "neuron")
    field["unit"].fail("unknown unit '" + unit + "'");
  counter.units = field["units"].integer(1);
  counter.bytesPerUnit = field["bytes_per_unit"].integer(0);
  counter.density = field["density"].boolean(true);
  if (counter.layer >= static_cast<int64_t>(layers.size())) {
    field["layer"].fail("there is no such layer");
    return counter;
  }
  // Shares of head usage are by key and value head.
  int64_t kvHeads = layers[counter.layer].kvHeads;
  if (counter.unit == Unit::KvGroup && counter.density &&
      counter.units != kvHeads)
    field["units"].fail("expected as many as the layer has kv_heads, " +
                        std::to_string(kvHeads));
  return counter;
}

/// Parts that add up to `total`, which is the field of that name.
static std::optional<Parts> parseParts(const Field &field, int64_t total,
                                       const char *name) {
  if (field.isNull())
    return std::nullopt;
  Parts parts;
  std::optional<uint64_t> sum = 0;
  for (const auto &[part, bytes] : field.object()) {
    parts[part] = bytes.integer(0);
    sum = sum ? checkedAdd(*sum, parts[part]) : sum;
  }
  if (sum != static_cast<uint64_t>(total))
    field.fail("expected a sum of " + std::to_string(total) + ", as in '" +
               name + "'");
  return parts;
}

static void parseBytes(const Field &field, Manifest &manifest) {
  manifest.denseBytes = field["dense"].integer(0);
  manifest.alwaysBytes = field["always"].integer(0);
  for (const Field &item : field["selects"].optionalArray())
    manifest.counters.push_back(parseCounter(item, manifest.layers));
  manifest.alwaysParts =
      parseParts(field["parts"], manifest.alwaysBytes, "always");
  manifest.denseParts =
      parseParts(field["dense_parts"], manifest.denseBytes, "dense");
}

static WorkspaceSize parseWorkspace(const Field &field) {
  return {field["bytes_per_row"].integer(0), field["bytes_fixed"].integer(0)};
}

static void parseTaps(const Field &field, Manifest &manifest) {
  std::set<int64_t> sites;
  for (const Field &item : field.optionalArray()) {
    TapSite tap;
    tap.site = item["site"].integer(0);
    tap.layer = item["layer"].isNull() ? -1 : item["layer"].integer(-1);
    tap.op = item["op"].string("");
    tap.name = item["name"].string("");
    tap.width = item["width"].integer(1);
    if (!sites.insert(tap.site).second)
      item["site"].fail("appears twice");
    manifest.taps.push_back(std::move(tap));
  }
}

/// Hidden layers, whose numbers follow those of `taps`.
static void parseHiddenTaps(const Field &field, Manifest &manifest) {
  int64_t numTaps = manifest.taps.size();
  for (const Field &item : field.optionalArray()) {
    TapSite tap;
    tap.hidden = true;
    tap.site = item["site"].integer(0);
    tap.layer = item["layer"].integer(0);
    tap.width = item["width"].integer(1);
    if (tap.site < numTaps)
      item["site"].fail("expected a number from " + std::to_string(numTaps) +
                        " on, behind those of 'taps'");
    if (manifest.findTap(tap.site))
      item["site"].fail("appears twice");
    if (tap.layer >= static_cast<int64_t>(manifest.layers.size()))
      item["layer"].fail("there is no such layer");
    manifest.taps.push_back(std::move(tap));
  }
}

/// Tools read this from --info. The runtime only sees to it that there are
/// such sites.
static void checkLookAhead(const Field &field, const Manifest &manifest) {
  if (field.isNull())
    return;
  std::vector<Field> layers = field["layers"].array();
  if (layers.size() != manifest.layers.size())
    field["layers"].fail("expected " + std::to_string(manifest.layers.size()) +
                         " of them, as there are layers");
  for (const Field &layer : layers) {
    for (const char *key :
         {"attention_in", "ffn_in", "attention_out", "hidden", "gate"}) {
      Field site = layer[key];
      int64_t number = site.isNull() ? -1 : site.integer(-1);
      if (number >= 0 && !manifest.findTap(number))
        site.fail("there is no such tap site");
    }
  }
}

/// The type of the cache's elements: f32 unless the field says otherwise.
static DType parseCacheType(const Field &field, bool isOnGpu) {
  std::string name = field.string("f32");
  if (name == "f32")
    return DType::F32;
  if (name != "f16" && name != "bf16")
    field.fail("unknown dtype '" + name + "'");
  else if (!isOnGpu)
    field.fail("expected f32, as there is no `cuda`");
  return name == "f16" ? DType::F16 : DType::BF16;
}

/// What only a model with a cache has.
static void parseDecoder(const Field &root, Manifest &manifest) {
  manifest.vocab = root["vocab"].integer(1);
  manifest.maxContext = root["max_context"].integer(1);
  if (!root["position_min"].isNull())
    manifest.positionMin = root["position_min"].integer(-(1 << 30));
  if (!root["position_limit"].isNull())
    manifest.positionLimit = root["position_limit"].integer(0);
  for (const Field &id : root["eos"].optionalArray())
    manifest.eos.push_back(id.integer(0));
  for (const Field &layer : root["layers"].array())
    manifest.layers.push_back(parseLayer(layer));
  manifest.cacheType =
      parseCacheType(root["cache_dtype"], !root["cuda"].isNull());
  parseBytes(root["bytes_per_token"], manifest);
  manifest.prefillWorkspace = parseWorkspace(root["workspace"]["prefill"]);
  manifest.decodeWorkspace = parseWorkspace(root["workspace"]["decode"]);
  parseTaps(root["taps"], manifest);
  parseHiddenTaps(root["hidden_taps"], manifest);
  checkLookAhead(root["look_ahead"], manifest);
}

/// `sm_90`, `sm_100a`
static void parseChip(const Field &field, CudaImage &image) {
  image.chip = field.string();
  std::string_view rest = image.chip;
  bool hasPrefix = rest.substr(0, 3) == "sm_";
  rest.remove_prefix(hasPrefix ? 3 : 0);
  auto [end, code] =
      std::from_chars(rest.data(), rest.data() + rest.size(), image.capability);
  rest.remove_prefix(end - rest.data());
  if (rest == "a" || rest == "f")
    image.variant = rest[0];
  else if (!rest.empty())
    hasPrefix = false;
  if (!hasPrefix || code != std::errc() || image.capability < 10)
    field.fail("expected a chip such as sm_90");
}

static CudaImage parseImage(const Field &field, size_t numKernels) {
  // What no GPU goes beyond.
  static constexpr int64_t kMaxThreads = 1024, kMaxCluster = 16;
  CudaImage image;
  parseChip(field["chip"], image);
  std::string kind = field["kind"].string();
  image.isPtx = kind == "ptx";
  if (kind != "ptx" && kind != "cubin")
    field["kind"].fail("unknown kind '" + kind + "'");
  image.offset = field["offset"].integer(0);
  if (image.offset % 64 != 0)
    field["offset"].fail("expected a multiple of 64");
  image.size = field["size"].integer(1);
  for (const Field &item : field["kernels"].array()) {
    CudaKernel &kernel = image.kernels.emplace_back();
    kernel.threads = item["threads"].integer(1);
    if (kernel.threads > kMaxThreads)
      item["threads"].fail("expected at most 1024");
    kernel.shared = item["shared"].integer(0);
    if (kernel.shared > INT32_MAX)
      item["shared"].fail("is too large");
    kernel.cluster = item["cluster"].integer(1);
    if (kernel.cluster > kMaxCluster)
      item["cluster"].fail("expected at most 16");
    kernel.early = item["early"].boolean(false);
  }
  if (image.kernels.size() != numKernels)
    field["kernels"].fail("expected " + std::to_string(numKernels) +
                          " of them, as there are names");
  return image;
}

static void parseCuda(const Field &field, Manifest &manifest) {
  CudaCode &cuda = manifest.cuda.emplace();
  for (const Field &name : field["kernels"].array())
    cuda.kernels.push_back(name.string());
  for (const Field &image : field["images"].array())
    cuda.images.push_back(parseImage(image, cuda.kernels.size()));
  if (manifest.form != Form::Decoder)
    field.fail("only decoders run on a GPU");
  for (const ManifestLayer &layer : manifest.layers)
    if (layer.deferred)
      field.fail("keys and values cannot be deferred on a GPU yet");
}

ErrorOr<Manifest> Manifest::parse(std::string_view text) {
  ErrorOr<Json> json = parseJson(text);
  if (json.failed())
    return json.status();
  Status problem = Status::success();
  Field root(&*json, "", problem);

  Manifest manifest;
  if (root["format"].integer(1) != 1)
    root["format"].fail("expected 1");
  manifest.compiler = root["compiler"].string();
  if (Field model = root["model"]; !model.isNull()) {
    manifest.modelName = model["name"].string("");
    manifest.modelDigest = model["digest"].string("");
  }
  if (!root["cpu"].isNull())
    for (const Field &feature : root["cpu"]["features"].optionalArray())
      manifest.cpuFeatures.push_back(feature.string());
  manifest.sparsity = root["sparsity"].string("dense");
  std::string form = root["form"].string("decoder");
  if (form == "forward")
    manifest.form = Form::Forward;
  else if (form != "decoder")
    root["form"].fail("unknown form '" + form + "'");
  if (manifest.form == Form::Decoder)
    parseDecoder(root, manifest);
  if (!root["cuda"].isNull())
    parseCuda(root["cuda"], manifest);
  parseSignature(root["signature"], manifest);
  for (const Field &weight : root["weights"].array())
    manifest.weights.push_back(parseWeight(weight));
  for (const ManifestWeight &weight : manifest.weights)
    if (weight.synthetic != manifest.hasSyntheticWeights() ||
        (weight.synthetic && !byteSize(weight.dtype, weight.shape)))
      root["weights"].fail("expected all of them or none to be synthetic, and "
                           "sizes that can be");
  if (manifest.hasSyntheticWeights() && !manifest.cuda)
    root["weights"].fail("expected `cuda`, as they are synthetic");
  manifest.weightsDigest = root["weights_digest"].string();
  for (const Field &node : root["nodes"].optionalArray())
    manifest.nodes.push_back(node.string());

  if (problem.failed())
    return problem;
  return manifest;
}

int64_t Manifest::contextLimit() const {
  return positionLimit > 0 ? std::min(maxContext, positionLimit) : maxContext;
}

bool Manifest::isEos(int64_t id) const {
  return std::find(eos.begin(), eos.end(), id) != eos.end();
}

bool Manifest::hasSyntheticWeights() const {
  return !weights.empty() && weights.front().synthetic;
}

const SignatureEntry *Manifest::findInput(Role role) const {
  for (const SignatureEntry &entry : inputs)
    if (entry.role == role)
      return &entry;
  return nullptr;
}

const TapSite *Manifest::findTap(int64_t site) const {
  for (const TapSite &tap : taps)
    if (tap.site == site)
      return &tap;
  return nullptr;
}

bool Manifest::hasPast() const { return findInput(Role::Key) != nullptr; }

ErrorOr<std::string> dejavu::rt::prettyManifest(std::string_view text) {
  // An ordered document keeps the order in which the compiler wrote it.
  auto json = nlohmann::ordered_json::parse(text.begin(), text.end(), nullptr,
                                            /*allow_exceptions=*/false);
  if (json.is_discarded())
    return Status::error("not valid JSON");
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}
