//===- FakeModel.cpp - a model that tests can compute by hand -------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FakeModel.h"

#include "Hash.h"
#include "Npy.h"
#include "Program.h"
#include "Safetensors.h"
#include "Session.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace dejavu::rt;
using namespace dejavu::test;

//===----------------------------------------------------------------------===//
// The computation
//===----------------------------------------------------------------------===//

namespace {
/// A call, with its tensors as functions of their indices.
struct FakeStep {
  dejavu_step &step;

  float *slot(void *const *cache, int64_t row, int64_t head, int64_t time) {
    return static_cast<float *>(cache[0]) +
           ((row * kHeads + head) * step.capacity + time) * kHeadDim;
  }
  /// The id and the position of a step that is kept.
  float *kept(int64_t row, int64_t time) {
    return step.kept[0] + (row * kRing + time % kRing) * 2;
  }
  int64_t &complete(int64_t row, int64_t head) {
    return step.complete[0][row * kHeads + head];
  }

  void store(int64_t row, int64_t head, int64_t time, float id,
             float position) {
    slot(step.keys, row, head, time)[0] = id;
    slot(step.keys, row, head, time)[1] = head;
    slot(step.values, row, head, time)[0] = position;
    slot(step.values, row, head, time)[1] = head;
  }
  /// Makes what is missing of the steps before `end`. Whether there was any.
  bool catchUp(int64_t row, int64_t head, int64_t end) {
    int64_t begin = complete(row, head);
    for (int64_t time = begin; time < end; ++time)
      store(row, head, time, kept(row, time)[0], kept(row, time)[1]);
    complete(row, head) = std::max(begin, end);
    return begin < end;
  }
  double sum(int64_t row, int64_t head, int64_t time) {
    double sum = 0;
    for (int64_t t = step.starts[row]; t <= time; ++t)
      sum += slot(step.keys, row, head, t)[0] +
             3 * slot(step.values, row, head, t)[0];
    return sum;
  }
  /// `sums` is [batch, tokens].
  void writeLogits(const std::vector<double> &sums) {
    const float *bias = static_cast<const float *>(step.weights[0]);
    float *logits = step.logits;
    for (int64_t row = 0; row < step.batch; ++row)
      for (int64_t i = step.logits_from; i < step.tokens; ++i)
        for (int64_t id = 0; id < kVocab; ++id) {
          int64_t next =
              static_cast<int64_t>(sums[row * step.tokens + i]) % kVocab;
          *logits++ = bias[id] + (id == next ? 2.0f : 0.0f);
        }
  }
  void tap(bool isDecode, const std::vector<double> &sums) {
    int64_t rows = sums.size();
    std::vector<float> sites[3];
    for (int64_t i = 0; i < rows; ++i) {
      float id = step.ids[i];
      sites[0].push_back(id);
      sites[1].insert(sites[1].end(), {static_cast<float>(sums[i]),
                                       static_cast<float>(step.positions[i])});
      sites[2].insert(sites[2].end(), {id, 2 * id, 3 * id});
    }
    for (int64_t site = 0; site < 3; ++site) {
      bool isHidden = site == 2;
      if (isHidden ? step.taps & DEJAVU_TAP_HIDDEN && !isDecode
                   : step.taps & DEJAVU_TAP_SITES)
        dejavu_rt_tap(step.session, site, sites[site].data(), rows, site + 1);
    }
  }
};
} // namespace

/// The workspace is as large as the manifest says: 8 bytes a row and 64.
static void scribble(dejavu_step &step) {
  std::memset(step.workspace, 0xff, (step.batch * step.tokens + 8) * 8);
}

int32_t dejavu::test::fakePrefill(dejavu_step *step) {
  FakeStep fake{*step};
  scribble(*step);
  std::vector<double> sums;
  for (int64_t row = 0; row < step->batch; ++row)
    for (int64_t i = 0; i < step->tokens; ++i) {
      int64_t flat = row * step->tokens + i, time = step->past + i;
      for (int64_t head = 0; head < kHeads; ++head)
        fake.store(row, head, time, step->ids[flat], step->positions[flat]);
      sums.push_back(fake.sum(row, /*head=*/0, time));
    }
  fake.writeLogits(sums);
  fake.tap(/*isDecode=*/false, sums);
  return 0;
}

