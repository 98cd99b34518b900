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

double EvalResult::perplexity() const { return std::exp(nll / predicted); }

std::string EvalResult::text(const Manifest &manifest) const {
  return formatString("perplexity: %.9g\n"
                      "mlp density: %.6g\n"
                      "mlp density all layers: %.6g\n"
                      "head density: %.6g\n"
                      "bytes/token: %.0f of %lld dense\n",
                      perplexity(), traffic.meanMlpDensity(1),
                      traffic.meanMlpDensity(0), traffic.meanHeadDensity(),
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
  root["mlp_density"] = traffic.meanMlpDensity(1);
  root["mlp_density_all_layers"] = traffic.meanMlpDensity(0);
  root["head_density"] = traffic.meanHeadDensity();
  root["bytes_per_token"] = traffic.bytesPerToken;
  root["bytes_per_token_dense"] = manifest.denseBytes;
  root["bytes_by_part"] = traffic.bytesByPart;
  root["bytes_by_part_dense"] = manifest.denseParts.value_or(Parts());
  root["layers"] = nlohmann::ordered_json::array();
  for (size_t i = 0; i < manifest.layers.size(); ++i) {
    nlohmann::ordered_json layer;
    layer["layer"] = i;
    layer["neurons"] = manifest.layers[i].neurons;
    layer["sparsity"] =
        manifest.layers[i].hasMlp ? manifest.layers[i].mlpSparsity : "dense";
    layer["mlp_density"] = traffic.layers[i].mlpDensity;
    layer["head_density"] = traffic.layers[i].headDensity;
    layer["density_histogram"] = traffic.layers[i].densityHistogram;
    layer["head_usage"] = traffic.layers[i].headUsage;
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

ErrorOr<EvalResult> dejavu::rt::evaluate(const LoadedModel &model,
                                         const TokenIds &tokens,
                                         const EvalOptions &options) {
  const Manifest &manifest = model.manifest;
  size_t window = manifest.contextLimit();
  size_t first = std::min(options.first, tokens.size());
  size_t total = options.count(tokens.size());
  if (total < 2 || window < 2)
    return makeError("%zu tokens in windows of %zu leave nothing to predict",
                     total, window);

  for (size_t i = first; i < first + total; ++i)
    if (tokens[i] < 0 || tokens[i] >= manifest.vocab)
      return makeError("token %zu: id %lld is not in the vocabulary of %lld", i,
                       static_cast<long long>(tokens[i]),
                       static_cast<long long>(manifest.vocab));

  ErrorOr<std::unique_ptr<Session>> created =
      Session::create(model, /*batch=*/1, std::min(window, total));
  if (created.failed())
    return created.status();
  Session &session = **created;
  session.counters().keepStatistics();
  EvalResult result;
  for (size_t done = 0; done < total; ++done) {
    size_t i = first + done;
    if (done % window == 0)
      session.reset();
    if (Status status = session.decode(&tokens[i]); status.failed())
      return status.withPrefix("token " + std::to_string(i));
    ++result.tokens;
    if (options.onLogits)
      if (Status status = options.onLogits(session.lastLogits(0));
          status.failed())
        return status;
    bool lastOfWindow = done % window == window - 1;
    if (!lastOfWindow && done + 1 < total) {
      double nll = negativeLogLikelihood(session.lastLogits(0), manifest.vocab,
                                         tokens[i + 1]);
      if (!std::isfinite(nll))
        return makeError("token %zu: the likelihood of the next token is not "
                         "finite",
                         i);
      result.nll += nll;
      ++result.predicted;
    }
    if (options.progress && done % 64 == 63)
      options.progress(done + 1, total);
  }
  ErrorOr<Traffic> traffic =
      trafficOf(manifest, session.counters(), result.tokens);
  if (traffic.failed())
    return traffic.status();
  result.traffic = std::move(*traffic);
  return result;
}
