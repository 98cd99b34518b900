# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The parts of `dejavu report` on known numbers: words, arithmetic, plots."""

import re
import weakref
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from dejavu.errors import DejavuError
from dejavu.report import measure, plots
from dejavu.report.svg import style, to_svg
from dejavu.report.tensors import Tensors
from dejavu.report.words import extremes, number, percent, printable, size
from recorded_report import SVG, save_tensors


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
    predictor = measure.LowRank(eye, eye, 1, np.zeros(4, np.float32))
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
