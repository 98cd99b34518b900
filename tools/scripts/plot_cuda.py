#!/usr/bin/env python3
# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Pictures of what was measured on a GPU, from the JSON that bench_kernels.py
and bench_layers.py have written:

    .venv/bin/python tools/scripts/plot_cuda.py docs/benchmarks/cuda-*.json \\
        -o docs/benchmarks

cuda-mlp.png: MLPs over their density. cuda-layers.png: decoder layers. Files of
other kinds are passed over; of two files of one kind the later name counts. The
same files give the same bytes."""

import argparse
import json
import pathlib
import re
import sys

import numpy
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from dejavu.report.svg import (GRID, INK, MAIN, MUTED, OTHER, PAPER, figure,
                               style)

DPI = 110
SHADES = 48
COLUMNS = 4
MLP = re.compile(r"ffn-(?P<shape>\S+) (?:density (?P<density>\S+)"
                 r"|(?P<library>cuBLAS), dense)$")


def read_mlps(data):
    """{shape: {"ours": {density: (us, floor)}, "library": us}}."""
    shapes = {}
    for row in data["results"]:
        match = MLP.match(row.get("name", ""))
        if not match:
            continue
        shape = shapes.setdefault(match["shape"], {"ours": {}})
        if match["library"]:
            shape["library"] = row["us"]
        else:
            shape["ours"][float(match["density"])] = (row["us"],
                                                      row["floor_us"])
    # Other ways of the same shapes would be panels that look the same.
    return {name: shape for name, shape in shapes.items()
            if shape["ours"] and not name.endswith(("-atomic", "-exact"))}


def plot_mlps(shapes, title):
    """One panel for each shape, each from 0."""
    rows = -(-len(shapes) // COLUMNS)
    drawn = figure(2.4 * COLUMNS, 2.1 * rows + 0.5)
    panels = drawn.subplots(rows, COLUMNS, squeeze=False).ravel()
    for axes, (name, shape) in zip(panels, shapes.items()):
        densities = sorted(shape["ours"])
        axes.plot(densities, [shape["ours"][d][1] for d in densities], "--",
                  color=MUTED, linewidth=1, label="floor")
        axes.plot(densities, [shape["ours"][d][0] for d in densities], "o-",
                  color=MAIN, markersize=4, label="dejavu")
        if "library" in shape:
            axes.axhline(shape["library"], color=OTHER, linewidth=1,
                         label="cuBLAS, dense")
        axes.set_title(name, fontsize=9, color=INK)
        axes.set_xlim(0, 1.05)
        axes.set_ylim(0, 1.08 * max([us for us, _ in shape["ours"].values()]
                                    + [shape.get("library", 0)]))
        axes.grid(axis="y")
    for axes in panels[len(shapes):]:
        axes.set_visible(False)
    for row in range(rows):
        panels[row * COLUMNS].set_ylabel("us")
    drawn.supxlabel("density: the share of neurons that is active", fontsize=9)
    handles = {label: handle for axes in panels
               for handle, label in zip(*axes.get_legend_handles_labels())}
    drawn.legend(handles.values(), handles.keys(), loc="outside upper right",
                 ncols=3, frameon=False)
    drawn.suptitle(title, x=0.01, ha="left", fontsize=9)
    return drawn


def plot_layers(layers, title):
    """Bars for each model and context: ours over the floor, PyTorch behind."""
    drawn = figure(8.6, 1.1 + 0.34 * len(layers))
    axes = drawn.add_subplot()
    names = []
    for row, layer in enumerate(layers):
        library = layer.get("torch_us")
        floor = layer["floor_us"]
        if library:
            axes.barh(row, library / floor, 0.8, color=GRID,
                      label="PyTorch" if row == 0 else None)
        axes.barh(row, layer["layer_us"] / floor, 0.4, color=MAIN,
                  label="dejavu" if row == 0 else None)
        text = f"{layer['layer_us']:.0f} us, floor {floor:.0f}"
        if library:
            text += f", PyTorch {library:.0f}"
        axes.annotate(text, (max(layer["layer_us"], library or 0) / floor, row),
                      (5, 0), textcoords="offset points",
                      va="center_baseline", color=INK)
        names.append(f"{layer['model']}, {layer['context']} steps")
    axes.axvline(1, color=PAPER, linewidth=1)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(0, 1.45 * max(max(layer["layer_us"], layer.get(
        "torch_us", 0)) / layer["floor_us"] for layer in layers))
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("time of a layer over that of its bytes")
    drawn.legend(loc="outside upper right", ncols=2, frameon=False)
    drawn.suptitle(title, x=0.01, ha="left", fontsize=9)
    return drawn


def save(drawn, path):
    """A small PNG, which says nothing of when and by what it was made."""
    canvas = FigureCanvasAgg(drawn)
    canvas.draw()
    image = Image.fromarray(numpy.asarray(canvas.buffer_rgba()))
    image.convert("RGB").quantize(SHADES, dither=Image.Dither.NONE).save(
        path, optimize=True)
    print(f"{path}: {path.stat().st_size} bytes", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    parser.add_argument("-o", "--output", required=True, type=pathlib.Path,
                        metavar="FOLDER")
    options = parser.parse_args()
    pictures = {}
    for path in sorted(options.files):
        data = json.loads(path.read_text("utf-8"))
        where = f"{data.get('device')}, {data.get('date')}"
        if "results" in data and read_mlps(data):
            pictures["cuda-mlp.png"] = (
                plot_mlps, read_mlps(data),
                f"MLP of one row, f16, on {where}")
        elif data.get("layers") and isinstance(data["layers"], list):
            pictures["cuda-layers.png"] = (
                plot_layers, data["layers"],
                f"Decoder layers of one row, f16, on {where}")
    if not pictures:
        sys.exit("error: none of the files is of bench_kernels.py or"
                 " bench_layers.py")
    with style():
        for name, (plot, *arguments) in pictures.items():
            drawn = plot(*arguments)
            drawn.set_dpi(DPI)
            drawn.set_facecolor(PAPER)
            save(drawn, options.output / name)


if __name__ == "__main__":
    main()
