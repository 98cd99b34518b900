# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What an executable says about itself, and what it counts and computes when it
is run over a file of tokens."""

import dataclasses
import json
import os
import subprocess

import numpy as np

from dejavu.activations import stream_activations
from dejavu.errors import DejavuError, Reported
from dejavu.executable import exit_code, temporary_folder

LOOK_AHEADS = ("same", "half", "full")


@dataclasses.dataclass
class Text:
    """The part of a file of tokens that is evaluated."""
    file: str
    first: int | None = None  # tokens that are skipped
    limit: int | None = None  # of the others, tokens that are taken at most

    def part(self, folder, count):
        """A file that has just the `count` tokens of that part, in `folder`
        if it is not the file itself."""
        tokens = np.load(self.file, mmap_mode="r")
        first = self.first or 0
        if first == 0 and count == len(tokens):
            return self.file
        file = os.path.join(folder, "tokens.npy")
        np.save(file, tokens[first:first + count])
        return file


def option(flag, value):
    """[flag, value], or nothing where there is no value."""
    return [] if value is None else [flag, str(value)]


class Subject:
    """A decoder, its manifest, and the results of `--eval-tokens`. What its
    manifest or its results lack (an older executable's do) is None."""

    def __init__(self, executable):
        self.executable = executable
        self.manifest = executable.manifest
        self.name = executable.path.name
        self.evaluation = None

    # --- The manifest -------------------------------------------------------

    @property
    def model(self):
        """The name of the model."""
        return self.manifest.get("model", {}).get("name") or "unnamed"

    @property
    def sparsity(self):
        """`dense`, `exact`, `threshold` or `predicted`."""
        return self.manifest["sparsity"]

    @property
    def layers(self):
        """The manifest's layers."""
        return self.manifest["layers"]

    def num_windows(self):
        """Into how many windows the tokens fall."""
        return -(-self.evaluation["tokens"] // self.executable.context)

    def weights_file(self):
        """Where the tensors are."""
        options = self.executable.options
        return options[-1] if options else f"{self.executable.path}.safetensors"

    def tap(self, layer, name):
        """The site `name` of a layer; None where there is none."""
        layers = self.manifest.get("look_ahead", {}).get("layers", ())
        site = layers[layer].get(name, -1) if layer < len(layers) else -1
        return None if site is None or site < 0 else site

    def predictor(self, layer, unit):
        """How a layer's neurons or kv groups are chosen: the manifest's entry,
        or None. A threshold is one of the kind `magnitude`, whose site is
        what it is compared with."""
        for entry in self.layers[layer].get("predictors") or ():
            if entry["unit"] != unit:
                continue
            if entry.get("kind"):
                return entry
            gate = self.tap(layer, "gate")
            site = self.tap(layer, "hidden") if gate is None else gate
            if "threshold" in entry and site is not None:
                return {**entry, "kind": "magnitude", "select": "threshold",
                        "site": site}
        return None

    def mlp_sparsity(self, layer):
        """How the layer's MLP chooses; `none` where there is no MLP."""
        mlp = self.layers[layer].get("mlp")
        return mlp["sparsity"] if mlp else "none"

    def look_ahead(self):
        """`same`, `half` or `full`; None without predictors."""
        told = self.manifest.get("look_ahead", {}).get("look_ahead")
        if told in LOOK_AHEADS:
            return told
        for layer in range(len(self.layers) - 1, -1, -1):
            entry = self.predictor(layer, "neuron")
            site = entry and entry["site"]
            if entry and site == self.tap(layer, "ffn_in"):
                return "same"
            if entry and layer and site == self.tap(layer - 1, "ffn_in"):
                return "full"
            if entry and site == self.tap(layer, "attention_in"):
                return "half"
        return None

    # --- Runs ---------------------------------------------------------------

    def evaluate(self, text, threads=None):
        """Runs `--eval-tokens`; the executable prints its own errors."""
        with temporary_folder() as folder:
            file = os.path.join(folder, "eval.json")
            args = ["--eval-tokens", text.file, "--json", file,
                    *option("--eval-first", text.first or None),
                    *option("--eval-limit", text.limit),
                    *option("--threads", threads)]
            done = subprocess.run(self.executable.command(args), check=False,
                                  stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL)
            if exit_code(done) != 0:
                raise Reported()
            try:
                with open(file, encoding="utf-8") as results:
                    self.evaluation = json.load(results)
            except (OSError, ValueError):
                raise DejavuError(f"{self.executable.path}: wrote no results"
                                  " of --eval-tokens") from None

    def layer_result(self, layer, key):
        """A number (or list) of the results of one layer, or None."""
        layers = self.evaluation.get("layers", ())
        return layers[layer].get(key) if layer < len(layers) else None


def name_apart(subjects):
    """Where two have the same name, both are called by their paths."""
    names = [subject.executable.path.name for subject in subjects]
    for subject, name in zip(subjects, names):
        if names.count(name) > 1:
            subject.name = str(subject.executable.path)


def same_model(a, b):
    """An error unless both are executables of one model."""
    def identity(subject):
        digest = subject.manifest.get("model", {}).get("digest")
        if digest and a.manifest.get("model", {}).get("digest") \
                and b.manifest.get("model", {}).get("digest"):
            return digest
        return (f"{subject.model}, {len(subject.layers)} layers,"
                f" {subject.manifest['vocab']} ids")

    if identity(a) != identity(b):
        raise DejavuError(
            f"{b.executable.path}: expected an executable of the same model as"
            f" {a.executable.path} ({identity(a)}), found {identity(b)}")


def stream_windows(subject, sites, text, threads=None):
    """The activations at `sites` of the tokens that were evaluated, window by
    window, as stream_activations yields them."""
    count = subject.evaluation["tokens"]
    with temporary_folder() as folder:
        yield from stream_activations(
            subject.executable, sites, text.part(folder, count), count,
            options=option("--threads", threads))
