# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Numbers as a reader wants them. None is what was not measured."""

NOT_MEASURED = "not measured"


def percent(share):
    """`5.50 %`. What isn't all is never rounded to all, nor some to none."""
    if share is None:
        return NOT_MEASURED
    value = 100 * share
    if value in (0, 100):
        return f"{value:.0f} %"
    text = f"{value:.{2 if abs(value) < 10 or 99.95 <= value < 100 else 1}f}"
    if float(text) == 0:
        return "< 0.01 %"
    return "> 99.99 %" if value < 100 <= float(text) else f"{text} %"


def number(value, digits=4):
    """`27.08`, in as many significant digits."""
    if value is None:
        return NOT_MEASURED
    return f"{value:,.0f}" if abs(value) >= 10 ** (digits - 1) \
        else f"{value:#.{digits}g}".rstrip(".")


def count(value):
    """`130,000`."""
    return NOT_MEASURED if value is None else f"{value:,.0f}"


def byte_unit(largest):
    """The unit in which numbers up to `largest` are short, and its name."""
    for exponent, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if largest >= 2 ** exponent:
            return 2 ** exponent, unit
    return 1, "bytes"


def size(value):
    """`26.1 MiB`."""
    if value is None:
        return NOT_MEASURED
    scale, unit = byte_unit(value)
    return f"{value / scale:.{0 if scale == 1 else 1}f} {unit}"


def plural(value, word):
    """`1 layer`, `2 layers`."""
    return f"{count(value)} {word}{'' if value == 1 else 's'}"


def known(values):
    """Those of the values that were measured."""
    return [value for value in values if value is not None]


def mean(values):
    """The mean of those that were measured; None of none."""
    there = known(values)
    return sum(there) / len(there) if there else None


def extremes(values, show=percent):
    """`from 2.65 % (layer 1) to 38.0 % (layer 0)`."""
    there = [(value, layer) for layer, value in enumerate(values)
             if value is not None]
    if not there:
        return NOT_MEASURED
    (low, where_low), (high, where_high) = min(there), max(there)
    if len(there) == 1 or show(low) == show(high):
        return f"{show(high)} (layer {where_high})" if len(there) == 1 \
            else f"{show(high)} in each"
    return (f"from {show(low)} (layer {where_low}) to {show(high)}"
            f" (layer {where_high})")


def printable(text):
    """The text without what a page cannot hold: lone surrogates (of file
    names that aren't UTF-8) and control characters."""
    text = str(text).encode("utf-8", "replace").decode("utf-8")
    return "".join(c if c.isprintable() else "\ufffd" for c in text)
