# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Errors of the package."""


class DejavuError(Exception):
    """What the user did or has is not usable. `dejavu` prints the message as
    one line `error: MESSAGE` and exits with 1. A message that begins with a
    file's name and says what was expected and what was found."""


class Reported(Exception):
    """The program that was driven has already printed its own error."""
