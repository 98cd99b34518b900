# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`dejavu diff`: where do two programs part?

Both run the same prompt and write the value of every tap site: one after each
op that makes an activation. Sites are matched by layer, op and name, because
two programs need not have the same ops: a sparse one has a `select` where the
dense one has none, and only sites that both have can be compared. They are
walked in the order in which the first program computes them, so the first that
differs is where to look."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
from safetensors import SafetensorError, safe_open

from dejavu.errors import DejavuError, Reported
from dejavu.executable import (Executable, exit_code, find_tool, is_elf,
                               temporary_folder)


class Taps:
    """The tapped values of one program: sites, and a value by step and
    site."""

    def __init__(self, program, file, sites):
        self.program = program
        try:
            self.file = safe_open(file, framework="numpy")
        except (OSError, SafetensorError) as error:
            raise DejavuError(f"{program}: wrote no taps: {error}") from None
        metadata = self.file.metadata() or {}
        if sites is None:
            if "taps" not in metadata:
                raise DejavuError(f"{program}: wrote taps without their names")
            sites = json.loads(metadata["taps"])
        names, self.sites = {}, {}
        for site in sites:
            key = (site["layer"], site["op"], site["name"])
            names[key] = names.get(key, -1) + 1
            self.sites[site["site"]] = (*key, names[key])
        self.values = {}
        for name in self.file.keys():
            step, site = name.split(".")
            self.values[int(step[1:]), self.sites[int(site[4:])]] = name

    def __getitem__(self, key):
        return self.file.get_tensor(self.values[key])

    def keys(self):
        """(step, site) in the order of computation."""
        order = {name: i for i, name in enumerate(self.sites.values())}
        return sorted(self.values, key=lambda key: (key[0], order[key[1]]))


def run_program(program, ids, new_tokens, folder, name):
    """Runs an executable, or the interpreter on a model; its Taps."""
    path = pathlib.Path(program)
    if not path.exists():
        raise DejavuError(f"{program}: no such file")
    file = os.path.join(folder, name)
    args = ["--prompt-ids", ",".join(map(str, ids)), "--max-new-tokens",
            str(new_tokens), "--tap", file]
    if path.is_dir() or path.suffix in (".onnx", ".mlir"):
        command, sites = [find_tool("dejavu-interpret"), program, *args], None
    elif is_elf(path):
        executable = Executable(program)
        executable.require_decoder("dejavu diff")
        command = executable.command([*args, "--ignore-eos"])
        sites = executable.manifest["taps"]
    else:
        raise DejavuError(f"{program}: expected an executable made by"
                          " dejavu-compile, or a .onnx or .mlir file")
    done = subprocess.run(command, stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, check=False)
    if exit_code(done) != 0:
        raise Reported()
    return Taps(program, file, sites)


def where(step, site):
    """`prefill, layer 2, ffn 'name'`."""
    layer, op, name, again = site
    text = "prefill" if step == 0 else f"decode step {step}"
    text += f", layer {layer}" if layer >= 0 else ", outside the layers"
    text += f", {op} '{name}'"
    return text + (f" ({again + 1})" if again else "")


def excess(a, b, rtol, atol):
    """|a - b|, and where it is more than atol + rtol * |b|. A NaN or an
    infinity is always too much, as long as not both are the same."""
    with np.errstate(invalid="ignore"):
        apart = np.abs(a.astype(np.float64) - b)
        bad = ~(apart <= atol + rtol * np.abs(b)) | ~np.isfinite(apart)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    apart[same] = 0
    return np.where(np.isnan(apart), np.inf, apart), bad & ~same


def diff(a, b, ids, new_tokens, rtol, atol):
    """Prints where programs `a` and `b` part; 0 if they don't, else 1."""
    with temporary_folder() as folder:
        left = run_program(a, ids, new_tokens, folder, "a.safetensors")
        right = run_program(b, ids, new_tokens, folder, "b.safetensors")
        return compare(left, right, rtol, atol)


def compare(left, right, rtol, atol):
    """The comparison itself, on two Taps."""
    common = [key for key in left.keys() if key in right.values]
    if not common:
        raise DejavuError(f"{right.program}: has no tap site in common with"
                          f" {left.program}")
    parted, largest = None, (-1.0, None)
    for key in common:
        x, y = left[key], right[key]
        if x.shape != y.shape:
            if parted is None:
                parted = (key, f"shape {x.shape} against {y.shape}")
            continue
        if x.size == 0:
            continue
        apart, bad = excess(x, y, rtol, atol)
        if apart.max() > largest[0]:
            largest = (float(apart.max()), key)
        if parted is None and bad.any():
            at = np.unravel_index(np.argmax(np.where(bad, apart, -1)), x.shape)
            parted = (key, f"{int(bad.sum())} of {bad.size} values, most"
                      f" {apart[at]:.3g} at {[int(i) for i in at]}:"
                      f" {x[at]:.6g} against {y[at]:.6g}")
    sites = len({site for _, site in common})
    steps = len({step for step, _ in common})
    print(f"compared: {sites} sites, {steps} steps"
          f" ({len(left.sites)} sites in A, {len(right.sites)} in B)")
    if parted:
        print(f"first difference: {where(*parted[0])}: {parted[1]}")
    if largest[1]:
        print(f"largest difference: {largest[0]:.3g},"
              f" {where(*largest[1])}")
    print(f"equal: {'no' if parted else 'yes'} (rtol {rtol:g}, atol"
          f" {atol:g})")
    if parted:
        print(f"error: {left.program} and {right.program} part",
              file=sys.stderr)
    return 1 if parted else 0
