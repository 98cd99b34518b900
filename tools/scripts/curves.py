# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Quality against density for every kind of predictor, each really calibrated,
compiled and evaluated: docs/benchmarks/curves-*.json.

    .venv/bin/python tools/scripts/curves.py -o docs/benchmarks/curves.json

The first half of the model's tokens.npy calibrates, the beginning of the second
half evaluates. Activations are streamed once for each look-ahead. For models
whose inactive neurons are not exactly zero, thresholds are searched for several
losses of quality instead."""

import argparse
import datetime
import json
import pathlib
import subprocess
import tempfile

import numpy as np

from bench import cpu_name
from dejavu.calibration.blocks import Builder
from dejavu.calibration.command import Options, fixed, make_blocks
from dejavu.calibration.model import Model
from dejavu.calibration.search import Measurer, Search, nll
from dejavu.calibration.spool import HELD_OUT_SHARE, Spool

ROOT = pathlib.Path(__file__).resolve().parents[2]
DENSITIES = (0.05, 0.10, 0.20)
HEADS = (0.5, 0.7, 0.85, 0.95)
RANKS = (64, 32, 128)
LOSSES = (0.003, 0.01, 0.03)
THRESHOLD_LOSSES = (0.003, 0.01, 0.03, 0.1, 0.3)


class Evaluator(Measurer):
    """Measures on the tokens behind those of calibration."""

    def __init__(self, model, spool, options, folder, tokens):
        folder = folder / "evaluation"
        folder.mkdir(exist_ok=True)
        super().__init__(model, spool, options, folder)
        np.save(self.tokens, tokens.astype(np.int32))
        self.count = len(tokens)


class Curves:
    """All points of one model."""

    def __init__(self, model, tokens, folder, count):
        self.model, self.folder = model, folder
        half = len(tokens) // 2
        self.first, self.second = tokens[:half], tokens[half:half + count]
        self.spools, self.points = {}, []
        is_exact = all(layer.is_exact for layer in model.layers)
        self.sparsity = "predicted" if is_exact else "threshold"

    def spool(self, look_ahead):
        """The activations for a look-ahead."""
        if look_ahead not in self.spools:
            folder = self.folder / look_ahead
            folder.mkdir()
            spool = Spool(self.model, self.first, look_ahead, folder,
                          HELD_OUT_SHARE[self.sparsity])
            spool.collect(lambda *_: None)
            self.spools[look_ahead] = spool
        return self.spools[look_ahead]

    def evaluator(self, spool, options):
        return Evaluator(self.model, spool, options, spool.folder,
                         self.second)

    def add(self, kind, result, dense, **more):
        """One point; printed as it is made, so that an interrupted run leaves
        what it has."""
        point = {"kind": kind, **more,
                 "perplexity": round(result["perplexity"], 5),
                 "perplexity_change": round(
                     float(np.expm1(nll(result) - nll(dense))), 6),
                 **{key: round(result[key], 6) for key in
                    ("mlp_density", "mlp_density_all_layers", "head_density",
                     "bytes_per_token")},
                 "bytes_share": round(result["bytes_per_token"]
                                      / result["bytes_per_token_dense"], 5)}
        self.points.append(point)
        print(json.dumps(point), flush=True)

    def fixed(self, kind, options, densities, head_densities=()):
        """Points of one kind at fixed densities; each predictor is trained
        once."""
        spool = self.spool(options.look_ahead)
        options.densities = list(densities)
        options.head_densities = list(head_densities)
        builder = Builder(self.model, spool, options)
        blocks = {}
        for layer in self.model.layers:
            blocks[layer.index, "neuron"] = builder.neurons(layer)
            blocks[layer.index, "kv_group"] = builder.heads(layer)
        measurer = self.evaluator(spool, options)
        dense = measurer.run(None)
        for number, density in enumerate(densities or head_densities):
            chosen = {}
            for key, candidates in blocks.items():
                others = [c for c in candidates if not c.is_plain]
                at = len(densities or head_densities)
                chosen[key] = candidates[:1] + [
                    c for i, c in enumerate(others) if i % at == number]
            self.add(kind, measurer.run(fixed(chosen, options)), dense,
                     look_ahead=options.look_ahead, rank=options.rank,
                     trainer=options.trainer, select=options.select,
                     density=density)

    def searched(self, losses):
        """The defaults, at several losses of quality."""
        options = Options(sparsity=self.sparsity)
        spool = self.spool(options.look_ahead)
        blocks = make_blocks(self.model, spool, options, spool.folder,
                             lambda *_: None)
        held = Measurer(self.model, spool, options, spool.folder)
        search = Search(blocks, held, print)
        search.learn_prices(lambda *_: None)
        settings = {}
        for loss in losses:
            settings[loss], _, _ = search.run(loss, lambda *_: None)
        measurer = self.evaluator(spool, options)
        dense = measurer.run(None)
        for loss, setting in settings.items():
            where = {"look_ahead": options.look_ahead} \
                if self.sparsity == "predicted" else {}
            self.add("searched", measurer.run(setting), dense, **where,
                     quality_loss=loss)

    def thresholds(self):
        """What thresholds of activations cost."""
        measurer = self.evaluator(self.spool("full"),
                                  Options(sparsity="threshold"))
        dense = measurer.run(None)
        self.add("dense", dense, dense)
        self.searched(THRESHOLD_LOSSES)

    def predicted(self):
        """What each kind of predictor costs."""
        neurons = {"sparsity": "predicted", "units": "neurons"}
        exact = self.model.compile("exact")
        measurer = self.evaluator(self.spool("full"), Options(**neurons))
        dense = measurer.run(None)
        report = self.folder / "exact.json"
        subprocess.run([exact, "--eval-tokens", measurer.tokens, "--json",
                        report], check=True, stdout=subprocess.DEVNULL)
        self.add("dense", dense, dense)
        self.add("exact", json.loads(report.read_text("utf-8")), dense)
        self.searched(LOSSES)
        trainers = ("logistic", "closed-form")
        for look_ahead in ("full", "same", "half"):
            for rank in RANKS:
                for trainer in trainers:
                    self.fixed("low_rank", Options(
                        look_ahead=look_ahead, rank=rank, trainer=trainer,
                        kind="low_rank", **neurons), DENSITIES)
        self.fixed("low_rank", Options(rank=RANKS[0], kind="low_rank",
                                       select="top_k", **neurons), DENSITIES)
        for trainer in trainers:
            self.fixed("sign_bit", Options(trainer=trainer, kind="sign_bit",
                                           **neurons), DENSITIES)
            self.fixed("heads", Options(sparsity="predicted", units="heads",
                                        trainer=trainer), (), HEADS)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--model", default=str(ROOT
                                               / "build/models/opt-docs-7m"))
    parser.add_argument("--count", type=int, default=32768,
                        help="tokens to evaluate on")
    args = parser.parse_args()
    tokens = np.load(pathlib.Path(args.model) / "tokens.npy")
    with tempfile.TemporaryDirectory(prefix="dejavu-curves-") as folder:
        folder = pathlib.Path(folder)
        model = Model(args.model, folder)
        curves = Curves(model, tokens, folder, args.count)
        if curves.sparsity == "predicted":
            curves.predicted()
        else:
            curves.thresholds()
        result = {"model": model.manifest["model"]["name"],
                  "date": datetime.datetime.now(datetime.timezone.utc)
                  .isoformat(timespec="seconds"), "cpu": cpu_name(),
                  "calibration_tokens": len(curves.first),
                  "evaluation_tokens": int(len(curves.second)),
                  "points": curves.points}
    text = json.dumps(result, separators=(",", ":"))
    pathlib.Path(args.output).write_text(text.replace("},{", "},\n{") + "\n",
                                         "utf-8")


if __name__ == "__main__":
    main()
