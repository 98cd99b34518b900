# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Outputs that can't be written, disks that fill, commands that are
interrupted: an error, the old file whole, nothing half-written."""

import os
import signal
import subprocess
import time

import pytest

from conftest import DOCS, MODELS, ZOO, fail, succeed, tool

SMALL = MODELS / ZOO[0]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 256 KiB, or a skip where mounting isn't allowed."""
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)],
        capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("a small tmpfs can't be mounted here: "
                    + done.stderr.decode().strip())
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_compile_on_a_full_disk(small_disk):
    """The old executable stays; no temporary file does."""
    out = small_disk / "out"
    out.write_text("the old one")
    error = fail(tool("dejavu-compile"), SMALL, "-o", out)
    assert str(out) in error and "space" in error
    assert out.read_text() == "the old one"
    assert os.listdir(small_disk) == ["out"]


def test_import_on_a_full_disk(small_disk):
    (small_disk / "fill").write_bytes(b"x" * (250 << 10))
    error = fail(tool("dejavu-import-onnx"), MODELS / DOCS, "-o",
                 small_disk / "out.mlir")
    assert str(small_disk / "out.mlir") in error and "space" in error
    assert os.listdir(small_disk) == ["fill"]


def test_case_on_a_full_disk(compiled, small_disk):
    (small_disk / "fill").write_bytes(b"x" * (248 << 10))
    made = compiled(ZOO[0], "--sparsity", "exact")
    error = fail(tool("dejavu-run"), made.path, "--input",
                 SMALL / "decode_b3.npz", "--output",
                 small_disk / "result.npz")
    assert str(small_disk / "result.npz") in error
    assert os.listdir(small_disk) == ["fill"]


def to_full(*command):
    """Runs with stdout on the device that is always full."""
    with open("/dev/full", "w", encoding="utf-8") as full:
        return fail(*command, stdout=full)


def test_full_stdout(compiled):
    made = compiled(ZOO[0], "--sparsity", "exact")
    prompt = ("--prompt-ids", "1,2", "--max-new-tokens", "2")
    assert "stdout" in to_full(made.path, *prompt)
    assert "stdout" in to_full(made.path, *prompt, "--stream")
    assert "stdout" in to_full(made.path, "--info")
    assert "stdout" in to_full(tool("dejavu-import-onnx"), SMALL)
    assert "stdout" in to_full(tool("dejavu-run"), made.path, "--input",
                               SMALL / "decode_b1.npz")


@pytest.mark.parametrize("where", ["missing/out", "", "file/out"])
def test_outputs_that_cannot_be(tmp_path, where):
    """A folder that isn't there, a folder in place of a file, a file in place
    of a folder."""
    (tmp_path / "file").write_text("x")
    out = tmp_path / where
    before = sorted(os.listdir(tmp_path))
    for name in ("dejavu-compile", "dejavu-import-onnx"):
        assert str(out) in fail(tool(name), SMALL, "-o", out)
    assert sorted(os.listdir(tmp_path)) == before


def test_weights_beside_that_cannot_be(tmp_path):
    """The weights' place is taken by a folder: no executable either."""
    (tmp_path / "out.safetensors").mkdir()
    assert str(tmp_path / "out.safetensors") in fail(
        tool("dejavu-compile"), SMALL, "-o", tmp_path / "out")
    assert os.listdir(tmp_path) == ["out.safetensors"]


def test_overwriting(tmp_path):
    """Compiling again over a program that is there, even a running one, works
    and leaves no other file."""
    succeed(tool("dejavu-compile"), SMALL, "-o", tmp_path / "out")
    assert sorted(os.listdir(tmp_path)) == ["out", "out.safetensors"]
    succeed(tool("dejavu-compile"), SMALL, "-o", tmp_path / "out")
    assert sorted(os.listdir(tmp_path)) == ["out", "out.safetensors"]
    succeed(tmp_path / "out", "--prompt-ids", "1", "--max-new-tokens", "1")


@pytest.mark.parametrize("delay", (0.05, 0.2, 0.5))
def test_interrupted_compilation(tmp_path, delay):
    """Interrupted at some moment: either all is there or nothing is."""
    process = subprocess.Popen(
        [tool("dejavu-compile"), str(MODELS / DOCS), "-o",
         str(tmp_path / "out")], stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)
    assert sorted(os.listdir(tmp_path)) in ([], ["out", "out.safetensors"])


def test_weights_that_are_a_pipe(tmp_path):
    """Opening a FIFO would wait for a writer."""
    out = tmp_path / "out"
    succeed(tool("dejavu-compile"), SMALL, "-o", out)
    weights = tmp_path / "out.safetensors"
    weights.unlink()
    os.mkfifo(weights)
    assert str(weights) in fail(out, "--prompt-ids", "1,2", timeout=20)


def test_external_data_that_was_not_fetched(tmp_path):
    (tmp_path / "model.onnx").write_bytes(
        (MODELS / DOCS / "model.onnx").read_bytes())
    (tmp_path / "model.onnx.data").write_text(
        "version https://git-lfs.github.com/spec/v1\n"
        "oid sha256:" + 64 * "0" + "\nsize 27918336\n")
    error = fail(tool("dejavu-compile"), tmp_path, "-o", tmp_path / "out")
    assert "model.onnx.data" in error and "Git LFS pointer" in error
    assert not (tmp_path / "out").exists()
