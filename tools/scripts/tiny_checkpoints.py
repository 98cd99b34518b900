# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The exporters that read a checkpoint or a whole transformers model instead of
a traced function, for export_tiny.py: the model builder of onnxruntime-genai,
mobius, optimum and transformers.exporters.

Needs the package of the exporter that is asked for."""

import contextlib
import pathlib
import subprocess
import sys
import tempfile

import torch
import transformers

HEADS = "past_key_values"


def need(package, module):
    """Imports a module of an optional package."""
    try:
        return __import__(module, fromlist=["_"])
    except ModuleNotFoundError as error:
        sys.exit(f"error: {error.name} is missing: pip install {package}")


@contextlib.contextmanager
def checkpoint(model):
    """The model as a folder of the Hugging Face kind, with a tokenizer of
    which every word is one id."""
    tokenizers = need("tokenizers", "tokenizers")
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel(
        {f"t{i}": i for i in range(model.config.vocab_size)}, unk_token="t0"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        transformers.PreTrainedTokenizerFast(
            tokenizer_object=words, eos_token="t1").save_pretrained(folder)
        yield pathlib.Path(folder)


def one_file(source, target):
    """A model with external weights as one file."""
    import onnx

    onnx.save(onnx.load(source), target)


def export_genai(wrapped, path, precision, options):
    """The model builder of onnxruntime-genai, for its CPU provider."""
    need("onnxruntime-genai", "onnxruntime_genai.models.builder")
    with checkpoint(wrapped.model) as folder:
        done = subprocess.run(
            [sys.executable, "-m", "onnxruntime_genai.models.builder", "-i",
             folder, "-o", folder / "made", "-p", precision, "-e", "cpu",
             "-c", folder / "cache", "--extra_options", "hf_token=false",
             *options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[-1])
        one_file(folder / "made/model.onnx", path)


def export_mobius(wrapped, path, provider):
    """mobius, with the operators of an execution provider."""
    mobius = need("mobius-onnx", "mobius")
    onnx_ir = need("onnx-ir", "onnx_ir")
    with checkpoint(wrapped.model) as folder:
        package = dict(mobius.build(
            str(folder), execution_provider=provider).items())
        if list(package) != ["model"]:
            raise RuntimeError(f"expected one model, found {list(package)}")
        onnx_ir.save(package["model"], str(path))


def export_optimum(wrapped, path, opset, task):
    """optimum-onnx, as `optimum-cli export onnx` does it."""
    exporters = need("optimum-onnx", "optimum.exporters.onnx")
    with checkpoint(wrapped.model) as folder:
        exporters.main_export(
            str(folder), folder / "made", task=task, opset=opset,
            do_validation=False, library_name="transformers")
        [made] = (folder / "made").glob("*.onnx")
        one_file(made, path)


def export_transformers(wrapped, feed, path, opset, fusions):
    """transformers.exporters: one graph of the model's forward()."""
    exporters = need("'transformers>=5.13'", "transformers.exporters")
    onnx_ir = need("onnx-ir", "onnx_ir")
    options = {k: v for k, v in feed.items() if not k.startswith(HEADS)}
    if any(name.startswith(HEADS) for name in feed):
        cache = transformers.DynamicCache()
        for layer in range(wrapped.layers):
            cache.update(feed[f"{HEADS}.{layer}.key"],
                         feed[f"{HEADS}.{layer}.value"], layer)
        options[HEADS] = cache
        options["use_cache"] = True
    exported = exporters.OnnxExporter().export(
        wrapped.model, options, exporters.OnnxConfig(
            dynamic=True, opset_version=opset, ort_fusions=fusions))
    onnx_ir.save(exported.program, str(path))


def transformers_name(name, inputs):
    """A name of Wrapped as transformers.exporters spells it."""
    parts = name.split(".")
    if parts[0] not in (HEADS, "present"):
        return name
    kind = {"key": "keys", "value": "values"}[parts[2]]
    side = "input" if inputs else "output"
    return f"{side}.{HEADS}.layers.{parts[1]}.{kind}"
