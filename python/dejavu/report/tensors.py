# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tensors of a safetensors file, BF16 included, which numpy has no type for."""

import json
import struct

import numpy as np

from dejavu.errors import DejavuError

DTYPES = {"F32": "<f4", "F16": "<f2", "BF16": "<u2", "U8": "u1", "I8": "i1"}


class Tensors:
    """The tensors of a file; each is read when it is asked for. Floats come
    as float32, whatever they are in the file."""

    def __init__(self, path):
        self.path = path
        try:
            with open(path, "rb") as file:
                [length] = struct.unpack("<Q", file.read(8))
                header = json.loads(file.read(length))
            self.offset = 8 + length
            self.entries = {k: v for k, v in header.items()
                            if k != "__metadata__"}
        except OSError as error:
            raise DejavuError(f"{path}: {error.strerror.lower()}") from None
        except (struct.error, ValueError, AttributeError, OverflowError,
                MemoryError):
            raise DejavuError(f"{path}: not a safetensors file") from None

    def get(self, name, shape):
        """The tensor `name`, which must have this shape."""
        entry = self.entries.get(name)
        if entry is None:
            raise DejavuError(f"{self.path}: has no tensor '{name}'")
        dtype = DTYPES.get(entry["dtype"])
        if dtype is None or entry["shape"] != list(shape):
            raise DejavuError(
                f"{self.path}: tensor '{name}': expected floats or bytes of"
                f" shape {list(shape)}, found {entry['dtype']}"
                f" {entry['shape']}")
        begin, end = entry["data_offsets"]
        data = np.fromfile(self.path, np.uint8, end - begin,
                           offset=self.offset + begin)
        if data.size != int(np.prod(shape)) * np.dtype(dtype).itemsize:
            raise DejavuError(f"{self.path}: tensor '{name}': the file ends"
                              " within it")
        data = data.view(dtype).reshape(shape)
        if entry["dtype"] == "BF16":
            return (data.astype(np.uint32) << 16).view(np.float32)
        return data if entry["dtype"] in ("U8", "I8") else data.astype(np.float32)