int32_t dejavu::test::fakeDecode(dejavu_step *step) {
  if (step->tokens != 1)
    return 1;
  FakeStep fake{*step};
  scribble(*step);
  std::vector<double> sums;
  std::vector<int32_t> neurons, heads, chosen, late;
  for (int64_t row = 0; row < step->batch; ++row) {
    int64_t id = step->ids[row], time = step->past;
    bool isEven = id % 2 == 0;
    bool wasLate = false;
    // The place of this step is that of one that may have to be made first.
    for (int64_t head = 0; head < kHeads; ++head)
      wasLate |= fake.catchUp(row, head, time - kRing + 1);
    fake.kept(row, time)[0] = id;
    fake.kept(row, time)[1] = step->positions[row];
    for (int64_t head = 0; head < kHeads; ++head)
      if (head == 1 || isEven || step->flush) {
        wasLate |= fake.catchUp(row, head, time);
        fake.catchUp(row, head, time + 1);
      }
    sums.push_back(fake.sum(row, /*head=*/1, time));
    neurons.push_back(id);
    heads.push_back(isEven ? 2 : 1);
    chosen.insert(chosen.end(), {isEven ? 0 : 1, isEven ? 1 : -1});
    late.push_back(wasLate);
  }
  fake.writeLogits(sums);
  fake.tap(/*isDecode=*/true, sums);
  dejavu_rt_count_active(step->session, 0, neurons.data(), nullptr,
                         step->batch);
  dejavu_rt_count_active(step->session, 1, heads.data(), chosen.data(),
                         step->batch);
  if (std::count(late.begin(), late.end(), 1) > 0)
    dejavu_rt_count_active(step->session, 2, late.data(), nullptr, step->batch);
  return 0;
}

int64_t dejavu::test::nextId(const std::vector<int64_t> &ids) {
  int64_t sum = 0;
  for (size_t i = 0; i < ids.size(); ++i)
    sum += ids[i] + 3 * static_cast<int64_t>(i);
  return sum % kVocab;
}

std::vector<int64_t> dejavu::test::continuation(std::vector<int64_t> ids,
                                                int64_t count) {
  std::vector<int64_t> added;
  for (int64_t i = 0; i < count; ++i) {
    added.push_back(nextId(ids));
    ids.push_back(added.back());
  }
  return added;
}

//===----------------------------------------------------------------------===//
// Manifest and weights
//===----------------------------------------------------------------------===//

std::string dejavu::test::fakeManifest(const std::string &digest) {
  return R"({"format": 1, "compiler": "dejavu test",
  "model": {"name": "fake", "source": "fake.onnx", "digest": "xxh3:f"},
  "target": "cpu", "cpu": {"name": "any", "features": ["a-feature-unheard-of"]},
  "sparsity": "exact", "weights_dtype": "f32",
  "vocab": 11, "hidden": 4, "max_context": 16, "position_limit": 20,
  "eos": [7],
  "layers": [{"attention": {"heads": 2, "kv_heads": 2, "head_dim": 2,
                            "deferred": {"ring": 3, "width": 2}},
              "mlp": {"neurons": 10, "activation": "relu", "gated": false,
                      "sparsity": "exact", "reason": ""}}],
  "signature": {
    "inputs": [{"name": "input_ids", "role": "ids"},
               {"name": "attention_mask", "role": "attention_mask"},
               {"name": "position_ids", "role": "positions"},
               {"name": "past.0.key", "role": "key", "layer": 0},
               {"name": "past.0.value", "role": "value", "layer": 0}],
    "outputs": [{"name": "logits", "role": "logits"},
                {"name": "present.0.key", "role": "key", "layer": 0},
                {"name": "present.0.value", "role": "value", "layer": 0}]},
  "weights": [{"name": "bias", "dtype": "F32", "shape": [11]}],
  "weights_digest": ")" +
         digest + R"(",
  "bytes_per_token": {"dense": 1000, "always": 500,
    "parts": {"embedding": 100, "attention": 150, "mlp": 160,
              "predictors": 40, "norms": 50},
    "dense_parts": {"embedding": 100, "attention": 190, "mlp": 660,
                    "norms": 50},
    "selects": [{"layer": 0, "units": 10, "bytes_per_unit": 50},
                {"layer": 0, "unit": "kv_group", "units": 2,
                 "bytes_per_unit": 20, "density": true},
                {"layer": 0, "unit": "kv_group", "units": 2,
                 "bytes_per_unit": 3, "density": false}]},
  "workspace": {"prefill": {"bytes_per_row": 8, "bytes_fixed": 64},
                "decode": {"bytes_per_row": 8, "bytes_fixed": 64}},
  "taps": [{"site": 0, "layer": 0, "op": "embed", "name": "id", "width": 1},
           {"site": 1, "layer": 0, "op": "attention", "name": "sum",
            "width": 2}],
  "hidden_taps": [{"site": 2, "layer": 0, "width": 3}],
  "look_ahead": {"layers": [{"attention_in": 0, "ffn_in": 1,
                             "attention_out": 1, "hidden": 2, "gate": -1}]}})";
}

