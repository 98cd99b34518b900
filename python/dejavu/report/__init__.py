# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`dejavu report`: one page about what an executable reads, and what it costs.

collect runs the executable, measure does the arithmetic on activations, plots
draws, page writes. Each can be used alone; matplotlib is imported only once
there is something to draw."""

import contextlib
import sys

from dejavu.output import replacing
from dejavu.report.collect import (Subject, Text, name_apart, same_model,
                                   stream_windows)
from dejavu.report.measure import Measurements, feed


def report(executable, others, output, text, threads=None):
    """Writes the page about `executable`, as it does with a Text, to `output`;
    `others` are executables of the same model, for comparison."""
    subject = Subject(executable)
    compared = [Subject(other) for other in others]
    for other in compared:
        same_model(subject, other)
    name_apart([subject, *compared])
    with replacing(output) as file:
        for program in (subject, *compared):
            program.evaluate(text, threads)
        measurements = Measurements(subject)
        if measurements.parts:
            with contextlib.closing(stream_windows(
                    subject, measurements.sites, text, threads)) as windows:
                feed(measurements.parts, measurements.sites,
                     progress(windows, subject.num_windows()))
        from dejavu.report.page import render

        file.write(render(subject, compared, measurements, text))
    return 0


def progress(windows, count):
    """The same windows, counted on the terminal if stderr is one."""
    if not sys.stderr.isatty():
        yield from windows
        return
    try:
        for i, window in enumerate(windows):
            yield window
            print(f"\r{i + 1} of {count} windows of activations", end="",
                  file=sys.stderr, flush=True)
    finally:
        print("\r\033[K", end="", file=sys.stderr, flush=True)
