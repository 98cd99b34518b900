# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Weights: f16 and bf16 against a reference that rounds the same weights; and
weights that don't belong to the executable."""

import shutil

import numpy as np
import onnx
import onnx.numpy_helper
import pytest

from conftest import DOCS, MODELS, ZOO, fail, load_case, oracle, succeed, tool

GRAPHS = [ZOO[0], ZOO[4], DOCS]


def rounded(values, dtype):
    """f32 values rounded to `dtype`, to nearest, ties to even."""
    if dtype == "f16":
        return values.astype(np.float16).astype(np.float32)
    bits = values.view(np.uint32).astype(np.uint64)
    bits = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
    return bits.astype(np.uint32).view(np.float32)


def rounded_model(folder, dtype, stored):
    """The model's file with every weight rounded that the executable stores
    so; `stored` maps a shape of the manifest to its dtypes."""
    model = onnx.load(str(folder / "model.onnx"))
    for tensor in model.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < 2:
            continue
        if dtype.upper() in stored.get(tuple(sorted(values.shape)), ()):
            tensor.CopyFrom(onnx.numpy_helper.from_array(
                rounded(values, dtype), tensor.name))
    return model.SerializeToString()


@pytest.mark.parametrize("sparsity", ("dense", "exact"))
@pytest.mark.parametrize("dtype", ("f16", "bf16"))
@pytest.mark.parametrize("graph", GRAPHS)
def test_narrow_weights(compiled, tmp_path, graph, dtype, sparsity):
    """Accumulation is in f32, so with the same weights the default tolerance
    holds."""
    made = compiled(graph, "--weights", dtype, "--sparsity", sparsity)
    info = made.info()
    assert info["weights_dtype"] == dtype
    stored = {}
    for weight in info["weights"]:
        stored.setdefault(tuple(sorted(weight["shape"])), set()).add(
            weight["dtype"])
    assert all(len(dtypes) == 1 for dtypes in stored.values()), stored
    assert any(dtype.upper() in dtypes for dtypes in stored.values())
    session = oracle(rounded_model(MODELS / graph, dtype, stored))
    for case in ("prefill_b1", "decode_b1", "decode_b3", "chunk_b2"):
        inputs, _ = load_case(MODELS / graph / f"{case}.npz")
        names = [o.name for o in session.get_outputs()]
        want = dict(zip(names, session.run(None, inputs)))
        got = made.run_case(inputs, tmp_path)
        for name in names:
            np.testing.assert_allclose(got[name], want[name], rtol=1e-4,
                                       atol=1e-4, err_msg=f"{case} {name}")


@pytest.mark.parametrize("dtype", ("f16", "bf16"))
def test_narrow_weights_are_narrow(compiled, dtype):
    full = compiled(DOCS, "--sparsity", "exact").weights.stat().st_size
    half = compiled(DOCS, "--weights", dtype,
                    "--sparsity", "exact").weights.stat().st_size
    assert half < 0.52 * full


def test_wrong_dtype_name(tmp_path):
    fail(tool("dejavu-compile"), MODELS / ZOO[0], "-o", tmp_path / "out",
         "--weights", "f8")
    assert not list(tmp_path.iterdir())


@pytest.fixture
def copy(compiled, tmp_path):
    """A copy of an executable and its weights, to be spoiled."""
    made = compiled(ZOO[0], "--sparsity", "exact")
    shutil.copy(made.path, tmp_path / "out")
    shutil.copy(made.weights, tmp_path / "out.safetensors")
    return tmp_path / "out", tmp_path / "out.safetensors"


RUN = ("--prompt-ids", "1,2,3", "--max-new-tokens", "2")


def test_the_copy_runs(copy):
    succeed(copy[0], *RUN)
    succeed(copy[0], *RUN, "--verify")


def test_weights_of_another_model(compiled, copy):
    other = compiled(ZOO[3], "--sparsity", "exact")
    assert str(other.weights) in fail(copy[0], *RUN, "--weights",
                                      other.weights)


def test_weights_of_another_layout(compiled, copy):
    """Same model, same tensors, another dtype."""
    other = compiled(ZOO[0], "--sparsity", "exact", "--weights", "f16")
    shutil.copy(other.weights, copy[1])
    assert str(copy[1]) in fail(copy[0], *RUN)


def test_weights_missing(copy):
    copy[1].unlink()
    assert str(copy[1]) in fail(copy[0], *RUN)


@pytest.mark.parametrize("size", (0, 7, 100, -64, -1))
def test_weights_short(copy, size):
    data = copy[1].read_bytes()
    copy[1].write_bytes(data[:size])
    assert str(copy[1]) in fail(copy[0], *RUN)


def test_weights_long(copy):
    copy[1].write_bytes(copy[1].read_bytes() + b"\0" * 64)
    assert str(copy[1]) in fail(copy[0], *RUN)


def test_weights_header_changed(copy):
    data = bytearray(copy[1].read_bytes())
    at = data.index(b"xxh3:") + 5
    data[at] = ord("0") if data[at] != ord("0") else ord("1")
    copy[1].write_bytes(data)
    assert str(copy[1]) in fail(copy[0], *RUN)


def test_weights_value_changed(copy):
    """A changed value is found by --verify, which reads everything."""
    data = bytearray(copy[1].read_bytes())
    data[-5] ^= 0x10
    copy[1].write_bytes(data)
    assert str(copy[1]) in fail(copy[0], *RUN, "--verify")


def test_weights_that_are_no_file(copy):
    copy[1].unlink()
    copy[1].mkdir()
    assert str(copy[1]) in fail(copy[0], *RUN)


def test_weights_are_safetensors(compiled):
    """The library reads them; every tensor begins at a multiple of 64; the
    order is that of the manifest."""
    import json

    import safetensors

    made = compiled(DOCS, "--sparsity", "exact")
    with safetensors.safe_open(made.weights, framework="numpy") as file:
        names = set(file.keys())
        assert file.metadata()["format"] == "dejavu-1"
    listed = [w["name"] for w in made.info()["weights"]]
    assert {n for n in names if not n.startswith("__padding_")} == set(listed)
    with open(made.weights, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
    at = [8 + size + header[name]["data_offsets"][0] for name in listed]
    assert all(offset % 64 == 0 for offset in at) and at == sorted(at)
