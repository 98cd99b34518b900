# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`dejavu report`: the page of a recorded program, and its errors."""

import re
import sys

import numpy as np
import pytest

import dejavu.executable
from conftest import fail, succeed
from dejavu.report.words import percent
from recorded_report import (COUNT, DEJAVU, GROUPS, HTML, LAYERS, NEURONS, SVG,
                             Recorded, check_page, evaluation, manifest,
                             plotted, save_tensors, section, share, sites,
                             table_of, tensors, text_of, values)


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """A Recorded; a script passes for an executable."""
    monkeypatch.setattr(dejavu.executable, "is_elf", lambda path: True)
    return Recorded(tmp_path / "recorded")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page of the recorded program as it is, as a tree."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dejavu.executable, "is_elf", lambda path: True)
        return Recorded(tmp_path_factory.mktemp("page") / "recorded").tree()


def test_page(recorded, capfd):
    tree = recorded.tree()
    check_page(tree)
    assert capfd.readouterr() == ("", ""), "progress is for terminals"
    assert plotted(tree) == ["perplexity", "recall", "heads", "bytes",
                             "tokens", "usage", "cosine"]
    head = text_of(tree.find(f"{HTML}body/{HTML}header"))
    for fact in ("tiny <&> $x$", "xxh3:0123", "xxh3:4567", "predicted", "full",
                 "neurons of 2 of 3 layers, heads of 1 of 3",
                 f"20 of {recorded.tokens}",
                 "17 were predicted", "windows of 8", "dejavu 0.1.0",
                 np.__version__, "z1", "7.389"):
        assert fact in head, fact
    assert re.search(r"Date \d{4}-\d\d-\d\d", head)
    assert sorted(p.name for p in recorded.folder.iterdir()) == [
        "eval.json", "manifest.json", "out", "out.safetensors", "page.html",
        "tokens.npy", "values.npz"], "nothing temporary stays"


def test_page_is_the_same_each_time(recorded):
    pages = []
    for _ in range(2):
        assert recorded.report() == 0
        pages.append(re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "DATE",
                            recorded.page.read_text("utf-8")))
    assert pages[0] == pages[1]


def norm(x):
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5)


def test_recall_section(page):
    """Every number, by another way."""
    rows = table_of(section(page, "recall"))
    x, t = values(), tensors()
    active = {layer: x[str(12 + layer)] != 0 for layer in range(LAYERS)}
    picks = {1: (norm(x["2"]) @ t["p1.first"].T @ t["p1.second"]
                 + t["p1.bias"]) >= 0.25}
    bits = np.unpackbits(t["p2.signs"], axis=0, bitorder="little").T
    agree = ((norm(x["6"]) < 0)[:, None, :] == bits[None]).sum(-1)
    picks[2] = np.zeros((COUNT, NEURONS), bool)
    for token, scores in enumerate(agree):
        picks[2][token, sorted(range(NEURONS),
                               key=lambda u: (-scores[u], u))[:4]] = True
    assert list(rows) == ["0", "1", "2"]
    assert rows["0"]["MLP"] == "dense"
    assert rows["0"]["Recall"] == "not measured"
    assert rows["0"]["Predictor"] == "none"
    for layer in (1, 2):
        row, hidden = rows[str(layer)], x[str(12 + layer)].astype(float)
        hit = picks[layer] & active[layer]
        assert row["Recall"] == percent(hit.sum() / active[layer].sum())
        assert row["Chosen, dense stream"] == percent(
            picks[layer].mean())
        assert row["Energy kept"] == percent(
            (hidden ** 2)[picks[layer]].sum() / (hidden ** 2).sum())
    for layer, row in enumerate(rows.values()):
        assert row["Active"] == percent(active[layer].mean())
        assert row["Chosen"] == percent([1, 0.2, 0.3][layer])
    assert rows["1"]["Recall, calibrated"] == "90.0 %"
    assert rows["1"]["Predictor"] == "low rank 3 \u2265 0.25"
    assert rows["2"]["Predictor"] == "sign bits, top 4"


def test_heads_section(page):
    rows = table_of(section(page, "heads"))
    x, t = values(), tensors()
    scores = norm(x["6"]) @ t["h2.first"].T @ t["h2.second"]
    best = scores.argmax(-1)
    energy = (x["9"].reshape(COUNT, GROUPS, -1).astype(float) ** 2).sum(-1)
    want = energy[np.arange(COUNT), best].sum() / energy.sum()
    assert rows["2"]["Energy kept"] == percent(want)
    assert rows["0"]["Energy kept"] == "not measured"


