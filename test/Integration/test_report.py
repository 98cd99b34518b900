# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`dejavu report`: the arithmetic on known numbers, the page of a recorded
program, errors, and the page of a real one."""

import copy
import json
import re
import struct
import sys
import weakref
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import dejavu.cli
import dejavu.executable
from conftest import DOCS, MODELS, ROOT, fail, run, succeed, tool
from dejavu.errors import DejavuError
from dejavu.report import measure, plots
from dejavu.report.svg import style, to_svg
from dejavu.report.tensors import Tensors
from dejavu.report.words import extremes, number, percent, printable, size
from predictor_files import PredictorFile, pack_signs

DEJAVU = ROOT / ".venv/bin/dejavu"
TOKENS = MODELS / DOCS / "tokens.npy"
HTML = "{http://www.w3.org/1999/xhtml}"
SVG = "{http://www.w3.org/2000/svg}"


# --- Words ------------------------------------------------------------------

@pytest.mark.parametrize("share, text", [
    (None, "not measured"), (0, "0 %"), (1, "100 %"), (0.0551, "5.51 %"),
    (0.382, "38.2 %"), (0.9996, "99.96 %"), (0.999999, "> 99.99 %"),
    (1e-9, "< 0.01 %")])
def test_percent(share, text):
    assert percent(share) == text


def test_numbers_in_words():
    assert number(27.0774782) == "27.08"
    assert number(123456.7) == "123,457"
    assert number(None) == "not measured"
    assert size(1023) == "1023 bytes"
    assert size(27346944) == "26.1 MiB"
    assert extremes([None, 0.5, 0.25, 1]) == \
        "from 25.0 % (layer 2) to 100 % (layer 3)"
    assert extremes([0.5, 0.5]) == "50.0 % in each"
    assert extremes([None]) == "not measured"
    assert printable("a\x00b\udcffc") == "a\ufffdb?c"


# --- Arithmetic -------------------------------------------------------------

def test_cosine_of_known_vectors():
    part = measure.Cosine(0, 1)
    a = np.array([[1, 0], [0, 2], [5, 5]], np.float32)
    b = np.array([[1, 1], [0, -1], [0, 0]], np.float32)
    part.add(a, b)
    # The third token has no angle.
    want = [np.sqrt(0.5), -1]
    assert part.count == 2
    assert part.mean == pytest.approx(np.mean(want))
    assert part.deviation == pytest.approx(np.std(want))
    assert measure.Cosine(0, 1).mean is None


def test_windows_add_up():
    """All at once or piece by piece is the same, across blocks, too."""
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((2, 2 * measure.BLOCK + 7, 5), np.float32)
    whole, pieces = measure.Cosine(0, 1), measure.Cosine(0, 1)
    whole.add(a, b)
    for first in range(0, len(a), 100):
        pieces.add(a[first:first + 100], b[first:first + 100])
    assert pieces.count == whole.count == len(a)
    assert pieces.mean == pytest.approx(whole.mean, rel=1e-12)


def low_rank(entry):
    """A predictor whose scores are the normed features themselves."""
    eye = np.eye(4, dtype=np.float32)
    predictor = measure.LowRank(eye, eye, np.zeros(4, np.float32))
    return measure.Chosen(entry, predictor, (0, 1), measure.energy_of_neurons)


def test_recall_of_known_sets():
    part = low_rank({"select": "threshold", "threshold": 0.5})
    # LN0 makes the greatest of each 1.73 and the others -0.58: one is chosen.
    x = np.array([[4, 0, 0, 0], [0, 0, 9, 0]], np.float32)
    hidden = np.array([[1, 2, 0, 0], [0, 0, 0, 3]], np.float32)
    part.add(x, hidden)
    assert part.density == 2 / 8
    assert part.true_density == 3 / 8
    assert part.recall == 1 / 3
    assert part.energy == pytest.approx(1 / (1 + 4 + 9))


def test_recall_without_active_neurons():
    part = low_rank({"select": "threshold", "threshold": 0.5})
    part.add(np.ones((1, 4), np.float32), np.zeros((1, 4), np.float32))
    assert part.recall is None and part.energy is None
    assert part.true_density == 0


def test_small_activations_are_active():
    part = low_rank({"select": "threshold", "threshold": 0.5})
    part.add(np.eye(4, dtype=np.float32)[:1], np.full((1, 4), 1e-30,
                                                      np.float32))
    assert part.true_density == 1 and part.recall == 0.25


def test_a_score_at_the_threshold_is_chosen():
    scores = np.array([[0.1, 0.2, 0.3]], np.float32)
    entry = {"select": "threshold", "threshold": 0.2}
    assert measure.chosen(scores, entry).tolist() == [[False, True, True]]


def test_top_k_takes_the_smaller_index():
    scores = np.array([[1, 3, 3, 3], [2, 2, 2, 5]], np.float32)
    got = measure.chosen(scores, {"select": "top_k", "k": 2})
    assert got.tolist() == [[False, True, True, False],
                            [True, False, False, True]]


def test_layer_norm():
    x = np.array([[1, 2, 3, 6]], np.float32)
    want = (x - 3) / np.sqrt(3.5 + 1e-5)
    np.testing.assert_allclose(measure.layer_norm(x), want, rtol=1e-6)


def test_sign_bits():
    """Against the definition, bit by bit; 11 features leave bits unused."""
    rng = np.random.default_rng(2)
    features, units = 11, 5
    signs = rng.integers(0, 256, (2, units), np.uint8)
    signs[1] &= 7
    bias = rng.standard_normal(units).astype(np.float32)
    x = rng.standard_normal((7, features)).astype(np.float32)
    got = measure.SignBit(signs, features, bias).scores(x)
    for token, row in enumerate(x):
        bits = sum(int(v < 0) << i for i, v in enumerate(row - row.mean()))
        for unit in range(units):
            word = int(signs[0, unit]) | int(signs[1, unit]) << 8
            want = features - 2 * bin(word ^ bits).count("1") + bias[unit]
            assert got[token, unit] == pytest.approx(want, abs=1e-5)


def test_energy_of_groups():
    """Two groups of two heads of width 2."""
    outputs = np.array([[1, 2, 0, 0, 3, 0, 0, 4]], np.float32)
    assert measure.energy_of_groups(2)(outputs).tolist() == [[5, 25]]


def test_arrays_are_let_go():
    """Of a window no more is in memory than measurements wait for."""
    parts = [measure.Cosine(site, site + 1) for site in range(9)]
    sites = list(range(10))
    alive, most = [], 0

    def window():
        nonlocal most
        for _ in sites:
            array = np.ones((4, 3), np.float32)
            alive.append(weakref.ref(array))
            most = max(most, sum(ref() is not None for ref in alive))
            yield array
            del array

    measure.feed(parts, sites, [window(), window()])
    assert [part.count for part in parts] == [8] * 9
    assert most <= 3


def save_tensors(path, tensors):
    """A safetensors file; `tensors`: name -> (dtype, shape, bytes)."""
    header, data = {}, b""
    for name, (dtype, shape, raw) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def test_tensors(tmp_path):
    numbers = np.array([[1, -2.5, 3], [0.125, 1e-3, -7]], np.float32)
    bf16 = (numbers.view(np.uint32) >> 16).astype(np.uint16)
    file = Tensors(save_tensors(tmp_path / "t", {
        "a": ("F32", (2, 3), numbers.tobytes()),
        "b": ("F16", (2, 3), numbers.astype(np.float16).tobytes()),
        "c": ("BF16", (2, 3), bf16.tobytes()),
        "d": ("U8", (2,), b"\x01\x80"), "e": ("I64", (1,), bytes(8)),
        "f": ("F32", (4,), bytes(16))}))
    for name, precision in (("a", 0), ("b", 1e-3), ("c", 1e-2)):
        np.testing.assert_allclose(file.get(name, (2, 3)), numbers,
                                   rtol=precision)
    assert file.get("d", (2,)).tolist() == [1, 128]
    for name, shape, what in (("x", (1,), "no tensor 'x'"),
                              ("a", (3, 2), "[3, 2]"), ("e", (1,), "I64")):
        with pytest.raises(DejavuError, match=re.escape(what)):
            file.get(name, shape)
    with open(tmp_path / "t", "r+b") as whole:
        whole.truncate((tmp_path / "t").stat().st_size - 4)
    with pytest.raises(DejavuError, match="the file ends"):
        file.get("f", (4,))
    (tmp_path / "t").write_bytes(b"hello")
    with pytest.raises(DejavuError, match="not a safetensors file"):
        Tensors(tmp_path / "t")


# --- Plots ------------------------------------------------------------------

def test_labels_are_apart():
    got = plots.spread([10, 0, 1, 30], 4)
    assert sorted(got) == [got[1], got[2], got[0], got[3]], "the order stays"
    assert np.diff(sorted(got)).min() >= 4 - 1e-9
    assert got[3] == 30 and got[0] == 10, "what doesn't touch stays"
    assert plots.spread([5, 5, 5], 2) == [3, 5, 7]


def cosine_svg():
    with style():
        return to_svg(plots.cosine([("one", [None, 0.9, 0.95]),
                                    ("half", [0.8, 0.99, 1.0])]),
                      "name", "A <title>", "What is to be seen.")


def test_svg_is_the_same_each_time():
    assert cosine_svg() == cosine_svg()


def test_svg():
    """Text is text in the page's font, colours are the page's."""
    root = ElementTree.fromstring(cosine_svg())
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert {"one", "half", "layer", "cosine"} <= set(texts)
    assert root.find(f"{SVG}title").text == "A <title>"
    assert root.find(f"{SVG}desc").text == "What is to be seen."
    text = cosine_svg()
    assert "font-family" not in text and "<style" not in text
    assert not re.search(r"#[0-9a-f]{6}\b", text)
    assert not re.search(r"\d{4}-\d\d-\d\d", text), "a date"


@pytest.mark.parametrize("drawn", [
    lambda: plots.perplexity([("only", 0.0, 20.0, True)], []),
    lambda: plots.perplexity([("$x$", 1.0, 20.0, True)] * 3, [("d", 20.0)]),
    lambda: plots.by_layer([("a", True, [("r", [None])]),
                            ("b", False, [("s", [0.0])])]),
    lambda: plots.cosine([("a", [None]), ("b", [-0.5])]),
    lambda: plots.bytes_by_part([("embedding", 0, 0)], "x"),
    lambda: plots.bytes_by_part([("predictors", 10, 0)], "x"),
    lambda: plots.histograms([("0", [0] * 49 + [1], "")]),
    lambda: plots.head_usage([[0.0], None, [1.0]]),
    lambda: plots.head_usage([[0.5] * 100] * 100)])
def test_plots_of_extremes(drawn):
    with style():
        ElementTree.fromstring(to_svg(drawn(), "n", "t", "d"))


# --- A recorded program -----------------------------------------------------

LAYERS, NEURONS, GROUPS, WIDTH, CONTEXT, COUNT = 3, 16, 2, 8, 8, 20
# What the fake does with its files; it knows nothing of what is in them.
FAKE = """#!{python}
import json, pathlib, shutil, sys
import numpy as np
here, args = pathlib.Path(__file__).parent, sys.argv[1:]
def value(flag):
    return args[args.index(flag) + 1]
