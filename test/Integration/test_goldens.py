# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""dejavu-run on every golden case of the seven OPT graphs, dense and exact, at
the default tolerance; and what dejavu-run must not let pass."""

import numpy as np
import pytest

from conftest import DOCS, GRAPHS, MODELS, ZOO, fail, run, succeed, tool

SPARSITIES = ("dense", "exact")
RECORDED = ["padded_prefill", *(f"padded_decode_{i}" for i in range(1, 9))]
CASES = ["prefill_b1", "decode_b1", "decode_b3", "chunk_b2", *RECORDED]


def golden(graph, case):
    """The file of a case: of PyTorch beside the model, or recorded from ONNX
    Runtime."""
    folder = MODELS / "goldens" if case in RECORDED else MODELS
    return folder / graph / f"{case}.npz"


@pytest.mark.parametrize("sparsity", SPARSITIES)
@pytest.mark.parametrize("graph", GRAPHS)
def test_every_case(compiled, graph, sparsity):
    """All cases of one graph, so that one failure names all that fail."""
    made = compiled(graph, "--sparsity", sparsity)
    failed = []
    for case in CASES:
        done = run(tool("dejavu-run"), made.path, "--input",
                   golden(graph, case))
        if done.returncode != 0:
            failed.append(f"{case}: {done.stdout}{done.stderr}")
    assert not failed, "\n".join(failed)


def test_goldens_are_all_there():
    """No case of the tree is left out by the list above."""
    for graph in GRAPHS:
        have = {f.stem for place in (MODELS, MODELS / "goldens")
                for f in (place / graph).glob("*.npz")}
        assert have == set(CASES), graph


def edited(tmp_path, edit, graph=ZOO[0], case="decode_b1"):
    """A copy of a golden case after edit(arrays)."""
    arrays = dict(np.load(golden(graph, case)))
    edit(arrays)
    np.savez(tmp_path / "case.npz", **arrays)
    return tmp_path / "case.npz"


def put(arrays, name, value):
    arrays[name] = value


def add(arrays, name, index, value):
    arrays[name] = arrays[name].copy()
    arrays[name][index] += value


EDITS = {
    "value": lambda a: add(a, "out.logits", (0, 0, 3), 1e-2),
    "nan": lambda a: add(a, "out.logits", (0, 0, 3), np.nan),
    "shape": lambda a: put(a, "out.logits", a["out.logits"][:, :, 1:]),
    "unknown output": lambda a: put(a, "out.nothing", np.zeros(3, "f4")),
    "missing input": lambda a: a.pop("in.input_ids"),
    "unknown input": lambda a: put(a, "in.nothing", np.zeros(3, "f4")),
    "input shape": lambda a: put(a, "in.input_ids", np.zeros((1, 2), "i8")),
    "input type": lambda a: put(a, "in.input_ids", np.zeros((1, 1), "f4")),
    "id outside the vocabulary":
        lambda a: put(a, "in.input_ids", np.full((1, 1), 256)),
    "negative id": lambda a: put(a, "in.input_ids", np.full((1, 1), -1)),
    "position outside the table":
        lambda a: put(a, "in.position_ids", np.full((1, 1), 1 << 20)),
    "negative position": lambda a: put(a, "in.position_ids",
                                       np.full((1, 1), -3)),
    "hole in the mask": lambda a: add(a, "in.attention_mask", (0, 4), -1),
    "padding at the right": lambda a: add(a, "in.attention_mask", (0, -1), -1),
    "short mask": lambda a: put(a, "in.attention_mask",
                                a["in.attention_mask"][:, 1:]),
    "caches of different lengths": lambda a: put(
        a, "in.past_key_values.1.key",
        a["in.past_key_values.1.key"][:, :, 1:]),
    "heads of another model": lambda a: put(
        a, "in.past_key_values.1.key",
        a["in.past_key_values.1.key"][:, 1:]),
    "no outputs": lambda a: [a.pop(k) for k in list(a) if k[:4] == "out."],
}


@pytest.mark.parametrize("what", EDITS)
def test_run_does_not_let_pass(compiled, tmp_path, what):
    made = compiled(ZOO[0], "--sparsity", "exact")
    done = run(tool("dejavu-run"), made.path, "--input",
               edited(tmp_path, EDITS[what]))
    assert done.returncode == 1, done.stdout


@pytest.mark.parametrize("save", (np.savez, np.savez_compressed))
def test_run_reads_what_numpy_writes(compiled, tmp_path, save):
    """Stored and compressed archives, row-major and column-major arrays."""
    made = compiled(ZOO[0], "--sparsity", "exact")
    arrays = dict(np.load(golden(ZOO[0], "decode_b3")))
    arrays["out.logits"] = np.asfortranarray(arrays["out.logits"])
    save(tmp_path / "case.npz", **arrays)
    succeed(tool("dejavu-run"), made.path, "--input", tmp_path / "case.npz")


def test_run_output_and_tolerance(compiled, tmp_path):
    """--output holds what was computed; --rtol and --atol decide."""
    made = compiled(ZOO[0], "--sparsity", "exact")
    case = edited(tmp_path, lambda a: add(a, "out.logits", (0, 0, 3), 1e-2))
    result = tmp_path / "result.npz"
    succeed(tool("dejavu-run"), made.path, "--input", case, "--atol", "0.02",
            "--output", result)
    got = np.load(result)
    want = np.load(golden(ZOO[0], "decode_b1"))
    assert set(got) >= {k for k in want if k.startswith("out.")}
    np.testing.assert_allclose(got["out.logits"], want["out.logits"],
                               rtol=1e-4, atol=1e-4)


def test_run_bad_files(compiled, tmp_path):
    made = compiled(ZOO[0], "--sparsity", "exact")
    missing = tmp_path / "missing.npz"
    assert str(missing) in fail(tool("dejavu-run"), made.path, "--input",
                                missing)
    garbage = tmp_path / "garbage.npz"
    garbage.write_bytes(b"PK\x03\x04 this is no archive")
    assert str(garbage) in fail(tool("dejavu-run"), made.path, "--input",
                                garbage)
    assert str(missing) in fail(tool("dejavu-run"), missing, "--input",
                                golden(DOCS, "decode_b1"))
    # What the executable refuses is named as the user named it.
    case = edited(tmp_path, lambda a: a.pop("in.position_ids"))
    error = fail(tool("dejavu-run"), made.path, "--input", case)
    assert error == f"{case}: input 'in.position_ids' is missing"


def test_the_model_may_be_gone(compiled, tmp_path):
    """dejavu-run executes the executable's own code and weights."""
    model = tmp_path / "model"
    model.mkdir()
    source = MODELS / ZOO[0] / "model.onnx"
    (model / "model.onnx").write_bytes(source.read_bytes())
    succeed(tool("dejavu-compile"), model, "-o", tmp_path / "out")
    (model / "model.onnx").unlink()
    succeed(tool("dejavu-run"), tmp_path / "out", "--input",
            golden(ZOO[0], "decode_b1"))