def test_cosine_section(page):
    rows = table_of(section(page, "cosine"))
    x = values()

    def mean(a, b):
        a, b = x[str(a)].astype(float), x[str(b)].astype(float)
        return ((a * b).sum(-1) / np.linalg.norm(a, axis=-1)
                / np.linalg.norm(b, axis=-1)).mean()

    assert rows["0"]["One layer before (full)"] == "not measured"
    for layer in range(LAYERS):
        here = 4 * layer + 2
        cell = rows[str(layer)]["Half a layer before (half)"]
        assert share(cell) == pytest.approx(mean(here - 2, here),
                                                       abs=6e-5)
        if layer:
            cell = rows[str(layer)]["One layer before (full)"]
            assert share(cell) == pytest.approx(
                mean(here - 4, here), abs=6e-5)


def test_histogram_section(page):
    """The counts of each layer add up to the tokens."""
    part = section(page, "tokens")
    counts = table_of(part, 1)
    total = counts.pop("all")
    assert list(total) == ["Layer 1", "Layer 2"]
    for layer in total:
        assert total[layer] == str(COUNT)
        assert sum(int(row[layer]) for row in counts.values()) == COUNT
    assert counts["24.0 % to 26.0 %"]["Layer 1"] == "11"
    shares = table_of(part)
    assert shares["1"]["Half"] == "\u2264 26.0 %"
    assert shares["1"]["All"] == "\u2264 42.0 %"
    assert shares["2"]["10 % of tokens"] == "\u2264 60.0 %"


def test_usage_section(page):
    rows = table_of(section(page, "usage"))
    assert rows["2"] == {"Head 0": "95.0 %", "Head 1": "5.00 %"}
    assert rows["0"] == {"Head 0": "100 %", "Head 1": "100 %"}


def test_bytes_section(page):
    part = section(page, "bytes")
    rows = table_of(part)
    assert list(rows) == ["MLPs", "predictors", "other", "all"]
    assert rows["MLPs"]["Of dense"] == "40.0 %"
    assert rows["predictors"]["out"] == "600 bytes"
    assert rows["predictors"]["Dense model"] == "0 bytes"
    assert rows["all"]["Of dense"] == "60.0 %"
    assert "Predictors are 600 bytes of that" in text_of(part)


@pytest.mark.parametrize("first, options", [
    (0, ("--limit", 13)), (3, ("--first", 3, "--limit", 13)),
    (7, ("--first", 7))])
def test_only_what_was_evaluated_is_measured(recorded, first, options):
    """13 tokens are a window and five of the next."""
    recorded.write(None, {**evaluation(), "tokens": 13})
    rows = table_of(section(recorded.tree(*options), "recall"))
    for layer in range(LAYERS):
        hidden = values()[str(12 + layer)][first:first + 13]
        assert rows[str(layer)]["Active"] == percent((hidden != 0).mean())


def other(recorded, name, sparsity, density, perplexity):
    """Another program of the same model, beside it."""
    made = Recorded(recorded.folder.parent / name)
    path = made.path.rename(made.folder / name)
    changed = manifest()
    changed["sparsity"] = sparsity
    for layer in changed["layers"]:
        layer["predictors"] = []
    made.write(changed, {**evaluation(), "perplexity": perplexity,
                         "mlp_density_all_layers": density})
    return path


def test_compare(recorded):
    dense = other(recorded, "the-dense", "dense", 1.0, 7.25)
    exact = other(recorded, "the-exact", "exact", 0.625, 7.2501)
    tree = recorded.tree("--compare", dense, "--compare", exact)
    check_page(tree)
    part = section(tree, "perplexity")
    rows = table_of(part)
    assert list(rows) == ["out", "the-dense", "the-exact"]
    assert rows["the-exact"]["Density of MLPs"] == "62.5 %"
    assert rows["the-dense"]["Perplexity"] == "7.25000"
    assert rows["the-dense"]["Look-ahead"] == "none"
    assert "the dense model's is 7.250" in text_of(part)
    drawn = [element.text for element in part.iter(f"{SVG}text")]
    assert {"out (predicted)", "the-dense (dense)", "the-exact (exact)"} \
        <= set(drawn)
    assert table_of(section(tree, "bytes"))["all"]["the-exact"] == "3.5 KiB"


