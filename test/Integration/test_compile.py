# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The flags of dejavu-compile."""

import json

import pytest

from conftest import BIN, DOCS, MODELS, ZOO, fail, run, succeed, tool

SMALL = MODELS / ZOO[0]
PHASES = ("import", "raise", "sparsify", "partition", "schedule", "lower")
# What the IR after each phase still has, or has no longer.
SIGNS = {"import": ("onnx.", "dejavu.kv_append"),
         "raise": ("dejavu.ffn", "onnx.MatMul"),
         "sparsify": ("dejavu.sparse_linear", "onnx.MatMul"),
         "partition": ("dejavu.sparse_linear", "onnx.MatMul"),
         "schedule": ("dejavu.sparse_linear", "onnx.MatMul"),
         "lower": ("llvm.func @dejavu_decode", "dejavu.sparse_linear")}
GENERATE = ("--prompt-ids", "1,5,9", "--max-new-tokens", "8", "--ignore-eos")


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """What the model generates when it is compiled in one go."""
    out = tmp_path_factory.mktemp("whole") / "out"
    succeed(tool("dejavu-compile"), SMALL, "-o", out)
    return succeed(out, *GENERATE)


@pytest.mark.parametrize("phase", PHASES)
def test_stop_and_go_on(phase, expected, tmp_path):
    """Each phase can be the end of a compilation and the start of one."""
    ir = succeed(tool("dejavu-compile"), SMALL, "--compile-to", phase, "-o",
                 "-")
    has, has_not = SIGNS[phase]
    assert has in ir and has_not not in ir
    (tmp_path / "ir.mlir").write_text(ir, encoding="utf-8")
    succeed(tool("dejavu-compile"), tmp_path / "ir.mlir", "--compile-from",
            phase, "-o", tmp_path / "out")
    assert succeed(tmp_path / "out", *GENERATE) == expected


