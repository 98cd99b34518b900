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
  EXPECT_EQ(manifest->modelDigest, "xxh3:f");
  ASSERT_TRUE(manifest->layers[0].deferred);
  EXPECT_EQ(manifest->layers[0].deferred->ring, 3);
  EXPECT_EQ(manifest->layers[0].deferred->width, 2);
  ASSERT_EQ(manifest->counters.size(), 3u);
  EXPECT_EQ(manifest->counters[0].unit, Unit::Neuron);
  EXPECT_EQ(manifest->counters[0].units, 10);
  EXPECT_EQ(manifest->counters[0].bytesPerUnit, 50);
  EXPECT_TRUE(manifest->counters[0].density);
  EXPECT_EQ(manifest->counters[2].unit, Unit::KvGroup);
  EXPECT_FALSE(manifest->counters[2].density);
  EXPECT_EQ(manifest->alwaysParts->at("predictors"), 40);
  EXPECT_EQ(manifest->denseParts->at("mlp"), 660);
  EXPECT_EQ(manifest->decodeWorkspace.bytesFixed, 64);
  ASSERT_EQ(manifest->taps.size(), 3u);
  EXPECT_FALSE(manifest->findTap(1)->hidden);
  EXPECT_TRUE(manifest->findTap(2)->hidden);
  EXPECT_EQ(manifest->findTap(2)->width, 3);
  EXPECT_EQ(manifest->findTap(3), nullptr);
}

TEST(ManifestTest, OptionalFields) {
  ErrorOr<Manifest> manifest = edited([](Json &json) {
    for (const char *key : {"model", "cpu", "eos", "taps", "hidden_taps",
                            "look_ahead", "position_limit"})
      json.erase(key);
    for (const char *key : {"selects", "parts", "dense_parts"})
      json["bytes_per_token"].erase(key);
    json["layers"][0]["attention"].erase("deferred");
    json["layers"][0]["mlp"] = nullptr;
    json["position_min"] = -2;
  });
  ASSERT_TRUE(manifest.succeeded()) << manifest.message();
  EXPECT_EQ(manifest->positionLimit, 0);
  EXPECT_EQ(manifest->positionMin, -2);
  EXPECT_EQ(manifest->contextLimit(), 16);
  EXPECT_FALSE(manifest->layers[0].hasMlp);
  EXPECT_FALSE(manifest->layers[0].deferred);
  EXPECT_FALSE(manifest->alwaysParts || manifest->denseParts);
  EXPECT_TRUE(manifest->taps.empty() && manifest->counters.empty());
  EXPECT_EQ(manifest->modelDigest, "");
}

TEST(ManifestTest, WhatToolsRead) {
  // Sites of look_ahead may be left out; weights are no business of ours.
  EXPECT_TRUE(edited([](Json &json) {
                json["look_ahead"]["layers"][0] = Json::object();
                json["layers"][0]["weights"] = {{"query", "w"}, {"up", 1}};
              }).succeeded());
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
  EXPECT_EQ(error([](Json &j) { j["cache_dtype"] = "F16"; }),
            "cache_dtype: unknown dtype 'F16'");
  EXPECT_EQ(error([](Json &j) { j["cache_dtype"] = "f16"; }),
            "cache_dtype: expected f32, as there is no `cuda`");
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
            "taps[2].site: appears twice");
}