def test_a_program_without_predictors(recorded):
    """Exact: what is active is measured, recall is not."""
    changed, counted = manifest(), evaluation()
    changed["sparsity"] = "exact"
    for layer in changed["layers"]:
        layer["predictors"] = []
        layer["mlp"]["sparsity"] = "exact"
    for layer in counted["layers"]:
        layer["head_usage"] = []
    recorded.write(changed, counted)
    tree = recorded.tree()
    check_page(tree)
    assert plotted(tree) == ["perplexity", "recall", "bytes", "tokens",
                             "cosine"]
    part = section(tree, "recall")
    assert "Recall was not measured: exact sparsity" in text_of(part)
    assert table_of(part)["1"]["Recall"] == "not measured"
    assert table_of(part)["1"]["Active"] == percent(
        (values()["13"] != 0).mean())
    assert "Not measured" in text_of(section(tree, "usage"))
    head = text_of(tree.find(f"{HTML}body/{HTML}header"))
    assert "Look-ahead none" in head and "Predictors none" in head


def test_a_program_that_says_little(recorded):
    """As executables before predictors did: no sites, no parts."""
    changed, counted = manifest(), evaluation()
    for key in ("look_ahead", "hidden_taps"):
        del changed[key]
    for layer in changed["layers"]:
        del layer["predictors"]
    del changed["model"]["digest"]
    changed["layers"][0]["mlp"] = None
    for key in ("bytes_by_part", "bytes_by_part_dense"):
        del counted[key]
    for layer in counted["layers"]:
        del layer["density_histogram"], layer["head_usage"]
    recorded.write(changed, counted)
    (recorded.folder / "values.npz").unlink()  # nobody asks for it
    tree = recorded.tree()
    check_page(tree)
    assert plotted(tree) == ["perplexity", "recall"]
    for name in ("tokens", "usage", "cosine"):
        assert "Not measured" in text_of(section(tree, name))
    assert "was not measured" in text_of(section(tree, "bytes"))


@pytest.mark.parametrize("gated", (False, True))
def test_thresholds(recorded, gated):
    """What a threshold on the activation, or on the gate, keeps."""
    changed = manifest()
    changed["sparsity"] = "threshold"
    for number, layer in enumerate(changed["layers"]):
        layer["predictors"] = [{"unit": "neuron", "threshold": 0.5}]
        if gated:
            changed["look_ahead"]["layers"][number]["gate"] = 15
    changed["hidden_taps"].append({"site": 15, "layer": 0, "width": NEURONS})
    x = values()
    x["15"] = np.random.default_rng(5).standard_normal((COUNT, NEURONS))
    np.savez(recorded.folder / "values.npz", **x)
    recorded.write(changed)
    (recorded.folder / "out.safetensors").unlink()  # nobody asks for it
    part = section(recorded.tree(), "recall")
    for layer in range(LAYERS):
        hidden = x[str(12 + layer)]
        picks = np.abs(x["15"] if gated else hidden) >= 0.5
        want = (picks & (hidden != 0)).sum() / (hidden != 0).sum()
        assert table_of(part)[str(layer)]["Recall"] == percent(want)
    assert "Thresholds keep" in text_of(part)


@pytest.mark.parametrize("look_ahead, site", [
    ("same", (2, "ffn_in")), ("half", (2, "attention_in")),
    ("full", (1, "ffn_in"))])
def test_look_ahead(recorded, look_ahead, site):
    """It is where the predictors read."""
    changed = manifest()
    layer, name = site
    changed["layers"][2]["predictors"][0]["site"] = sites(layer)[name]
    recorded.write(changed)
    rows = table_of(section(recorded.tree(), "perplexity"))
    assert rows["out"]["Look-ahead"] == look_ahead