std::string dejavu::test::writeFakeWeights(const std::string &path) {
  std::vector<float> bias(kVocab, 0.0f);
  auto *data = reinterpret_cast<const uint8_t *>(bias.data());
  uint64_t bytes = bias.size() * sizeof(float);
  Status status = writeSafetensors(
      path, {{"bias", DType::F32, {kVocab}, data, bytes}},
      {{"format", "dejavu-1"}, {"checksum.bias", digestOf({data, bytes})}});
  if (status.failed())
    std::abort();
  return digestOf(SafetensorsFile::open(path)->header());
}

//===----------------------------------------------------------------------===//
// FakeModel
//===----------------------------------------------------------------------===//

FakeModel::FakeModel() {
  folder =
      (std::filesystem::temp_directory_path() / "dejavu-test.XXXXXX").string();
  if (!::mkdtemp(folder.data()))
    std::abort();
  manifest = fakeManifest(writeFakeWeights(weights()));
  entryPoints = {};
  entryPoints.manifest = manifest.data();
  entryPoints.manifest_size = static_cast<int64_t>(manifest.size());
  entryPoints.prefill = fakePrefill;
  entryPoints.decode = fakeDecode;
}

FakeModel::~FakeModel() { std::filesystem::remove_all(folder); }

std::unique_ptr<LoadedModel> FakeModel::load() const {
  Manifest parsed = *Manifest::parse(manifest);
  Weights mapped = std::move(*Weights::open(weights(), parsed));
  return std::make_unique<LoadedModel>(
      LoadedModel{entryPoints, std::move(parsed), std::move(mapped)});
}

FakeModel::Result FakeModel::runBare(const std::vector<std::string> &arguments,
                                     const std::string &in) const {
  std::FILE *files[] = {std::tmpfile(), std::tmpfile(), std::tmpfile()};
  std::fwrite(in.data(), 1, in.size(), files[0]);
  std::rewind(files[0]);
  std::vector<std::string> argv = {"fake"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  Result result;
  result.code = runProgram(argv, entryPoints, {files[0], files[1], files[2]});
  std::string *texts[] = {nullptr, &result.out, &result.err};
  for (int i = 1; i < 3; ++i) {
    std::rewind(files[i]);
    for (int c; (c = std::fgetc(files[i])) != EOF;)
      texts[i]->push_back(c);
  }
  for (std::FILE *file : files)
    std::fclose(file);
  return result;
}

FakeModel::Result FakeModel::run(const std::vector<std::string> &arguments,
                                 const std::string &in) const {
  std::vector<std::string> all = {"--weights", weights()};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return runBare(all, in);
}

std::string dejavu::test::readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    std::abort();
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void dejavu::test::writeFile(const std::string &path,
                             const std::string &bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

void dejavu::test::writeTokens(const std::string &path,
                               const std::vector<int64_t> &ids) {
  std::string bytes =
      *makeNpyHeader(DType::I64, {static_cast<int64_t>(ids.size())});
  bytes.append(reinterpret_cast<const char *>(ids.data()),
               ids.size() * sizeof(int64_t));
  writeFile(path, bytes);
}
