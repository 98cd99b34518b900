# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes 32 floats to a file: NaN, 1, 2, 3, ... 31."""

import sys

import numpy as np

floats = np.arange(32, dtype="<f4")
floats[0] = np.nan
floats.tofile(sys.argv[1])
