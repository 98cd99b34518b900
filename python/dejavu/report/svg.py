# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""From a figure of matplotlib to SVG that can stand inside a page: text stays
text in the page's font, colours are the page's, names are unique, and the same
figure gives the same bytes."""

import io
import re
import xml.etree.ElementTree as ElementTree

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

SVG = "http://www.w3.org/2000/svg"
XLINK = "{http://www.w3.org/1999/xlink}href"

# Roles, with their colours on a light page. A figure uses no others; the page's
# style sheet says what they are on a dark one.
INK, MUTED, GRID = "#1f2328", "#59636e", "#dfe3e8"
MAIN, OTHER, PAPER = "#1f6fb5", "#b35900", "#ffffff"
ROLES = {INK: "ink", MUTED: "muted", GRID: "grid", MAIN: "main",
         OTHER: "other", PAPER: "paper"}

STYLE = {
    "svg.fonttype": "none", "svg.hashsalt": "dejavu", "text.parse_math": False,
    "font.family": "DejaVu Sans", "font.size": 9, "text.color": INK,
    "axes.facecolor": "none", "figure.facecolor": "none",
    "axes.edgecolor": MUTED, "axes.labelcolor": INK, "axes.linewidth": 0.8,
    "axes.spines.top": False, "axes.spines.right": False,
    "axes.axisbelow": True, "grid.color": GRID, "grid.linewidth": 0.8,
    "xtick.color": MUTED, "ytick.color": MUTED,
    "xtick.labelcolor": INK, "ytick.labelcolor": INK,
    "xtick.major.size": 3, "ytick.major.size": 3,
}


def style():
    """A context in which figures are made and drawn, whatever the settings
    of the user are."""
    return matplotlib.rc_context({**matplotlib.rcParamsDefault, **STYLE})


def figure(width, height):
    """A figure of this size in inches, which has a layout that fits."""
    return Figure((width, height), layout="constrained")


def to_svg(drawn, name, title, description):
    """The SVG of a figure, as text. `name` is unique in the page; title and
    description are for those who don't see it."""
    buffer = io.BytesIO()
    FigureCanvasSVG(drawn).print_svg(buffer, metadata=dict.fromkeys(
        ("Date", "Creator", "Format", "Type")))
    ElementTree.register_namespace("", SVG)
    root = ElementTree.fromstring(buffer.getvalue())
    # A rule for `*` would be one for the whole page.
    for definitions in root.findall(f"{{{SVG}}}defs"):
        for rules in definitions.findall(f"{{{SVG}}}style"):
            definitions.remove(rules)
    for element in root.iter():
        clean(element, name)
    for size in ("width", "height"):
        del root.attrib[size]
    root.set("id", name)
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-title {name}-description")
    for i, (tag, text) in enumerate((("title", title),
                                     ("desc", description))):
        element = ElementTree.Element(f"{{{SVG}}}{tag}")
        part = "title" if tag == "title" else "description"
        element.set("id", f"{name}-{part}")
        element.text, element.tail = text, "\n"
        root.insert(i, element)
    return ElementTree.tostring(root, encoding="unicode")


def clean(element, name):
    """Names of its own for the figure, colours of the page."""
    if "id" in element.attrib:
        element.set("id", f"{name}-{element.get('id')}")
    if XLINK in element.attrib:
        element.set("href", f"#{name}-{element.attrib.pop(XLINK)[1:]}")
    if "clip-path" in element.attrib:
        element.set("clip-path", element.get("clip-path").replace(
            "url(#", f"url(#{name}-"))
    if "d" in element.attrib:
        element.set("d", " ".join(element.get("d").split()))
    if "style" in element.attrib:
        rules = re.sub(r"font-family:[^;]*;?\s*", "", element.get("style"))
        element.set("style", re.sub(r"#[0-9a-f]{6}\b", page_colour, rules))


def page_colour(match):
    """`var(--ink)` for the colour of that role."""
    return f"var(--{ROLES[match[0]]})"
