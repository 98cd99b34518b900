# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The compiled dense model, as calibration sees it."""

import dataclasses
import pathlib
import subprocess
import sys

import numpy as np
from safetensors import safe_open

from dejavu.errors import DejavuError, Reported
from dejavu.executable import Executable, find_tool

EXACT = ("relu", "relu2")


@dataclasses.dataclass(frozen=True)
class Layer:
    """One layer: sizes, tap sites (-1 where there is none), weights' names."""

    index: int
    neurons: int  # 0 without an MLP
    activation: str
    gated: bool
    heads: int
    kv_heads: int
    head_dim: int
    sites: dict
    weights: dict

    @property
    def is_exact(self):
        """Whether inactive neurons are exactly zero."""
        return self.activation in EXACT


class Model:
    """A dense program of the model, compiled into `folder`."""

    def __init__(self, source, folder, max_context=None):
        self.source, self.folder = pathlib.Path(source), folder
        self.flags = [] if max_context is None \
            else ["--max-context", str(max_context)]
        path = self.compile("dense", "--sparsity", "dense")
        self.program = Executable(path)
        self.manifest = self.program.manifest
        self.program.require_decoder("dejavu calibrate")
        self.context = self.program.context
        self.features = self.manifest["hidden"]
        self.layers = [self._layer(i) for i in
                       range(len(self.manifest["layers"]))]
        self.tensors = safe_open(f"{path}.safetensors", framework="numpy")
        self.element_bytes = {"f32": 4, "f16": 2, "bf16": 2}[
            self.manifest["weights_dtype"]]

    def compile(self, name, *flags):
        """Compiles the model as `name`; the path."""
        path = self.folder / name
        done = subprocess.run(
            [find_tool("dejavu-compile"), str(self.source), "-o", str(path),
             *self.flags, *map(str, flags)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False)
        if done.returncode != 0:
            errors = [line for line in done.stderr.splitlines()
                      if line.startswith(("error:", "note:"))]
            if not errors:
                raise DejavuError(f"{self.source}: dejavu-compile failed:"
                                  f" {done.stderr.strip()[-200:]}")
            print("\n".join(errors), file=sys.stderr)
            raise Reported()
        return path

    def _layer(self, index):
        block = self.manifest["layers"][index]
        mlp = block.get("mlp") or {}
        attention = block["attention"]
        return Layer(index, mlp.get("neurons", 0), mlp.get("activation", ""),
                     mlp.get("gated", False), attention["heads"],
                     attention["kv_heads"], attention["head_dim"],
                     self.manifest["look_ahead"]["layers"][index],
                     block.get("weights", {}))

    def site(self, layer, unit, look_ahead):
        """The tap site where a predictor for that block reads; -1 if there is
        none. docs/Predictors.md has the table."""
        sites = [each.sites for each in self.layers]
        if look_ahead == "full":
            return sites[layer - 1]["ffn_in"] if layer else \
                sites[0]["attention_in"]
        if look_ahead == "same" and unit == "neuron":
            return sites[layer]["ffn_in"]
        return sites[layer]["attention_in"]

    def weight(self, layer, name):
        """A weight of a layer in f32; nothing if there is none."""
        key = layer.weights.get(name)
        if key is None:
            return None
        return self.tensors.get_tensor(key).astype(np.float32)
