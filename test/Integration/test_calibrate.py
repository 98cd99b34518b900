# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`dejavu calibrate`: trainers on data whose answer is known, and the command
on the models of the repository."""

import json
import os
import signal
import subprocess
import time

import numpy as np
import pytest
import safetensors
import safetensors.numpy

from conftest import DOCS, GATED, MODELS, ROOT, fail, run, succeed, tool
from dejavu.activations import layer_norm
from dejavu.calibration import train
from dejavu.calibration.blocks import Candidate, measure, selection
from dejavu.calibration.search import LEAST_SAVING, worthwhile
from dejavu.calibration.spool import held_windows

DEJAVU = ROOT / ".venv/bin/dejavu"
TOKENS = MODELS / DOCS / "tokens.npy"
# A few windows: what is tested here is not quality.
SMALL = ("--limit", 6 * 512, "--rank", 8, "--kind", "low_rank")


# --- Trainers ---------------------------------------------------------------

def planted(rank=3, tokens=4000, features=24, units=40, seed=0):
    """x, and a target that is linear in it, of a low rank."""
    random = np.random.default_rng(seed)
    x = layer_norm(random.standard_normal((tokens, features))
                   * np.linspace(0.2, 3, features)).astype(np.float32)
    first = random.standard_normal((rank, features))
    second = random.standard_normal((units, rank))
    bias = random.standard_normal(units)
    return x, (x @ first.T @ second.T + bias).astype(np.float32)


def test_the_closed_form_finds_what_is_of_its_rank():
    x, target = planted(rank=3)
    found = train.closed_form(x, target, [2, 3, 24])
    errors = {rank: np.abs(train.scores(p, x) - target).max()
              for rank, p in found.items()}
    scale = np.abs(target).max()
    assert errors[3] < 1e-2 * scale and errors[24] < 1e-2 * scale
    assert errors[2] > 0.1 * scale
    assert [len(p[0]) for p in found.values()] == [2, 3, 24]


def test_ranks_are_nested_and_errors_fall():
    x, target = planted(rank=10)
    found = train.closed_form(x, target, [1, 4, 8])
    np.testing.assert_allclose(found[4][0], found[8][0][:4], rtol=1e-5)
    np.testing.assert_allclose(found[4][1], found[8][1][:, :4], rtol=1e-5)
    errors = [((train.scores(p, x) - target) ** 2).mean()
              for p in found.values()]
    assert errors[0] > errors[1] > errors[2]


def test_integers_score_as_the_factors_do():
    """Whatever the lengths of the factors' rows: both have scales."""
    x, target = planted(rank=3)
    first, second, bias = train.closed_form(x, target, [3])[3]
    rows = np.array([1e-3, 1.0, 1e3], np.float32)
    first, second = first * rows[:, None], second / rows
    second[7] = 0  # a unit that nothing predicts
    found = train.quantized((first, second, bias))
    assert [part.dtype for part in found] == [np.int8] * 2 + [np.float32] * 2
    assert all(np.abs(part.astype(int)).max() == 127 for part in found[:2])
    exact = train.scores((first, second, bias), x)
    error = np.abs(train.scores(found, x) - exact).max(0)
    assert (error <= 0.03 * np.abs(exact - bias).max(0)).all()


def relu_importance(seed=1):
    """x, and importances of units that a rank of 4 cannot tell exactly: few
    are active, and a fixed share of them is not what a token needs."""
    x, target = planted(rank=12, units=60, seed=seed)
    spread = target.std(0)
    return x, np.maximum((target - target.mean(0)) / spread - 1.3, 0) ** 2


def lost(predictor, x, importance, density=0.2):
    mask, _, _ = selection(train.scores(predictor, x), density, "threshold")
    return measure(mask, importance, importance > 0)[2]


def test_refinement_loses_less():
    x, importance = relu_importance()
    start = train.closed_form(x, np.sqrt(importance), [4])[4]
    refined = train.refine(x, importance, train.rescale(start, x), 1 / 60,
                           epochs=20)
    assert lost(refined, x, importance) < 0.9 * lost(start, x, importance)


def test_refinement_is_deterministic():
    x, importance = relu_importance()
    start = train.closed_form(x, np.sqrt(importance), [4])[4]
    runs = [train.refine(x, importance, start, 1 / 60, epochs=2)
            for _ in range(2)]
    for a, b in zip(*runs):
        assert np.array_equal(a, b)


def test_importance_weighs():
    """Of two units that compete for the one direction there is, the one that
    matters is predicted."""
    random = np.random.default_rng(3)
    x = layer_norm(random.standard_normal((4000, 16))).astype(np.float32)
    importance = np.maximum(x[:, :2], 0) ** 2 * [100.0, 0.01]
    start = (random.standard_normal((1, 16)).astype(np.float32) * 0.1,
             np.ones((2, 1), np.float32), np.zeros(2, np.float32))
    first, _, _ = train.refine(x, importance, start, 0.1, epochs=30)
    assert np.abs(first[0]).argmax() == 0


