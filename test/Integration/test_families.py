# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Families of models and their exporters: what docs/Coverage.md calls raised is
raised, golden cases hold, and a gated model writes the text of ONNX Runtime."""

import importlib.util
import json

import pytest

from conftest import GATED, MODELS, ROOT, fail, run, tool

SCRIPTS = ROOT / "tools/scripts"
SPEC = importlib.util.spec_from_file_location(
    "generate_coverage", SCRIPTS / "generate_coverage.py")
coverage = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(coverage)

STORED = dict(coverage.stored())
SAID = coverage.rows_of(coverage.PAGE.read_text("utf-8"))
FLAVOURS = ("dynamo-opset20", "dynamo-opset23", "legacy-opset17")

# Attention and MLP of every layer are raised, and every case holds. This list
# only grows.
RAISED = ["opt-docs-7m", "llama-silu-docs-7m",
          *(f"zoo/{family}/{flavour}" for family in (
              "opt", "opt-350m-style", "bert", "gpt2", "gpt2-relu", "gpt_neox",
              "llama", "llama-relu") for flavour in FLAVOURS),
          "tiny/bloom/legacy-opset17",
          "tiny/cohere/dynamo-opset20",
          "tiny/distilbert/dynamo-opset20",
          "tiny/falcon/dynamo-opset20",
          "tiny/falcon-new/dynamo-opset20",
          "tiny/gemma/dynamo-opset20",
          "tiny/gemma2/dynamo-opset20",
          "tiny/gemma2/transformers-fused-opset20",
          "tiny/gemma3/dynamo-opset23",
          "tiny/gpt_neo/legacy-opset17",
          "tiny/gptj/dynamo-opset20",
          "tiny/granite/dynamo-opset20",
          "tiny/llama/dynamo-eager-opset20",
          "tiny/llama/dynamo-opset21",
          "tiny/llama/legacy-opset14",
          "tiny/llama/mobius",
          "tiny/llama/optimum-opset18",
          "tiny/llama/transformers-fused-opset20",
          "tiny/llama/transformers-opset20",
          "tiny/minilm/dynamo-opset20",
          "tiny/mistral/dynamo-opset20",
          "tiny/mpt/legacy-opset17",
          "tiny/nemotron/legacy-opset17",
          "tiny/olmo/dynamo-opset20",
          "tiny/olmo2/legacy-opset17",
          "tiny/phi/dynamo-opset20",
          "tiny/phi3/dynamo-opset23",
          "tiny/qwen2/dynamo-opset18",
          "tiny/qwen3/legacy-opset17",
          "tiny/roberta/legacy-opset17",
          "tiny/stablelm/dynamo-opset20",
          "tiny/starcoder2/dynamo-opset20",
          "tiny/gpt2-nocache/dynamo-opset20",
          "tiny/t5-decoder/legacy-opset17",
          "tiny/t5-decoder-nocache/dynamo-opset23",
          "tiny/t5-encoder/dynamo-opset20",
          "tiny/t5-encoder-gated/legacy-opset17",
          "tiny/deit/legacy-opset17",
          "tiny/llama-wide/genai-fp32",
          "tiny/llama-wide/genai-int4",
          "tiny/llama-wide/mobius-fused",
          "tiny/mistral-wide/mobius-fused",
          "tiny/vit/dynamo-opset20"]

# Most neurons of these are zero: they run sparse unless told otherwise.
ZEROS = ("zoo/opt/", "zoo/opt-350m-style/", "zoo/gpt2-relu/",
         "zoo/llama-relu/")


def test_the_page_is_of_stored_models():
    assert set(SAID) == set(STORED)


@pytest.mark.parametrize("name", RAISED)
def test_raised_and_right(name):
    """Compiles, and runs every case, as generate_coverage.py does; the page
    says the same."""
    cases = len(list(STORED[name].glob("*.npz")))
    measured = coverage.measure(STORED[name])
    for result, held in (measured, SAID[name]):
        assert result == "raised" or result.startswith("raised; generic: ")
        assert held == f"{cases} of {cases}" and cases > 0


@pytest.mark.parametrize(
    "name", [name for name in RAISED if name.startswith(ZEROS)])
def test_dense_as_well(compiled, name):
    """What runs sparse by default, with every neuron."""
    made = compiled(name, "--sparsity", "dense")
    assert all(layer == {"attention": "raised", "ffn": "raised"}
               for layer in made.coverage()["layers"])
    for case in STORED[name].glob("*.npz"):
        done = run(tool("dejavu-run"), made.path, "--input", case)
        assert done.returncode == 0, f"{case.name}: {done.stdout}{done.stderr}"


def test_greedy_of_a_gated_model(compiled):
    """128 ids after each of 20 prompts, as ONNX Runtime chose them."""
    texts = json.loads((MODELS / "goldens" / GATED / "greedy.json")
                       .read_text("utf-8"))["cases"]
    assert len(texts) == 20 and all(len(t["ids"]) == 128 for t in texts)
    assert min(text["margin"] for text in texts) > 1e-3
    made = compiled(GATED)
    wrong = []
    for index, text in enumerate(texts):
        [ids] = made.generate([text["prompt"]], 128, "--ignore-eos")
        if ids != text["ids"]:
            wrong.append(index)
    assert not wrong


def layer(attention="raised", ffn="raised"):
    return {"attention": attention, "ffn": ffn}


@pytest.mark.parametrize("report, words", [
    ({"layers": [layer(), layer()], "rest": []}, "raised"),
    ({"layers": [layer()], "rest": ["onnx.Conv"]}, "raised; generic: Conv"),
    ({"layers": [layer(), layer("a mask of two values")], "rest": []},
     "attention of 1 of 2 layers: a mask of two values"),
    ({"layers": [layer(ffn="none")], "rest": ["onnx.Relu", "onnx.Add"]},
     "MLP of 1 of 1 layers: none found; generic: Relu, Add"),
    ({"layers": [], "rest": []}, "no layers found")])
def test_reports_in_words(report, words):
    assert coverage.outcome(0, "", report) == words


def test_refusals_in_words():
    """The file is known from the row."""
    assert coverage.outcome(1, "note: a\nerror: some/m.onnx: node 'n': bad\n",
                            None) == "refused: node 'n': bad"


def test_a_page_is_read_as_it_is_written():
    page = coverage.HEAD + coverage.TABLE
    page += coverage.row("opt-docs-7m", ("raised", "4 of 4"))
    page += coverage.row("tiny/a/b", ("refused: x \\| y", "-"))
    page += "\n## More\n" + coverage.row("c/d", ("raised", "1 of 1"))
    assert coverage.rows_of(page) == {
        "opt-docs-7m": ("raised", "4 of 4"),
        "tiny/a/b": ("refused: x \\| y", "-")}


def test_exports_tell_what_they_need():
    """The project's own environment has no torch."""
    error = fail(ROOT / ".venv/bin/python", SCRIPTS / "export_tiny.py",
                 "--list")
    assert error.startswith("torch is missing: pip install torch")
