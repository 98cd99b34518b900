# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The plots of the report. Each is made of plain numbers, and is a figure in
which None is left out. What is of this program is in the main colour; other
series differ in their markers, too, and are named where they are."""

import math

from matplotlib.collections import PatchCollection
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from dejavu.report.svg import GRID, INK, MAIN, MUTED, OTHER, PAPER, figure
from dejavu.report.words import byte_unit, size

WIDTH = 8.6  # inches
LINE = 12  # points from one line of text to the next
LETTER = 5.5  # points, the width of one on average
PERCENT = FuncFormatter(
    lambda value, _: f"{100 * value:.4g} %" if value <= 1 else "")


def numbers(count, most):
    """Ticks for `count` things that are numbered from 0: `most` at most."""
    step = next(step for step in (1, 2, 4, 5, 8, 10, 20, 50, 100, count)
                if count <= most * step)
    return range(0, count, step)


def round_ticks():
    """A few ticks at round numbers."""
    return MaxNLocator(5, steps=[1, 2, 2.5, 5, 10])


def spread(places, gap):
    """The places nearest to the given ones that are `gap` apart, in the same
    order."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    # Groups of neighbours that touch are centred on where they belong.
    groups = []
    for i in order:
        groups.append(([i], places[i]))
        while len(groups) > 1 and groups[-1][1] - groups[-2][1] < gap / 2 * (
                len(groups[-1][0]) + len(groups[-2][0])):
            (left, _), (right, _) = groups[-2:]
            both = left + right
            wanted = sum(places[i] - gap * at for at, i in enumerate(both))
            middle = wanted / len(both) + gap * (len(both) - 1) / 2
            groups[-2:] = [(both, middle)]
    result = [0.0] * len(places)
    for members, middle in groups:
        for at, i in enumerate(members):
            result[i] = middle + gap * (at - (len(members) - 1) / 2)
    return result


def in_points(axes, places):
    """Where data coordinates are in the figure, in points: 72 an inch."""
    axes.figure.draw_without_rendering()
    scale = 72 / axes.figure.dpi
    return [tuple(axes.transData.transform(place) * scale)
            for place in places]


def label_ends(axes, labels):
    """Labels of things that are below each other: (x, y, text, colour) in data
    coordinates, written to the right, and pushed apart where they would
    touch."""
    where = in_points(axes, [(x, y) for x, y, _, _ in labels])
    apart = spread([y for _, y in where], LINE)
    for (x, y, text, colour), (_, own), moved in zip(labels, where, apart):
        axes.annotate(text, (x, y), (9, moved - own),
                      textcoords="offset points", va="center_baseline",
                      color=colour, annotation_clip=False)


def touch(a, b):
    """Whether two boxes (left, bottom, right, top) overlap."""
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def label_points(axes, labels):
    """Labels of points that lie anywhere: each is beside its point where it
    touches no other and no other point; where there is no such place, at the
    right."""
    where = in_points(axes, [(x, y) for x, y, _, _ in labels])
    (left, _), (right, _) = in_points(axes, [(axes.get_xlim()[0], 0),
                                             (axes.get_xlim()[1], 0)])
    taken = [(x - 5, y - 5, x + 5, y + 5) for x, y in where]
    for i, (x, y, text, colour) in enumerate(labels):
        width = LETTER * len(text)
        others = [box for at, box in enumerate(taken) if at != i]

        def box_of(dx, dy, align, at=where[i], width=width):
            begin = at[0] + dx - {"left": 0, "center": width / 2,
                                  "right": width}[align]
            return (begin, at[1] + dy - LINE / 2, begin + width,
                    at[1] + dy + LINE / 2)

        places = [(9, 0, "left"), (-9, 0, "right"),
                  *((0, sign * LINE * far, "center") for far in (1, 2, 3)
                    for sign in (1, -1))]
        free = (place for place in places
                if left < (box := box_of(*place))[0] and box[2] < right
                and not any(touch(box, other) for other in others))
        dx, dy, align = next(free, places[0])
        taken.append(box_of(dx, dy, align))
        axes.annotate(text, (x, y), (dx, dy), textcoords="offset points",
                      va="center_baseline", ha=align, color=colour,
                      annotation_clip=False)


