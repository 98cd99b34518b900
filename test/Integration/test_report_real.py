# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`dejavu report` on real programs."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from conftest import DOCS, MODELS, run, succeed, tool
from predictor_files import PredictorFile, pack_signs
from recorded_report import (DEJAVU, HTML, check_page, plotted, section, share,
                             table_of, text_of)

TOKENS = MODELS / DOCS / "tokens.npy"
LIMIT = 1100  # tokens: two windows and a part of one


def test_real_program(compiled, tmp_path):
    """Exact against dense. Both streams are the same, so what was counted while
    decoding is what is active in @prefill."""
    dense, exact = (compiled(DOCS, "--sparsity", s).path
                    for s in ("dense", "exact"))
    page = tmp_path / "page.html"
    done = run(DEJAVU, "report", exact, "--tokens", TOKENS, "--limit", LIMIT,
               "--compare", dense, "-o", page)
    assert done.returncode == 0, done.stderr
    assert done.stdout == done.stderr == ""
    tree = ElementTree.parse(page).getroot()
    check_page(tree)
    assert plotted(tree) == ["perplexity", "recall", "bytes", "tokens",
                             "cosine"]
    assert DOCS in text_of(tree.find(f"{HTML}body/{HTML}header"))

    # Both are called `out`.
    programs = table_of(section(tree, "perplexity"))
    assert list(programs) == [str(exact), str(dense)]
    assert float(programs[str(exact)]["Perplexity"]) == pytest.approx(
        float(programs[str(dense)]["Perplexity"]), rel=1e-5)

    neurons = table_of(section(tree, "recall"))
    assert list(neurons) == [str(layer) for layer in range(6)]
    for row in neurons.values():
        chosen, active = (share(row[c]) for c in ("Chosen", "Active"))
        assert chosen == pytest.approx(active, abs=0.1)
        assert row["Recall"] == "not measured"
    assert 30 < share(neurons["0"]["Chosen"]) < 45

    parts = table_of(section(tree, "bytes"))
    assert "predictors" not in parts or \
        parts["predictors"]["Of dense"] == "\u2013"
    assert parts["output head"]["Of dense"] == "100 %"
    assert 50 < share(parts["MLPs"]["Of dense"]) < 65

    tokens = table_of(section(tree, "tokens"), 1)
    total = tokens.pop("all")
    for layer in range(6):
        assert total[f"Layer {layer}"] == "1,100"
        assert sum(int(row[f"Layer {layer}"].replace(",", ""))
                   for row in tokens.values()) == LIMIT

    for name, first in (("One layer before (full)", 1),
                        ("Half a layer before (half)", 0)):
        cosines = [row[name] for row in
                   table_of(section(tree, "cosine")).values()]
        for cell in cosines[first:]:
            assert 0.1 < share(cell) <= 1


@pytest.mark.parametrize("kind", ("low_rank", "sign_bit"))
def test_real_predictors(compiled, tmp_path, kind):
    """What is recomputed here is what generated code does: layer 1 is the first
    that is not exact, so until there both streams are the same."""
    file = PredictorFile(compiled(DOCS, "--sparsity", "exact").info())
    random = np.random.default_rng(6)

    def normal(*shape):
        return random.standard_normal(shape).astype(np.float16)

    for layer in (0, 2, 4, 5):
        file.dense(layer)
    first, second = normal(8, 256) / np.float16(16), normal(1024, 8)
    profile = {"density": 0.1, "active": 0.05, "recall": 0.5, "loss": 0.1}
    file.add(1, first=first, second=second / np.float16(3),
             bias=normal(1024), threshold=1.25, **profile)
    file.add(3, select="top_k", k=128, **profile, **(
        {"first": first, "second": second} if kind == "low_rank" else
        {"signs": pack_signs(normal(1024, 256))}))
    file.add(4, "kv_group", first=normal(3, 256), second=normal(8, 3),
             select="top_k", k=4, **profile)
    made = tmp_path / "out"
    succeed(tool("dejavu-compile"), MODELS / DOCS, "--predictors",
            file.write(tmp_path / "p.safetensors"), "-o", made)
    page = tmp_path / "page.html"
    succeed(DEJAVU, "report", made, "--tokens", TOKENS, "--first", 600,
            "--limit", LIMIT, "-o", page)
    tree = ElementTree.parse(page).getroot()
    check_page(tree)
    assert plotted(tree) == ["perplexity", "recall", "heads", "bytes",
                             "tokens", "usage", "cosine"]
    rows = table_of(section(tree, "recall"))
    assert [row["Recall"] == "not measured" for row in rows.values()] == [
        True, False, True, False, True, True]
    assert rows["1"]["Predictor"] == "low rank 8 \u2265 1.25"
    assert 5 < share(rows["1"]["Chosen"]) < 50
    assert share(rows["1"]["Chosen"]) == pytest.approx(
        share(rows["1"]["Chosen, dense stream"]), abs=0.11)
    for column in ("Chosen", "Chosen, dense stream"):
        assert rows["3"][column] == "12.5 %"
    # Scores that know nothing find what chance does.
    for layer in "13":
        assert share(rows[layer]["Recall"]) == pytest.approx(
            share(rows[layer]["Chosen"]), abs=12)
    heads = table_of(section(tree, "heads"))
    assert heads["4"]["Chosen"] == heads["4"]["Chosen, dense stream"] \
        == "50.0 %"
    usage = table_of(section(tree, "usage"))["4"]
    assert sum(map(share, usage.values())) == pytest.approx(400, abs=0.5)
    assert share(table_of(section(tree, "bytes"))["predictors"]["out"]) > 0
    head = text_of(tree.find(f"{HTML}body/{HTML}header"))
    assert "Look-ahead full" in head and "from number 600 on" in head
