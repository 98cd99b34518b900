# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`dejavu eval`: exact against dense, and the counted density against what the
training measured."""

import json

import numpy as np
import pytest

from conftest import DOCS, MODELS, ROOT, fail, oracle, succeed

DEJAVU = ROOT / ".venv/bin/dejavu"
TOKENS = MODELS / DOCS / "tokens.npy"
# All 130,000 tokens take minutes; these are enough for 1e-5 and for 0.02.
LIMIT = 8192


@pytest.fixture(scope="module")
def results(compiled, tmp_path_factory):
    """{sparsity: (what was printed by key, the JSON)}."""
    found = {}
    for sparsity in ("dense", "exact"):
        made = compiled(DOCS, "--sparsity", sparsity)
        file = tmp_path_factory.mktemp("eval") / "eval.json"
        out = succeed(DEJAVU, "eval", made.path, "--tokens", TOKENS,
                      "--limit", LIMIT, "--json", file, timeout=400)
        lines = dict(line.split(": ", 1) for line in out.splitlines())
        found[sparsity] = lines, json.loads(file.read_text("utf-8"))
    return found


def test_lines(results):
    for lines, data in results.values():
        assert list(lines) == ["perplexity", "mlp density",
                               "mlp density all layers", "head density",
                               "bytes/token"]
        assert " of " in lines["bytes/token"]
        assert lines["bytes/token"].endswith(" dense")
        assert data["perplexity"] == pytest.approx(float(lines["perplexity"]),
                                                   rel=1e-3)


def test_exact_equals_dense(results):
    dense, exact = (results[s][1]["perplexity"] for s in ("dense", "exact"))
    assert exact == pytest.approx(dense, rel=1e-5)


def test_density(results):
    """Counted from the active sets; training.json has what the training saw
    on other text of the same kind."""
    training = json.loads((MODELS / DOCS / "training.json").read_text("utf-8"))
    want = [fraction for _, fraction in training["active_fraction"]]
    lines, data = results["exact"]
    assert float(lines["mlp density"]) == pytest.approx(
        np.mean(want[1:]), abs=0.02)
    assert float(lines["mlp density all layers"]) == pytest.approx(
        np.mean(want), abs=0.02)
    assert float(results["dense"][0]["mlp density"]) == 1
    assert float(results["dense"][0]["mlp density all layers"]) == 1
    assert float(lines["head density"]) == 1


def test_bytes(results):
    """Exact sparsity reads the up projections in full and the active rows of
    the down projections: what is saved is the rest of those."""
    saved = []
    for sparsity in ("dense", "exact"):
        words = results[sparsity][0]["bytes/token"].split()
        saved.append(int(words[2]) - int(words[0]))
    assert saved[0] == 0
    density = float(results["exact"][0]["mlp density all layers"])
    want = (1 - density) * 6 * 1024 * 256 * 4
    assert saved[1] == pytest.approx(want, rel=0.01)


def test_perplexity_is_the_model_s(compiled, tmp_path):
    """One window against ONNX Runtime, all tokens in one call."""
    made = compiled(DOCS, "--sparsity", "exact")
    tokens = np.load(TOKENS)[:256]
    np.save(tmp_path / "tokens.npy", tokens)
    out = succeed(DEJAVU, "eval", made.path, "--tokens",
                  tmp_path / "tokens.npy")
    session = oracle(MODELS / DOCS / "model.onnx")
    ids = tokens.astype(np.int64)[None]
    feed = {i.name: np.zeros((1, i.shape[1], 0, i.shape[3]), np.float32)
            for i in session.get_inputs() if "past" in i.name}
    logits = session.run(["logits"], {
        **feed, "input_ids": ids, "attention_mask": np.ones_like(ids),
        "position_ids": np.arange(ids.shape[1])[None]})[0][0, :-1]
    logits = logits.astype(np.float64)
    top = logits.max(-1)
    log_sum = top + np.log(np.exp(logits - top[:, None]).sum(-1))
    loss = (log_sum - logits[np.arange(len(logits)), ids[0, 1:]]).mean()
    got = float(out.splitlines()[0].removeprefix("perplexity: "))
    assert got == pytest.approx(np.exp(loss), rel=1e-3)


def test_first(compiled, tmp_path):
    made = compiled(DOCS, "--sparsity", "exact")
    np.save(tmp_path / "tokens.npy", np.load(TOKENS)[100:400])
    want = succeed(DEJAVU, "eval", made.path, "--tokens",
                   tmp_path / "tokens.npy")
    assert succeed(DEJAVU, "eval", made.path, "--tokens", TOKENS, "--first",
                   100, "--limit", 300) == want


@pytest.mark.parametrize("array, expect", [
    (np.array([1, 2, 9000], np.uint16), "9000"),
    (np.array([], np.uint16), ""),
    (np.array([1.5, 2.5]), ""),
    (np.array([[1, 2], [3, 4]], np.uint16), "")])
def test_bad_tokens(compiled, tmp_path, array, expect):
    made = compiled(DOCS, "--sparsity", "exact")
    np.save(tmp_path / "tokens.npy", array)
    error = fail(made.path, "--eval-tokens", tmp_path / "tokens.npy")
    assert str(tmp_path / "tokens.npy") in error and expect in error


def test_bad_token_files(compiled, tmp_path):
    made = compiled(DOCS, "--sparsity", "exact")
    missing = tmp_path / "missing.npy"
    assert str(missing) in fail(made.path, "--eval-tokens", missing)
    assert str(missing) in fail(DEJAVU, "eval", made.path, "--tokens", missing)
    short = tmp_path / "short.npy"
    np.save(short, np.arange(2, 100, dtype=np.uint16))
    short.write_bytes(short.read_bytes()[:-10])
    assert str(short) in fail(made.path, "--eval-tokens", short)
    short.write_bytes(b"no numpy file")
    assert str(short) in fail(made.path, "--eval-tokens", short)
