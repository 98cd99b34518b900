# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A recorded program for the tests of `dejavu report`, and how its pages are
read."""

import json
import re
import struct
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np

import dejavu.cli
from conftest import ROOT

DEJAVU = ROOT / ".venv/bin/dejavu"
HTML = "{http://www.w3.org/1999/xhtml}"
SVG = "{http://www.w3.org/2000/svg}"


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


# --- Pages ------------------------------------------------------------------

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
