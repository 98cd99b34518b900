//===- CudaTest.cpp - models on a GPU, with a driver that records ---------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The model's next id is its id plus its position plus 1, modulo eleven.
//
//===----------------------------------------------------------------------===//

#include "CudaBlas.h"
#include "CudaKernels.h"
#include "FakeCuda.h"
#include "FakeModel.h"
#include "Generate.h"
#include "Sampler.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <optional>

using namespace dejavu::rt;
using namespace dejavu::test;

static const char *kCuda =
    R"("cuda": {"kernels": ["prefill", "decode", "sample"],
  "images": [{"chip": "sm_90", "kind": "cubin", "offset": 64, "size": 8,
    "kernels": [{"threads": 128, "shared": 100000, "cluster": 4, "early": true},
                {"threads": 64, "shared": 0, "cluster": 1, "early": false},
                {"threads": 32, "shared": 0, "cluster": 1, "early": false}]}]},
)";

static const int64_t kGrids[][3] = {{-1, 2, 1}, {3, 1, 1}, {1, 1, 1}};

/// The kernels take the step, which they find where it is kept for them.
static dejavu_step kept[3];
static int32_t enqueue(dejavu_step *step, int64_t kernel) {
  kept[kernel] = *step;
  void *address = &kept[kernel];
  void *arguments[] = {&address};
  return dejavu_rt_launch(step->session, kernel, kGrids[kernel], arguments);
}
static int32_t enqueuePrefill(dejavu_step *step) { return enqueue(step, 0); }
static int32_t enqueueDecode(dejavu_step *step) { return enqueue(step, 1); }
static int32_t enqueueSample(dejavu_step *step) { return enqueue(step, 2); }

/// What the kernel that samples has read, and what it tells in place of ids.
static std::vector<dejavu_sampling> samplings;
static std::optional<int64_t> told;
/// Decode steps by whether counts were wanted.
static int64_t counted, uncounted;

static void runKernel(const FakeLaunch &launch) {
  auto &step = *reinterpret_cast<dejavu_step *>(launch.argument);
  auto *ids = const_cast<int64_t *>(step.ids);
  auto *positions = const_cast<int64_t *>(step.positions);
  if (launch.kernel == "sample") {
    for (int64_t row = 0; row < step.batch; ++row) {
      float *logits = step.logits + row * kVocab;
      ids[row] = std::max_element(logits, logits + kVocab) - logits;
      step.emitted[*step.past_at * step.batch + row] = told.value_or(ids[row]);
      ++positions[row];
      samplings.push_back(step.sampling[row]);
      ++step.sampling[row].drawn;
    }
    ++*step.past_at;
    return;
  }
  const float *bias = static_cast<const float *>(step.weights[0]);
  float *logits = step.logits;
  for (int64_t row = 0; row < step.batch; ++row)
    for (int64_t i = step.logits_from; i < step.tokens; ++i) {
      int64_t at = row * step.tokens + i;
      int64_t next = (ids[at] + positions[at] + 1) % kVocab;
      for (int64_t id = 0; id < kVocab; ++id)
        *logits++ = bias[id] + (id == next);
    }
  if (launch.kernel == "decode")
    (step.counts ? counted : uncounted)++;
  if (launch.kernel == "decode" && step.counts)
    for (int64_t row = 0; row < step.batch; ++row) {
      step.counts[row] = ids[row];
      step.counts[step.batch + row] = 1;
      step.counts[2 * step.batch + row] = 0;
    }
}

static TokenIds expected(const TokenIds &prompt, int64_t count, bool stops) {
  TokenIds ids;
  int64_t id = prompt.back(), position = prompt.size() - 1;
  while (count-- > 0) {
    id = (id + position++ + 1) % kVocab;
    ids.push_back(id);
    if (stops && id == kEos)
      break;
  }
  return ids;
}

