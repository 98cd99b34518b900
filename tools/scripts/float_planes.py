#!/usr/bin/env python3
# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Weights of the models in the repository, as they compress best: F.planes
stands for F, floats of 32 bits that are exact in 16. It has the SHA-256 of F,
then the low bytes of the halves, then their high bytes.

  float_planes.py pack FILE      FILE -> FILE.planes, and FILE goes
  float_planes.py unpack FOLDER  each .planes below FOLDER -> its file"""

import hashlib
import pathlib
import sys

import numpy as np

ENDING = ".planes"


def pack(path):
    """Replaces a file by its planes."""
    data = path.read_bytes()
    halves = np.frombuffer(data, "<f4").astype("<f2")
    if halves.astype("<f4").tobytes() != data:
        sys.exit(f"error: {path}: expected floats that are exact in 16 bits")
    bits = halves.view("<u2")
    planes = [(bits & 0xff).astype(np.uint8), (bits >> 8).astype(np.uint8)]
    path.with_name(path.name + ENDING).write_bytes(
        hashlib.sha256(data).digest() + b"".join(p.tobytes() for p in planes))
    path.unlink()


def unpack(path):
    """Replaces planes by their file."""
    stored = path.read_bytes()
    planes = np.frombuffer(stored, np.uint8, offset=32)
    low, high = planes[:len(planes) // 2], planes[len(planes) // 2:]
    bits = low.astype("<u2") | (high.astype("<u2") << 8)
    data = bits.view("<f2").astype("<f4").tobytes()
    if hashlib.sha256(data).digest() != stored[:32]:
        sys.exit(f"error: {path}: the bytes are not those that were packed")
    path.with_name(path.name.removesuffix(ENDING)).write_bytes(data)
    path.unlink()


def main():
    """The command line."""
    if len(sys.argv) != 3 or sys.argv[1] not in ("pack", "unpack"):
        sys.exit(f"error: expected\n{__doc__}")
    path = pathlib.Path(sys.argv[2])
    if sys.argv[1] == "pack":
        pack(path)
    else:
        for each in sorted(path.rglob("*" + ENDING)):
            unpack(each)


if __name__ == "__main__":
    main()
