# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The arithmetic of the report on activations: what a predictor chooses, what
is truly active, and how little the residual stream turns.

Every measurement is a sum over tokens, so windows are added one after another,
and of each only blocks of a few tokens are blown up."""

import functools
import math

import numpy as np

from dejavu.activations import layer_norm
from dejavu.report.tensors import Tensors

BLOCK = 256  # tokens


def blocks(*arrays):
    """The same rows of all arrays, a few at a time."""
    for first in range(0, len(arrays[0]), BLOCK):
        yield [array[first:first + BLOCK] for array in arrays]


# --- Predictors -------------------------------------------------------------

class LowRank:
    """score = ((LN0(x) first^T) second) * scale + bias"""

    kind = property(lambda self: f"low rank {len(self.first)}")

    def __init__(self, first, second, scale, bias):
        self.first, self.second = first, second
        self.scale, self.bias = scale, bias

    def scores(self, x):
        """[tokens, units]"""
        return layer_norm(x) @ self.first.T @ self.second * self.scale \
            + self.bias


class SignBit:
    """score_i = features - 2 popcount(signs_i xor sign(LN0(x))) + bias_i,
    which is a product of signs. Column i of `signs` has those of unit i."""

    kind = "sign bits"

    def __init__(self, signs, features, bias):
        bits = np.unpackbits(signs.view(np.uint8), axis=0, count=features,
                             bitorder="little")
        self.signs, self.bias = signs_of(bits), bias

    def scores(self, x):
        """[tokens, units]"""
        return signs_of(layer_norm(x) < 0) @ self.signs + self.bias


class Magnitude:
    """score = |x|, of what thresholds are compared with"""

    kind = "magnitude"

    def scores(self, x):
        """[tokens, units]"""
        return np.abs(x)


def signs_of(bits):
    """-1 where there is a bit, else 1."""
    return np.where(bits, np.float32(-1), np.float32(1))


def chosen(scores, entry):
    """The units that are selected, as bools [tokens, units]."""
    if entry["select"] == "threshold":
        return scores >= np.float32(entry["threshold"])
    # Of equal scores the smaller index comes first.
    best = np.argsort(-scores, axis=-1, kind="stable")[:, :entry["k"]]
    result = np.zeros(scores.shape, bool)
    np.put_along_axis(result, best, True, -1)
    return result


def load_predictor(entry, units, features, tensors):
    """The predictor that an entry of the manifest describes. `tensors` is
    called if there are tensors to read."""
    if entry["kind"] == "magnitude":
        return Magnitude()
    tensors = tensors()
    bias = tensors.get(entry["bias"], (units,)) if entry.get("bias") \
        else np.zeros(units, np.float32)
    # An executable has the units in columns.
    if entry["kind"] == "sign_bit":
        signs = tensors.get(entry["signs"], (-(-features // 8), units))
        return SignBit(signs, features, bias)
    rank = tensors.entries.get(entry["first"], {}).get("shape", [0])[0]
    return LowRank(tensors.get(entry["first"], (rank, features)),
                   tensors.get(entry["second"], (rank, units)),
                   tensors.get(entry["scale"], (units,))
                   if entry.get("scale") else np.float32(1), bias)


# --- Measurements -----------------------------------------------------------

class Chosen:
    """What one layer's predictor chooses, against what matters there. Each
    unit of each token has a weight; where units can be inactive, their weight
    is 0. `recall` counts units, `energy` their weights."""

    def __init__(self, entry, predictor, sites, weights):
        self.entry, self.predictor = entry, predictor
        self.sites, self.weights = sites, weights
        self.units = self.selected = self.active = self.hit = 0
        self.energy_all = self.energy_hit = 0.0

    def add(self, x, values):
        """Activations at the predictor's site, and those of the units."""
        for some, of_units in blocks(x, values):
            weights = self.weights(of_units)
            picks = chosen(self.predictor.scores(some), self.entry)
            active = weights != 0
            self.units += picks.size
            self.selected += int(picks.sum())
            self.active += int(active.sum())
            self.hit += int((picks & active).sum())
            self.energy_all += float(weights.sum(dtype=np.float64))
            self.energy_hit += float(weights.sum(dtype=np.float64,
                                                 where=picks))

    density = property(lambda self: ratio(self.selected, self.units))
    true_density = property(lambda self: ratio(self.active, self.units))
    recall = property(lambda self: ratio(self.hit, self.active))
    energy = property(lambda self: ratio(self.energy_hit, self.energy_all))


class Active:
    """What is truly active in a layer that has no predictor."""

    def __init__(self, site):
        self.sites = (site,)
        self.units = self.active = 0

    def add(self, hidden):
        """The activations that the down projection multiplies."""
        self.units += hidden.size
        self.active += int(np.count_nonzero(hidden))

    true_density = property(lambda self: ratio(self.active, self.units))
    density = recall = energy = None


