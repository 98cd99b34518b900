# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Activations of a text, streamed from the dense program into files.

For each token: the normalised input of each predictor, the hidden layer of each
MLP (and its gate), and how much each group of heads contributes. Only a window
is in memory. Files are written window by window, and a note says how many are
done, so that an interrupted run goes on where it was."""

import contextlib
import json

import numpy as np

from dejavu.activations import layer_norm, stream_activations
from dejavu.errors import DejavuError
from dejavu.output import replacing

# Beyond this, only the first windows are kept: training needs no more.
MOST_BYTES = 6 << 30
MOST_HELD_OUT = 2048
AT_ONCE = 8192  # tokens that are converted
# Held out are this many windows in a row, again and again through the text: one
# stretch says little about another.
HELD_RUN = 2
# One of so many windows. Thresholds are not trained, so more of the text may
# judge them.
HELD_OUT_SHARE = {"predicted": 8, "threshold": 4}


def held_windows(windows, share):
    """Which of `windows` are held out, one of `share`: bools."""
    held = np.zeros(windows, bool)
    period = HELD_RUN * share
    if windows < period:
        held[-max(1, windows // share):] = True
    else:
        held[np.arange(windows) % period >= period - HELD_RUN] = True
    return held


class Spool:
    """The files of one calibration. `collect` fills them."""

    def __init__(self, model, tokens, look_ahead, folder, share):
        """One of `share` windows is held out: curves and the search use it."""
        self.model, self.tokens, self.folder = model, tokens, folder
        self.look_ahead = look_ahead
        width = model.program.site_width
        self.columns = {}  # name -> (site, width)
        for layer in model.layers:
            # What predictors read, and what the MLP itself does: targets are
            # made of it.
            for site in (model.site(layer.index, "neuron", look_ahead),
                         model.site(layer.index, "kv_group", look_ahead),
                         layer.sites["ffn_in"]):
                if site >= 0:
                    self.columns[f"x{site}"] = (site, width(site))
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
        self.is_held = np.repeat(held_windows(self.windows, share),
                                 model.context)

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
        with contextlib.closing(stream_activations(
                self.model.program, sites, path, self.count,
                first_window=done)) as windows:
            for window, arrays in enumerate(windows, done):
                rows = slice(window * context, (window + 1) * context)
                self._store(files, dict(zip(sites, arrays)), rows)
                if window % 8 == 7 or window + 1 == self.windows:
                    for file in files.values():
                        file.flush()
                    with replacing(note) as text:
                        text.write(str(window + 1))
                progress(window + 1, self.windows)

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
                value = layer_norm(value)
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
        rows = np.flatnonzero(self.is_held == held_out)
        if held_out:
            rows = rows[::max(1, len(rows) // MOST_HELD_OUT)]
        result = np.empty((len(rows), data.shape[1]), np.float32)
        for at in range(0, len(rows), AT_ONCE):
            result[at:at + AT_ONCE] = data[rows[at:at + AT_ONCE]]
        return result

    def held_out_tokens(self):
        """The ids that were held out."""
        return self.tokens[:self.count][self.is_held]
