# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`dejavu calibrate`: from a model and a text to predictors and thresholds.

    model.py    the compiled dense model: its layers, weights and bytes
    spool.py    activations of the text, streamed into a folder
    train.py    the trainers: numpy alone
    blocks.py   what each block may do, with what it reads and loses
    search.py   which of it all blocks do, measured with compiled programs
    write.py    the file: docs/Predictors.md
    command.py  all of it, with progress and resumption
"""
