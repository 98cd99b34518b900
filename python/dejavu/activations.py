# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a model computes at its tap sites (docs/Runtime.md), for a file of
tokens."""

import subprocess

import numpy as np

from dejavu.errors import DejavuError, Reported
from dejavu.executable import exit_code

EPSILON = np.float32(1e-5)


def layer_norm(x):
    """Rows of x [tokens, features] with mean 0 and variance 1: the layer norm
    without parameters that predictors read through."""
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt(np.square(x).mean(-1, keepdims=True) + EPSILON)


def stream_activations(executable, sites, tokens, count, *, first_window=0,
                       options=()):
    """Yields for each window from `first_window` on an iterator over the
    activations at `sites`, in that order, F32 [tokens, width], of the `count`
    tokens in the file `tokens`. Each array is read when it is asked for, so
    that no more than the caller keeps is in memory. `options` are further ones
    of the executable."""
    context = executable.context
    widths = [executable.site_width(site) for site in sites]

    def arrays(process, rows):
        for width in widths:
            size = rows * width * 4
            data = process.stdout.read(size)
            if len(data) < size:
                if exit_code(process) != 0:
                    raise Reported()
                raise DejavuError(f"{executable.path}: --activations ended"
                                  " early")
            yield np.frombuffer(data, "<f4").reshape(rows, width)

    args = ["--activations", str(tokens), "--sites", ",".join(map(str, sites)),
            *(["--first-window", str(first_window)] if first_window else []),
            *options]
    with subprocess.Popen(executable.command(args), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE) as process:
        try:
            for first in range(first_window * context, count, context):
                yield arrays(process, min(context, count - first))
            if process.stdout.read(1):
                raise DejavuError(
                    f"{executable.path}: --activations wrote more than"
                    f" {-(-count // context)} windows")
            if exit_code(process) != 0:
                raise Reported()
        finally:
            if process.poll() is None:
                process.kill()
