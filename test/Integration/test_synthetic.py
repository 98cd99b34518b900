# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models without their weights (docs/Synthetic.md), as far as no GPU is
needed."""

import json

from conftest import DOCS, MODELS, fail, succeed, tool

FEATURES, NEURONS, VOCABULARY, LAYERS = 4096, 16384, 50272, 2


def synthesize(*flags):
    return (tool("dejavu-compile"), "--synthetic", *flags)


def test_executable(tmp_path):
    out = tmp_path / "out"
    succeed(*synthesize("opt-6.7b", "--layers", LAYERS, "--weights", "f16",
                        "--target", "cuda:sm_90", "--max-context", 512,
                        "-o", out), timeout=60)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    info = json.loads(succeed(out, "--info"))
    assert all(weight["synthetic"] for weight in info["weights"])
    assert info["model"]["name"] == "opt-6.7b"
    assert info["max_context"] == 512
    # Matrices in f16, vectors in f32.
    always = (2 * VOCABULARY * FEATURES      # the head
              + 2 * 2 * FEATURES             # a row of each embedding
              + 2 * 4 * FEATURES             # the last norm
              + LAYERS * (2 * 2 * 4 * FEATURES                  # norms
                          + 4 * (2 * FEATURES + 4) * FEATURES   # attention
                          + (2 * FEATURES + 4) * NEURONS        # up
                          + 4 * FEATURES))                      # down's bias
    read = info["bytes_per_token"]
    assert read["always"] == always
    assert read["dense"] == always + LAYERS * 2 * NEURONS * FEATURES
    assert [(each["units"], each["bytes_per_unit"])
            for each in read["selects"]] == [(NEURONS, 2 * FEATURES)] * LAYERS
    assert "synthetic" in fail(out, "--verify")
    assert "synthetic" in fail(out, "--weights", "w", "--prompt-ids", "1")


def test_refused(tmp_path):
    def refuse(*flags):
        return fail(*flags, "-o", tmp_path / "out")

    assert ("opt-1.3b, opt-6.7b, opt-13b, opt-30b, opt-66b, opt-175b, "
            "llama-3-8b, found 'opt-7b'") in refuse(*synthesize("opt-7b"))
    assert "1 to 24" in refuse(*synthesize("opt-1.3b", "--layers", 25))
    assert "at least 1" in refuse(*synthesize("opt-1.3b", "--layers", 0))
    assert DOCS in refuse(*synthesize("opt-1.3b", MODELS / DOCS))
    assert "--target cuda" in refuse(*synthesize("opt-1.3b"))
    assert "raise or later" in refuse(
        *synthesize("opt-1.3b", "--compile-to", "import"))
    assert "--compile-from" in refuse(
        *synthesize("opt-1.3b", "--compile-from", "raise"))
    assert "ReLU" in refuse(
        *synthesize("llama-3-8b", "--synthetic-density", 0.1))
    assert "between 0 and 1" in refuse(
        *synthesize("opt-1.3b", "--synthetic-density", 1))
    assert "--synthetic" in refuse(tool("dejavu-compile"), MODELS / DOCS,
                                   "--layers", 1)
    assert "expected a model" in refuse(tool("dejavu-compile"))
    assert not list(tmp_path.iterdir())