namespace {
class CudaTest : public testing::Test {
protected:
  CudaTest() {
    cuda.hook = runKernel;
    samplings.clear();
    told.reset();
    counted = uncounted = 0;
    manifest = {fake.model().manifest,
                static_cast<size_t>(fake.model().manifest_size)};
    std::string deferred = R"(,
                            "deferred": {"ring": 3, "width": 2})";
    manifest.erase(manifest.find(deferred), deferred.size());
    manifest.insert(1, kCuda);
    entryPoints = {};
    entryPoints.manifest = manifest.data();
    entryPoints.manifest_size = static_cast<int64_t>(manifest.size());
    entryPoints.prefill = enqueuePrefill;
    entryPoints.decode = enqueueDecode;
    entryPoints.sample = enqueueSample;
    entryPoints.cuda_code = code;
    entryPoints.cuda_code_size = sizeof(code);
    Manifest parsed = *Manifest::parse(manifest);
    Weights weights = std::move(*Weights::open(fake.weights(), parsed));
    model = std::make_unique<LoadedModel>(
        LoadedModel{entryPoints, std::move(parsed), std::move(weights)});
  }

  char code[128] = {};
  FakeCuda cuda;
  FakeModel fake;
  std::string manifest;
  dejavu_rt_model entryPoints;
  std::unique_ptr<LoadedModel> model;
};
} // namespace

TEST(CudaImageTest, Choice) {
  CudaCode code;
  auto add = [&](const char *chip, int64_t capability, bool isPtx) {
    CudaImage &image = code.images.emplace_back();
    image.chip = chip;
    image.capability = capability;
    image.isPtx = isPtx;
  };
  add("sm_80", 80, false);
  add("sm_90", 90, false);
  add("sm_90", 90, true);
  auto choose = [&](int capability) {
    return *chooseImage(code, capability, "G");
  };
  EXPECT_EQ(choose(80), &code.images[0]);
  EXPECT_EQ(choose(89), &code.images[0]); // an older minor
  EXPECT_EQ(choose(90), &code.images[1]);
  EXPECT_EQ(choose(100), &code.images[2]); // another major
  EXPECT_EQ(chooseImage(code, 75, "Old GPU").message(),
            "no code for Old GPU of compute capability 7.5 in this "
            "executable, which has: sm_80 (cubin), sm_90 (cubin), sm_90 (PTX)");
  code.images[2].variant = 'a';
  EXPECT_TRUE(chooseImage(code, 100, "G").failed());
}

TEST(CudaDriverTest, NotThere) {
  std::string message = CudaDriver::load("libnone-cuda.so.1").message();
  EXPECT_EQ(message.rfind("libnone-cuda.so.1: cannot be loaded: ", 0), 0u);
  EXPECT_NE(message.find(": this executable runs on an NVIDIA GPU"),
            std::string::npos);
}

TEST_F(CudaTest, GraphIsCapturedOnceAndReplayed) {
  GenerateOptions options;
  options.maxNewTokens = 8;
  options.ignoreEos = true;
  std::vector<TokenIds> prompts = {{1}, {5, 5, 2, 9}, {10, 3}};
  auto ids = generate(*model, prompts, options);
  ASSERT_TRUE(ids.succeeded()) << ids.message();
  for (size_t row = 0; row < prompts.size(); ++row)
    EXPECT_EQ((*ids)[row], expected(prompts[row], 8, false)) << row;
  EXPECT_EQ(cuda.captures, 1);
  EXPECT_EQ(cuda.graphLaunches, 7);
  // Nobody reads counts of steps that are replayed.
  EXPECT_EQ(counted, 0);
  EXPECT_EQ(uncounted, 7);
  EXPECT_EQ(cuda.image, code + 64);
  EXPECT_EQ(cuda.allocations, 0) << "memory that was not given back";
}

TEST_F(CudaTest, StopsOneStepBehind) {
  GenerateOptions options;
  options.maxNewTokens = 10;
  TokenIds prompt = {3}; // 4, 6, 9, 2, 7
  auto ids = generate(*model, {prompt}, options);
  ASSERT_TRUE(ids.succeeded()) << ids.message();
  EXPECT_EQ((*ids)[0], expected(prompt, 10, true));
  EXPECT_EQ((*ids)[0].back(), kEos);
  EXPECT_EQ(cuda.graphLaunches, static_cast<int>((*ids)[0].size()));
}

