//===- ManifestTest.cpp - manifests that are right and wrong -------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Manifest.h"

#include "FakeModel.h"
#include "Json.h"

#include <gtest/gtest.h>

using namespace dejavu::rt;
using namespace dejavu::test;

/// The fake model's manifest after `edit`.
template <typename Edit>
static ErrorOr<Manifest> edited(Edit &&edit) {
  Json json = Json::parse(fakeManifest("xxh3:0"));
  edit(json);
  return Manifest::parse(json.dump());
}

/// The message of the error that an edit must lead to.
template <typename Edit>
static std::string error(Edit &&edit) {
  ErrorOr<Manifest> manifest = edited(edit);
  EXPECT_TRUE(manifest.failed());
  return manifest.message();
}

TEST(ManifestTest, Fields) {
  ErrorOr<Manifest> manifest = Manifest::parse(fakeManifest("xxh3:12"));
  ASSERT_TRUE(manifest.succeeded()) << manifest.message();
  EXPECT_EQ(manifest->vocab, 11);
  EXPECT_EQ(manifest->contextLimit(), 16);
  EXPECT_EQ(manifest->weightsDigest, "xxh3:12");
  EXPECT_TRUE(manifest->isEos(7));
  EXPECT_FALSE(manifest->isEos(1));
  ASSERT_EQ(manifest->layers.size(), 1u);
  EXPECT_EQ(manifest->layers[0].kvHeads, 2);
  EXPECT_EQ(manifest->layers[0].neurons, 10);
  EXPECT_EQ(manifest->inputs.size(), 5u);
  EXPECT_TRUE(manifest->hasPast());
  EXPECT_EQ(manifest->selects[0].bytesPerNeuron, 50);
  EXPECT_EQ(manifest->decodeWorkspace.bytesFixed, 64);
  EXPECT_EQ(manifest->taps[0].site, 4);
}

TEST(ManifestTest, OptionalFields) {
  ErrorOr<Manifest> manifest = edited([](Json &json) {
    for (const char *key : {"model", "cpu", "eos", "taps", "position_limit"})
      json.erase(key);
    json["layers"][0]["mlp"] = nullptr;
    json["position_min"] = -2;
  });
  ASSERT_TRUE(manifest.succeeded()) << manifest.message();
  EXPECT_EQ(manifest->positionLimit, 0);
  EXPECT_EQ(manifest->positionMin, -2);
  EXPECT_EQ(manifest->contextLimit(), 16);
  EXPECT_FALSE(manifest->layers[0].hasMlp);
}

TEST(ManifestTest, PositionsLimitTheContext) {
  ErrorOr<Manifest> manifest =
      edited([](Json &json) { json["position_limit"] = 9; });
  ASSERT_TRUE(manifest.succeeded());
  EXPECT_EQ(manifest->contextLimit(), 9);
}

TEST(ManifestTest, Text) {
  EXPECT_EQ(Manifest::parse("").message(), "not valid JSON");
  EXPECT_EQ(Manifest::parse("{\"a\": 1, \"a\": 2}").message(),
            "duplicate key 'a'");
  EXPECT_EQ(Manifest::parse("[]").message(), "expected an object");
  EXPECT_EQ(Manifest::parse("{}").message(),
            "format: expected a positive integer");
}

TEST(ManifestTest, Errors) {
  EXPECT_EQ(error([](Json &j) { j["format"] = 2; }), "format: expected 1");
  EXPECT_EQ(error([](Json &j) { j["vocab"] = 0; }),
            "vocab: expected a positive integer");
  EXPECT_EQ(error([](Json &j) { j["vocab"] = 1.5; }),
            "vocab: expected a positive integer");
  EXPECT_EQ(error([](Json &j) { j["vocab"] = "11"; }),
            "vocab: expected a positive integer");
  EXPECT_EQ(error([](Json &j) { j["max_context"] = 1e300; }),
            "max_context: expected a positive integer");
  EXPECT_EQ(error([](Json &j) { j["max_context"] = UINT64_MAX; }),
            "max_context: expected a positive integer");
  EXPECT_EQ(error([](Json &j) { j["layers"] = 1; }),
            "layers: expected an array");
  EXPECT_EQ(error([](Json &j) { j["layers"][0].erase("attention"); }),
            "layers[0].attention: expected an object");
  EXPECT_EQ(error([](Json &j) { j["layers"][0]["mlp"]["neurons"] = -1; }),
            "layers[0].mlp.neurons: expected a positive integer");
  EXPECT_EQ(error([](Json &j) { j["weights"][0]["dtype"] = "F3"; }),
            "weights[0].dtype: unknown dtype 'F3'");
  EXPECT_EQ(error([](Json &j) { j["weights"][0]["shape"][0] = -1; }),
            "weights[0].shape[0]: expected a non-negative integer");
  EXPECT_EQ(error([](Json &j) { j.erase("weights_digest"); }),
            "weights_digest: expected a string");
  EXPECT_EQ(
      error([](Json &j) { j["bytes_per_token"]["selects"][0]["layer"] = 1; }),
      "bytes_per_token.selects[0].layer: there is no such layer");
  EXPECT_EQ(error([](Json &j) { j["workspace"].erase("decode"); }),
            "workspace.decode: expected an object");
  EXPECT_EQ(error([](Json &j) { j["taps"].push_back(j["taps"][0]); }),
            "taps[1].site: appears twice");
}

TEST(ManifestTest, Signature) {
  auto inputs = [](Json &json) -> Json & {
    return json["signature"]["inputs"];
  };
  EXPECT_EQ(error([&](Json &j) { inputs(j).erase(0); }),
            "signature.inputs: there is no input of the role 'ids'");
  EXPECT_EQ(error([&](Json &j) { inputs(j)[1]["role"] = "logits"; }),
            "signature.inputs[1].role: unknown role 'logits'");
  EXPECT_EQ(error([&](Json &j) { inputs(j)[1]["name"] = "input_ids"; }),
            "signature.inputs: the name 'input_ids' appears twice");
  EXPECT_EQ(error([&](Json &j) { inputs(j)[4]["role"] = "key"; }),
            "signature.inputs: 'past.0.value' repeats the role of another "
            "tensor");
  EXPECT_EQ(error([&](Json &j) { inputs(j).erase(4); }),
            "signature.inputs: some layers have keys and values, some do not");
  EXPECT_EQ(error([&](Json &j) { inputs(j)[4]["layer"] = 1; }),
            "signature.inputs[4].layer: there is no such layer");
  EXPECT_EQ(
      error([&](Json &j) { j["signature"]["outputs"][0]["role"] = "ids"; }),
      "signature.outputs[0].role: unknown role 'ids'");
}

TEST(ManifestTest, PrettyKeepsTheOrder) {
  ErrorOr<std::string> text = prettyManifest(R"({"b": 1, "a": [2]})");
  ASSERT_TRUE(text.succeeded());
  EXPECT_EQ(*text, "{\n  \"b\": 1,\n  \"a\": [\n    2\n  ]\n}\n");
}
