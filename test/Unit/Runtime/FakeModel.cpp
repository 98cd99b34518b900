//===- FakeModel.cpp - a model that tests can compute by hand -------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FakeModel.h"

#include "Hash.h"
#include "Program.h"
#include "Safetensors.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace dejavu::rt;
using namespace dejavu::test;

//===----------------------------------------------------------------------===//
// The computation
//===----------------------------------------------------------------------===//

static int32_t runFake(dejavu_step *step, bool isDecode) {
  if (isDecode && step->tokens != 1)
    return 1;
  // The workspace is as large as the manifest says: 8 bytes a row and 64.
  auto *scratch = static_cast<int64_t *>(step->workspace);
  for (int64_t i = 0; i < step->batch * step->tokens + 8; ++i)
    scratch[i] = -1;

  auto slot = [&](float *const *cache, int64_t row, int64_t head,
                  int64_t time) {
    return cache[0] +
           ((row * kHeads + head) * step->capacity + time) * kHeadDim;
  };
  for (int64_t row = 0; row < step->batch; ++row) {
    for (int64_t i = 0; i < step->tokens; ++i) {
      int64_t time = step->past + i, flat = row * step->tokens + i;
      for (int64_t head = 0; head < kHeads; ++head) {
        slot(step->keys, row, head, time)[0] = step->ids[flat];
        slot(step->keys, row, head, time)[1] = head;
        slot(step->values, row, head, time)[0] = step->positions[flat];
        slot(step->values, row, head, time)[1] = head;
      }
      double sum = 0;
      for (int64_t t = step->starts[row]; t <= time; ++t)
        sum += slot(step->keys, row, 1, t)[0] +
               3 * slot(step->values, row, 1, t)[0];
      scratch[flat] = static_cast<int64_t>(sum);
      if (step->taps) {
        float value = sum;
        if (flat == 0)
          dejavu_rt_tap(step->session, 4, &value, 1, 1);
      }
      if (i < step->logits_from)
        continue;
      const float *bias = static_cast<const float *>(step->weights[0]);
      float *logits = step->logits + (row * (step->tokens - step->logits_from) +
                                      i - step->logits_from) *
                                         kVocab;
      for (int64_t id = 0; id < kVocab; ++id)
        logits[id] = bias[id] + (id == scratch[flat] % kVocab ? 2.0f : 0.0f);
    }
  }
  if (isDecode) {
    // Of ten neurons, as many are active as the id says (at most ten).
    std::vector<int32_t> counts(step->ids, step->ids + step->batch);
    dejavu_rt_count_active(step->session, 0, counts.data(), nullptr,
                           step->batch);
  }
  return 0;
}

int32_t dejavu::test::fakePrefill(dejavu_step *step) {
  return runFake(step, /*isDecode=*/false);
}

int32_t dejavu::test::fakeDecode(dejavu_step *step) {
  return runFake(step, /*isDecode=*/true);
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
  "model": {"name": "fake", "source": "fake.onnx"},
  "target": "cpu", "cpu": {"name": "any", "features": ["a-feature-unheard-of"]},
  "sparsity": "exact", "weights_dtype": "f32",
  "vocab": 11, "hidden": 4, "max_context": 16, "position_limit": 20,
  "eos": [7],
  "layers": [{"attention": {"heads": 2, "kv_heads": 2, "head_dim": 2},
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
    "selects": [{"layer": 0, "bytes_per_neuron": 50, "neurons": 10}]},
  "workspace": {"prefill": {"bytes_per_row": 8, "bytes_fixed": 64},
                "decode": {"bytes_per_row": 8, "bytes_fixed": 64}},
  "taps": [{"site": 4, "layer": 0, "op": "attention", "name": "sum",
            "width": 1}]})";
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
  entryPoints = {manifest.data(), static_cast<int64_t>(manifest.size()),
                 fakePrefill, fakeDecode, nullptr};
}

FakeModel::~FakeModel() { std::filesystem::remove_all(folder); }

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
