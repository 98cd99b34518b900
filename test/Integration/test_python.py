# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The Python package: text that grows, comparison, errors, and the commands on
a real executable."""

import json
import os
import shutil
import subprocess

import numpy as np
import pytest
import safetensors.numpy
import tokenizers

from conftest import DOCS, MODELS, ROOT, ZOO, fail, run, succeed
from dejavu import diff
from dejavu.text import IncrementalText, ModelText

DEJAVU = ROOT / ".venv/bin/dejavu"
TEXT = "Ein Fluß, 東京 🗼 naïve\n  x = 1 → 2"


# --- Text -------------------------------------------------------------------

def test_incremental_text():
    """The pieces add up to the whole, and no piece holds a broken
    character."""
    tokenizer = tokenizers.Tokenizer.from_file(
        str(MODELS / DOCS / "tokenizer.json"))
    ids = tokenizer.encode(TEXT, add_special_tokens=False).ids
    text = ModelText([MODELS / DOCS]).incremental()
    pieces = [text.push(i) for i in ids]
    assert any(p == "" for p in pieces), "some character takes two tokens"
    assert all("\ufffd" not in p for p in pieces)
    assert "".join(pieces) + text.finish() == TEXT


def test_incremental_text_that_ends_in_the_middle():
    text = IncrementalText(lambda ids: bytes(ids).decode("utf-8", "replace"))
    assert text.push(ord("a")) == "a"
    assert text.push(0xE6) == "" and text.push(0x9D) == ""
    assert text.finish() == "\ufffd"


def test_special_tokens_are_not_shown():
    text = ModelText([MODELS / DOCS]).incremental()
    assert text.push(1) + text.push(34) + text.push(1) + text.finish() == "A"


@pytest.fixture
def chat_model(tmp_path):
    """A tokenizer with a chat template beside it."""
    shutil.copy(MODELS / DOCS / "tokenizer.json", tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({
        "bos_token": {"content": "</s>"},
        "chat_template": "{{ bos_token }}{% for m in messages %}[{{ m.role }}"
        "] {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}"
        "[assistant]{% endif %}"}))
    return tmp_path


def test_chat(chat_model):
    text = ModelText([chat_model])
    ids = text.encode_chat("hello")
    assert ids[0] == 1 and ids.count(1) == 1
    assert text.decode(ids) == "[user] hello\n[assistant]"


# --- Comparison -------------------------------------------------------------

SITES = [{"site": 0, "layer": -1, "op": "embed", "name": "e", "width": 4},
         {"site": 1, "layer": 0, "op": "ffn", "name": "f", "width": 4},
         {"site": 2, "layer": 1, "op": "ffn", "name": "f", "width": 4}]


def taps(tmp_path, name, values):
    """Taps of three sites in a prefill of three tokens and in one step."""
    file = tmp_path / f"{name}.safetensors"
    safetensors.numpy.save_file(values, file)
    return diff.Taps(name, str(file), SITES)


def values(change=None, by=0.0):
    random = np.random.default_rng(0)
    made = {f"p{step}.site{site}": random.standard_normal(
        (3 if step == 0 else 1, 4)).astype(np.float32)
        for step in range(2) for site in range(3)}
    if change:
        made[change][0, 2] += by
    return made


def test_diff_equal(tmp_path, capsys):
    a, b = (taps(tmp_path, n, values()) for n in "ab")
    assert diff.compare(a, b, 0, 0) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "compared: 3 sites, 2 steps (3 sites in A, 3 in B)"
    assert out[-1] == "equal: yes (rtol 0, atol 0)"


@pytest.mark.parametrize("by", (0.5, np.nan, np.inf))
def test_diff_names_the_first(tmp_path, capsys, by):
    a = taps(tmp_path, "a", values())
    changed = values("p0.site1", by)
    changed["p1.site0"][0, 0] += 0.25
    b = taps(tmp_path, "b", changed)
    assert diff.compare(a, b, 1e-4, 1e-4) == 1
    out = capsys.readouterr().out
    assert "first difference: prefill, layer 0, ffn 'f': 1 of 12" in out
    assert "at [0, 2]" in out and "equal: no" in out


def test_diff_compares_what_both_have(tmp_path, capsys):
    a = taps(tmp_path, "a", values("p1.site1", 1.0))
    fewer = values()
    del fewer["p1.site1"]
    b = taps(tmp_path, "b", fewer)
    assert diff.compare(a, b, 1e-4, 1e-4) == 0
    c = taps(tmp_path, "c", {"p0.site0": np.zeros((2, 4), np.float32)})
    assert diff.compare(a, c, 1e-4, 1e-4) == 1
    assert "shape (3, 4) against (2, 4)" in capsys.readouterr().out


# --- Errors -----------------------------------------------------------------

@pytest.mark.parametrize("command", [
    ("generate", "OUT", "--prompt", "x"), ("bench", "OUT"),
    ("eval", "OUT", "--tokens", str(MODELS / DOCS / "tokens.npy")),
    ("report", "OUT", "--tokens", str(MODELS / DOCS / "tokens.npy"), "-o",
     "page.html"),
    ("diff", "OUT", "OUT", "--prompt-ids", "1")])
def test_no_executable(tmp_path, command):
    def fails(path):
        return fail(DEJAVU, *(str(path) if c == "OUT" else c for c in command))

    missing = tmp_path / "missing"
    assert fails(missing) == f"{missing}: no such file"
    text = tmp_path / "text"
    text.write_text("hello")
    assert fails(text).startswith(f"{text}: ")
    text.chmod(0o755)
    assert fails(text).startswith(f"{text}: ")
    other = shutil.which("true")
    assert fails(other) == (f"{other}: not an executable made by"
                            " dejavu-compile")


@pytest.mark.parametrize("command", [
    (), ("nothing",), ("generate",), ("generate", "x", "--prompt"),
    ("generate", "x", "--prompt", "y", "--temperature", "warm"),
    ("generate", "x", "--prompt", "y", "--max-new-tokens", "0"),
    ("diff", "a", "b", "--prompt-ids", "1;2"), ("diff", "a"),
    ("eval", "x"), ("eval", "x", "--tokens", "y", "--first", "-1"),
    ("bench", "x", "--wrong")])
def test_wrong_usage(command):
    assert "--help" in fail(DEJAVU, *command)


def test_help():
    for command in ((), ("generate",), ("eval",), ("bench",), ("diff",),
                    ("report",), ("calibrate",)):
        assert "usage:" in succeed(DEJAVU, *command, "--help")
    assert succeed(DEJAVU, "--version").startswith("dejavu 0.")


# --- On a real executable ---------------------------------------------------

def generate(made, *options):
    return succeed(DEJAVU, "generate", made.path, "--model", MODELS / DOCS,
                   "--prompt", "The kernel schedules", *options)


def test_generate(compiled):
    """What is printed is the text of the ids that the executable makes."""
    made = compiled(DOCS, "--sparsity", "exact")
    text = ModelText([MODELS / DOCS])
    prompt = text.encode("The kernel schedules")
    assert prompt[0] == 1, "the tokenizer begins every document with </s>"
    [ids] = made.generate([prompt], 40)
    assert generate(made, "--max-new-tokens", 40) == text.decode(ids) + "\n"


def test_generate_sampled(compiled):
    made = compiled(DOCS, "--sparsity", "exact")
    options = ("--max-new-tokens", 24, "--temperature", "0.9", "--top-p",
               "0.9", "--seed")
    assert generate(made, *options, 5) == generate(made, *options, 5)
    assert generate(made, *options, 5) != generate(made, *options, 6)


def test_generate_in_any_locale(compiled):
    made = compiled(DOCS, "--sparsity", "exact")
    env = dict(os.environ, LC_ALL="C", PYTHONIOENCODING="ascii")
    text = "Die Größe der 東京 🗼"
    succeed(DEJAVU, "generate", made.path, "--model", MODELS / DOCS, "--prompt",
            text, "--max-new-tokens", 30, env=env)


def test_generate_streams(compiled):
    """The reader may stop reading; that ends the program."""
    made = compiled(DOCS, "--sparsity", "exact")
    process = subprocess.Popen(
        [DEJAVU, "generate", made.path, "--model", MODELS / DOCS, "--prompt",
         "The", "--max-new-tokens", "400", "--ignore-eos"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.read(1)
    process.stdout.close()
    errors = process.stderr.read()
    assert process.wait(timeout=60) == 1 and errors == b""


def test_generate_without_tokenizer(compiled, tmp_path):
    made = compiled(DOCS, "--sparsity", "exact")
    assert "chat template" in fail(
        DEJAVU, "generate", made.path, "--model", MODELS / DOCS, "--prompt",
        "x", "--chat")
    assert "no/such" in fail(DEJAVU, "generate", made.path, "--model",
                             "no/such", "--prompt", "x")
    bad = tmp_path / "tokenizer.json"
    bad.write_text("{}")
    assert str(bad) in fail(DEJAVU, "generate", made.path, "--model", tmp_path,
                            "--prompt", "x")


def test_tokenizer_beside_the_executable(compiled, tmp_path):
    made = compiled(DOCS, "--sparsity", "exact")
    folder = tmp_path / "bin"
    folder.mkdir()
    shutil.copy(made.path, folder / "m")
    os.symlink(made.weights, folder / "m.safetensors")
    for place in (tmp_path, folder):
        shutil.copy(MODELS / DOCS / "tokenizer.json", place)
        succeed(DEJAVU, "generate", folder / "m", "--prompt", "The",
                "--max-new-tokens", 2)
        (place / "tokenizer.json").unlink()


def test_bench(compiled, tmp_path):
    made = compiled(DOCS, "--sparsity", "exact")
    out = succeed(DEJAVU, "bench", made.path, "--prompt-length", 8,
                  "--new-tokens", 16, "--json", tmp_path / "bench.json")
    assert "tokens/s" in out
    assert json.loads((tmp_path / "bench.json").read_text("utf-8"))


def test_diff_dense_and_exact(compiled):
    dense, exact = (compiled(ZOO[0], "--sparsity", s).path
                    for s in ("dense", "exact"))
    out = succeed(DEJAVU, "diff", dense, exact, "--prompt-ids", "1,17,42")
    assert out.endswith("equal: yes (rtol 0.0001, atol 0.0001)\n")


@pytest.mark.parametrize("sparsity", ("dense", "exact"))
@pytest.mark.parametrize("graph", ZOO)
def test_diff_with_the_interpreter(compiled, graph, sparsity):
    made = compiled(graph, "--sparsity", sparsity)
    out = succeed(DEJAVU, "diff", made.path, MODELS / graph, "--prompt-ids",
                  "3,1,4,1,5,9,2,6", "--max-new-tokens", 6)
    assert "equal: yes" in out and "6 steps" in out  # one is the prefill


def test_diff_finds_a_changed_weight(compiled, tmp_path):
    """The down projection of layer 1 is changed in a copy of the model: the
    ffn of layer 1 is the first to differ."""
    import onnx
    import onnx.numpy_helper

    model = onnx.load(str(MODELS / ZOO[1] / "model.onnx"))
    downs = [n.input[1] for n in model.graph.node if n.op_type == "Gemm"][1::2]
    tensor = next(t for t in model.graph.initializer if t.name == downs[1])
    tensor.CopyFrom(onnx.numpy_helper.from_array(
        onnx.numpy_helper.to_array(tensor) * 1.5, tensor.name))
    onnx.save(model, str(tmp_path / "model.onnx"))
    made = compiled(ZOO[1], "--sparsity", "dense")
    done = run(DEJAVU, "diff", made.path, tmp_path / "model.onnx",
               "--prompt-ids", "3,1,4")
    assert done.returncode == 1, done.stderr
    first = next(line for line in done.stdout.splitlines()
                 if line.startswith("first difference: "))
    assert "prefill, layer 1, ffn" in first
