# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Activations of a text, streamed from the dense program into files.

For each token: the normalised input of each predictor, the hidden layer of each
MLP (and its gate), and how much each group of heads contributes. Only a window
is in memory. Files are written window by window, and a note says how many are
done, so that an interrupted run goes on where it was."""

import json
import os
import subprocess

import numpy as np

from dejavu.errors import DejavuError
from dejavu.executable import exit_code

EPSILON = 1e-5
# Beyond this, only the first windows are kept: training needs no more.
MOST_BYTES = 6 << 30
MOST_HELD_OUT = 2048


def normalize(x):
    """Rows of x [tokens, features] with mean 0 and variance 1: what a predictor
    reads."""
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred * centred).mean(-1, keepdims=True)
                             + EPSILON)


class Spool:
    """The files of one calibration. `collect` fills them."""

    def __init__(self, model, tokens, look_ahead, folder):
        self.model, self.tokens, self.folder = model, tokens, folder
        self.look_ahead = look_ahead
        self.columns = {}  # name -> (site, width)
        for layer in model.layers:
            for unit in ("neuron", "kv_group"):
                site = model.site(layer.index, unit, look_ahead)
                if site >= 0:
                    self.columns[f"x{site}"] = (site, model.width(site))
            # What the MLP itself reads: targets are made of it.
            site = layer.sites["ffn_in"]
            if site >= 0:
                self.columns[f"x{site}"] = (site, model.width(site))
            for name in ("hidden", "gate"):
                site = layer.sites[name]
                if site >= 0:
                    self.columns[f"{name}{layer.index}"] = (site,
                                                            layer.neurons)
            site = layer.sites["attention_out"]
            if site >= 0 and "output" in layer.weights:
                self.columns[f"heads{layer.index}"] = (site, layer.kv_heads)
        per_token = 2 * sum(width for _, width in self.columns.values())
        windows = len(tokens) // model.context
        self.windows = max(2, min(windows, MOST_BYTES
                                  // (per_token * model.context)))
        self.count = self.windows * model.context
        # The last eighth is held out: curves and the search use it.
        self.held_windows = max(1, self.windows // 8)
        self.train_count = (self.windows - self.held_windows) * model.context

    def collect(self, progress):
        """Runs the text through the program, from where the last run ended."""
        files = {name: self._open(name, width)
                 for name, (_, width) in self.columns.items()}
        note = self.folder / "windows.json"
        done = json.loads(note.read_text("utf-8")) if note.exists() else 0
        if done >= self.windows:
            return
        sites = sorted({site for site, _ in self.columns.values()})
        context = self.model.context
        path = self.folder / "tokens.npy"
        np.save(path, self.tokens[:self.count].astype(np.int32))
        command = self.model.program.command(
            ["--activations", str(path), "--sites", ",".join(map(str, sites)),
             "--first-window", str(done)])
        with subprocess.Popen(command, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE) as process:
            try:
                for window in range(done, self.windows):
                    rows = slice(window * context, (window + 1) * context)
                    taken = {}
                    for site in sites:
                        width = self.model.width(site)
                        raw = process.stdout.read(4 * context * width)
                        if len(raw) != 4 * context * width:
                            exit_code(process)
                            raise DejavuError(
                                f"{self.model.program.path}: wrote"
                                f" {len(raw)} bytes for site {site} of window"
                                f" {window}, expected {4 * context * width}")
                        taken[site] = np.frombuffer(raw, np.float32).reshape(
                            context, width)
                    self._store(files, taken, rows)
                    if window % 8 == 7 or window + 1 == self.windows:
                        for file in files.values():
                            file.flush()
                        temporary = note.with_suffix(".tmp")
                        temporary.write_text(str(window + 1), "utf-8")
                        os.replace(temporary, note)
                    progress(window + 1, self.windows)
            finally:
                if process.poll() is None:
                    process.kill()

    def _open(self, name, width):
        path = self.folder / f"{name}.f16"
        shape = (self.count, width)
        fresh = not path.exists() or path.stat().st_size != 2 * self.count \
            * width
        return np.memmap(path, np.float16, "w+" if fresh else "r+",
                         shape=shape)

    def _store(self, files, taken, rows):
        for name, (site, _) in self.columns.items():
            value = taken[site]
            if not np.isfinite(value).all():
                raise DejavuError(f"{self.model.source}: the model computes"
                                  f" values that are not finite (site {site})")
            if name.startswith("x"):
                value = normalize(value)
            elif name.startswith("heads"):
                value = self._contributions(int(name[5:]), value)
            limit = np.finfo(np.float16).max
            files[name][rows] = np.clip(value, -limit, limit)

    def _contributions(self, index, value):
        """The norm of what each group of heads adds to the residual stream,
        [tokens, kv_heads]."""
        layer = self.model.layers[index]
        output = self.model.weight(layer, "output")  # [features, heads * dim]
        size = value.shape[1] // layer.kv_heads
        return np.stack(
            [np.sqrt(((value[:, g * size:(g + 1) * size]
                       @ output[:, g * size:(g + 1) * size].T) ** 2).sum(1))
             for g in range(layer.kv_heads)], 1)

    def read(self, name, held_out=False):
        """A column in f32: of the tokens to train on, or of those held out, of
        which an even choice makes the curves."""
        data = np.memmap(self.folder / f"{name}.f16", np.float16, "r",
                         shape=(self.count, self.columns[name][1]))
        part = slice(self.train_count, None) if held_out \
            else slice(0, self.train_count)
        data = data[part]
        if held_out:
            data = data[::max(1, len(data) // MOST_HELD_OUT)]
        return data.astype(np.float32)

    def held_out_tokens(self):
        """The ids that were held out."""
        return self.tokens[self.train_count:self.count]
