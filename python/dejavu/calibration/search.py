# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Which candidate each block takes.

The loss of a block's own output says little about the text's: so for each block
one candidate is measured alone, in a compiled program, and gives the price of a
unit of its loss in log-likelihood. Taken as additive, the cheapest setting for a
wanted total is found by one multiplier for bytes against loss; and the total is
corrected by what the whole program is then measured to lose."""

import hashlib
import json
import math

import numpy as np

from dejavu.calibration.write import write_predictors
from dejavu.executable import Executable
from dejavu.output import replacing

# A few thousand tokens tell a price roughly, so it is drawn towards what is
# typical for blocks of its kind: this is the weight of what was measured, in
# the geometric mean of both.
TRUST = 0.7
LEAST_PRICE = 0.3
# Of the block's bytes: less is not worth the time of a predictor.
LEAST_SAVING = 0.1
# Text that nobody has calibrated on loses more than text beside it; more so
# with predictors that were trained there.
MARGIN = {"predicted": 0.6, "threshold": 0.85}
PROBE = {"neuron": 0.03, "kv_group": 0.02}


class Measurer:
    """Compiles settings and evaluates them on held-out tokens. Results are kept
    in a file, so that an interrupted search needs no second run."""

    def __init__(self, model, spool, options, folder):
        self.model, self.options, self.folder = model, options, folder
        held = spool.held_out_tokens().astype(np.int32)
        self.count = len(held)
        self.tokens = folder / "held.npy"
        np.save(self.tokens, held)
        self.known_path = folder / "measured.json"
        self.known = json.loads(self.known_path.read_text("utf-8")) \
            if self.known_path.exists() else {}

    def run(self, setting):
        """The result of `--eval-tokens` for a setting; for the dense program
        without one."""
        file = self.folder / "setting.safetensors"
        if setting is None:
            key, program = "dense", self.model.program.path
        else:
            write_predictors(file, self.model, self.options.look_ahead,
                             self.options.sparsity, setting, {})
            key = hashlib.sha256(file.read_bytes()).hexdigest()
        if key not in self.known:
            if setting is not None:
                program = self.model.compile(
                    "candidate", "--sparsity", self.options.sparsity,
                    "--predictors", file)
            report = self.folder / "report.json"
            executable = Executable(program)
            command = ["--eval-tokens", str(self.tokens), "--json",
                       str(report)]
            self._quietly(executable, command)
            found = json.loads(report.read_text("utf-8"))
            self.known[key] = {
                name: found[name] for name in
                ("nll", "predicted", "perplexity", "bytes_per_token",
                 "bytes_per_token_dense", "mlp_density",
                 "mlp_density_all_layers", "head_density")}
            with replacing(self.known_path) as file:
                json.dump(self.known, file)
        return self.known[key]

    @staticmethod
    def _quietly(executable, command):
        """Runs it; what it prints is in the report, too."""
        for _ in executable.stream(command):
            pass


def nll(result):
    """Mean negative log-likelihood of a token."""
    return result["nll"] / result["predicted"]


def worthwhile(candidates):
    """The plain candidate, and those that save enough."""
    plain, *others = candidates
    most = (1 - LEAST_SAVING) * plain.bytes
    return [plain] + [each for each in others if each.bytes <= most]


class Search:
    """The choice for all blocks of a model."""

    def __init__(self, blocks, measurer, say):
        self.blocks = {key: worthwhile(each) for key, each in blocks.items()}
        self.measurer, self.say = measurer, say
        self.prices = {}

    def plain(self):
        """The setting without any predictor."""
        return {key: each[0] for key, each in self.blocks.items()}

    def learn_prices(self, progress):
        """Measures for each block what its loss costs the text."""
        base = nll(self.measurer.run(None))
        for done, (key, candidates) in enumerate(self.blocks.items()):
            progress(done, len(self.blocks))
            others = [c for c in candidates if not c.is_plain]
            if not others:
                continue
            wanted = PROBE[key[1]]
            probe = min(others, key=lambda c: abs(c.loss - wanted))
            got = nll(self.measurer.run(self.plain() | {key: probe}))
            self.prices[key] = (got - base) / max(probe.loss, 1e-6)
        # Where the sample happens to like a loss, it has a price all the same.
        for unit in PROBE:
            found = {key: price for key, price in self.prices.items()
                     if key[1] == unit}
            if not found:
                continue
            typical = max(float(np.median(list(found.values()))), 1e-4)
            for key, price in found.items():
                price = max(price, LEAST_PRICE * typical)
                self.prices[key] = price ** TRUST * typical ** (1 - TRUST)
        progress(len(self.blocks), len(self.blocks))

    def best(self, budget):
        """The setting of fewest bytes whose losses, by their prices, add up to
        `budget` of log-likelihood at most."""
        def choose(multiplier):
            return {key: min(each, key=lambda c, key=key: c.bytes + multiplier
                             * self.prices.get(key, 0) * c.loss)
                    for key, each in self.blocks.items()}

        def cost(setting):
            return sum(self.prices.get(key, 0) * c.loss
                       for key, c in setting.items())
        low, high = 1.0, 1e15
        for _ in range(80):
            middle = math.sqrt(low * high)
            low, high = (middle, high) if cost(choose(middle)) > budget \
                else (low, middle)
        return choose(high)

    def run(self, quality_loss, progress):
        """(setting, result, dense result): the fewest bytes whose perplexity,
        measured on all held-out tokens, keeps to `quality_loss` with a margin.
        The plain setting if nothing does."""
        dense = self.measurer.run(None)
        margin = MARGIN[self.measurer.options.sparsity]
        allowed = margin * math.log1p(quality_loss)
        chosen, chosen_result, budget = None, None, allowed
        seen = []
        for turn in range(7):
            progress(turn, 7)
            setting = self.best(budget)
            if any(setting == other for _, _, other in seen):
                break  # nothing is in between
            result = self.measurer.run(setting)
            lost = nll(result) - nll(dense)
            seen.append((budget, lost, setting))
            self.say(f"budget {budget:.4f}: perplexity"
                     f" {100 * math.expm1(lost):+.2f} %, bytes"
                     f" {100 * result['bytes_per_token'] / result['bytes_per_token_dense']:.1f} %")
            if lost <= allowed and (
                    chosen is None or result["bytes_per_token"]
                    < chosen_result["bytes_per_token"]):
                chosen, chosen_result = setting, result
            if 0.93 * allowed <= lost <= allowed:
                break
            below = [b for b, l, _ in seen if l <= allowed]
            above = [b for b, l, _ in seen if l > allowed]
            if below and above:
                budget = math.sqrt(max(below) * min(above))
            elif lost > 0:
                budget *= min(max(allowed / lost, 0.25), 3.0) * 0.97
            else:
                budget *= 3.0
        progress(7, 7)
        if chosen is None:
            chosen = self.plain()
            chosen_result = self.measurer.run(chosen)
        return chosen, chosen_result, dense