def test_learned_signs_beat_those_of_the_projection():
    """Where much of the input is noise, which a sign cannot leave out."""
    random = np.random.default_rng(4)
    x, target = planted(rank=12, features=128, units=60, seed=4)
    spread = target.std(0)
    importance = np.maximum((target - target.mean(0)) / spread - 1.3, 0) ** 2
    weights = random.standard_normal((60, 128))
    plain = (np.where(weights < 0, -1, 1).astype(np.float32),
             np.zeros(60, np.float32))
    learned = train.learn_signs(x, importance, weights, 1 / 60, epochs=100)
    assert set(np.unique(learned[0])) == {-1.0, 1.0}
    assert lost(learned, x, importance) < 0.8 * lost(plain, x, importance)


def test_what_is_held_out_is_spread_over_the_text():
    held = held_windows(126, 8)
    assert np.flatnonzero(held).tolist() == [
        w for w in range(126) if w % 16 in (14, 15)]
    assert held_windows(64, 4).mean() == 1 / 4
    # A short text: its end, and never all of it.
    assert held_windows(2, 8).tolist() == [False, True]
    assert np.flatnonzero(held_windows(15, 4)).tolist() == [6, 7, 14]
    assert np.flatnonzero(held_windows(9, 8)).tolist() == [8]


def test_a_predictor_must_save_something():
    plain = Candidate(1000.0, 0.0)
    little = Candidate(1000 * (1 - LEAST_SAVING) + 1, 0.1, predictor=())
    enough = Candidate(1000 * (1 - LEAST_SAVING), 0.1, predictor=())
    assert worthwhile([plain, little, enough]) == [plain, enough]


def test_selection_has_the_density_that_was_asked_for():
    scores = np.random.default_rng(0).standard_normal((3000, 50))
    mask, threshold, k = selection(scores, 0.3, "threshold")
    assert k is None and abs(mask.mean() - 0.3) < 0.01
    assert np.array_equal(mask, scores >= threshold)
    mask, threshold, k = selection(scores, 0.3, "top_k")
    assert threshold is None and k == 15 and (mask.sum(1) == 15).all()


# --- The command ------------------------------------------------------------

def calibrate(model, output, *flags):
    """Runs it; (stdout, the entries by layer and unit, metadata)."""
    out = succeed(DEJAVU, "calibrate", MODELS / model, "-o", output, *flags,
                  timeout=600)
    with safetensors.safe_open(output, "numpy") as file:
        metadata = file.metadata()
    entries = {(e["layer"], e["unit"]): e
               for e in json.loads(metadata["predictors"])}
    return out, entries, metadata


def evaluate(model, predictors, folder, *flags, limit=1024):
    succeed(tool("dejavu-compile"), MODELS / model, "-o", folder / "model",
            "--predictors", predictors, *flags)
    succeed(folder / "model", "--eval-tokens", MODELS / model / "tokens.npy",
            "--eval-first", 65000, "--eval-limit", limit, "--json",
            folder / "report.json")
    return json.loads((folder / "report.json").read_text("utf-8"))


@pytest.mark.parametrize("look_ahead, trainer, select", [
    ("same", "closed-form", "threshold"), ("full", "logistic", "top_k")])
def test_fixed_densities(look_ahead, trainer, select, tmp_path):
    out, entries, metadata = calibrate(
        DOCS, tmp_path / "p", "--tokens", TOKENS, *SMALL, "--density", "0.2",
        "--head-density", "50%", "--look-ahead", look_ahead, "--trainer",
        trainer, "--select", select)
    assert metadata["look_ahead"] == look_ahead
    assert metadata["sparsity"] == "predicted"
    assert out.splitlines()[0].startswith("quality loss: ")
    for layer in range(6):
        assert entries[layer, "kv_group"]["select"] == select
    assert "dense" in entries[0, "neuron"]
    assert entries[3, "neuron"]["rank"] == 8
    assert not (tmp_path / "p.partial").exists()
    report = evaluate(DOCS, tmp_path / "p", tmp_path)
    assert 0.12 < report["mlp_density"] < 0.3
    assert 0.35 < report["head_density"] < 0.65
    # Not what chance would give.
    assert report["perplexity"] < 150


def test_search_keeps_to_the_quality(tmp_path):
    """On what it was held out from, at least, and reads less for it."""
    calibrate(DOCS, tmp_path / "p", "--tokens", TOKENS, *SMALL, "--trainer",
              "closed-form", "--quality-loss", "5%")
    with safetensors.safe_open(tmp_path / "p", "numpy") as file:
        found = json.loads(file.metadata()["calibration"])
    assert found["quality_loss"] <= 0.05
    assert found["bytes_per_token"] < 0.8 * found["bytes_per_token_dense"]


def test_an_unreachable_target_names_the_layers(tmp_path):
    done = run(DEJAVU, "calibrate", MODELS / DOCS, "-o", tmp_path / "p",
               "--tokens", TOKENS, *SMALL, "--trainer", "closed-form",
               "--quality-loss", "0.0000001%", "--units", "neurons",
               timeout=600)
    assert done.returncode == 0, done.stderr
    assert "layers 0, 1, 2, 3, 4, 5 stay exact" in done.stderr
    report = evaluate(DOCS, tmp_path / "p", tmp_path)
    assert all(layer["sparsity"] == "exact" for layer in report["layers"])


