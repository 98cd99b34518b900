# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A file that is there when it is complete, and not before."""

import contextlib
import os

from dejavu.errors import DejavuError


@contextlib.contextmanager
def replacing(path, binary=False):
    """A file, of text unless it is `binary`, that takes the place of `path`
    when the block ends well. What was there stays if it doesn't. That `path`
    cannot be written is told before the block begins."""
    target = os.path.realpath(path)
    if os.path.exists(target) and not os.path.isfile(target):
        raise DejavuError(f"{path}: expected the name of a file, found"
                          f" {'a folder' if os.path.isdir(target) else 'none'}")
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name}.{os.getpid()}")
    text = {} if binary else {"encoding": "utf-8", "errors": "replace",
                              "newline": "\n"}
    try:
        file = open(temporary, "xb" if binary else "x", **text)
    except OSError as error:
        raise DejavuError(f"{path}: {error.strerror.lower()}") from None
    try:
        with file:
            yield file
        os.replace(temporary, target)
    except OSError as error:
        # Of the file itself: a full disk, say. Others have their own names.
        if error.filename in (None, temporary):
            raise DejavuError(f"{path}: {error.strerror.lower()}") from None
        raise
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