def test_progress(recorded, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert recorded.report() == 0
    error = capsys.readouterr().err
    assert "1 of 3 windows" in error and "3 of 3 windows" in error
    assert error.endswith("\r\033[K"), "nothing stays on the terminal"


# --- Errors -----------------------------------------------------------------

def failing(recorded, capfd, *options):
    """The message of a report that must fail, and must leave the page that was
    there as it was."""
    recorded.page.write_text("before")
    files = sorted(recorded.folder.iterdir())
    assert recorded.report(*options) == 1
    out, err = capfd.readouterr()
    assert out == "" and re.fullmatch(r"error: [^\n]*[^.\n]\n", err), err
    assert recorded.page.read_text() == "before"
    assert sorted(recorded.folder.iterdir()) == files
    return err[len("error: "):-1]


def test_missing_tokens(recorded, capfd):
    recorded.tokens.unlink()
    assert failing(recorded, capfd) == f"{recorded.tokens}: no such file"


def test_unwritable_output(recorded, capfd):
    """Known before anything is run."""
    (recorded.folder / "eval.json").unlink()
    for place in (recorded.folder / "no" / "page.html", recorded.folder,
                  "/dev/null"):
        assert failing(recorded, capfd, "-o", place).startswith(f"{place}: ")


def test_a_link_is_followed(recorded):
    target = recorded.folder / "target.html"
    recorded.page.symlink_to(target)
    assert recorded.report() == 0
    assert recorded.page.is_symlink() and target.is_file()


def test_a_model_without_a_cache(recorded, capfd):
    recorded.write({"format": 1, "form": "forward"})
    error = failing(recorded, capfd)
    assert error.startswith(f"{recorded.path}: ") and "no cache" in error


def test_compare_needs_the_same_model(recorded, capfd):
    stranger = Recorded(recorded.folder.parent / "stranger")
    changed = manifest()
    changed["model"]["digest"] = "xxh3:ffff"
    stranger.write(changed)
    error = failing(recorded, capfd, "--compare", stranger.path)
    assert error.startswith(f"{stranger.path}: ") and "xxh3:ffff" in error
    del changed["model"]["digest"]
    stranger.write(changed)
    assert recorded.report("--compare", stranger.path) == 0, \
        "without a digest the name decides"
    changed["vocab"] = 101
    stranger.write(changed)
    assert "101 ids" in failing(recorded, capfd, "--compare", stranger.path)
    missing = recorded.folder / "missing"
    assert failing(recorded, capfd, "--compare", missing) == \
        f"{missing}: no such file"


@pytest.mark.parametrize("change, what", [
    (lambda s: s.replace("range(0, len(ids)", "range(1, len(ids)"),
     "ended early"),
    (lambda s: s + "    sys.stdout.write('x')\n", "wrote more"),
    (lambda s: s + "    sys.exit('error: broken')\n", "broken"),
    (lambda s: s.replace("values = np", "import os; os.kill(os.getpid(), 9)"
                         " #"), "signal 9"),
    (lambda s: s.replace("shutil.copy", "print"), "no results")])
def test_a_broken_program(recorded, capfd, change, what):
    recorded.path.write_text(change(recorded.path.read_text()))
    assert what in failing(recorded, capfd)


def test_missing_predictors(recorded, capfd):
    weights = recorded.folder / "out.safetensors"
    save_tensors(weights, {"p1.bias": ("F32", (NEURONS,), bytes(64))})
    assert failing(recorded, capfd) == f"{weights}: has no tensor 'p1.first'"
    weights.unlink()
    assert str(weights) in failing(recorded, capfd)


def test_a_predictor_that_cannot_be_watched(recorded):
    """What it reads is no tap site."""
    changed = manifest()
    changed["layers"][1]["predictors"][0]["site"] = -1
    recorded.write(changed)
    rows = table_of(section(recorded.tree(), "recall"))
    assert rows["1"]["Recall"] == "not measured"
    assert rows["1"]["Active"] != "not measured"
    assert rows["2"]["Recall"] != "not measured"


def test_a_site_that_is_not_there(recorded, capfd):
    changed = manifest()
    changed["layers"][1]["predictors"][0]["site"] = 99
    recorded.write(changed)
    assert "no tap site 99" in failing(recorded, capfd)


@pytest.mark.parametrize("options", [
    (), ("x",), ("x", "--tokens", "t"), ("x", "-o", "p"),
    ("x", "--tokens", "t", "-o", "p", "--limit", "0"),
    ("x", "--tokens", "t", "-o", "p", "--first", "-1")])
def test_wrong_usage(options):
    assert "--help" in fail(DEJAVU, "report", *options)


def test_other_commands_do_not_load_it():
    """Drawing takes long to import."""
    code = ("import sys, dejavu.cli; dejavu.cli.build_parser();"
            "assert not {'numpy', 'matplotlib', 'jinja2'} & set(sys.modules)")
    succeed(sys.executable, "-c", code)
