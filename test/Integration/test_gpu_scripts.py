# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The scripts for machines with a GPU, as far as they run without one: what
gpu_shapes.py finds in programs for the CPU, and the arithmetic of
bench_layers.py."""

import dataclasses
import importlib.util
import json
import shutil
import subprocess
import sys
import tarfile

import numpy as np
import pytest
import safetensors.numpy

from conftest import ROOT, fail, run, succeed

SCRIPTS = ROOT / "tools/scripts"
PYTHON = ROOT / ".venv/bin/python"


def script(name):
    """A script as a module."""
    sys.path.insert(0, str(SCRIPTS))
    try:
        spec = importlib.util.spec_from_file_location(name,
                                                      SCRIPTS / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(SCRIPTS))
    return module


def unpack(file, folder):
    with tarfile.open(file) as archive:
        archive.extractall(folder)


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    """A small shape, packed for the CPU."""
    folder = tmp_path_factory.mktemp("shapes")
    file = folder / "shapes.tar.xz"
    succeed(PYTHON, SCRIPTS / "gpu_shapes_pack.py", "--target", "cpu",
            "--shapes", "quick", "-o", file)
    unpack(file, folder)
    return folder / "shapes"


def check_shapes(folder, *flags):
    done = run(PYTHON, folder / "gpu_shapes.py", "--json", folder / "o.json",
               "--workers", "2", *flags)
    return done.returncode, json.loads((folder / "o.json").read_text("utf-8"))


def test_shapes(shapes):
    code, report = check_shapes(shapes)
    assert (code, report["bad"]) == (0, 0), report
    assert sorted(report["models"]) == ["quick-bf16", "quick-f16", "quick-f32"]
    for model in report["models"].values():
        assert len(model["cases"]) == 14
        assert model["texts"]["ids"] > 10
        assert model["texts"]["seconds"] > 0


def test_checks_of_shapes(shapes):
    code, report = check_shapes(shapes, "--checks", "texts", "--only", "bf16")
    assert (code, report["checks"]) == (0, ["texts"])
    [model] = report["models"].values()
    assert model["texts"]["ok"] and not model["cases"]
    assert not report["families"], "nothing was compared"
    message = fail(PYTHON, shapes / "gpu_shapes.py", "--checks", "case")
    assert "--checks: expected some of cases,texts," in message


def test_parts_of_shapes(shapes):
    done = [check_shapes(shapes, "--checks", "cases", "--part", part)[1]
            for part in ("1/2", "2/2")]
    assert [sorted(report["models"]) for report in done] == [
        ["quick-f16", "quick-f32"], ["quick-bf16"]]
    assert not any(report["bad"] for report in done)
    for wrong in ("3/2", "0/2", "1", "a/b"):
        assert f"found {wrong}" in fail(PYTHON, shapes / "gpu_shapes.py",
                                        "--part", wrong)


def test_nothing_begins_without_time(shapes):
    code, report = check_shapes(shapes, "--seconds", "0", "--only=-f16")
    assert code == 1
    assert report["models"]["quick-f16"]["texts"] == {
        "ok": False, "error": "no time was left"}


def test_shapes_that_are_wrong(shapes, tmp_path):
    """One element of one case, and one id."""
    folder = tmp_path / "shapes"
    shutil.copytree(shapes, folder)
    case = folder / "cases/quick/b4t1p1.out"
    arrays = safetensors.numpy.load_file(case)
    arrays["out.present.1.value"] = arrays["out.present.1.value"].copy()
    arrays["out.present.1.value"].flat[7] += 1
    safetensors.numpy.save_file(arrays, case)
    models = json.loads((folder / "models.json").read_text("utf-8"))
    models[0]["texts"][0]["ids"][0] += 1
    (folder / "models.json").write_text(json.dumps(models), "utf-8")
    code, report = check_shapes(folder, "--checks", "cases,texts")
    # The case of three kinds of weights, and a text alone and in a batch.
    assert (code, report["bad"]) == (1, 4), report
    wrong = report["models"]["quick-f32"]["cases"]["b4t1p1"]
    assert list(wrong["bad"]) == ["out.present.1.value"]
    assert len(report["models"][models[0]["name"]]["texts"]["differences"]) == 2


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    """A model with golden cases, packed for the CPU."""
    folder = tmp_path_factory.mktemp("golden")
    file = folder / "gpu.tar.xz"
    succeed(PYTHON, SCRIPTS / "gpu_pack.py", "--target", "cpu", "--models",
            "gpt2-relu", "-o", file)
    unpack(file, folder)
    return folder / "gpu"


def check_golden(folder, *flags):
    done = run(PYTHON, folder / "gpu_check.py", "--json", folder / "o.json",
               "--cublaslt", "none", "--workers", "2", *flags)
    return done.returncode, json.loads((folder / "o.json").read_text("utf-8"))


def test_golden_cases(golden):
    code, report = check_golden(golden)
    assert (code, report["bad"]) == (0, 0), report
    assert len(report["cases"]["gpt2-relu"]) == 6
    for result in report["cases"]["gpt2-relu"].values():
        assert result["seconds"] > 0 and max(result["off"].values()) < 0.01
    assert [result["texts"] for result in
            report["sampled"]["gpt2-relu-f32"].values()] == [3, 3, 3]


def test_golden_cases_that_are_wrong(golden, tmp_path):
    """One value, and one id."""
    folder = tmp_path / "gpu"
    shutil.copytree(golden, folder)
    case = folder / "cases/gpt2-relu/long_b1.npz"
    with np.load(case) as arrays:
        changed = {key: arrays[key] for key in arrays.files}
    changed["out.logits"].flat[3] += np.abs(changed["out.logits"]).max()
    np.savez(case, **changed)
    text = folder / "gpt2-relu-f32.sampled1"
    lines = text.read_text("utf-8").splitlines()
    lines[2] = "1" + lines[2]
    text.write_text("\n".join(lines) + "\n", "utf-8")
    code, report = check_golden(folder)
    assert (code, report["bad"]) == (1, 2), report
    assert not report["cases"]["gpt2-relu"]["long_b1.npz"]["ok"]
    [_, second, _] = report["sampled"]["gpt2-relu-f32"].values()
    assert [row["prompt"] for row in second["differences"]] == [1]
    code, report = check_golden(folder, "--checks", "sampled", "--only", "f32")
    assert (code, report["bad"], list(report["cases"])) == (
        1, 1, ["gpt2-relu-f32"])


def test_nothing_is_as_far_as_nan():
    compare = script("gpu_shapes").compare_tensors
    want = {"a": np.ones(3)}
    assert compare({"a": np.ones(3)}, want, 0.0)["ok"]
    assert not compare({"a": np.array([1, np.nan, 1])}, want, 1e9)["ok"]
    assert not compare({"a": np.ones(2)}, want, 1e9)["ok"]
    assert not compare({}, want, 1e9)["ok"]
    assert not compare({}, {}, 1e9)["ok"]


def test_families():
    shapes = script("gpu_shapes")
    assert shapes.family("dejavu_norm_layer_32_eps3727C5AC_scale") == (
        "norm layer")
    assert shapes.family("dejavu_row_sum_64x32_f16_sparse_parts2_rows1") == (
        "row sum sparse")
    assert shapes.family("dejavu_linear_64x32_f16_silu_gated_rows8") == (
        "linear gated")
    mlp = "dejavu_fused_ffn_64x32_f16_relu_up_bias_exact_atomic"
    assert shapes.family(mlp) == "fused ffn exact atomic"
    assert shapes.family(mlp, [mlp]) == "fused ffn exact atomic cluster"
    assert shapes.family("dejavu_fused_ffn_64x32_f16_relu_up_norm_rms_32") == (
        "fused ffn norm")
    assert shapes.stem("dejavu_row_sum_64x32_f16_rows1") == "dejavu_row_sum"
    assert shapes.stem("dejavu_advance") == "dejavu_advance"

    def model(name, features, *kernels):
        return {"name": name, "kernels": [f"dejavu_{k}_1" for k in kernels],
                "clusters": [],
                "facts": {"features": features, "heads": 1, "kv_heads": 1,
                          "head_dim": 8, "neurons": 100, "vocab": 10,
                          "gated": False}}
    chosen, left = shapes.choose_covering([
        model("a", 10, "x", "y"), model("b", 10, "y"), model("c", 10, "z"),
        model("large", 10 ** 6, "u", "x")])
    assert [(each["name"], new) for each, new in chosen] == [
        ("a", ["x", "y"]), ("c", ["z"])]
    assert shapes.size(model("a", 10)) == 10 * (4 * 8 + 2 * 100 + 10)
    assert left == ["u"], "a family that no small model has"


def test_what_takes_too_long():
    check = script("gpu_check")

    def sleep():
        return subprocess.run(["sleep", "9"], timeout=1, check=True)
    with check.Pool(1, 100) as pool:
        result = pool.submit(sleep).result()
    assert not result["ok"] and "not done in " in result["error"]


def test_sanitizers(monkeypatch):
    """All parts together do everything once."""
    shapes, done = script("gpu_shapes"), []
    facts = dataclasses.asdict(script("gpu_shapes_pack").Shape())

    def run_nothing(*command, **options):
        done.append(" ".join(map(str, [*command, options["input"]])))
        return subprocess.CompletedProcess(command, 0)
    monkeypatch.setattr(shapes, "find_sanitizer", lambda: "sanitizer")
    monkeypatch.setattr(shapes, "run", run_nothing)
    models = [{"name": f"{shape}-f16", "shape": shape, "clusters": [],
               "kernels": ["dejavu_add_8", f"dejavu_{shape}_9",
                           "dejavu_fused_ffn_8x8_f16",
                           "dejavu_matrix_linear_8x8_f16"],
               "facts": facts} for shape in ("small", "layer")]
    with shapes.Pool(1, 100) as pool:
        for part in ("1/2", "2/2"):
            part = shapes.parse_part(part)
            for wait in (shapes.check_sanitizers(models, pool, part)[0],
                         shapes.check_layers(models, pool, part)):
                assert all(row["ok"] for row in shapes.list_results(wait()))
    runs = sum(map(len, shapes.BATCHES.values()))
    assert len(done) == len(set(done)) == 2 * runs + 3
    [layer] = [line for line in done if "kns=dejavu_layer" in line]
    assert "--tool racecheck --kernel-name" in layer and "./layer-f16" in layer
    assert sum("DEJAVU_POISON=0" in line for line in done) == sum(
        "initcheck" in line for line in done) == 4


def test_close_choices_do_not_count():
    text = {"ids": [5, 6, 7], "margins": [0.3, 0.02, 0.3]}
    sure = script("gpu_shapes").sure_ids
    assert sure(text, 0.01) == [5, 6, 7]
    assert sure(text, 0.04) == [5]


def test_layers_pack(tmp_path):
    file = tmp_path / "layers.tar.xz"
    succeed(PYTHON, SCRIPTS / "bench_layers.py", "pack", "--only",
            "llama-3-8b-4$", "-o", file)
    unpack(file, tmp_path)
    [program] = json.loads(
        (tmp_path / "layers/programs.json").read_text("utf-8"))
    assert (program["name"], program["layers"]) == ("llama-3-8b-4", 4)
    assert program["positions"] == 2048
    layer = 2 * 4096 * (2 * 4096 + 2 * 1024 + 3 * 14336)
    head = 2 * 4096 * 128256
    assert program["bytes_per_token"] == pytest.approx(4 * layer + head,
                                                       rel=1e-3)
    assert (tmp_path / "layers/bench_kernels.py").is_file()
    assert (tmp_path / "layers" / program["name"]).is_file()


def test_layers_arithmetic(monkeypatch):
    layers = script("bench_layers")
    # 50 us a layer, 30 us the rest.
    benched = []

    def bench(program, prompt, steps, _):
        benched.append((prompt, steps))
        return {"us": 30 + 50 * program["layers"], "prefill_ms": 1.0,
                "seconds": 1.0}
    monkeypatch.setattr(layers, "bench", bench)
    programs = [{"name": f"p{n}", "model": "llama-3-8b", "layers": n,
                 "cache": "f16", "cache_bytes": n * 2 * 8 * 128 * 2,
                 "positions": 2048,
                 "bytes_per_token": 10 ** 6 * (7 + 100 * n)}
                for n in (4, 8, 32)]
    report = layers.Report(4e12, 1)
    report.add_layer(*programs[:2], 1024)
    [row] = report.layers
    cache = 2 * 8 * 128 * 1024 * 2
    assert row["layer_us"] == 50 and row["head_us"] == 30
    assert row["floor_us"] == pytest.approx((10 ** 8 + cache) / 4e6, abs=0.01)
    assert row["head_floor_us"] == pytest.approx(7e6 / 4e6)
    report.add_whole(programs[2], 1024)
    [whole] = report.wholes
    assert (whole["us"], whole["sum_us"], whole["over_sum"]) == (
        1630, 1630, 1.0)
    assert benched == [(992, 64)] * 3
    # The last position there is.
    report.add_whole(programs[2], 2048)
    assert benched[-1] == (2032, 16) and report.wholes[-1]["steps"] == 16
    cache = programs[2]["cache_bytes"] * (2033 + 2048) / 2
    assert report.wholes[-1]["floor_us"] == pytest.approx(
        (programs[2]["bytes_per_token"] + cache) / 4e6, abs=0.1)
    monkeypatch.setattr(layers, "bench", lambda *_: None)
    report.add_whole(programs[2], 256)
    assert report.failed == ["p32 256"]


def test_plots(tmp_path):
    kernels, layers = tmp_path / "a.json", tmp_path / "b.json"
    kernels.write_text(json.dumps({"device": "G", "date": "d", "results": [
        {"name": f"ffn-{shape} density {density}", "us": 9 + 90 * density,
         "floor_us": 90 * density} for shape in "abcde"
        for density in (1.0, 0.1)] + [
            {"name": "ffn-a cuBLAS, dense", "us": 120, "floor_us": 90}]}),
        "utf-8")
    layers.write_text(json.dumps({"device": "G", "date": "d", "layers": [
        {"model": "m", "context": context, "layer_us": 120, "floor_us": 100,
         **more} for context, more in ((256, {"torch_us": 150}),
                                       (1024, {}))]}), "utf-8")
    command = (PYTHON, SCRIPTS / "plot_cuda.py", "-o", tmp_path)
    succeed(*command, kernels, layers)
    made = {}
    for name in ("cuda-mlp.png", "cuda-layers.png"):
        made[name] = (tmp_path / name).read_bytes()
        assert made[name][:4] == b"\x89PNG" and len(made[name]) < 60_000
    succeed(*command, kernels, layers)
    for name, data in made.items():
        assert (tmp_path / name).read_bytes() == data
    # What is committed can be drawn.
    (tmp_path / "cuda-mlp.png").unlink()
    succeed(*command, *sorted((ROOT / "docs/benchmarks").glob("cuda-*.json")))
    assert (tmp_path / "cuda-mlp.png").is_file()
    empty = tmp_path / "c.json"
    empty.write_text("{}", "utf-8")
    assert "none of the files" in fail(*command, empty)


def test_links_stand_for_equal_weights(tmp_path):
    files = [tmp_path / name for name in "abc"]
    for file, data in zip(files, (b"12", b"13", b"12")):
        file.write_bytes(data)
    pack = script("gpu_shapes_pack")
    for number, file in enumerate(files):
        pack.share(file, files[:number])
    assert [file.read_bytes() for file in files] == [b"12", b"13", b"12"]
    assert files[0].samefile(files[2]) and not files[0].samefile(files[1])


def test_atomic_sums_are_looked_for(tmp_path):
    program = tmp_path / "program"

    def read(reduction, *kernels):
        info = json.dumps({"reduction": reduction,
                           "cuda": {"kernels": list(kernels)}})
        program.write_text(f"#!/bin/sh\necho '{info}'\n", "utf-8")
        program.chmod(0o755)
        return script("gpu_pack").read_info(program)
    read("atomic", "dejavu_add_1", "dejavu_fused_ffn_1_atomic")
    read("deterministic", "dejavu_add_1")
    with pytest.raises(SystemExit, match="program: no kernel has atomic sums"):
        read("atomic", "dejavu_add_1", "dejavu_fused_ffn_1")


def test_clusters_are_described():
    info = {"sparsity": "dense", "cuda": {"kernels": ["a", "b"], "images": [
        {"kernels": [{"cluster": 1}, {"cluster": 2}]}]}}
    found = script("gpu_shapes_pack").describe("m", info)
    assert (found["clusters"], found["cache"]) == (["b"], "f32")


def test_summary(tmp_path):
    """Runs with parts of the checks become one report: good cases their number
    and the worst distance; all else stays, and what was bad is counted."""
    good = {"ok": True, "off": {"a": 0.001, "b": 0.00234}, "seconds": 1}
    wrong = {"ok": False, "error": "no"}
    reports = [
        {"device": ["G"], "date": "1", "bad": 0, "seconds": 2.5,
         "cases": {"m": {"one": good, "two": good | {"off": 0.0017}},
                   "n": {}},
         "texts": {"m": {"alone": {"ok": True, "equal": 20}}}},
        {"device": ["G"], "date": "2", "bad": 1, "seconds": 1,
         "cases": {"n": {"one": good, "two": wrong}}, "texts": {"m": {}}}]
    for number, report in enumerate(reports):
        (tmp_path / str(number)).write_text(json.dumps(report), "utf-8")
    script = ROOT / "tools/scripts/summarize_gpu.py"
    succeed(sys.executable, script, tmp_path / "0", tmp_path / "1", "-o",
            tmp_path / "all")
    assert json.loads((tmp_path / "all").read_text("utf-8")) == {
        "device": ["G"], "date": "1", "bad": 1, "seconds": 3.5,
        "cases": {"m": {"good": 2, "off": 0.0023},
                  "n": {"good": 1, "off": 0.0023, "two": wrong}},
        "texts": {"m": {"alone": {"ok": True, "equal": 20}}}}
    (tmp_path / "0").write_text("{}", "utf-8")
    assert "no device" in fail(sys.executable, script, tmp_path / "0", "-o",
                               tmp_path / "none")
    assert not (tmp_path / "none").exists()