TEST_F(CudaTest, RandomIdsAreChosenInTheGraph) {
  GenerateOptions options;
  options.maxNewTokens = 5;
  options.ignoreEos = true;
  options.sampling = {
      .greedy = false, .temperature = 0.5, .topP = 0.75, .seed = 7};
  auto ids = generate(*model, {{4, 1}, {3}}, options);
  ASSERT_TRUE(ids.succeeded()) << ids.message();
  EXPECT_EQ((*ids)[0], expected({4, 1}, 5, false));
  EXPECT_EQ(cuda.captures, 1);
  EXPECT_EQ(cuda.graphLaunches, 4);
  // What the kernel has seen, at its first launch and at its last.
  ASSERT_EQ(samplings.size(), 10u);
  for (const dejavu_sampling &sampling : samplings) {
    EXPECT_EQ(sampling.scale, options.sampling.scale());
    EXPECT_EQ(sampling.top_p, 0.75);
    EXPECT_EQ(sampling.seed, 7u);
  }
  EXPECT_EQ(samplings[0].drawn, 0u);
  EXPECT_EQ(samplings[1].drawn, 0u) << "each row counts for itself";
  EXPECT_EQ(samplings[9].drawn, 4u);
}

TEST_F(CudaTest, OtherParametersNeedNoOtherGraph) {
  auto session = Session::create(*model, 1, 8);
  ASSERT_TRUE(session.succeeded()) << session.message();
  int64_t id = 1;
  for (double temperature : {0.0, 0.5, 2.0}) {
    (*session)->reset();
    SamplingOptions sampling{.greedy = false, .temperature = temperature};
    ASSERT_TRUE((*session)->prefill(&id, nullptr, 1, 0).succeeded());
    ASSERT_TRUE((*session)->beginChoices(sampling).succeeded());
    ASSERT_TRUE((*session)->advanceChoices().succeeded());
    ASSERT_TRUE((*session)->waitChoice(1, 0).succeeded());
    ASSERT_TRUE((*session)->endChoices().succeeded());
    EXPECT_EQ(samplings.back().scale, sampling.scale());
    EXPECT_EQ(samplings.back().drawn, 1u) << "numbers begin again";
  }
  EXPECT_EQ(cuda.captures, 1);
}

TEST_F(CudaTest, WrongLogitsAreErrors) {
  for (auto [code, message] :
       {std::pair(int64_t(-2), "a logit is NaN"),
        {-3, "the greatest logit is infinite"},
        {kVocab, "the GPU has chosen the id 11, which is not in the vocabulary "
                 "of 11"}}) {
    told = code;
    GenerateOptions options;
    options.maxNewTokens = 2;
    EXPECT_EQ(generate(*model, {{4, 1}}, options).message(),
              std::string("prompt 1: ") + message);
  }
}

TEST_F(CudaTest, WrongLogitsBehindTheEndOfATextAreNoErrors) {
  // The first row ends at once; from then on its logits are wrong.
  TokenIds ending = {1, 5};
  ASSERT_EQ(expected(ending, 1, true), TokenIds{kEos});
  cuda.hook = [](const FakeLaunch &launch) {
    runKernel(launch);
    auto &step = *reinterpret_cast<dejavu_step *>(launch.argument);
    if (launch.kernel == "sample" && *step.past_at > 2)
      step.emitted[(*step.past_at - 1) * step.batch] = -2;
  };
  GenerateOptions options;
  options.maxNewTokens = 3;
  options.ignoreEos = false;
  auto ids = generate(*model, {ending, {4, 1}}, options);
  ASSERT_TRUE(ids.succeeded()) << ids.message();
  EXPECT_EQ((*ids)[0], TokenIds{kEos});
  EXPECT_EQ((*ids)[1], expected({4, 1}, 3, true));
}

