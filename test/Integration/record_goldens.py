#!/usr/bin/env python3
# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Records with ONNX Runtime what the tests compare with, into
test/Models/goldens.tar.xz:

* MODEL/padded_prefill.npz and MODEL/padded_decode_1..8.npz for each of the
  seven OPT graphs: a batch of three prompts of uneven length, padded at the
  left, then eight steps that are greedy. Cases as dejavu-run takes them:
  `in.NAME`, `out.NAME`, all outputs. Masked positions have position id 1, as
  transformers' generate() has it.
* opt-docs-7m/greedy.json, llama-silu-docs-7m/greedy.json: 20 prompts cut from
  tokens.npy at spread offsets, and the 128 ids that follow each greedily
  (end-of-sequence ids are not heeded).
  `margin` is the smallest distance of the best logit from the second best on
  the way. A prompt whose margin is under 2e-3 is replaced by the one 97 tokens
  on: where two ids are as good as equal, the order of a summation decides.

Usage: .venv/bin/python test/Integration/record_goldens.py
"""

import io
import json
import pathlib
import subprocess
import sys
import tarfile

import numpy as np
import onnxruntime

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODELS = ROOT / "build/models"
ARCHIVE = ROOT / "test/Models/goldens.tar.xz"
ZOO = [f"zoo/{model}/{flavour}" for model in ("opt", "opt-350m-style")
       for flavour in ("dynamo-opset20", "dynamo-opset23", "legacy-opset17")]
TRAINED = ("opt-docs-7m", "llama-silu-docs-7m")
STEPS = 8
MARGIN = 2e-3


class Oracle:
    """One model in ONNX Runtime."""

    def __init__(self, folder):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # the same sums on every machine
        self.session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options,
            providers=["CPUExecutionProvider"])
        self.inputs = {i.name: i.shape for i in self.session.get_inputs()}
        self.outputs = [o.name for o in self.session.get_outputs()]
        self.past = [name for name in self.inputs if "past" in name]

    def empty_past(self, batch):
        """A cache without steps."""
        return {name: np.zeros((batch, self.inputs[name][1], 0,
                                self.inputs[name][3]), np.float32)
                for name in self.past}

    def run(self, ids, mask, past):
        """(feed, outputs by name) of one call."""
        positions = np.maximum(mask.cumsum(1) - 1, 0)
        positions[mask == 0] = 1
        feed = {"input_ids": ids, "attention_mask": mask,
                "position_ids": positions[:, -ids.shape[1]:], **past}
        feed = {name: feed[name] for name in self.inputs}
        return feed, dict(zip(self.outputs, self.session.run(None, feed)))

    def next_past(self, outputs):
        """The past that follows from `outputs`: the caches are listed in one
        order in inputs and outputs."""
        presents = [name for name in self.outputs if "present" in name]
        return {name: outputs[present]
                for name, present in zip(self.past, presents, strict=True)}


def padded_batch(prompts):
    """ids and mask, padded at the left."""
    width = max(map(len, prompts))
    ids = np.zeros((len(prompts), width), np.int64)
    mask = np.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt):] = prompt
        mask[row, width - len(prompt):] = 1
    return ids, mask


def padded_cases(oracle, prompts):
    """(name, arrays) of the prefill and of eight decode steps."""
    ids, mask = padded_batch(prompts)
    past = oracle.empty_past(len(prompts))
    for step in range(STEPS + 1):
        feed, outputs = oracle.run(ids, mask, past)
        name = f"padded_decode_{step}" if step else "padded_prefill"
        yield name, {**{f"in.{k}": v for k, v in feed.items()},
                     **{f"out.{k}": v for k, v in outputs.items()}}
        past = oracle.next_past(outputs)
        ids = outputs["logits"][:, -1:].argmax(-1)
        mask = np.concatenate([mask, np.ones_like(ids)], 1)


def greedy(oracle, prompt, count):
    """The `count` ids after `prompt`, and the smallest margin."""
    ids, past = np.array([prompt], np.int64), oracle.empty_past(1)
    mask, made, margin = np.ones_like(ids), [], np.inf
    for _ in range(count):
        _, outputs = oracle.run(ids, mask, past)
        logits = outputs["logits"][0, -1]
        second, best = np.partition(logits, -2)[-2:]
        margin = min(margin, float(best - second))
        if margin < MARGIN:
            break
        made.append(int(logits.argmax()))
        ids, past = np.array([[made[-1]]]), oracle.next_past(outputs)
        mask = np.concatenate([mask, np.ones_like(ids)], 1)
    return made, margin


def greedy_cases(oracle, tokens):
    """20 prompts of 4 to 64 tokens, and 128 ids for each."""
    cases = []
    for index, length in enumerate(np.linspace(4, 64, 20).astype(int)):
        offset = 1000 + index * 6000
        while True:
            prompt = [1] + [int(t) for t in tokens[offset:offset + length - 1]]
            made, margin = greedy(oracle, prompt, 128)
            if margin >= MARGIN:
                break
            offset += 97
        print(f"prompt {index}: {length} tokens at {offset}, margin"
              f" {margin:.2g}", file=sys.stderr)
        cases.append({"offset": offset, "prompt": prompt, "ids": made,
                      "margin": round(margin, 6)})
    return cases


def main():
    files = {}
    random = np.random.default_rng(7)
    for model in ["opt-docs-7m", *ZOO]:
        oracle = Oracle(MODELS / model)
        vocabulary = 8192 if model == "opt-docs-7m" else 256
        lengths = (5, 2, 3) if model == "opt-docs-7m" else (7, 3, 5)
        prompts = [random.integers(3, vocabulary, n).tolist() for n in lengths]
        for name, arrays in padded_cases(oracle, prompts):
            # Not compressed: a cache holds the steps of the one before it,
            # and the archive's compressor sees that only in the open.
            data = io.BytesIO()
            np.savez(data, **arrays)
            files[f"goldens/{model}/{name}.npz"] = data.getvalue()
    tokens = np.load(MODELS / "opt-docs-7m/tokens.npy")
    for model in TRAINED:
        text = json.dumps({"onnxruntime": onnxruntime.__version__, "cases":
                           greedy_cases(Oracle(MODELS / model), tokens)})
        files[f"goldens/{model}/greedy.json"] = text.encode() + b"\n"

    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    packed = subprocess.run(["xz", "-9e", "-c"], input=plain.getvalue(),
                            stdout=subprocess.PIPE, check=True).stdout
    ARCHIVE.write_bytes(packed)
    print(f"{ARCHIVE}: {len(files)} files, {len(packed) >> 10} KiB")


if __name__ == "__main__":
    main()
