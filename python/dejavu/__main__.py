# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`python -m dejavu` is `dejavu`."""

import sys

from dejavu.cli import main

sys.exit(main())