class Cosine:
    """Of the residual stream at two places: mean and deviation over tokens.
    Tokens where one of both is zero have no angle, and don't count."""

    def __init__(self, before, after):
        self.sites = (before, after)
        self.count, self.total, self.squares = 0, 0.0, 0.0

    def add(self, a, b):
        """The residual stream at the two places."""
        for x, y in blocks(a, b):
            x, y = x.astype(np.float64), y.astype(np.float64)
            norms = np.linalg.norm(x, axis=-1) * np.linalg.norm(y, axis=-1)
            there = norms > 0
            cosines = (x * y).sum(-1)[there] / norms[there]
            self.count += len(cosines)
            self.total += float(cosines.sum())
            self.squares += float(np.square(cosines).sum())

    mean = property(lambda self: ratio(self.total, self.count))

    @property
    def deviation(self):
        """The standard deviation."""
        if not self.count:
            return None
        return math.sqrt(max(self.squares / self.count - self.mean ** 2, 0))


def ratio(part, whole):
    """part / whole; None of nothing."""
    return part / whole if whole else None


def energy_of_neurons(hidden):
    """Weights of neurons: squared activations. In double precision, since in
    single the squares of small ones are 0, and so would be inactive."""
    return np.square(hidden, dtype=np.float64)


def energy_of_groups(groups):
    """Weights of kv groups: the squared norm of what their query heads put
    out, which is [tokens, heads * head_dim] head-major."""
    def energy(outputs):
        squares = np.square(outputs, dtype=np.float64)
        return squares.reshape(len(outputs), groups, -1).sum(-1)

    return energy


class Measurements:
    """All that is measured of a program. For each layer: `neurons` (Chosen,
    Active or None), `groups` (Chosen or None), and the Cosine of the input of
    the FFN norm with the residual stream half a layer (`half`) or a whole one
    (`full`) before; None where the program has no such place."""

    def __init__(self, subject):
        self.subject = subject
        layers = range(len(subject.layers))
        self.half = [self._cosine((layer, "attention_in"), (layer, "ffn_in"))
                     for layer in layers]
        self.full = [self._cosine((layer - 1, "ffn_in"), (layer, "ffn_in"))
                     for layer in layers]
        self.neurons = [self._neurons(layer) for layer in layers]
        self.groups = [self._groups(layer) for layer in layers]
        # Layer by layer, so that few arrays are needed at a time.
        self.parts = [
            part for parts in zip(self.half, self.full, self.groups,
                                  self.neurons)
            for part in parts if part is not None]
        self.sites = list(dict.fromkeys(
            site for part in self.parts for site in part.sites))

    @functools.cached_property
    def tensors(self):
        """The file is opened only if there are predictors."""
        return Tensors(self.subject.weights_file())

    def _site(self, layer, name):
        return self.subject.tap(layer, name) if layer >= 0 else None

    def _cosine(self, before, after):
        sites = self._site(*before), self._site(*after)
        return None if None in sites else Cosine(*sites)

    def _neurons(self, layer):
        hidden = self._site(layer, "hidden")
        mlp = self.subject.layers[layer].get("mlp")
        if hidden is None or mlp is None:
            return None
        return self._chosen(layer, "neuron", mlp["neurons"], hidden,
                            energy_of_neurons) or Active(hidden)

    def _groups(self, layer):
        outputs = self._site(layer, "attention_out")
        groups = self.subject.layers[layer]["attention"]["kv_heads"]
        return None if outputs is None else self._chosen(
            layer, "kv_group", groups, outputs, energy_of_groups(groups))

    def _chosen(self, layer, unit, units, values, weights):
        entry = self.subject.predictor(layer, unit)
        if entry is None or entry["site"] < 0:
            return None
        features = self.subject.executable.site_width(entry["site"])
        predictor = load_predictor(entry, units, features,
                                   lambda: self.tensors)
        return Chosen(entry, predictor, (entry["site"], values), weights)


def feed(parts, sites, windows):
    """Adds all windows to all parts. An array is let go as soon as no part
    waits for it."""
    place = {site: i for i, site in enumerate(sites)}
    due = [[] for _ in sites]
    last = dict(place)
    for part in parts:
        when = max(place[site] for site in part.sites)
        due[when].append(part)
        for site in part.sites:
            last[site] = max(last[site], when)
    for window in windows:
        held = {}
        for i, array in enumerate(window):
            held[sites[i]] = array
            del array
            for part in due[i]:
                part.add(*(held[site] for site in part.sites))
            for site in [s for s in held if last[s] <= i]:
                del held[site]
