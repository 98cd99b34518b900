# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Generation: greedy text against ids recorded from ONNX Runtime, batches
against single prompts, sampling, streaming, stopping."""

import json

import pytest

from conftest import DOCS, MODELS, fail, ids_of, run, succeed

SPARSITIES = ("dense", "exact")
TEXTS = json.loads(
    (MODELS / "goldens" / DOCS / "greedy.json").read_text("utf-8"))["cases"]
PROMPTS = [case["prompt"] for case in TEXTS]


def test_the_recorded_texts():
    """20 prompts of different lengths, 128 ids each, and none of them decided
    by the last bits of a logit."""
    assert len(TEXTS) == 20
    assert len({len(prompt) for prompt in PROMPTS}) == 20
    assert all(len(case["ids"]) == 128 for case in TEXTS)
    assert min(case["margin"] for case in TEXTS) > 1e-3


@pytest.mark.parametrize("sparsity", SPARSITIES)
def test_greedy_equals_onnxruntime(compiled, sparsity):
    """Dense equals the oracle and exact equals the oracle, so exact equals
    dense."""
    made = compiled(DOCS, "--sparsity", sparsity)
    wrong = []
    for index, case in enumerate(TEXTS):
        [ids] = made.generate([case["prompt"]], 128, "--ignore-eos")
        if ids != case["ids"]:
            first = next((i for i, (a, b) in
                          enumerate(zip(ids, case["ids"])) if a != b),
                         len(ids))
            wrong.append(f"prompt {index}: differs at id {first}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("sparsity", SPARSITIES)
@pytest.mark.parametrize("rows", [(0, 7, 3), (19, 1, 10), (2, 2, 18)])
def test_batch_equals_alone(compiled, sparsity, rows):
    """Three prompts of different length in one batch."""
    made = compiled(DOCS, "--sparsity", sparsity)
    got = made.generate([PROMPTS[i] for i in rows], 64, "--ignore-eos")
    assert got == [TEXTS[i]["ids"][:64] for i in rows]


@pytest.mark.parametrize("count", (1, 2, 4, 5, 8, 9))
def test_batch_sizes(compiled, count):
    """The specialised batch sizes and those between and above them."""
    made = compiled(DOCS, "--sparsity", "exact")
    got = made.generate(PROMPTS[:count], 16, "--ignore-eos")
    assert got == [case["ids"][:16] for case in TEXTS[:count]]


def test_end_of_sequence(compiled):
    """Stops at the id that ends a sequence, unless told otherwise; a row of a
    batch that has ended does not end the others."""
    made = compiled(DOCS, "--sparsity", "exact")
    eos = made.info()["eos"]
    assert eos == [1]
    ending = [case for case in TEXTS if 1 in case["ids"]]
    going = [case for case in TEXTS if 1 not in case["ids"]]
    assert ending and going, "the recorded texts show both"
    end = ending[0]["ids"].index(1)
    [ids] = made.generate([ending[0]["prompt"]], 128)
    assert ids in (ending[0]["ids"][:end], ending[0]["ids"][:end + 1])
    both = made.generate([ending[0]["prompt"], going[0]["prompt"]], 128)
    assert both == [ids, going[0]["ids"]]


def test_stream_prints_the_same_ids(compiled):
    made = compiled(DOCS, "--sparsity", "exact")
    out = succeed(made.path, "--prompt-ids", ids_of(PROMPTS[4]),
                  "--max-new-tokens", 32, "--ignore-eos", "--stream")
    assert [int(line) for line in out.split()] == TEXTS[4]["ids"][:32]


def test_one_line_and_nothing_else(compiled):
    """Results go to stdout and nothing else does."""
    made = compiled(DOCS, "--sparsity", "exact")
    done = run(made.path, "--prompt-ids", ids_of(PROMPTS[4]),
               "--max-new-tokens", 5, "--ignore-eos")
    assert done.stdout == ids_of(TEXTS[4]["ids"][:5]) + "\n"
    assert done.stderr == ""


def test_threads_do_not_change_the_text(compiled):
    made = compiled(DOCS, "--sparsity", "exact")
    for threads in (1, 2, 3):
        [ids] = made.generate([PROMPTS[6]], 48, "--ignore-eos", "--threads",
                              threads)
        assert ids == TEXTS[6]["ids"][:48]


def sample(made, *options):
    [ids] = made.generate([PROMPTS[5]], 48, "--ignore-eos", *options)
    return ids


def test_sampling_is_a_function_of_the_seed(compiled):
    made = compiled(DOCS, "--sparsity", "exact")
    options = ("--temperature", "1.0", "--top-p", "0.95")
    first = sample(made, *options, "--seed", 1)
    assert sample(made, *options, "--seed", 1) == first
    others = {tuple(sample(made, *options, "--seed", s)) for s in range(2, 6)}
    assert len(others | {tuple(first)}) == 5, "seeds give different texts"
    assert all(0 <= i < 8192 for ids in others for i in ids)


def test_sampling_limits(compiled):
    """A tiny top-p leaves one candidate, and a tiny temperature as well: both
    are greedy."""
    made = compiled(DOCS, "--sparsity", "exact")
    want = TEXTS[5]["ids"][:48]
    assert sample(made, "--temperature", "1.0", "--top-p", "1e-6",
                  "--seed", 3) == want
    assert sample(made, "--temperature", "1e-4", "--seed", 3) == want


def test_sampling_is_the_same_dense_and_exact(compiled):
    """The same random numbers and (nearly) the same distribution."""
    options = ("--temperature", "0.8", "--top-p", "0.9", "--seed", 11)
    texts = [sample(compiled(DOCS, "--sparsity", s), *options)
             for s in SPARSITIES]
    assert texts[0] == texts[1]


def test_context_limit(compiled):
    """More tokens than the context holds is an error before any work."""
    made = compiled(DOCS, "--sparsity", "exact")
    limit = made.info()["max_context"]
    long = [5] * (limit + 1)
    error = fail(made.path, "--prompt-ids", ids_of(long), "--max-new-tokens", 1)
    assert str(limit) in error and str(limit + 1) in error
    error = fail(made.path, "--prompt-ids", "5,6,7", "--max-new-tokens", limit)
    assert str(limit) in error
    # As much as fits is made.
    [ids] = made.generate([[5] * (limit - 3)], 3, "--ignore-eos")
    assert len(ids) == 3


def test_max_context(compiled):
    made = compiled(DOCS, "--sparsity", "exact", "--max-context", "40")
    assert made.info()["max_context"] == 40
    [ids] = made.generate([PROMPTS[0]], 36, "--ignore-eos")
    assert ids == TEXTS[0]["ids"][:36]
    fail(made.path, "--prompt-ids", ids_of(PROMPTS[0]), "--max-new-tokens", 38)


@pytest.mark.parametrize("prompt, expect", [
    ("8192", "8192"), ("1,9000,3", "9000"), ("-1", "-1"), ("1,,2", ""),
    ("", ""), ("1,x", "x"), ("99999999999999999999", "99999999999999999999"),
    ("1;2", "")])
def test_bad_prompts(compiled, prompt, expect):
    made = compiled(DOCS, "--sparsity", "exact")
    error = fail(made.path, f"--prompt-ids={prompt}", "--max-new-tokens", 1)
    assert expect in error


@pytest.mark.parametrize("options", [
    ("--max-new-tokens", "-1"), ("--max-new-tokens", "many"),
    ("--temperature", "-1"), ("--temperature", "nan"), ("--top-p", "0"),
    ("--top-p", "1.5"), ("--threads", "0"), ("--unknown",), ("--seed", "x")])
def test_bad_options(compiled, options):
    made = compiled(DOCS, "--sparsity", "exact")
    fail(made.path, "--prompt-ids", "1,2", *options)


def test_empty_batch(compiled):
    made = compiled(DOCS, "--sparsity", "exact")
    fail(made.path, "--prompt-ids", "-", "--max-new-tokens", 1, input="")
    fail(made.path, "--prompt-ids", "-", "--max-new-tokens", 1,
         input="1,2\nx\n")