TEST_F(CudaTest, PoisonsWhatStepsMustNotRead) {
  int poisoned = 0;
  cuda.hook = [&](const FakeLaunch &launch) {
    auto &step = *reinterpret_cast<dejavu_step *>(launch.argument);
    auto *memory = static_cast<uint8_t *>(step.workspace);
    if (launch.kernel != "sample") {
      poisoned += memory[0] == 0xff && std::isnan(step.logits[0]);
      memory[0] = 1;
    }
    runKernel(launch);
  };
  GenerateOptions options;
  options.maxNewTokens = 4;
  options.ignoreEos = true;
  for (bool wanted : {false, true}) {
    poisoned = 0;
    if (wanted)
      ::setenv("DEJAVU_POISON", "1", 1);
    auto ids = generate(*model, {{4, 1}}, options);
    ::unsetenv("DEJAVU_POISON");
    ASSERT_TRUE(ids.succeeded()) << ids.message();
    EXPECT_EQ((*ids)[0], expected({4, 1}, 4, false));
    // The prompt and three steps of the graph. What new memory has is chance.
    if (wanted)
      EXPECT_EQ(poisoned, 4);
    else
      EXPECT_LE(poisoned, 1);
  }
  EXPECT_EQ(cuda.graphLaunches, 6);
}

TEST_F(CudaTest, LaunchesAndCounters) {
  auto session = Session::create(*model, 2, 8);
  ASSERT_TRUE(session.succeeded()) << session.message();
  TokenIds ids = {1, 2, 3, 4};
  ASSERT_TRUE((*session)->prefill(ids.data(), nullptr, 2, 0).succeeded());
  ASSERT_EQ(cuda.launches.size(), 1u);
  const FakeLaunch &launch = cuda.launches[0];
  EXPECT_EQ(launch.kernel, "prefill");
  EXPECT_EQ(launch.config.gridX, 132u);
  EXPECT_EQ(launch.config.gridY, 2u);
  EXPECT_EQ(launch.config.blockX, 128u);
  EXPECT_EQ(launch.config.sharedBytes, 100000u);
  ASSERT_EQ(launch.attributes.size(), 2u);
  EXPECT_EQ(launch.attributes[0].id, cuda::LaunchAttributeId::clusterDimension);
  EXPECT_EQ(launch.attributes[0].value.cluster.x, 4u);
  EXPECT_EQ(launch.attributes[1].id,
            cuda::LaunchAttributeId::programmaticStreamSerialization);
  EXPECT_EQ(cuda.attributes, (decltype(cuda.attributes){{"prefill", 100000}}));

  ASSERT_TRUE((*session)->decode(ids.data()).succeeded());
  EXPECT_EQ(counted, 1);
  EXPECT_EQ(uncounted, 0);
  EXPECT_TRUE(cuda.launches[1].attributes.empty());
  EXPECT_EQ((*session)->counters().sums()[0].active, 3u);
  EXPECT_EQ((*session)->counters().sums()[1].active, 2u);
  EXPECT_EQ((*session)->counters().sums()[2].rows, 2u);
  // The weights are a copy, at the address of the table.
  EXPECT_NE(kept[1].weights[0], model->weights.pointers()[0]);
  EXPECT_EQ(std::memcmp(kept[1].weights[0], model->weights.pointers()[0], 44),
            0);
  std::vector<float> keys(2 * kHeads * 3 * kHeadDim, 5.0f);
  ASSERT_TRUE((*session)->writeCache(Role::Key, 0, keys.data(), 3).succeeded());
  auto all = (*session)->readCache(Role::Key, 0);
  ASSERT_TRUE(all.succeeded());
  EXPECT_EQ(std::count(all->begin(), all->end(), 5.0f),
            static_cast<int64_t>(keys.size()));
}

