# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Executables for CUDA, as far as they can be looked at without a GPU."""

import json
import os
import re

import pytest

from conftest import DOCS, MODELS, ZOO, fail, run, succeed, tool

CHIPS = ("sm_80", "sm_90", "sm_100")
PORTABLE_SHARED = 99 << 10
# Model, type of weights; the cache has the same.
MODELS_OF = {"opt-f16": (DOCS, "f16"),
             "llama-bf16": ("zoo/llama/dynamo-opset20", "bf16"),
             "gpt_neox-f16": ("zoo/gpt_neox/dynamo-opset20", "f16")}


@pytest.fixture(scope="module", params=sorted(MODELS_OF))
def compiled(request, tmp_path_factory):
    """(executable, folder of its code)."""
    model, weights = MODELS_OF[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    out, code = folder / "out", folder / "code"
    succeed(tool("dejavu-compile"), MODELS / model, "--target", "cuda",
            "--weights", weights, "--dump-code", code, "-o", out)
    return out, code


def test_code(compiled):
    out, code = compiled
    for chip in CHIPS:
        cubins = list(code.rglob(f"*{chip}*.cubin"))
        assert len(cubins) == 1 and cubins[0].read_bytes()[:4] == b"\x7fELF"
    texts = [path.read_text("utf-8") for path in code.rglob("*.ptx")]
    assert texts
    for text in texts:
        assert ".extern .func" not in text
        # Weights are read 16 bytes at a time, past what other blocks write.
        assert re.search(r"ld\.global\.nc\S*\.v4\.[bfu]32", text)

    manifest = json.loads(succeed(out, "--info"))
    assert f"_{manifest['cache_dtype']}_" in [
        name + "_" for name in manifest["cuda"]["kernels"]
        if "kv_append" in name][0]
    assert manifest["cache_dtype"] == manifest["weights_dtype"]
    cuda = manifest["cuda"]
    # Query and key are rotated, and the key is appended, in the attention.
    assert not any(re.match(r"dejavu_rope_\d|.*combine", name)
                   for name in cuda["kernels"])
    assert any(name.endswith("_append") for name in cuda["kernels"])
    images = cuda["images"]
    assert [i["chip"] for i in images if i["kind"] == "cubin"] == list(CHIPS)
    assert [i["chip"] for i in images if i["kind"] == "ptx"] == [CHIPS[-1]]
    assert len(set(cuda["kernels"])) == len(cuda["kernels"]) > 10
    # Ids are chosen, and rows rounded for a library's products, on the device.
    for family in ("sample", "convert"):
        assert any(name.startswith(f"dejavu_{family}_")
                   for name in cuda["kernels"]), family
    for image in images:
        assert image["offset"] % 64 == 0 and image["size"] > 0
        assert len(image["kernels"]) == len(cuda["kernels"])
        for name, kernel in zip(cuda["kernels"], image["kernels"]):
            where = (image["chip"], image["kind"], name)
            assert 32 <= kernel["threads"] <= 1024, where
            assert kernel["shared"] <= PORTABLE_SHARED, where
            if image["kind"] == "cubin":
                assert kernel["local"] == 0, where
                assert 0 < kernel["registers"] <= 255, where


def test_needs_no_library_of_the_cpu(compiled):
    needed = succeed("readelf", "-d", compiled[0])
    assert "NEEDED" in needed
    for library in ("libomp", "dnnl", "libcuda", "libcublas"):
        assert library not in needed


def test_without_a_driver(compiled, tmp_path):
    """A library that is no driver stands before the machine's."""
    (tmp_path / "libcuda.so.1").write_text("not a library")
    error = fail(compiled[0], "--prompt-ids", "1,2", "--max-new-tokens", "1",
                 env=dict(os.environ, LD_LIBRARY_PATH=str(tmp_path)))
    assert "libcuda" in error


@pytest.mark.parametrize("flags, words", [
    (("--target", "cuda:sm_1"), "'sm_1'"),
    (("--target", "cuda:"), "''"),
    (("--reduction", "atomic"), "expected --target cuda"),
    (("--target", "cuda", "--reduction", "none"), "none"),
    (("--target", "cuda", "--sparsity", "predicted", "--predictors", "none"),
     "not available yet")])
def test_refused_flags(flags, words, tmp_path):
    assert words in fail(tool("dejavu-compile"), MODELS / ZOO[0], "-o",
                         tmp_path / "out", *flags)
    assert not list(tmp_path.iterdir())


def test_model_without_a_cache(tmp_path):
    error = fail(tool("dejavu-compile"), MODELS / "zoo/bert/dynamo-opset20",
                 "--target", "cuda", "-o", tmp_path / "out")
    assert "models without a cache are not compiled for CUDA" in error
    assert not list(tmp_path.iterdir())


def test_one_chip(tmp_path):
    """One chip is its code and, for later GPUs, its text."""
    done = run(tool("dejavu-compile"), MODELS / ZOO[0], "--target",
               "cuda:sm_90", "--sparsity", "exact", "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    cuda = json.loads(succeed(tmp_path / "out", "--info"))["cuda"]
    assert [(i["chip"], i["kind"]) for i in cuda["images"]] == [
        ("sm_90", "cubin"), ("sm_90", "ptx")]
    assert any("_sparse_" in name for name in cuda["kernels"])


@pytest.mark.parametrize("reduction", ["deterministic", "atomic"])
def test_reduction(reduction, tmp_path):
    """An exact MLP in one launch, with the sum of its blocks or without."""
    done = run(tool("dejavu-compile"), MODELS / DOCS, "--target", "cuda:sm_90",
               "--weights", "f16", "--reduction", reduction, "-o",
               tmp_path / "out")
    assert done.returncode == 0, done.stderr
    manifest = json.loads(succeed(tmp_path / "out", "--info"))
    assert manifest["reduction"] == reduction
    kernels = manifest["cuda"]["kernels"]
    fused = [name for name in kernels if "_fused_ffn_" in name]
    assert fused and all("_exact" in name for name in fused)
    is_atomic = reduction == "atomic"
    assert all(("_atomic" in name) == is_atomic for name in fused)
    # The norm stays part of them: what they add to is a copy of its input.
    assert all("_norm_" in name for name in fused)
    assert any("_copy" in name for name in kernels) == is_atomic
    sums = [name for name in kernels if "_block_sum_" in name]
    assert bool(sums) != is_atomic
    # For who wants counts, and for who does not.
    assert {"_counted" in name for name in fused} == {True, False}
    assert {name.endswith("_counts") for name in sums} == (
        set() if is_atomic else {True, False})