def test_signs_need_no_training(tmp_path):
    _, entries, _ = calibrate(
        DOCS, tmp_path / "p", "--tokens", TOKENS, "--limit", 3072, "--kind",
        "sign_bit", "--trainer", "closed-form", "--units", "neurons",
        "--look-ahead", "same", "--density", "0.3")
    assert entries[2, "neuron"]["kind"] == "sign_bit"
    tensors = safetensors.numpy.load_file(tmp_path / "p")
    assert tensors["layers.2.neuron.signs"].shape == (1024, 32)
    assert not tensors["layers.2.neuron.bias"].any()
    # The signs of the projection find most of what is active.
    assert entries[2, "neuron"]["recall"] > 0.5


def test_thresholds_of_a_gated_model(tmp_path):
    out, entries, metadata = calibrate(
        GATED, tmp_path / "p", "--tokens", MODELS / GATED / "tokens.npy",
        "--limit", 16 * 512, "--quality-loss", "4%")
    assert metadata["sparsity"] == "threshold"
    assert "quality loss" in out
    used = [e for e in entries.values() if "threshold" in e]
    assert len(used) >= 3
    report = evaluate(GATED, tmp_path / "p", tmp_path, "--sparsity",
                      "threshold")
    assert report["bytes_per_token"] < 0.97 * report["bytes_per_token_dense"]
    assert "expected a file for predicted" in fail(
        tool("dejavu-compile"), MODELS / GATED, "-o", tmp_path / "x",
        "--predictors", tmp_path / "p")


def test_an_interrupted_calibration_goes_on(tmp_path):
    flags = ("--tokens", TOKENS, *SMALL, "--density", "0.2", "--trainer",
             "closed-form", "--units", "neurons")
    command = [DEJAVU, "calibrate", MODELS / DOCS, "-o", tmp_path / "p", *flags]
    process = subprocess.Popen([str(c) for c in command],
                               stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL,
                               start_new_session=True)
    # Killed when the first layer is trained.
    trained = tmp_path / "p.partial" / "neurons0.npz"
    deadline = time.monotonic() + 120
    while not trained.exists() and time.monotonic() < deadline \
            and process.poll() is None:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert trained.exists() and not (tmp_path / "p").exists()
    stamp = trained.stat().st_mtime_ns
    windows = (tmp_path / "p.partial" / "x9.f16")
    spooled = windows.stat().st_mtime_ns if windows.exists() else None
    succeed(*command, "--keep", timeout=300)
    assert trained.stat().st_mtime_ns == stamp
    if spooled:
        assert windows.stat().st_mtime_ns == spooled
    succeed(DEJAVU, "calibrate", MODELS / DOCS, "-o", tmp_path / "q", *flags,
            timeout=300)
    resumed, whole = (safetensors.numpy.load_file(tmp_path / name)
                      for name in "pq")
    assert resumed.keys() == whole.keys()
    for name, value in whole.items():
        np.testing.assert_allclose(resumed[name], value, rtol=1e-4, atol=1e-5)


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    mine = tmp_path / "p.partial" / "thesis.txt"
    mine.parent.mkdir()
    mine.write_text("years of work")
    message = fail(DEJAVU, "calibrate", MODELS / DOCS, "-o", tmp_path / "p",
                   "--tokens", TOKENS, *SMALL)
    assert "p.partial: expected the work folder of a calibration" in message
    assert mine.read_text() == "years of work"


def test_bad_input(tmp_path):
    def refuse(*flags, model=MODELS / DOCS):
        message = fail(DEJAVU, "calibrate", model, "-o", tmp_path / "p", *flags)
        assert not (tmp_path / "p").exists()
        return message

    np.save(tmp_path / "empty.npy", np.zeros(0, np.int32))
    assert "expected text, found none" in refuse("--tokens",
                                                 tmp_path / "empty.npy")
    np.save(tmp_path / "short.npy", np.zeros(100, np.int32))
    assert "two contexts" in refuse("--tokens", tmp_path / "short.npy")
    np.save(tmp_path / "wide.npy", np.full(4000, 9000))
    assert "vocabulary of 8192" in refuse("--tokens", tmp_path / "wide.npy")
    np.save(tmp_path / "floats.npy", np.zeros(4000))
    assert "integers" in refuse("--tokens", tmp_path / "floats.npy")
    (tmp_path / "text.txt").write_text("")
    assert "expected text" in refuse("--text", tmp_path / "text.txt")
    assert "no such file" in refuse("--tokens", tmp_path / "nowhere.npy")
    assert "no such file" in refuse("--tokens", tmp_path / "short.npy",
                                    model=tmp_path / "nowhere")
    assert "share" in refuse("--tokens", tmp_path / "short.npy",
                             "--quality-loss", "0%")
    assert "has no cache" in refuse(
        "--tokens", tmp_path / "short.npy",
        model=MODELS / "zoo/bert/legacy-opset17")
