# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs golden cases of the seven OPT graphs with the interpreter, in one of
three forms: the imported graph, the raised one, and the raised one made sparse.
Prints the largest difference from the golden outputs of each graph.

Usage: run_goldens.py MODELS FOLDER imported|raised|sparse
"""

import pathlib
import subprocess
import sys

import numpy as np
import safetensors.numpy

GRAPHS = ["opt-docs-7m", *(
    f"zoo/{model}/{flavour}" for model in ("opt", "opt-350m-style")
    for flavour in ("dynamo-opset20", "dynamo-opset23", "legacy-opset17"))]
CASES = ["prefill_b1", "decode_b1", "decode_b3", "chunk_b2"]
PADDED = ["padded_prefill", "padded_decode_1", "padded_decode_8"]
TOLERANCE = 1e-4  # absolute and relative, as for executables


def prepare(model, folder, form):
    """(input, flags) of dejavu-interpret."""
    if form == "imported":
        return model, []
    if form == "raised":
        return model, ["--raise"]
    imported, sparse = folder / "imported.mlir", folder / "sparse.mlir"
    subprocess.run(["dejavu-import-onnx", model, "-o", imported], check=True)
    subprocess.run(["dejavu-opt", imported, "--dejavu-raise",
                    "--dejavu-sparsify", "-o", sparse], check=True)
    assert "dejavu.sparse_linear" in sparse.read_text()
    return sparse, []


def check(golden, program, flags, folder):
    """The largest difference of one case from its golden outputs."""
    arrays = dict(np.load(golden))
    safetensors.numpy.save_file(
        {name: np.ascontiguousarray(array) for name, array in arrays.items()
         if name.startswith("in.")}, folder / "in.safetensors")
    subprocess.run(["dejavu-interpret", program, *flags, "--run-case",
                    folder / "in.safetensors", "--output",
                    folder / "out.safetensors"], check=True)
    outputs = safetensors.numpy.load_file(folder / "out.safetensors")
    wanted = {name: array for name, array in arrays.items()
              if name.startswith("out.")}
    # A golden case may leave out outputs that its exporter did not record.
    assert wanted and wanted.keys() <= outputs.keys(), golden
    largest = 0.0
    for name, want in wanted.items():
        got = outputs[name]
        assert got.dtype == want.dtype and got.shape == want.shape, (
            golden, name, got.dtype, got.shape)
        difference = np.abs(got.astype(np.float64) - want)
        assert np.all(difference <= TOLERANCE + TOLERANCE * np.abs(want)), (
            golden, name, difference.max())
        largest = max(largest, difference.max())
    return largest


def main():
    models, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    form = sys.argv[3]
    folder.mkdir(parents=True, exist_ok=True)
    for graph in GRAPHS:
        program, flags = prepare(models / graph, folder, form)
        goldens = [models / graph / f"{case}.npz" for case in CASES] + [
            models / "goldens" / graph / f"{case}.npz" for case in PADDED]
        largest = max(check(golden, program, flags, folder)
                      for golden in goldens)
        print(f"{graph}: {len(goldens)} cases, largest difference "
              f"{largest:.1e}")


if __name__ == "__main__":
    main()