TEST(ManifestTest, PredictorErrors) {
  EXPECT_EQ(error([](Json &j) { j["model"]["digest"] = 1; }),
            "model.digest: expected a string");
  EXPECT_EQ(error([](Json &j) { j["layers"][0]["attention"]["deferred"] = 3; }),
            "layers[0].attention.deferred: expected an object");
  for (const char *key : {"ring", "width"})
    EXPECT_EQ(error([&](Json &j) {
                j["layers"][0]["attention"]["deferred"][key] = 0;
              }),
              std::string("layers[0].attention.deferred.") + key +
                  ": expected a positive integer");
  EXPECT_EQ(error([](Json &j) { j["look_ahead"] = 1; }),
            "look_ahead: expected an object");
  EXPECT_EQ(error([](Json &j) { j["look_ahead"]["layers"].clear(); }),
            "look_ahead.layers: expected 1 of them, as there are layers");
  EXPECT_EQ(error([](Json &j) { j["look_ahead"]["layers"][0] = 1; }),
            "look_ahead.layers[0]: expected an object");
  for (const char *key :
       {"attention_in", "ffn_in", "attention_out", "hidden", "gate"}) {
    std::string path = std::string("look_ahead.layers[0].") + key;
    EXPECT_EQ(error([&](Json &j) { j["look_ahead"]["layers"][0][key] = 3; }),
              path + ": there is no such tap site");
    EXPECT_EQ(error([&](Json &j) { j["look_ahead"]["layers"][0][key] = -2; }),
              path + ": expected an integer of at least -1");
  }
  EXPECT_EQ(error([](Json &j) { j["hidden_taps"][0]["site"] = 1; }),
            "hidden_taps[0].site: expected a number from 2 on, behind those "
            "of 'taps'");
  EXPECT_EQ(
      error([](Json &j) { j["hidden_taps"].push_back(j["hidden_taps"][0]); }),
      "hidden_taps[1].site: appears twice");
  EXPECT_EQ(error([](Json &j) { j["hidden_taps"][0]["layer"] = 1; }),
            "hidden_taps[0].layer: there is no such layer");
  EXPECT_EQ(error([](Json &j) { j["hidden_taps"][0].erase("width"); }),
            "hidden_taps[0].width: expected a positive integer");
}

TEST(ManifestTest, CounterErrors) {
  auto counter = [](Json &json, int i) -> Json & {
    return json["bytes_per_token"]["selects"][i];
  };
  EXPECT_EQ(error([&](Json &j) { counter(j, 0)["unit"] = "head"; }),
            "bytes_per_token.selects[0].unit: unknown unit 'head'");
  EXPECT_EQ(error([&](Json &j) { counter(j, 0)["units"] = 0; }),
            "bytes_per_token.selects[0].units: expected a positive integer");
  EXPECT_EQ(error([&](Json &j) { counter(j, 0).erase("bytes_per_unit"); }),
            "bytes_per_token.selects[0].bytes_per_unit: expected a "
            "non-negative integer");
  EXPECT_EQ(error([&](Json &j) { counter(j, 2)["density"] = 1; }),
            "bytes_per_token.selects[2].density: expected true or false");
  EXPECT_EQ(error([&](Json &j) { counter(j, 1)["units"] = 3; }),
            "bytes_per_token.selects[1].units: expected as many as the layer "
            "has kv_heads, 2");
  EXPECT_TRUE(edited([&](Json &j) {
                counter(j, 2)["units"] = 3;
                counter(j, 0)["units"] = 3;
              }).succeeded())
      << "that is not what usage is counted by";
}

TEST(ManifestTest, Parts) {
  auto bytes = [](Json &json) -> Json & { return json["bytes_per_token"]; };
  EXPECT_EQ(error([&](Json &j) { bytes(j)["parts"]["mlp"] = 161; }),
            "bytes_per_token.parts: expected a sum of 500, as in 'always'");
  EXPECT_EQ(error([&](Json &j) { bytes(j)["dense_parts"].erase("mlp"); }),
            "bytes_per_token.dense_parts: expected a sum of 1000, as in "
            "'dense'");
  EXPECT_EQ(error([&](Json &j) { bytes(j)["parts"]["mlp"] = -1; }),
            "bytes_per_token.parts.mlp: expected a non-negative integer");
  EXPECT_EQ(error([&](Json &j) { bytes(j)["parts"] = Json::array(); }),
            "bytes_per_token.parts: expected an object");
  // A sum that comes out right where it does not fit.
  EXPECT_TRUE(edited([&](Json &j) {
                Json parts;
                for (int i = 0; i < 2048; ++i)
                  parts[std::to_string(i)] = int64_t(1) << 53;
                parts["more"] = 500;
                bytes(j)["parts"] = parts;
              }).failed());
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
