#!/usr/bin/env python3
# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles models and writes docs/Coverage.md: what of each is raised, and
whether its golden cases hold.

Usage: generate_coverage.py [--check] [--extra FOLDER]

The models of the repository are measured each time; --check writes nothing and
fails where the page says something else. --extra measures FOLDER/FAMILY/EXPORTER
as well (what export_tiny.py makes) and dates what it finds; without it, that
part of the page stays as it is. FOLDER/no-file.json tells of exports that could
not be made: {"FAMILY/EXPORTER": "why"}."""

import argparse
import collections
import datetime
import json
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/Coverage.md"
MODELS = ROOT / "build/models"
BIN = ROOT / "build/bin"
TRAINED = ("opt-docs-7m", "llama-silu-docs-7m")
LIMIT_S = 300

HEAD = """<!-- Made by tools/scripts/generate_coverage.py: do not edit. -->

# What is raised

Each model below was compiled by `dejavu-compile M -o OUT --coverage-report F`.
*raised* means that every layer's attention and MLP were recognised, so that
they run by the kernels made for them.
*generic* names the operators that run as they are written in the file, by loops.
What was not raised has the reason; *refused* means that nothing was made. The
last column says how many golden cases agree with PyTorch or ONNX Runtime to
within 1e-4, relative or absolute. Models are tiny and random, made by
`tools/scripts/export_tiny.py`, except opt-docs-7m and llama-silu-docs-7m.
"""
TABLE = """
| model | exporter | result | cases |
|---|---|---|---|
"""


def models_below(folder):
    """FAMILY/EXPORTER folders that hold a model, sorted."""
    return sorted(path.parent for path in folder.glob("*/*/model.onnx"))


def stored():
    """(name as the page spells it, folder) of each model of the repository."""
    found = [(name, MODELS / name) for name in TRAINED]
    for archive in ("zoo", "tiny"):
        found += [(f"{archive}/{path.parent.name}/{path.name}", path)
                  for path in models_below(MODELS / archive)]
    return found


def run(*command):
    """A command to its end, or None where it takes too long."""
    try:
        return subprocess.run([str(part) for part in command],
                              stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              check=False, timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        return None


def plain(text):
    """A reason as a table holds it: one line, no names of files."""
    text = re.sub(r"\S*/(?=[\w.-]*(:|$))\S*: ", "", text.strip())
    return text.replace("|", "\\|").replace("\n", " ")


def told(report):
    """A coverage report in words."""
    parts = []
    layers = report["layers"]
    for kind, name in (("attention", "attention"), ("ffn", "MLP")):
        reasons = collections.Counter(
            layer[kind] for layer in layers if layer[kind] != "raised")
        for reason, count in reasons.items():
            parts.append(f"{name} of {count} of {len(layers)} layers: "
                         + plain(reason.replace("none", "none found")))
    text = "; ".join(parts) or ("raised" if layers else "no layers found")
    if report["rest"]:
        operators = [name.removeprefix("onnx.") for name in report["rest"]]
        text += "; generic: " + ", ".join(operators)
    return text


def outcome(code, errors, report):
    """What the page says of a compilation."""
    if code == 0:
        return told(report)
    [error] = [line for line in errors.splitlines()
               if line.startswith("error: ")][:1] or ["error: crashed"]
    text = error.removeprefix("error: ")
    # The file is known from the row, and node names differ by exporter.
    text = re.sub(r"^\S+: ", "", text)
    text = text.split(": onnx.", maxsplit=1)[0]
    return "refused: " + plain(text)


def measure(folder, cases=True):
    """(result, cases) of a model, as the page spells them."""
    with tempfile.TemporaryDirectory() as scratch:
        made = pathlib.Path(scratch) / "made"
        report = pathlib.Path(scratch) / "report.json"
        done = run(BIN / "dejavu-compile", folder, "-o", made,
                   "--coverage-report", report)
        if done is None:
            return f"refused: not done after {LIMIT_S} s", "-"
        text = outcome(done.returncode, done.stderr, json.loads(
            report.read_text("utf-8")) if report.exists() else None)
        if done.returncode or not cases:
            return text, "-"
        runs = [run(BIN / "dejavu-run", made, "--input", case)
                for case in sorted(folder.glob("*.npz"))]
    good = sum(done is not None and done.returncode == 0 for done in runs)
    return text, f"{good} of {len(runs)}"


def row(name, result):
    """A line of the table."""
    model, _, exporter = name.rpartition("/")
    if not model:
        model, exporter = name, "dynamo-opset20"
    return f"| {model} | {exporter} | {result[0]} | {result[1]} |\n"


def rows_of(page):
    """{name: (result, cases)} of the models of the repository."""
    found = {}
    for line in page.split("\n## ")[0].splitlines():
        cells = [cell.strip() for cell in
                 re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 4 and cells[0] not in ("model", "---"):
            name = (cells[0] if cells[0] in TRAINED
                    else f"{cells[0]}/{cells[1]}")
            found[name] = (cells[2], cells[3])
    return found


def extra_part(folder):
    """The part of the page about models outside of the repository."""
    today = datetime.date.today().isoformat()
    text = (f"\n## More exports, measured on {today}\n\nThese files are not"
            " in the repository. The scripts that made them are: each row is"
            " `export_tiny.py\n--family MODEL --exporter EXPORTER`.\n" + TABLE)
    results = {}
    for path in models_below(folder):
        name = f"{path.parent.name}/{path.name}"
        results[name] = measure(path)
        print(row(name, results[name]), end="", flush=True)
    reasons = folder / "no-file.json"
    if reasons.exists():
        for name, why in json.loads(reasons.read_text("utf-8")).items():
            results[name] = (f"no file: {plain(why)}", "-")
    return text + "".join(row(name, results[name])
                          for name in sorted(results))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--extra", type=pathlib.Path, metavar="FOLDER")
    arguments = parser.parse_args()
    old = PAGE.read_text("utf-8") if PAGE.exists() else ""
    results = {name: measure(folder) for name, folder in stored()}
    if arguments.check:
        said = rows_of(old)
        wrong = sorted(name for name in results.keys() | said.keys()
                       if said.get(name) != results.get(name))
        if wrong:
            sys.exit("error: docs/Coverage.md: not current, run"
                     " tools/scripts/generate_coverage.py: "
                     + ", ".join(wrong))
        return
    rest = old[old.index("\n## "):] if "\n## " in old else ""
    if arguments.extra:
        rest = extra_part(arguments.extra)
    PAGE.write_text(HEAD + TABLE + "".join(
        row(name, result) for name, result in results.items()) + rest,
                    encoding="utf-8")


if __name__ == "__main__":
    main()
