# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The page: its head, and the template that takes the sections."""

import datetime
import os
import pathlib
import platform

import jinja2
import markupsafe
import matplotlib
import numpy as np

import dejavu
from dejavu.report.sections import all_sections, attribute, density_of
from dejavu.report.words import (count, mean, number, percent, plural,
                                 printable, size)

FOLDER = pathlib.Path(__file__).parent


def cpu_name():
    """What the processor calls itself."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def machine():
    """`AMD EPYC 9R14, 2 threads, Debian GNU/Linux 12, Linux 6.1`."""
    try:
        system = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        system = platform.system()
    threads = plural(len(os.sched_getaffinity(0)), "hardware thread")
    return (f"{cpu_name()}, {threads}, {system}, {platform.system()}"
            f" {platform.release()}")


def predictors(subject):
    """`neurons of 5 of 6 layers, heads of none`."""
    layers = range(len(subject.layers))
    found = [sum(bool(entry) and entry["kind"] != "magnitude" for entry in
                 (subject.predictor(layer, unit) for layer in layers))
             for unit in ("neuron", "kv_group")]
    if not any(found):
        return "none"
    neurons, heads = (f"{n} of {len(layers)}" if n else "none" for n in found)
    return f"neurons of {neurons} layers, heads of {heads}"


def facts(subject, text, now):
    """What the page is about: (what, value)."""
    manifest, results = subject.manifest, subject.evaluation
    model, target = manifest.get("model", {}), manifest.get("cpu", {})
    digest = f", {model['digest']}" if model.get("digest") else ""
    return [
        ("Model", f"{subject.model}, {plural(len(subject.layers), 'layer')}"
         + digest),
        ("Program", str(subject.executable.path)),
        ("Sparsity", subject.sparsity),
        ("Look-ahead", subject.look_ahead() or "none"),
        ("Predictors", predictors(subject)),
        ("Weights", f"{manifest.get('weights_dtype', 'unknown')},"
         f" {manifest.get('weights_digest', 'no digest')}"),
        ("Compiled for", f"{manifest.get('target', 'unknown')}"
         + (f", {target['name']}" if target.get("name") else "")),
        ("Machine", machine()),
        ("Date", now),
        ("Tokens", f"{count(results['tokens'])} of {text.file}"
         + (f", from number {count(text.first)} on" if text.first else "")
         + f", in windows of {count(subject.executable.context)};"
         f" {count(results['predicted'])} were predicted"),
        ("Versions", f"compiler {manifest.get('compiler', 'unknown')}, report"
         f" dejavu {dejavu.__version__}, NumPy {np.__version__}, Matplotlib"
         f" {matplotlib.__version__}, Python {platform.python_version()}"),
    ]


def tiles(subject, measured):
    """The numbers that most come for: (what, value, and what of)."""
    results = subject.evaluation
    read, dense = (results["bytes_per_token"],
                   results["bytes_per_token_dense"])
    recall = mean(attribute(measured.neurons, "recall"))
    return [
        ("Perplexity", number(results["perplexity"]), "of the next token"),
        ("Density of MLPs", percent(density_of(subject)), "of all neurons"),
        ("Read per token", size(read), f"{percent(read / dense)} of dense"),
        ("Recall", percent(recall) if recall is not None else "\u2013",
         "of active neurons, mean of layers" if recall is not None
         else "not measured"),
    ]


def local_time():
    """`2026-01-31 14:05 +0100`."""
    return datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %z")


def render(subject, compared, measured, text, now=None):
    """The page as text. It is XML, too, so that its form can be checked."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER), autoescape=True,
        trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined,
        finalize=lambda value: value if isinstance(value, markupsafe.Markup)
        else printable(value))
    return environment.get_template("page.html.jinja").render(
        title=subject.model, facts=facts(subject, text, now or local_time()),
        tiles=tiles(subject, measured),
        sections=all_sections(subject, compared, measured),
        style=markupsafe.Markup((FOLDER / "page.css").read_text("utf-8")))