if "--info" in args:
    print((here / "manifest.json").read_text())
elif "--eval-tokens" in args:
    shutil.copy(here / "eval.json", value("--json"))
else:
    values = np.load(here / "values.npz")
    ids = np.load(value("--activations"))
    for first in range(0, len(ids), {context}):
        for site in value("--sites").split(","):
            rows = values[site][ids[first:first + {context}]]
            sys.stdout.buffer.write(rows.astype("<f4").tobytes())
"""


def sites(layer):
    """Of a layer, as a manifest has them."""
    first = 4 * layer
    return {"attention_in": first, "attention_out": first + 1,
            "ffn_in": first + 2, "hidden": 12 + layer, "gate": -1}


def predictors(layer):
    """None in layer 0; a threshold in layer 1; in layer 2 top-k by signs, and
    heads."""
    ahead = sites(layer - 1)["ffn_in"] if layer else None
    if layer == 0:
        return []
    neuron = {"unit": "neuron", "site": ahead, "density": 0.25, "recall": 0.9,
              "active": 0.1, "loss": 0.01}
    if layer == 1:
        return [{**neuron, "kind": "low_rank", "select": "threshold",
                 "threshold": 0.25, "first": "p1.first", "second": "p1.second",
                 "bias": "p1.bias"}]
    return [{**neuron, "kind": "sign_bit", "select": "top_k", "k": 4,
             "signs": "p2.signs"},
            {"unit": "kv_group", "kind": "low_rank", "site": ahead,
             "select": "top_k", "k": 1, "first": "h2.first",
             "second": "h2.second", "bias": "h2.bias", "recall": 0.8}]


def manifest():
    """Of the recorded program."""
    taps = [{"site": site, "layer": site // 4, "op": "x", "name": "x",
             "width": WIDTH} for site in range(12)]
    return {
        "format": 1, "compiler": "dejavu 0.1.0", "form": "decoder",
        "model": {"name": "tiny <&> $x$", "digest": "xxh3:0123"},
        "sparsity": "predicted", "weights_dtype": "f32", "vocab": 100,
        "weights_digest": "xxh3:4567", "target": "cpu", "cpu": {"name": "z1"},
        "max_context": CONTEXT, "position_limit": 0, "taps": taps,
        "hidden_taps": [{"site": 12 + layer, "layer": layer, "width": NEURONS}
                        for layer in range(LAYERS)],
        "look_ahead": {"layers": [sites(layer) for layer in range(LAYERS)]},
        "layers": [{"attention": {"heads": 4, "kv_heads": GROUPS,
                                  "head_dim": 2},
                    "mlp": {"neurons": NEURONS, "activation": "relu",
                            "gated": False, "reason": "", "sparsity":
                            "predicted" if layer else "dense"},
                    "predictors": predictors(layer)}
                   for layer in range(LAYERS)],
        "bytes_per_token": {"dense": 6000, "always": 1000, "selects": []}}


def evaluation():
    """What --eval-tokens counted."""
    bins = np.zeros(50, int)
    bins[[3, 12, 20]] = 5, 11, 4
    return {
        "model": "tiny", "sparsity": "predicted", "tokens": COUNT,
        "predicted": 17, "nll": 34.0, "perplexity": 7.389,
        "mlp_density": 0.25, "mlp_density_all_layers": 0.5,
        "head_density": 0.8125, "bytes_per_token": 3600.0,
        "bytes_per_token_dense": 6000,
        "bytes_by_part": {"mlp": 2000.0, "predictors": 600.0, "norms": 0.0,
                          "other": 1000.0},
        "bytes_by_part_dense": {"mlp": 5000, "norms": 0, "other": 1000},
        "layers": [
            {"layer": 0, "mlp_density": 1.0, "head_density": 1.0,
             "density_histogram": [], "head_usage": []},
            {"layer": 1, "mlp_density": 0.2, "head_density": 1.0,
             "density_histogram": bins.tolist(), "head_usage": []},
            {"layer": 2, "mlp_density": 0.3, "head_density": 0.5,
             "density_histogram": bins[::-1].tolist(),
             "head_usage": [0.95, 0.05]}]}


def values():
    """Activations by site; hidden ones as ReLU leaves them."""
    rng = np.random.default_rng(3)
    made = {str(site): rng.standard_normal((COUNT, WIDTH), np.float32)
            for site in range(12)}
    for layer in range(LAYERS):
        made[str(12 + layer)] = np.maximum(
            rng.standard_normal((COUNT, NEURONS), np.float32), 0)
    return made


def tensors():
    """The predictors' weights by name, as arrays."""
    rng = np.random.default_rng(4)
    return {"p1.first": rng.standard_normal((3, WIDTH), np.float32),
            "p1.second": rng.standard_normal((3, NEURONS), np.float32),
            "p1.bias": rng.standard_normal(NEURONS, np.float32),
            "p2.signs": rng.integers(0, 256, (1, NEURONS), np.uint8),
            "h2.first": rng.standard_normal((1, WIDTH), np.float32),
            "h2.second": rng.standard_normal((1, GROUPS), np.float32),
            "h2.bias": np.zeros(GROUPS, np.float32)}