def perplexity(points, references):
    """`points`: (name, density, perplexity, whether it is the program that the
    page is about); `references`: (name, perplexity) of dense programs."""
    drawn = figure(WIDTH, 3.4)
    axes = drawn.add_subplot()
    values = [y for _, _, y, _ in points] + [y for _, y in references]
    # Differences of less than a percent are not made to look great.
    margin = max(0.15 * (max(values) - min(values)), 0.01 * max(values))
    axes.set_ylim(min(values) - margin, max(values) + margin)
    densest = max(x for _, x, _, _ in points)
    axes.set_xlim(0, 1.3 * densest or 1)
    for _, y in references:
        axes.axhline(y, color=MUTED, linewidth=1, dashes=(4, 3))
    for _, x, y, own in sorted(points, key=lambda point: point[3]):
        axes.plot(x, y, "o", markersize=9 if own else 7, color=MAIN if own
                  else PAPER, markeredgecolor=MAIN if own else MUTED,
                  markeredgewidth=1.5, clip_on=False)
    axes.set_xlabel("density of MLPs: neurons that are chosen, of all")
    axes.set_ylabel("perplexity")
    axes.xaxis.set_major_formatter(PERCENT)
    axes.yaxis.set_major_locator(round_ticks())
    axes.grid(axis="y")
    label_ends(axes, [(axes.get_xlim()[1], y, name, MUTED)
                      for name, y in references])
    label_points(axes, [(x, y, name, MAIN if own else INK)
                        for name, x, y, own in points])
    return drawn


def series(axes, lines, label):
    """Lines over layers, named at their right ends. `lines`: (name, values,
    colour, marker)."""
    ends = []
    for name, values, colour, marker in lines:
        there = [(x, y) for x, y in enumerate(values) if y is not None]
        if not there:
            continue
        # NaN interrupts the line where a layer has no value.
        axes.plot(range(len(values)),
                  [math.nan if y is None else y for y in values], marker,
                  linestyle="-", color=colour, markersize=5.5, linewidth=1.4,
                  markerfacecolor=colour if colour == MAIN else PAPER,
                  markeredgewidth=1.4, clip_on=False)
        ends.append((*there[-1], name, colour))
    layers = max(len(values) for _, values, _, _ in lines)
    axes.set_xlim(-0.3, layers - 0.7)
    axes.set_xticks(numbers(layers, 16))
    axes.yaxis.set_major_formatter(PERCENT)
    axes.yaxis.set_major_locator(round_ticks())
    axes.set_ylabel(label)
    axes.grid(axis="y")
    return ends


def floor_of(lines):
    """A lower bound for an axis that ends at 1: a round number below all
    values, and not above 0.9."""
    values = [y for _, ys, _, _ in lines for y in ys if y is not None]
    lowest = min(values, default=0)
    return min(math.floor(lowest * 20 - 0.2) / 20, 0.9)


def by_layer(panels):
    """Panels over the same layers, one below the other: (label, whether more
    is better, lines), lines being (name, values). What is the better, the
    more there is of it, ends at 100 % and begins near the least; the others
    begin at 0. The first line of each is of the program's choice."""
    looks = ((MAIN, "o"), (OTHER, "D"))
    panels = [panel for panel in panels
              if any(y is not None for _, ys in panel[2] for y in ys)]
    drawn = figure(WIDTH, 0.9 + 1.9 * len(panels))
    found = drawn.subplots(len(panels), sharex=True, squeeze=False)[:, 0]
    for axes, (label, is_good, lines) in zip(found, panels):
        lines = [(*line, *look) for line, look in zip(lines, looks)]
        ends = series(axes, lines, label)
        if is_good:
            axes.set_ylim(floor_of(lines), 1)
        else:
            axes.set_ylim(bottom=0)
        # A line alone is named by its axis.
        if len(lines) > 1:
            label_ends(axes, ends)
    found[-1].set_xlabel("layer")
    return drawn


def cosine(lines):
    """(name, values by layer): how alike the residual stream is."""
    looks = ((MAIN, "o"), (OTHER, "D"))
    lines = [(*line, *look) for line, look in zip(lines, looks)]
    drawn = figure(WIDTH, 3.0)
    axes = drawn.add_subplot()
    ends = series(axes, lines, "cosine")
    lowest = floor_of(lines)
    axes.set_ylim(lowest, 1)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:.4g}"))
    axes.set_xlabel("layer")
    label_ends(axes, ends)
    return drawn


