# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Families of models and their exporters: what is raised stays raised, and its
golden cases hold."""

import pytest

from conftest import MODELS, run, tool

FLAVOURS = ("dynamo-opset20", "dynamo-opset23", "legacy-opset17")

# Every layer is raised, and every case holds. This list only grows.
RAISED = [f"zoo/{family}/{flavour}"
          for family in ("opt", "opt-350m-style") for flavour in FLAVOURS]

# Activations that are zero for many neurons: these models run sparse as well.
ZEROS = ("zoo/opt/", "zoo/opt-350m-style/", "zoo/gpt2-relu/",
         "zoo/llama-relu/", "tiny/nemotron/")
RUNS = [(model, sparsity) for model in RAISED
        for sparsity in ("dense", "exact")
        if sparsity == "dense" or model.startswith(ZEROS)]


@pytest.mark.parametrize("model, sparsity", RUNS)
def test_raised_and_right(compiled, model, sparsity):
    """Attention and MLP of every layer, and all cases at the default tolerance;
    one failure names all that fail."""
    made = compiled(model, "--sparsity", sparsity)
    layers = made.coverage()["layers"]
    assert layers and all(
        layer == {"attention": "raised", "ffn": "raised"}
        for layer in layers), layers
    cases = sorted((MODELS / model).glob("*.npz"))
    assert cases
    failed = []
    for case in cases:
        done = run(tool("dejavu-run"), made.path, "--input", case)
        if done.returncode != 0:
            failed.append(f"{case.name}: {done.stdout}{done.stderr}")
    assert not failed, "\n".join(failed)


def test_the_list_is_of_stored_models():
    """A wrong name would be skipped by nobody, and a model is there twice by
    nobody's intent."""
    assert len(set(RAISED)) == len(RAISED)
    assert [m for m in RAISED if not (MODELS / m / "model.onnx").exists()] == []
