# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The sections of the page: a sentence that says what the numbers say, a plot,
what the numbers are, and the numbers themselves."""

import dataclasses

from dejavu.report import plots
from dejavu.report.svg import style, to_svg
from dejavu.report.words import (NOT_MEASURED, count, extremes, known, mean,
                                 number, percent, plural, size)

PARTS = {"embedding": "embedding", "attention": "attention", "mlp": "MLPs",
         "predictors": "predictors", "norms": "norms",
         "lm_head": "output head"}
NOTHING = "\u2013"


@dataclasses.dataclass
class Table:
    """Rows of text; the first column names the row."""
    caption: str
    columns: list
    rows: list
    total: list = None  # a last row of sums
    folded: bool = False  # to be opened by those who want it


@dataclasses.dataclass
class Section:
    """A part of the page. Without `svg`, `lead` says why there is no plot."""
    name: str
    title: str
    lead: str
    tables: list
    notes: list
    svg: str = None


def plot(function, name, title, description, *args):
    """The SVG of a plot."""
    with style():
        return to_svg(function(*args), name, title,
                      f"{description} The table below has the numbers.")


def all_sections(subject, compared, measured):
    """In the order of the page."""
    return [perplexity_section(subject, compared),
            recall_section(subject, measured),
            *heads_recall_section(subject, measured),
            bytes_section(subject, compared),
            histogram_section(subject), usage_section(subject),
            cosine_section(measured)]


# --- Perplexity -------------------------------------------------------------

def density_of(subject):
    """The mean over all layers."""
    return subject.evaluation["mlp_density_all_layers"]


def perplexity_section(subject, compared):
    """Quality against what is read."""
    programs = [subject, *compared]
    references = [p for p in programs if p.sparsity == "dense"]
    # Dense programs are lines, not points at 100 % that press all others
    # against the other side.
    shown = [p for p in programs if p.sparsity != "dense"] or references
    results = subject.evaluation
    lead = (f"Perplexity is {number(results['perplexity'])} at a density of"
            f" {percent(density_of(subject))}")
    if subject.sparsity == "dense":
        lead += ", since this program is dense."
    elif references:
        lead += (f"; the dense model's is"
                 f" {number(references[0].evaluation['perplexity'])}.")
    else:
        lead += ". No dense program was given for comparison."
    label = {p: f"{p.name} ({p.sparsity})" for p in programs}
    lines = [] if shown == references else [
        (label[p], p.evaluation["perplexity"]) for p in references]
    svg = plot(
        plots.perplexity, "perplexity", "Perplexity against density",
        "Points: " + "; ".join(
            f"{label[p]}: {number(p.evaluation['perplexity'])} at"
            f" {percent(density_of(p))}" for p in programs) + ".",
        [(label[p], density_of(p), p.evaluation["perplexity"], p is subject)
         for p in shown], lines)
    rows = []
    for p in programs:
        read, dense = (p.evaluation["bytes_per_token"],
                       p.evaluation["bytes_per_token_dense"])
        rows.append([
            p.name, p.sparsity, p.look_ahead() or "none",
            p.manifest.get("weights_dtype", ""),
            number(p.evaluation["perplexity"], 6), percent(density_of(p)),
            percent(p.evaluation.get("head_density")), size(read),
            percent(read / dense)])
    return Section(
        "perplexity", "Perplexity against density", lead,
        [Table("Quality and what is read, by program",
               ["Program", "Sparsity", "Look-ahead", "Weights", "Perplexity",
                "Density of MLPs", "Density of heads", "Read per token",
                "Of dense"], rows)],
        ["Perplexity of the next token, over windows of"
         f" {count(subject.executable.context)} tokens that each begin with an"
         " empty cache. Every token went through the program that generates text,"
         " one at a time.",
         "Density is the share of the neurons that were chosen: the mean over"
         " tokens and over all layers, as generated code counted it. A dense"
         " MLP has them all. Bytes need not follow it: an exact MLP reads the"
         " weights that decide in full, and of the others those of the chosen"
         " neurons; predictors are read, too."], svg)


# --- Recall and density -----------------------------------------------------

def attribute(parts, name):
    """An attribute of each measurement; None where there is none."""
    return [getattr(part, name, None) for part in parts]


def describe(entry, part):
    """`low rank 32 \u2265 -0.25`."""
    if entry is None:
        return "none"
    text = part.predictor.kind if hasattr(part, "predictor") \
        else entry["kind"].replace("_", " ")
    return text + (f" \u2265 {entry['threshold']:.3g}"
                   if entry["select"] == "threshold" else f", top {entry['k']}")


def or_dash(share):
    """Where another column says that nothing was measured."""
    return NOTHING if share is None else percent(share)


def calibrated(entry, key):
    """What calibration promised."""
    return percent(entry[key]) if entry and key in entry else NOTHING


def recall_section(subject, measured):
    """Predicted and true sets of neurons."""
    layers = range(len(subject.layers))
    entries = [subject.predictor(layer, "neuron") for layer in layers]
    counted = [subject.layer_result(layer, "mlp_density") for layer in layers]
    recall = attribute(measured.neurons, "recall")
    energy = attribute(measured.neurons, "energy")
    active = attribute(measured.neurons, "true_density")
    chosen = attribute(measured.neurons, "density")
    predicted = known(recall)
    notes = [
        "Chosen: the share of the neurons that the program chose, counted by"
        " generated code while it decoded the tokens. A dense MLP has them"
        " all.",
        "Active: the share whose activation is not zero, on the dense stream:"
        " over a prompt (@prefill) MLPs are computed in full, so what flows"
        " through the layers there is the dense model's."]
    by_magnitude = any(e and e["kind"] == "magnitude" for e in entries)
    if predicted:
        lead = (f"{'Thresholds keep' if by_magnitude else 'Predictors find'}"
                f" {percent(mean(recall))} of the active neurons,"
                f" {extremes(recall)}.")
        notes += [
            "Recall: the share of the active neurons that are chosen, all"
            " tokens taken together, on the same dense stream. "
            + ("The choice was made again here, by comparing activations with"
               " the thresholds." if by_magnitude else
               "The predictor's scores were computed again here, from the"
               " activations at its site and from its tensors.")
            + " Decoding follows a stream that the layers before have made a"
            " little different.",
            "Chosen, dense stream: the share of the neurons that the choice"
            " made here has. Calibrated: what calibration found on its own"
            " text.",
            "Energy kept: the share of the sum of squared activations that"
            " the chosen neurons have. It says more than recall where hardly"
            " any activation is exactly zero (GELU, SiLU)."]
    elif any(entries):
        lead = ("Recall was not measured: this executable does not name the"
                " sites of what predictors read, or of the activations.")
    elif subject.sparsity == "exact":
        lead = ("Recall was not measured: exact sparsity chooses the"
                " neurons that are active, so there is nothing to predict.")
    elif subject.sparsity == "threshold":
        lead = ("Recall was not measured: this executable does not name its"
                " thresholds.")
    else:
        lead = "Recall was not measured: this program has no predictors."
    lead += f" Neurons that are chosen: {extremes(counted)}."
    svg = plot(
        plots.by_layer, "recall", "Recall and density of neurons, by layer",
        f"Recall: {extremes(recall)}. Neurons that are chosen:"
        f" {extremes(counted)}. Active neurons: {extremes(active)}.",
        [("recall", True, [("recall", recall)]),
         ("density", False, [("chosen", counted), ("active", active)])])
    rows = [[str(layer), subject.mlp_sparsity(layer), 
             describe(entries[layer], measured.neurons[layer]),
             percent(recall[layer]), or_dash(energy[layer]),
             percent(counted[layer]), or_dash(chosen[layer]),
             percent(active[layer]), calibrated(entries[layer], "recall"),
             calibrated(entries[layer], "density")] for layer in layers]
    return Section(
        "recall", "Recall and density of neurons", lead,
        [Table("Neurons, by layer",
               ["Layer", "MLP", "Predictor", "Recall", "Energy kept",
                "Chosen", "Chosen, dense stream", "Active",
                "Recall, calibrated",
                "Density, calibrated"], rows)],
        notes, svg)


def heads_recall_section(subject, measured):
    """Predicted heads, if there are such."""
    layers = range(len(subject.layers))
    entries = [subject.predictor(layer, "kv_group") for layer in layers]
    if not any(entries):
        return []
    energy = attribute(measured.groups, "energy")
    chosen = attribute(measured.groups, "density")
    counted = [subject.layer_result(layer, "head_density") for layer in layers]
    svg = plot(
        plots.by_layer, "heads", "Recall and density of heads, by layer",
        f"Energy kept: {extremes(energy)}. Heads that are chosen:"
        f" {extremes(counted)}.",
        [("energy kept", True, [("energy kept", energy)]),
         ("heads that are chosen", False, [("chosen", counted)])])
    rows = [[str(layer), describe(entries[layer], measured.groups[layer]),
             percent(energy[layer]),
             percent(counted[layer]), or_dash(chosen[layer]),
             calibrated(entries[layer], "recall"),
             calibrated(entries[layer], "density")] for layer in layers]
    lead = (f"The heads that are chosen keep {percent(mean(energy))} of what"
            f" attention puts out. Heads that are chosen:"
            f" {extremes(counted)}.")
    if not known(energy):
        lead = ("What chosen heads keep was not measured. Heads that are"
                f" chosen: {extremes(counted)}.")
    return [Section(
        "heads", "Recall and density of heads", lead,
        [Table("Heads, by layer",
               ["Layer", "Predictor", "Energy kept", "Chosen",
                "Chosen, dense stream", "Recall, calibrated",
                "Density, calibrated"], rows)],
        ["A unit is a key and value head with the query heads that read it.",
         "Energy kept: of the squared norm of what the heads put out, before"
         " the output projection, the share that the chosen ones have; on the"
         " dense stream, with scores recomputed as above. No head is exactly"
         " inactive, so there is no true set to count."], svg)]


# --- Bytes ------------------------------------------------------------------

def bytes_section(subject, compared):
    """What is read for a token, and for what."""
    results = subject.evaluation
    read, dense = (results["bytes_per_token"],
                   results["bytes_per_token_dense"])
    own = results.get("bytes_by_part") or {}
    of_dense = results.get("bytes_by_part_dense") or {}
    read_at_all = {name for name in own.keys() | of_dense.keys()
                   if own.get(name) or of_dense.get(name)}
    names = [name for name in PARTS if name in read_at_all]
    names += sorted(read_at_all - PARTS.keys())
    lead = (f"A token reads {size(read)}, {percent(read / dense)} of the dense"
            f" model's {size(dense)}.")
    if "predictors" in own and own["predictors"]:
        lead += f" Predictors are {size(own['predictors'])} of that."
    others = [(p.name, p.evaluation.get("bytes_by_part") or {},
               p.evaluation["bytes_per_token"]) for p in compared]

    def row(name, value, reference, rest):
        share = percent(value / reference) if reference and value is not None \
            else NOTHING
        return [name, size(value), size(reference), share, *map(size, rest)]

    rows = [row(PARTS.get(name, name), own.get(name, 0 if own else None),
                of_dense.get(name, 0 if of_dense else None),
                [parts.get(name, 0 if parts else None)
                 for _, parts, _ in others]) for name in names]
    table = Table("Bytes of weights that are read for each token",
                  ["Part", subject.name, "Dense model", "Of dense",
                   *(name for name, _, _ in others)], rows,
                  row("all", read, dense, [total for _, _, total in others]))
    notes = ["Weights that generated code read for a token, counted while it"
             " decoded; the mean over tokens. The cache of keys and values is"
             " not among them. Dense: every weight that the dense program of"
             " the same format reads."]
    svg = None
    if own and of_dense:
        svg = plot(
            plots.bytes_by_part, "bytes", "Bytes read per token, by part",
            "; ".join(f"{PARTS.get(name, name)}: {size(own.get(name, 0))} of"
                      f" {size(of_dense.get(name, 0))}" for name in names)
            + ".", [(PARTS.get(name, name), own.get(name, 0),
                     of_dense.get(name, 0)) for name in names], subject.name)
    else:
        lead += (" By part it was not measured: this executable does not say"
                 " which bytes belong to what.")
    return Section("bytes", "Bytes read per token", lead, [table], notes, svg)


# --- Histograms -------------------------------------------------------------

def quantile(counts, share):
    """The upper bound of the bin in which that share of the tokens is
    reached."""
    wanted, seen = share * sum(counts), 0
    for i, value in enumerate(counts):
        seen += value
        if value and seen >= wanted:
            return (i + 1) / len(counts)
    return None


def histogram_section(subject):
    """How much the density differs from token to token."""
    title = "Density of single tokens"
    found = [(layer, counts) for layer in range(len(subject.layers))
             if (counts := subject.layer_result(layer, "density_histogram"))
             and any(counts)]
    if not found:
        return Section("tokens", title, "Not measured: every token takes all"
                       " neurons." if subject.sparsity == "dense" else
                       "Not measured: this executable counts no single"
                       " tokens.", [], [])
    bins = len(found[0][1])
    rows, notes = [], {}
    for layer, counts in found:
        density = subject.layer_result(layer, "mlp_density")
        notes[layer] = f"mean {percent(density)}"
        rows.append([str(layer), count(sum(counts)), percent(density),
                     *(f"\u2264 {percent(quantile(counts, share))}"
                       for share in (0.1, 0.5, 0.9, 1))])
    used = max(i + 1 for _, counts in found for i, n in enumerate(counts) if n)
    by_bin = [[f"{percent(i / bins)} to {percent((i + 1) / bins)}",
               *(count(counts[i]) for _, counts in found)]
              for i in range(used)]
    widest = max(found, key=lambda item: quantile(item[1], 0.9))
    lead = (f"For nine of ten tokens, at most"
            f" {percent(quantile(widest[1], 0.9))} of the neurons are chosen"
            f" in layer {widest[0]}, where the most are.")
    svg = plot(plots.histograms, "tokens", title + ", by layer",
               "Histograms, one for each layer. For nine of ten tokens, at"
               " most: " + "; ".join(
                   f"layer {layer}: {percent(quantile(counts, 0.9))}"
                   for layer, counts in found) + ".",
               [(str(layer), counts, notes[layer]) for layer, counts in found])
    rest = "" if used == bins else \
        f" No token is above {percent(used / bins)}, where the plot ends."
    return Section(
        "tokens", title, lead,
        [Table("Density of tokens, by layer: shares that so many tokens do"
               " not exceed, to the width of a bin",
               ["Layer", "Counted", "Mean", "10 % of tokens", "Half",
                "90 % of tokens", "All"], rows),
         Table("Tokens in each bin of density, by layer",
               ["Density", *(f"Layer {layer}" for layer, _ in found)], by_bin,
               ["all", *(count(sum(counts)) for _, counts in found)],
               folded=True)],
        [f"Counted while decoding, in {bins} equal bins of 0 to 100 %; a bin"
         " has its lower bound, not its upper. Each layer's heights are"
         " relative to its own highest bin." + rest], svg)


# --- Heads ------------------------------------------------------------------

def usage_section(subject):
    """Which heads are chosen how often."""
    title = "Head usage"
    usage = [subject.layer_result(layer, "head_usage") or None
             for layer in range(len(subject.layers))]
    chosen = [row for row in usage if row is not None]
    if not chosen:
        told = subject.evaluation.get("head_density", 1) < 1
        return Section("usage", title, "Not measured: this executable does not"
                       " say which heads it computes." if told else
                       "Not measured: this program computes all heads of every"
                       " layer for every token.", [], [])
    groups = max(map(len, chosen))
    flat = [(share, layer, group) for layer, row in enumerate(usage)
            for group, share in enumerate(row or ())]
    (low, low_layer, low_group), (high, high_layer, high_group) = (
        min(flat), max(flat))
    lead = (f"A head is used by {percent(mean([s for s, _, _ in flat]))} of"
            f" the tokens on average: from {percent(low)} (layer {low_layer},"
            f" head {low_group}) to {percent(high)} (layer {high_layer}, head"
            f" {high_group}).")
    svg = plot(plots.head_usage, "usage",
               "Head usage, by layer and key and value head",
               f"Heat map of {plural(len(usage), 'layer')} and"
               f" {plural(groups, 'head')}. {lead}", usage)
    rows = [[str(layer), *map(percent, row or [1] * groups),
             *[""] * (groups - len(row or [1] * groups))]
            for layer, row in enumerate(usage)]
    return Section(
        "usage", title, lead,
        [Table("Share of the tokens that select a key and value head",
               ["Layer", *(f"Head {group}" for group in range(groups))],
               rows)],
        ["Share of the tokens whose query heads of this key and value head"
         " were computed while decoding. A layer without a predictor of heads"
         " computes all of them."], svg)


# --- Cosine -----------------------------------------------------------------

def cosine_section(measured):
    """How little the residual stream turns."""
    title = "Similarity of the residual stream"
    full, half = (attribute(parts, "mean")
                  for parts in (measured.full, measured.half))
    if not known(full) and not known(half):
        return Section("cosine", title, "Not measured: this executable does"
                       " not name the sites of its residual stream.", [], [])

    def show(value):
        return f"{value:.3f}"

    def cell(part):
        if part is None or part.mean is None:
            return NOT_MEASURED
        return f"{part.mean:.4f} \u00b1 {part.deviation:.4f}"

    lead = ("One layer earlier the residual stream points almost the same"
            " way" if (mean(full) or 0) > 0.9 else
            "From layer to layer the residual stream turns")
    lead += f": the cosine is {extremes(full, show)}."
    if not known(full):
        lead = f"Over half a layer the cosine is {extremes(half, show)}."
    svg = plot(plots.cosine, "cosine",
               "Cosine of the residual stream, by layer",
               f"One layer apart: {extremes(full, show)}. Half a layer apart:"
               f" {extremes(half, show)}.",
               [("one layer", full), ("half a layer", half)])
    return Section(
        "cosine", title, lead,
        [Table("Cosine with the input of the layer's FFN norm: mean over"
               " tokens \u00b1 standard deviation",
               ["Layer", "One layer before (full)",
                "Half a layer before (half)"],
               [[str(layer), cell(a), cell(b)] for layer, (a, b) in
                enumerate(zip(measured.full, measured.half))])],
        ["Cosine of the residual stream at the input of a layer's FFN norm"
         " with the same token's one layer before (the FFN norm's input of"
         " the layer below, where predictors with full look-ahead read) and"
         " half a layer before (the attention norm's input of the same layer,"
         " where those with half look-ahead read), on the dense stream of"
         " @prefill.",
         "The closer to 1, the less a predictor loses by reading the stream"
         " so much earlier: this is why look-ahead works. A few large"
         " features can dominate the cosine, so recall is what counts."], svg)