class Recorded:
    """The program, in a folder of its own."""

    def __init__(self, folder):
        folder.mkdir()
        self.folder, self.path = folder, folder / "out"
        self.tokens, self.page = folder / "tokens.npy", folder / "page.html"
        self.path.write_text(FAKE.format(python=sys.executable,
                                         context=CONTEXT))
        self.path.chmod(0o755)
        np.save(self.tokens, np.arange(COUNT, dtype=np.uint16))
        np.savez(folder / "values.npz", **values())
        save_tensors(folder / "out.safetensors", {
            name: ("U8" if t.dtype == np.uint8 else "F32", t.shape,
                   t.tobytes()) for name, t in tensors().items()})
        self.write(manifest(), evaluation())

    def write(self, new_manifest=None, new_evaluation=None):
        """Puts other answers into its place."""
        for name, data in (("manifest", new_manifest),
                           ("eval", new_evaluation)):
            if data is not None:
                (self.folder / f"{name}.json").write_text(json.dumps(data))

    def report(self, *options):
        """The exit code of `dejavu report`."""
        return dejavu.cli.main([
            "report", str(self.path), "--tokens", str(self.tokens), "-o",
            str(self.page), *map(str, options)])

    def tree(self, *options):
        """The page, as a tree."""
        assert self.report(*options) == 0
        return ElementTree.parse(self.page).getroot()


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