def bytes_by_part(parts, name):
    """`parts`: (part, bytes that this program reads, bytes of the dense
    model), each a bar of what is read before a bar of what dense reads."""
    drawn = figure(WIDTH, 0.75 + 0.36 * len(parts))
    axes = drawn.add_subplot()
    longest = max(max(own, dense) for _, own, dense in parts)
    scale, unit = byte_unit(longest)
    for row, (_, own, dense) in enumerate(parts):
        if dense:
            axes.barh(row, dense / scale, 0.7, color=GRID)
        axes.barh(row, own / scale, 0.36, color=MAIN)
        axes.annotate(
            f"{size(own)} of {size(dense)}" if dense else size(own),
            (max(own, dense) / scale, row), (5, 0),
            textcoords="offset points", va="center_baseline", color=INK)
    axes.set_yticks(range(len(parts)), [part for part, _, _ in parts])
    axes.set_ylim(len(parts) - 0.5, -0.5)
    axes.set_xlim(0, 1.02 * longest / scale or 1)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(f"{unit} for each token: {name} in colour, the dense"
                    " model in grey")
    return drawn


def histograms(layers):
    """(label, counts in equal bins of [0, 1], note) for each layer, one below
    the other. The axis ends where the last token is."""
    bins = len(layers[0][1])
    used = max(i + 1 for _, counts, _ in layers
               for i, count in enumerate(counts) if count)
    drawn = figure(WIDTH, 0.8 + len(layers) * min(0.42, max(
        0.17, 12 / len(layers))))
    axes = drawn.add_subplot()
    for row, (_, counts, note) in enumerate(layers):
        top = max(counts) or 1
        axes.plot([0, used / bins], [row, row], color=GRID, linewidth=0.8,
                  zorder=1)
        heights = [0.86 * count / top for count in counts]
        draw_all(axes, [Rectangle((i / bins, row - height), 1 / bins, height,
                                  facecolor=MAIN, edgecolor=PAPER,
                                  linewidth=0.4)
                        for i, height in enumerate(heights) if height])
        axes.annotate(note, (used / bins, row), (6, 1),
                      textcoords="offset points", color=INK)
    axes.set_xlim(0, used / bins)
    axes.set_ylim(len(layers) - 0.9, -1)
    axes.set_yticks(range(len(layers)), [label for label, _, _ in layers])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_formatter(PERCENT)
    axes.set_ylabel("layer")
    axes.set_xlabel("density of a token: neurons that are chosen, of all")
    return drawn


def head_usage(usage):
    """Layers by kv groups: the share of tokens that selected the group; a row
    may be None. A cell is the darker, the greater its share."""
    groups = max(len(row) for row in usage if row is not None)
    cell = min(0.5, 6.6 / groups)
    height = min(max(0.24, 9 / len(usage)), 0.3)
    drawn = figure(WIDTH, 1.3 + height * len(usage))
    axes, key = drawn.subplots(
        2, height_ratios=(len(usage) * height, 0.16))
    draw_all(axes, [shade(group, layer, share)
                    for layer, row in enumerate(usage)
                    for group, share in enumerate(row or ())])
    for layer, row in enumerate(usage):
        if row is None:
            axes.annotate("all, always", (-0.46, layer), (0, 0), color=MUTED,
                          textcoords="offset points", va="center_baseline")
    # Cells keep their size however few there are.
    axes.set_xlim(-0.5, max(groups, 6.6 / cell) - 0.5)
    axes.set_ylim(len(usage) - 0.5, -0.5)
    axes.set_xticks(numbers(groups, 16))
    axes.set_yticks(numbers(len(usage), 24))
    axes.set_xlabel("key and value head", loc="left")
    axes.set_ylabel("layer")
    steps = 10
    draw_all(key, [shade(step, 0, step / steps)
                   for step in range(steps + 1)])
    key.set_xlim(-0.5, 3 * steps)
    key.set_ylim(-0.5, 0.5)
    key.set_yticks([])
    key.set_xticks([0, steps // 2, steps], ["0 %", "50 %", "100 %"])
    key.annotate("of the tokens select it", (steps + 0.5, 0), (6, 0),
                 textcoords="offset points", va="center_baseline")
    for each in (axes, key):
        each.tick_params(length=0)
        for spine in each.spines.values():
            spine.set_visible(False)
    return drawn


def draw_all(axes, patches):
    """Many patches; as one thing they are laid out at once."""
    axes.add_collection(PatchCollection(patches, match_original=True))


def shade(column, row, share):
    """A cell: an outline, filled as much as its share says."""
    return Rectangle((column - 0.46, row - 0.44), 0.92, 0.88,
                     facecolor=(*rgb(MAIN), share), edgecolor=GRID,
                     linewidth=0.6)


def rgb(colour):
    """`#rrggbb` as numbers."""
    return tuple(int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5))
