# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""ONNX's own test models: none may break the compiler or its output, and those
of the operators of transformers must match."""

import onnx_corpus

LEAST_SHARE, LEAST_COUNT = 0.95, 500


def test_corpus():
    results, most = onnx_corpus.run_all()
    # None crashes, hangs or grows past the limit.
    assert not [r for r in results if r.status == "broken"]
    assert most <= onnx_corpus.LIMIT_BYTES
    # What is refused is refused with a reason.
    assert not [r for r in results if "no error line" in r.reason]
    _, total, match, text = onnx_corpus.summarize(results)
    print(text)
    assert match >= LEAST_COUNT, text
    assert match >= LEAST_SHARE * total, text