def section(tree, name):
    """A section of the page."""
    return next(element for element in tree.iter(f"{HTML}section")
                if element.get("id") == f"section-{name}")


def text_of(element):
    """Its text, in one line."""
    return " ".join("".join(element.itertext()).split())


def table_of(part, number=0):
    """A table as {row's name: {column's name: cell}}."""
    table = list(part.iter(f"{HTML}table"))[number]
    columns = [text_of(cell) for cell in table.find(f"{HTML}thead").iter(
        f"{HTML}th")][1:]
    rows = {}
    for row in table.iter(f"{HTML}tr"):
        cells = [text_of(cell) for cell in row]
        if row.find(f"{HTML}td") is not None:
            rows[cells[0]] = dict(zip(columns, cells[1:], strict=True))
    return rows


def share(cell):
    """The number that a cell begins with."""
    return float(cell.split()[0])


def check_page(tree):
    """What is true of every page: it needs nothing else, names are unique and
    lead somewhere, each plot has a text and a table."""
    ids = [e.get("id") for e in tree.iter() if e.get("id")]
    assert len(ids) == len(set(ids))
    loads = {"script", "link", "img", "image", "iframe", "object", "embed",
             "base", "audio", "video", "source", "import"}
    for element in tree.iter():
        assert element.tag.split("}")[1] not in loads
        for name, value in element.attrib.items():
            assert name.split("}")[-1] not in ("src", "srcset", "data",
                                               "poster", "action")
            if name.split("}")[-1] == "href":
                assert value.startswith("#") and value[1:] in ids
            for target in re.findall(r"url\(([^)]*)\)", value):
                assert target.startswith("#") and target[1:] in ids
            assert "//" not in value
        for word in (element.get("aria-labelledby") or "").split():
            assert word in ids
    css = text_of(tree.find(f"{HTML}head/{HTML}style"))
    assert "url(" not in css and "@import" not in css and "//" not in css
    used = set(re.findall(r"var\((--\w+)\)", ElementTree.tostring(
        tree, encoding="unicode")))
    for scheme in re.split("prefers-color-scheme: dark", css, maxsplit=1):
        assert used <= set(re.findall(r"(--\w+):", scheme))
    svgs = list(tree.iter(f"{SVG}svg"))
    with_plot = [s for s in tree.iter(f"{HTML}section")
                 if s.find(f".//{SVG}svg") is not None]
    assert len(with_plot) == len(svgs)
    for part in with_plot:
        assert part.find(f".//{HTML}table") is not None
    for svg in svgs:
        assert svg.get("role") == "img"
        assert svg.find(f"{SVG}title").text and svg.find(f"{SVG}desc").text
    for table in tree.iter(f"{HTML}table"):
        assert text_of(table.find(f"{HTML}caption"))
        assert all(th.get("scope") for th in table.iter(f"{HTML}th"))


def plotted(tree):
    """The names of the sections that have a plot."""
    return [part.get("id").removeprefix("section-")
            for part in tree.iter(f"{HTML}section")
            if part.find(f".//{SVG}svg") is not None]


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


# --- A real program ---------------------------------------------------------

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
