# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Front end of dejavu: text in and text out, evaluation, comparison.

The compiler and the executables that it makes are native programs; this
package adds what Python does better, the tokenizer above all. It drives an
executable through its command line and holds no model arithmetic.
"""

__version__ = "0.1.0"