TEST_F(CudaTest, CacheOfHalves) {
  auto load = [&](const char *type) {
    std::string text = manifest;
    text.insert(1, std::string("\"cache_dtype\": \"") + type + "\",");
    return Manifest::parse(text);
  };
  EXPECT_EQ(load("f8").message(), "cache_dtype: unknown dtype 'f8'");
  EXPECT_EQ(model->manifest.cacheType, DType::F32);
  uint64_t whole = *Cache::byteSize(model->manifest, 64, 16);
  float third = 0;
  for (const char *type : {"f16", "bf16"}) {
    auto parsed = load(type);
    ASSERT_TRUE(parsed.succeeded()) << parsed.message();
    model->manifest.cacheType = parsed->cacheType;
    EXPECT_EQ(*Cache::byteSize(model->manifest, 64, 16), whole / 2);
    auto session = Session::create(*model, 2, 8);
    ASSERT_TRUE(session.succeeded()) << session.message();
    // [batch, heads, past, head_dim] goes to places `capacity` steps apart.
    std::vector<float> values;
    for (int64_t i = 0; i < 2 * kHeads * 3 * kHeadDim; ++i)
      values.push_back(i / 3.0f);
    values[1] = -1e6f;
    ASSERT_TRUE(
        (*session)->writeCache(Role::Value, 0, values.data(), 3).succeeded());
    auto *cache =
        static_cast<const uint16_t *>((*session)->keyValueCache().values()[0]);
    bool isHalf = parsed->cacheType == DType::F16;
    EXPECT_EQ(cache[1], isHalf ? 0xfbff : 0xc974);
    EXPECT_EQ(cache[3], isHalf ? 0x3c00 : 0x3f80);
    EXPECT_EQ(cache[3 * kHeadDim], 0);
    auto all = (*session)->readCache(Role::Value, 0);
    ASSERT_TRUE(all.succeeded());
    ASSERT_EQ(all->size(), size_t(2 * kHeads * 8 * kHeadDim));
    for (int64_t i = 2; i < 3 * kHeadDim; ++i) {
      int64_t second = 8 * kHeadDim + i, of = 3 * kHeadDim + i;
      EXPECT_NEAR((*all)[i], i / 3.0f, i / (isHalf ? 2048.0f : 256.0f));
      EXPECT_NEAR((*all)[second], of / 3.0f, of / (isHalf ? 2048.0f : 256.0f));
    }
    EXPECT_NE((*all)[2], third);
    third = (*all)[2];
  }
}

/// Fills the only weight.
static int fills;
static int32_t enqueueFill(dejavu_step *step) {
  ++fills;
  kept[1] = *step;
  std::fill_n(static_cast<float *>(const_cast<void *>(step->weights[0])),
              kVocab, 0.5f);
  return enqueue(step, 1);
}

TEST_F(CudaTest, SyntheticWeightsAreFilledOnce) {
  manifest.insert(manifest.find("\"dtype\""), "\"synthetic\": true, ");
  entryPoints.manifest = manifest.data();
  entryPoints.manifest_size = static_cast<int64_t>(manifest.size());
  Manifest parsed = *Manifest::parse(manifest);
  ASSERT_TRUE(parsed.hasSyntheticWeights());
  Weights weights = Weights::describe(parsed);
  EXPECT_EQ(weights.verify().message(),
            "there is nothing to verify: the weights are synthetic");
  LoadedModel synthetic{entryPoints, std::move(parsed), std::move(weights)};
  EXPECT_EQ(Session::create(synthetic, 1, 8).message(),
            "the executable lacks dejavu_fill, which makes its weights");
  synthetic.entryPoints.fill = enqueueFill;
  bool isUploaded = false;
  synthetic.onUpload = [&](uint64_t, uint64_t) { isUploaded = true; };
  cuda.hook = {};
  fills = 0;
  {
    auto session = Session::create(synthetic, 2, 8);
    ASSERT_TRUE(session.succeeded()) << session.message();
    EXPECT_EQ(cuda.launches.size(), 1u);
    EXPECT_EQ(kept[1].batch, 2);
    cuda.hook = runKernel;
    TokenIds ids = {1, 2};
    ASSERT_TRUE((*session)->decode(ids.data()).succeeded());
    EXPECT_EQ((*session)->logits()[0], 0.5f);
  }
  EXPECT_EQ(fills, 1);
  EXPECT_FALSE(isUploaded);
  EXPECT_EQ(cuda.allocations, 0);

  std::string onCPU = manifest;
  onCPU.replace(onCPU.find("\"cuda\""), 6, "\"none\"");
  EXPECT_EQ(Manifest::parse(onCPU).message(),
            "weights: expected `cuda`, as they are synthetic");
}

