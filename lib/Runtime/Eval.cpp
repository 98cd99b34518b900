//===- Eval.cpp - perplexity and density of a text ------------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Eval.h"

#include "Json.h"

#include <algorithm>
#include <cmath>

using namespace dejavu::rt;

/// Generated code of today reads every head of every layer.
static constexpr double kHeadDensity = 1.0;

double EvalResult::perplexity() const { return std::exp(nll / predicted); }

std::string EvalResult::text(const Manifest &manifest) const {
  return formatString("perplexity: %.9g\n"
                      "mlp density: %.6g\n"
                      "mlp density all layers: %.6g\n"
                      "head density: %g\n"
                      "bytes/token: %.0f of %lld dense\n",
                      perplexity(), traffic.meanDensity(1),
                      traffic.meanDensity(0), kHeadDensity,
                      traffic.bytesPerToken,
                      static_cast<long long>(manifest.denseBytes));
}

std::string EvalResult::json(const Manifest &manifest) const {
  nlohmann::ordered_json root;
  root["model"] = manifest.modelName;
  root["sparsity"] = manifest.sparsity;
  root["tokens"] = tokens;
  root["predicted"] = predicted;
  root["nll"] = nll;
  root["perplexity"] = perplexity();
  root["mlp_density"] = traffic.meanDensity(1);
  root["mlp_density_all_layers"] = traffic.meanDensity(0);
  root["head_density"] = kHeadDensity;
  root["bytes_per_token"] = traffic.bytesPerToken;
  root["bytes_per_token_dense"] = manifest.denseBytes;
  root["layers"] = nlohmann::ordered_json::array();
  for (size_t i = 0; i < manifest.layers.size(); ++i) {
    nlohmann::ordered_json layer;
    layer["layer"] = i;
    layer["neurons"] = manifest.layers[i].neurons;
    layer["sparsity"] =
        manifest.layers[i].hasMlp ? manifest.layers[i].mlpSparsity : "dense";
    layer["mlp_density"] = traffic.layerDensity[i];
    layer["head_density"] = kHeadDensity;
    root["layers"].push_back(std::move(layer));
  }
  return root.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

double dejavu::rt::negativeLogLikelihood(const float *logits, int64_t count,
                                         int64_t target) {
  double max = *std::max_element(logits, logits + count);
  double sum = 0.0;
  for (int64_t i = 0; i < count; ++i)
    sum += std::exp(logits[i] - max);
  return std::log(sum) + max - logits[target];
}

ErrorOr<EvalResult>
dejavu::rt::evaluate(const LoadedModel &model, const TokenIds &tokens,
                     const std::function<void(size_t done)> &progress) {
  const Manifest &manifest = model.manifest;
  for (size_t i = 0; i < tokens.size(); ++i)
    if (tokens[i] < 0 || tokens[i] >= manifest.vocab)
      return makeError("token %zu: id %lld is not in the vocabulary of %lld", i,
                       static_cast<long long>(tokens[i]),
                       static_cast<long long>(manifest.vocab));
  size_t window = manifest.contextLimit();
  if (tokens.size() < 2 || window < 2)
    return makeError("%zu tokens in windows of %zu leave nothing to predict",
                     tokens.size(), window);

  ErrorOr<std::unique_ptr<Session>> created =
      Session::create(model, /*batch=*/1, std::min(window, tokens.size()));
  if (created.failed())
    return created.status();
  Session &session = **created;
  EvalResult result;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (i % window == 0)
      session.reset();
    if (Status status = session.decode(&tokens[i]); status.failed())
      return status.withPrefix("token " + std::to_string(i));
    ++result.tokens;
    bool lastOfWindow = i % window == window - 1;
    if (!lastOfWindow && i + 1 < tokens.size()) {
      double nll = negativeLogLikelihood(session.lastLogits(0), manifest.vocab,
                                         tokens[i + 1]);
      if (!std::isfinite(nll))
        return makeError("token %zu: the likelihood of the next token is not "
                         "finite",
                         i);
      result.nll += nll;
      ++result.predicted;
    }
    if (progress && i % 64 == 63)
      progress(i + 1);
  }
  ErrorOr<Traffic> traffic =
      trafficOf(manifest, session.counts(), result.tokens);
  if (traffic.failed())
    return traffic.status();
  result.traffic = std::move(*traffic);
  return result;
}