def test_wrong_phases(tmp_path):
    def refuse(*flags):
        return fail(tool("dejavu-compile"), SMALL, "-o", tmp_path / "out",
                    *flags)
    assert "'rise'" in refuse("--compile-to", "rise")
    assert "'rise'" in refuse("--compile-from", "rise")
    assert "after" in refuse("--compile-from", "lower", "--compile-to", "raise")
    assert "emit" in refuse("--compile-from", "emit")
    missing = tmp_path / "missing.mlir"
    assert str(missing) in fail(tool("dejavu-compile"), missing,
                                "--compile-from", "raise", "-o",
                                tmp_path / "out")
    broken = tmp_path / "broken.mlir"
    broken.write_text("module {")
    assert str(broken) in fail(tool("dejavu-compile"), broken,
                               "--compile-from", "raise", "-o",
                               tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_not_available(tmp_path):
    error = fail(tool("dejavu-compile"), SMALL, "-o", tmp_path / "out",
                 "--tensor-parallel", "2")
    assert "not available yet" in error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("flags", [
    ("--sparsity", "some"), ("--target", "tpu"), ("--tensor-parallel", "0"),
    ("--max-context", "0"), ("--max-context", "many"), ("--remarks", "("),
    ("--unknown",)])
def test_wrong_flags(flags, tmp_path):
    fail(tool("dejavu-compile"), SMALL, "-o", tmp_path / "out", *flags)
    assert not list(tmp_path.iterdir())


def test_closing_lines(tmp_path):
    done = run(tool("dejavu-compile"), SMALL, "-o", tmp_path / "out")
    assert done.returncode == 0 and done.stdout == ""
    for word in ("raised: 2 attention blocks, 2 MLPs", "sparse: 2 of 2 MLPs",
                 "bytes per token:", "memory:", "next:"):
        assert word in done.stderr
    assert "\r" not in done.stderr  # progress is for terminals
    done = run(tool("dejavu-compile"), SMALL, "-o", tmp_path / "out",
               "--sparsity", "dense")
    assert "sparse: 0 of 2 MLPs (dense: dense was asked for)" in done.stderr


def test_remarks(tmp_path):
    done = run(tool("dejavu-compile"), SMALL, "-o", tmp_path / "out",
               "--remarks", "sparsify")
    lines = [li for li in done.stderr.splitlines() if li.startswith("remark: ")]
    assert [li for li in lines if "MLP is exactly sparse" in li]
    assert not [li for li in lines if "raise" in li and "sparsify" not in li]
    done = run(tool("dejavu-compile"), SMALL, "-o", tmp_path / "out")
    assert "remark:" not in done.stderr


def test_coverage_report(tmp_path):
    succeed(tool("dejavu-compile"), SMALL, "-o", tmp_path / "out",
            "--coverage-report", tmp_path / "coverage.json")
    report = json.loads((tmp_path / "coverage.json").read_text())
    assert report == {"layers": [{"attention": "raised", "ffn": "raised"}] * 2,
                      "rest": []}


def test_dump_code(tmp_path):
    succeed(tool("dejavu-compile"), SMALL, "-o", tmp_path / "out",
            "--dump-code", tmp_path / "code")
    assert (tmp_path / "code/model.o").read_bytes()[:4] == b"\x7fELF"


def test_max_context(tmp_path):
    succeed(tool("dejavu-compile"), MODELS / DOCS, "-o", tmp_path / "out",
            "--max-context", "100")
    info = json.loads(succeed(tmp_path / "out", "--info"))
    assert (info["max_context"], info["position_limit"]) == (100, 512)
    error = fail(tool("dejavu-compile"), MODELS / DOCS, "-o",
                 tmp_path / "out", "--max-context", "513")
    assert "512" in error


def test_eos(tmp_path):
    """From generation_config.json, else config.json; beside the model or in
    the folder above."""
    def eos():
        succeed(tool("dejavu-compile"), tmp_path / "m", "-o", tmp_path / "out")
        return json.loads(succeed(tmp_path / "out", "--info"))["eos"]
    folder = tmp_path / "m" / "onnx"
    folder.mkdir(parents=True)
    for file in SMALL.glob("model.onnx*"):
        (folder / file.name).symlink_to(file)
    assert eos() == []
    (tmp_path / "m/config.json").write_text('{"eos_token_id": 5}')
    assert eos() == [5]
    (tmp_path / "m/generation_config.json").write_text(
        '{"eos_token_id": [7, 9]}')
    assert eos() == [7, 9]
    config = tmp_path / "m/generation_config.json"
    config.write_text('{"eos_token_id": "x"}')
    assert str(config) in fail(tool("dejavu-compile"), tmp_path / "m", "-o",
                               tmp_path / "out")


def test_installed(tmp_path):
    """An installed tree compiles by itself."""
    succeed("cmake", "--install", BIN.parent, "--prefix", tmp_path)
    for name in ("dejavu-compile", "dejavu-opt", "dejavu-run"):
        assert (tmp_path / "bin" / name).exists()
    assert (tmp_path / "include/dejavu-rt/abi.h").exists()
    assert (tmp_path / "include/dejavu/Pipelines/Pipelines.h").exists()
    succeed(tmp_path / "bin/dejavu-compile", SMALL, "-o", tmp_path / "out")
    succeed(tmp_path / "out", *GENERATE)
    (tmp_path / "lib/libdejavu_rt.a").unlink()
    assert "libdejavu_rt.a" in fail(tmp_path / "bin/dejavu-compile", SMALL,
                                    "-o", tmp_path / "out2")


def test_runtime_needs_no_compiler(tmp_path):
    """An executable needs neither LLVM nor MLIR."""
    succeed(tool("dejavu-compile"), SMALL, "-o", tmp_path / "out")
    needed = succeed("readelf", "-d", tmp_path / "out")
    assert "libomp" in needed
    assert "MLIR" not in needed and "libLLVM" not in needed


def test_flags_that_come_too_late(tmp_path):
    ir = tmp_path / "ir.mlir"
    succeed(tool("dejavu-compile"), SMALL, "--compile-to", "sparsify", "-o", ir)
    late = (tool("dejavu-compile"), ir, "--compile-from", "sparsify", "-o",
            tmp_path / "out")
    assert "too late" in fail(*late, "--weights", "f16")
    assert "too late" in fail(*late, "--sparsity", "dense")
    assert "phase raise" in fail(*late, "--coverage-report", tmp_path / "c")
    assert "phase emit" in fail(tool("dejavu-compile"), SMALL, "--compile-to",
                                "lower", "-o", "-", "--dump-code", tmp_path)
    assert not (tmp_path / "out").exists() and not (tmp_path / "c").exists()


def test_outputs_spare_the_model(tmp_path):
    """What a compilation reads is not what it writes."""
    model = tmp_path / "model.onnx"
    model.write_bytes((SMALL / "model.onnx").read_bytes())
    whole = model.read_bytes()
    for flags in (("-o", model), ("-o", tmp_path / "out", "--coverage-report",
                                  model)):
        assert str(model) in fail(tool("dejavu-compile"), model, *flags)
        assert str(model) in fail(tool("dejavu-compile"), tmp_path, *flags)
        assert model.read_bytes() == whole
    assert "-o -" in fail(tool("dejavu-compile"), model, "-o", "-")
    assert "/dev/null" in fail(tool("dejavu-compile"), model, "-o", "/dev/null")


def test_a_link_is_replaced_with_its_weights(tmp_path):
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to("real/out")
    (tmp_path / "real/out").write_text("old")
    succeed(tool("dejavu-compile"), SMALL, "-o", link)
    assert link.is_symlink()
    assert (tmp_path / "real/out.safetensors").exists()
    assert succeed(link, *GENERATE) == succeed(tmp_path / "real/out", *GENERATE)


@pytest.mark.parametrize("rows, offset, words", (
    (3, 0, "a table of 3 rows"), (9, 4, "an offset of 4")))
def test_every_id_has_a_row(rows, offset, words, tmp_path):
    """Generated code indexes the table with ids unchecked."""
    (tmp_path / "w").write_bytes(bytes(4 * 8 * 9))
    body = """  dejavu.weight @table : tensor<{rows}x8xf32> from <"w", offset = 0, length = {bytes}>
  dejavu.weight @head : tensor<9x8xf32> from <"w", offset = 0, length = 288>
"""
    for entry, tokens, extra, from_ in (("prefill", "?", ", %f: index", " from %f"),
                                        ("decode", "1", "", "")):
        body += f"""  func.func @{entry}(%ids: tensor<?x{tokens}xi64>, %p: tensor<?x{tokens}xi64>, %s: tensor<?xi64>{extra})
      -> tensor<?x{tokens}x9xf32> attributes {{{{dejavu.entry = #dejavu.entry<{entry}>}}}} {{{{
    %x = dejavu.embed %ids, @table {{{{offset = {{offset}} : i64}}}} : tensor<?x{tokens}xi64> -> tensor<?x{tokens}x8xf32>
    %l = dejavu.lm_head %x, @head{from_} : tensor<?x{tokens}x8xf32> -> tensor<?x{tokens}x9xf32>
    return %l : tensor<?x{tokens}x9xf32>
  }}}}
"""
    (tmp_path / "m.mlir").write_text(
        f'module attributes {{dejavu.source = "{tmp_path}/m.onnx"}} {{\n'
        "  dejavu.signature inputs [] outputs []\n"
        + body.format(rows=rows, bytes=rows * 32, offset=offset) + "}\n")
    assert words in fail(tool("dejavu-compile"), tmp_path / "m.mlir",
                         "--compile-from", "raise", "-o", tmp_path / "out")