/// Wants a product before all else.
static int32_t answer;
static int32_t enqueueProduct(dejavu_step *step) {
  answer = dejavu_rt_has_matmul(step->session);
  dejavu_matmul product = {};
  if (answer && dejavu_rt_matmul(step->session, &product) != 0)
    return 1;
  return enqueuePrefill(step);
}

TEST_F(CudaTest, WithoutALibraryPromptsSaySoOnce) {
  ::setenv("DEJAVU_CUBLASLT", "none", 1);
  std::vector<std::string> remarks;
  model->entryPoints.prefill = enqueueProduct;
  model->onRemark = [&](const std::string &text) { remarks.push_back(text); };
  int64_t id = 1;
  auto run = [&] {
    auto session = Session::create(*model, 1, 8);
    Status status = (*session)->prefill(&id, nullptr, 1, 0);
    return status.failed() ? status : (*session)->prefill(&id, nullptr, 1, 0);
  };
  EXPECT_TRUE(run().succeeded());
  EXPECT_EQ(answer, 0);
  EXPECT_TRUE(remarks.empty()) << "that is as it was wanted";
  // One that cannot be used.
  CudaBlas broken;
  broken.create = [](blas::Handle *) { return 1; };
  CudaBlas::replace(&broken);
  EXPECT_TRUE(run().succeeded());
  EXPECT_EQ(answer, 0);
  ASSERT_EQ(remarks.size(), 1u);
  EXPECT_EQ(remarks[0].rfind("remark: libcublasLt cannot be used: "
                             "cublasLtCreate failed with error 1, so prompts",
                             0),
            0u);
  CudaBlas::replace(nullptr);
  ::setenv("DEJAVU_CUBLASLT", "./libnone.so", 1);
  EXPECT_NE(run().message().find("DEJAVU_CUBLASLT: cannot be loaded"),
            std::string::npos);
  ::unsetenv("DEJAVU_CUBLASLT");
}

TEST_F(CudaTest, ProductsOfALibraryNeedMemory) {
  CudaBlas library;
  library.create = [](blas::Handle *) { return 0; };
  library.destroy = [](blas::Handle) { return 0; };
  library.operationCreate = [](blas::Operation *, blas::ComputeType,
                               blas::DataType) { return 9; };
  CudaBlas::replace(&library);
  model->entryPoints.prefill = enqueueProduct;
  int64_t id = 1;
  auto run = [&](Session &session) {
    return session.prefill(&id, nullptr, 1, 0).message();
  };
  {
    auto session = Session::create(*model, 1, 8);
    ASSERT_TRUE(session.succeeded()) << session.message();
    EXPECT_EQ(run(**session), "a product of 0 x 0 and 0 x 0: "
                              "cublasLtMatmulDescCreate failed with error 9");
    EXPECT_EQ(answer, 1);
  }
  {
    auto session = Session::create(*model, 1, 8);
    cuda.freeBytes = 1 << 20;
    EXPECT_NE(run(**session).find("out of GPU memory"), std::string::npos);
  }
  CudaBlas::replace(nullptr);
  EXPECT_EQ(cuda.allocations, 0);
}

TEST_F(CudaTest, Errors) {
  cuda.freeBytes = 100;
  EXPECT_EQ(Session::create(*model, 1, 8).message(),
            "out of GPU memory: needed 1 MiB (weights 1, cache 1, workspace "
            "1), free 0 MiB on Fake GPU");
  cuda.freeBytes = size_t(1) << 40;
  cuda.capability = 80;
  EXPECT_EQ(Session::create(*model, 1, 8).message(),
            "no code for Fake GPU of compute capability 8.0 in this "
            "executable, which has: sm_90 (cubin)");
  cuda.driver.init = [](unsigned) { return 100; };
  EXPECT_EQ(Session::create(*model, 1, 8).message(),
            "the driver shows no GPU: this executable runs on an NVIDIA GPU "
            "(CUDA_VISIBLE_DEVICES may hide it)");
  EXPECT_EQ(cuda.allocations, 0);
}
