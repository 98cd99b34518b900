# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What each block of a model may do: with which predictor and threshold, what a
token then reads of it, and what it loses.

A block is (layer, unit). A candidate has its bytes per token, the share of the
importance that it leaves out (`loss`), and what the file says of it."""

import dataclasses

import numpy as np

from dejavu.calibration import train

NEURON_DENSITIES = tuple(np.geomspace(.01, .9, 50).tolist())
HEAD_DENSITIES = (.2, .3, .4, .5, .55, .6, .65, .7, .75, .8, .84, .88, .91, .94,
                  .96, .98)
# A curve's points, and shares of a token's importance that count as all of it.
MOST = 0.99


@dataclasses.dataclass(eq=False)
class Candidate:
    """One thing that a block may do."""

    bytes: float  # per token, predictor included
    loss: float
    density: float = 1.0
    recall: float = 1.0
    active: float = 1.0
    predictor: tuple = None  # of train.py; nothing without one
    threshold: float = 0.0
    k: int = None
    down_threshold: float = None
    rank: int = None
    curve: list = None

    @property
    def is_plain(self):
        """Whether the block stays as it is without calibration."""
        return self.predictor is None and not self.threshold


def neuron_importance(model, layer, hidden):
    """(activation * length of the row of the down projection) squared."""
    down = model.weight(layer, "down")  # [neurons, features]
    return (hidden * np.sqrt((down * down).sum(1))) ** 2


def active_mask(layer, hidden, importance):
    """Which neurons truly matter: those that are not zero or, where nothing is
    exactly zero, the fewest that have nearly all of the importance."""
    if layer.is_exact:
        return hidden != 0
    order = np.sort(importance, 1)[:, ::-1]
    share = np.cumsum(order, 1)
    count = (share < MOST * share[:, -1:]).sum(1)
    cut = order[np.arange(len(order)), np.minimum(count, order.shape[1] - 1)]
    return importance >= cut[:, None]


def row_bytes(model, layer, unit):
    """Bytes of what is read for one unit: (first, rest), where the rest of a
    neuron is read only if its activation is not zero."""
    size, d = model.element_bytes, model.features
    if unit == "neuron":
        # Biases are f32.
        up, down = size * d + 4, size * d
        return (up, up + down) if layer.gated else (up, down)
    width = layer.head_dim * layer.heads // layer.kv_heads
    queries = width * (size * d + 4) + width * size * d
    if layer.heads == layer.kv_heads:  # keys and values are deferred
        queries += 2 * layer.head_dim * (size * d + 4)
    return queries, 0


def predictor_bytes(predictor):
    """Of one predictor in the file, where signs are bits."""
    if len(predictor) == 2:
        units, features = predictor[0].shape
        return units * ((features + 7) // 8 + 4)
    return sum(part.nbytes for part in predictor)


def selection(scores, density, select):
    """(mask, threshold, k) of the units that are selected at a density."""
    units = scores.shape[1]
    if select == "top_k":
        k = max(1, round(density * units))
        cut = -np.partition(-scores, k - 1, axis=1)[:, k - 1:k]
        return scores >= cut, None, k
    threshold = float(np.quantile(scores[::max(1, len(scores) // 4096)],
                                  1 - density))
    return scores >= threshold, threshold, None


def measure(mask, importance, active):
    """(density, recall, loss) of a selection."""
    total = importance.sum(dtype=np.float64)
    kept = importance[mask].sum(dtype=np.float64)
    truly = active.sum()
    return (float(mask.mean()),
            float((mask & active).sum() / truly) if truly else 1.0,
            float(np.clip(1 - kept / total, 0, 1)) if total else 0.0)


class Builder:
    """Makes the candidates of blocks."""

    def __init__(self, model, spool, options):
        self.model, self.spool, self.options = model, spool, options

    def _trained(self, x, target, importance, price, ranks, signs_of):
        """[(rank, predictor)] by the trainer that was asked for."""
        kinds, trainer = self.options.kind, self.options.trainer
        made = []
        if kinds in ("auto", "low_rank"):
            for rank, start in train.closed_form(x, target, ranks).items():
                if trainer == "logistic":
                    start = train.refine(x, importance,
                                         train.rescale(start, x), price)
                made.append((rank, train.quantized(start)))
        if kinds == "sign_bit" or (kinds == "auto" and signs_of is not None):
            if trainer == "closed-form":
                signs = np.where(signs_of < 0, -1, 1).astype(np.float32)
                made.append((None, (signs, np.zeros(len(signs), np.float32))))
            else:
                full = train.closed_form(x, target, [x.shape[1]])[x.shape[1]]
                made.append((None, train.learn_signs(
                    x, importance, full[1] @ full[0], price)))
        return made

    def _signs_of(self, layer):
        """The projection whose signs predict without training: that of the
        gate or, without one, the up projection, times the norm's scale."""
        name = "gate" if layer.gated else "up"
        weight = self.model.weight(layer, name)
        scale = self.model.weight(layer, "ffn_norm")
        return weight if scale is None else weight * scale

    def _preactivation(self, layer, hidden):
        """What decides which neurons are active, up to a constant for each:
        before the activation, in units of what the neuron contributes
        [tokens, neurons]. It is linear in what the MLP reads, so a linear
        predictor does better on it than on what the activation leaves."""
        down = self.model.weight(layer, "down")
        length = np.sqrt((down * down).sum(1))
        name = f"x{layer.sites['ffn_in']}"
        if name not in self.spool.columns:
            return hidden * length
        return self.spool.read(name) @ (self._signs_of(layer).T * length)

    def neurons(self, layer):
        """Candidates of an MLP, the plain one first."""
        spool, index = self.spool, layer.index
        hidden = spool.read(f"hidden{index}")
        importance = neuron_importance(self.model, layer, hidden)
        held_hidden = spool.read(f"hidden{index}", held_out=True)
        held = neuron_importance(self.model, layer, held_hidden)
        active = active_mask(layer, held_hidden, held)
        first, rest = row_bytes(self.model, layer, "neuron")
        units = layer.neurons
        share = float((held_hidden != 0).mean()) if layer.is_exact else 1.0
        plain = Candidate(units * (first + share * rest), 0.0, density=share,
                          active=float(active.mean()))
        site = self.model.site(index, "neuron", self.options.look_ahead)
        if site < 0 or self.options.units == "heads":
            return [plain]
        x = spool.read(f"x{site}")
        held_x = spool.read(f"x{site}", held_out=True)
        target = self._preactivation(layer, hidden)
        price = max(1 / units, 1e-4)
        made = self._trained(x, target, importance, price,
                             self.options.ranks(self.model.features),
                             self._signs_of(layer))
        candidates = [plain]
        for rank, predictor in made:
            scores = train.scores(predictor, held_x)
            points = []
            for density in self.options.densities or NEURON_DENSITIES:
                mask, threshold, k = selection(scores, density,
                                               self.options.select)
                got, recall, loss = measure(mask, held, active)
                used = float((mask & (held_hidden != 0)).mean()) \
                    if layer.is_exact else got
                points.append(Candidate(
                    units * (got * first + used * rest)
                    + predictor_bytes(predictor), loss, got, recall,
                    float(active.mean()), predictor, threshold, k, rank=rank))
            self._add_curve(points)
            candidates += points
        return candidates

    def heads(self, layer):
        """Candidates of an attention, the plain one first."""
        spool, index = self.spool, layer.index
        each, _ = row_bytes(self.model, layer, "kv_group")
        units = layer.kv_heads
        plain = Candidate(units * each, 0.0)
        site = self.model.site(index, "kv_group", self.options.look_ahead)
        if site < 0 or f"heads{index}" not in spool.columns or units < 2 \
                or self.options.units == "neurons":
            return [plain]
        importance = spool.read(f"heads{index}") ** 2
        held = spool.read(f"heads{index}", held_out=True) ** 2
        x = spool.read(f"x{site}")
        held_x = spool.read(f"x{site}", held_out=True)
        target = np.log(importance + 0.01 * importance.mean() + 1e-12)
        rank = min(units, 8)
        predictor = train.closed_form(x, target, [rank])[rank]
        if self.options.trainer == "logistic":
            price = np.float32(0.02)
            first, second, bias = predictor
            level = np.log(price * importance.sum(1).mean() + 1e-12)
            predictor = train.refine(
                x, np.minimum(importance, 4 * importance.sum(1).mean()),
                (first, second, bias - np.float32(level)), price)
        predictor = train.quantized(predictor)
        scores = train.scores(predictor, held_x)
        # All heads matter; recall is the share of the importance.
        points = []
        for density in self.options.head_densities or HEAD_DENSITIES:
            mask, threshold, k = selection(scores, density,
                                           self.options.select)
            got, _, loss = measure(mask, held, np.ones_like(mask))
            points.append(Candidate(
                units * got * each + predictor_bytes(predictor), loss, got,
                1 - loss, 1.0, predictor, threshold, k, rank=rank))
        self._add_curve(points)
        return [plain] + points

    @staticmethod
    def _add_curve(points):
        curve = [[p.threshold if p.k is None else p.k, p.density, p.recall,
                  p.loss] for p in points]
        for point in points:
            point.curve = curve

    def thresholds(self, layer):
        """Candidates of an MLP that leaves out small activations."""
        spool, index = self.spool, layer.index
        held_hidden = spool.read(f"hidden{index}", held_out=True)
        held = neuron_importance(self.model, layer, held_hidden)
        first, rest = row_bytes(self.model, layer, "neuron")
        units = layer.neurons
        active = active_mask(layer, held_hidden, held)
        candidates = [Candidate(units * (first + rest), 0.0,
                                active=float(active.mean()))]
        gate = spool.read(f"gate{index}", held_out=True) if layer.gated \
            else held_hidden
        size = np.abs(gate)
        up = first if layer.gated else 0  # what the gate's set saves besides
        for density in np.arange(0.95, 0.02, -0.025):
            threshold = float(np.quantile(size[::4], 1 - density))
            mask = size >= threshold
            got, recall, loss = measure(mask, held, active)
            candidates.append(Candidate(
                units * (first + got * rest), loss, got, recall,
                float(active.mean()), threshold=threshold))
            if not layer.gated:
                continue
            # Of those that are left, the rows of the down projection.
            product = np.abs(held_hidden) * mask
            for more in (0.1, 0.2, 0.3, 0.4):
                if got - more <= 0.02:
                    continue
                cut = float(np.quantile(product[::4], 1 - (got - more)))
                both = mask & (product >= cut)
                used, recall, loss = measure(both, held, active)
                candidates.append(Candidate(
                    units * (first + got * up + used * (rest - up)), loss, got,
                    recall, float(active.mean()), threshold=threshold,
                    down_threshold=cut))
        self._add_curve(candidates[1:])
        return candidates
