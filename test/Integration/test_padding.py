# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Left-padded batches: each sequence of the batch equals itself run alone, in
the prefill and in eight decode steps, teacher-forced by the recorded ids."""

import numpy as np
import pytest

from conftest import GRAPHS, MODELS, load_case

# One order of summation differs from another in the last bits of f32; logits
# are of the order of ten.
CLOSE = {"rtol": 1e-5, "atol": 5e-5}


def steps(graph):
    """Inputs of the prefill and of the eight steps, without a past."""
    folder = MODELS / "goldens" / graph
    names = ["padded_prefill", *(f"padded_decode_{i}" for i in range(1, 9))]
    for name in names:
        inputs, _ = load_case(folder / f"{name}.npz")
        yield {k: v for k, v in inputs.items() if "past" not in k}, inputs


def past_of(outputs, names):
    """The next past: the caches are in one order."""
    presents = [k for k in outputs if k.startswith("present")]
    by_name = {k.replace("present", "past_key_values"): outputs[k]
               for k in presents}
    assert set(by_name) == set(names)
    return by_name


@pytest.mark.parametrize("sparsity", ("dense", "exact"))
@pytest.mark.parametrize("graph", GRAPHS)
def test_batch_equals_alone(compiled, tmp_path, graph, sparsity):
    made = compiled(graph, "--sparsity", sparsity)
    all_steps = list(steps(graph))
    mask = all_steps[0][0]["attention_mask"]
    starts = (mask == 0).sum(1)
    assert len(set(starts)) == 3, "the recorded rows have uneven lengths"
    past_names = [k for k in all_steps[0][1] if "past" in k]

    def chain(rows, skip):
        """Logits of every step for `rows` without the first `skip`
        columns."""
        past = {k: all_steps[0][1][k][rows] for k in past_names}
        for plain, _ in all_steps:
            width = plain["input_ids"].shape[1]
            cut = skip if width > 1 else 0
            inputs = {"input_ids": plain["input_ids"][rows, cut:],
                      "attention_mask": plain["attention_mask"][rows, skip:],
                      "position_ids": plain["position_ids"][rows, cut:]}
            outputs = made.run_case({**inputs, **past}, tmp_path)
            past = past_of(outputs, past_names)
            yield outputs["logits"]

    together = list(chain(slice(0, 3), 0))
    for row, start in enumerate(starts):
        alone = list(chain(slice(row, row + 1), start))
        for step, (a, b) in enumerate(zip(together, alone, strict=True)):
            width = b.shape[1]
            np.testing.assert_allclose(
                a[row:row + 1, -width:], b, err_msg=f"row {row} step {step}",
                **CLOSE)
