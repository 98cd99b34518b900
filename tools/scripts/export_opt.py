#!/usr/bin/env python3
# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Exports an OPT checkpoint, of the Hugging Face hub or of a local folder, with
its cache and its tokenizer.

Usage: export_opt.py facebook/opt-125m FOLDER

Needs torch >= 2.9, transformers, onnx and onnxscript; dejavu itself needs none
of them."""

import pathlib
import sys

import torch
import transformers


class WithCache(torch.nn.Module):
    """The model as a function of tensors alone: past keys and values in,
    present ones out."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, position_ids, past):
        cache = transformers.DynamicCache()
        for layer, (key, value) in enumerate(past):
            cache.update(key, value, layer)
        out = self.model(input_ids=input_ids, attention_mask=attention_mask,
                         position_ids=position_ids, past_key_values=cache,
                         use_cache=True)
        layers = out.past_key_values.layers
        return out.logits, [(layer.keys, layer.values) for layer in layers]


def export(name, folder):
    """Writes folder/model.onnx, its data, tokenizer and configuration."""
    model = transformers.AutoModelForCausalLM.from_pretrained(
        name, dtype=torch.float32, attn_implementation="sdpa").eval()
    config = model.config
    heads = config.num_attention_heads
    past_shape = (2, heads, 3, config.hidden_size // heads)
    past = [(torch.zeros(past_shape), torch.zeros(past_shape))
            for _ in range(config.num_hidden_layers)]
    ids = torch.ones((2, 5), dtype=torch.int64)
    positions = torch.arange(3, 8).expand(2, 5)
    batch, seq, steps, total = (torch.export.Dim(n) for n in (
        "batch", "sequence", "past_steps", "total_steps"))
    by_layer = [({0: batch, 2: steps}, {0: batch, 2: steps}) for _ in past]
    pairs = [(i, kind) for i in range(len(past)) for kind in ("key", "value")]
    folder.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        WithCache(model),
        (ids, torch.ones((2, 8), dtype=torch.int64), positions, past),
        str(folder / "model.onnx"), dynamo=True, opset_version=20,
        external_data=True,
        input_names=["input_ids", "attention_mask", "position_ids",
                     *(f"past_key_values.{i}.{kind}" for i, kind in pairs)],
        output_names=["logits",
                      *(f"present.{i}.{kind}" for i, kind in pairs)],
        dynamic_shapes=({0: batch, 1: seq}, {0: batch, 1: total},
                        {0: batch, 1: seq}, by_layer))
    config.save_pretrained(folder)
    model.generation_config.save_pretrained(folder)
    try:
        transformers.AutoTokenizer.from_pretrained(name).save_pretrained(folder)
    except (OSError, ValueError) as error:
        print(f"warning: {name}: no tokenizer: {error}", file=sys.stderr)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: export_opt.py MODEL FOLDER")
    export(sys.argv[1], pathlib.Path(sys.argv[2]))
