# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Predicted programs: the reference interpreter on the same IR, and numpy, are
the oracles, on shapes that no vector divides."""

import json
import zlib

import numpy as np
import pytest
import safetensors.numpy

from conftest import DOCS, MODELS, succeed, tool
from predictor_files import PredictorFile, pack_signs, scripted
from test_kernels import CASES, SHAPES, Program
from toys import Shape, Toy

TOLERANCE = 2e-4
DECODE = [case for case in CASES if case[1] == 1 and case[2] > 0]


class Predicted:
    """A toy in a folder, compiled dense, and programs of it."""

    def __init__(self, toy, folder):
        self.toy, self.folder = toy, folder
        self.source = toy.write(folder)
        succeed(tool("dejavu-compile"), self.source, "-o", folder / "dense",
                "--compile-from", "raise", "--sparsity", "dense")
        self.dense = Program(folder / "dense")
        self.info = json.loads(succeed(folder / "dense", "--info"))

    def file(self, **options):
        return PredictorFile(self.info, **options)

    def compile(self, file, *flags, name="predicted", sparsity="predicted"):
        """The program and the interpreter on its sparsified IR."""
        path = file.write(self.folder / f"{name}.safetensors-predictors")
        ir = self.folder / f"{name}.mlir"
        command = (tool("dejavu-compile"), self.source, "--compile-from",
                   "raise", "--predictors", path, "--sparsity", sparsity,
                   *flags)
        succeed(*command, "-o", ir, "--compile-to", "sparsify")
        succeed(*command, "-o", self.folder / name)
        return (Program(self.folder / name),
                Program(self.folder / name, tool("dejavu-interpret"), ir))

    def decode_cases(self):
        for batch, tokens, past, starts in DECODE:
            yield self.toy.inputs(batch, tokens, past, starts)


def add_random(file, random, layer, unit, kind, select):
    """A random predictor that selects about half of the units, or a few."""
    units = file.units(layer, unit)
    bias = random.standard_normal(units) * 0.1
    fields = ({"threshold": 0.0} if select == "threshold" else
              {"select": "top_k", "k": max(units // 3, 0 if units < 3 else 1)})
    if kind == "sign_bit":
        signs = random.standard_normal((units, file.features))
        file.add(layer, unit, signs=pack_signs(signs), bias=bias, **fields)
        return
    rank = 1 + int(random.integers(20))
    if kind == "int8":
        file.add(layer, unit,
                 first=random.integers(-128, 128, (rank, file.features),
                                       np.int8),
                 second=random.integers(-128, 128, (units, rank), np.int8),
                 scale=random.uniform(0.5, 2, units) * 1e-4 / np.sqrt(rank),
                 bias=bias, **fields)
        return
    file.add(layer, unit,
             first=(random.standard_normal((rank, file.features))
                    / np.sqrt(file.features)).astype(np.float32),
             second=random.standard_normal((units, rank)).astype(np.float32),
             bias=bias, **fields)


def largest_difference(got, expected):
    worst = 0.0
    for name, value in expected.items():
        assert got[name].shape == value.shape, name
        assert np.isfinite(got[name]).all(), name
        worst = max(worst, float(np.abs(got[name] - value).max(initial=0)
                                 / max(np.abs(value).max(initial=0), 1)))
    return worst


KINDS = [("low_rank", "threshold", "same", "eager"),
         ("low_rank", "top_k", "half", "deferred"),
         ("sign_bit", "threshold", "full", "deferred"),
         ("low_rank", "threshold", "full", "auto"),
         ("int8", "threshold", "full", "eager"),
         ("int8", "top_k", "same", "deferred")]


@pytest.mark.parametrize("turn", [0, 1])
@pytest.mark.parametrize("name", SHAPES)
def test_program_equals_the_interpreter(name, turn, tmp_path):
    """Neurons and heads of every layer, by random predictors: each shape with
    two of the kinds."""
    kind, select, look_ahead, kv = \
        KINDS[(list(SHAPES).index(name) + 3 * turn) % len(KINDS)]
    model = Predicted(Toy(SHAPES[name]), tmp_path)
    random = np.random.default_rng(zlib.crc32(name.encode()))
    file = model.file(look_ahead=look_ahead)
    for layer in range(SHAPES[name].layers):
        for unit in ("neuron", "kv_group"):
            add_random(file, random, layer, unit, kind, select)
    program, oracle = model.compile(file, "--kv", kv)
    for inputs in model.decode_cases():
        assert largest_difference(program.run(inputs),
                                  oracle.run(inputs)) < TOLERANCE


@pytest.mark.parametrize("name", SHAPES)
def test_everything_selected_equals_dense(name, tmp_path):
    """A set of everything that nobody knows to be one: it does not fold."""
    model = Predicted(Toy(SHAPES[name]), tmp_path)
    file = model.file()
    for unit in ("neuron", "kv_group"):
        file.add_everywhere(unit, threshold=-1e30)
    kv = ("eager", "deferred")[list(SHAPES).index(name) % 2]
    program, _ = model.compile(file, "--kv", kv)
    for inputs in model.decode_cases():
        got = program.run(inputs)
        assert largest_difference(got, model.dense.run(inputs)) < 1e-5
        assert largest_difference(got, model.toy.run(inputs)) < TOLERANCE


@pytest.mark.parametrize("count", [0, 1, 5, "all"])
@pytest.mark.parametrize("gated", [False, True])
def test_sets_of_any_size(count, gated, tmp_path):
    """No neuron and no head, one, a few that fill no vector, all."""
    shape = Shape(neurons=37, gated=gated, heads=5, kv_heads=5, head_dim=9)
    model = Predicted(Toy(shape), tmp_path)
    file = model.file(look_ahead="same")
    for layer in range(shape.layers):
        for unit in ("neuron", "kv_group"):
            units = file.units(layer, unit)
            size = units if count == "all" else min(count, units)
            file.add(layer, unit, select="top_k", k=size, bias=np.random
                     .default_rng(layer).standard_normal(units))
    program, oracle = model.compile(file, "--kv", "deferred")
    for inputs in model.decode_cases():
        assert largest_difference(program.run(inputs),
                                  oracle.run(inputs)) < TOLERANCE
    if count == 0:  # what is left are the biases
        got = program.run(model.toy.inputs(1, 1, 3))
        for layer in range(shape.layers):
            for word in ("down", "o"):
                model.toy.weights[f"{word}{layer}"][:] = 0
        assert largest_difference(
            {"logits": got["logits"]},
            {"logits": model.toy.run(model.toy.inputs(1, 1, 3))["logits"]}
        ) < TOLERANCE


@pytest.mark.parametrize("gated", [False, True])
def test_rows_that_are_not_selected_are_not_read(gated, tmp_path):
    """They are NaN in the weights, and nothing changes."""
    shape = Shape(gated=gated, heads=6, kv_heads=3, head_dim=11,
                  rope="half", rotated=6, bias=False)
    neurons, groups = [3, 17, 18, 200], [1]
    toy = Toy(shape)
    clean = Predicted(toy, tmp_path / "clean")
    inputs = list(clean.decode_cases())
    # Only the selected part of the past is read, too.
    poisoned = Toy(shape)
    poisoned.weights = {k: v.copy() for k, v in toy.weights.items()}
    for layer in range(shape.layers):
        others = np.setdiff1d(np.arange(shape.neurons), neurons)
        for word in ("up", "down") + (("gate",) if gated else ()):
            poisoned.weights[f"{word}{layer}"][others] = np.nan
        kv = shape.head_dim
        wide = kv * shape.heads // shape.kv_heads
        for group in np.setdiff1d(np.arange(shape.kv_heads), groups):
            poisoned.weights[f"q{layer}"][group * wide:(group + 1) * wide] = \
                np.nan
            poisoned.weights[f"o{layer}"][:, group * wide:
                                          (group + 1) * wide] = np.nan
    bad = Predicted(poisoned, tmp_path / "poisoned")
    for kv in ("eager", "deferred"):
        programs = []
        for model in (clean, bad):
            file = model.file()
            for layer in range(shape.layers):
                for unit, chosen in (("neuron", neurons),
                                     ("kv_group", groups)):
                    file.add(layer, unit, threshold=0.0, bias=scripted(
                        file.units(layer, unit), chosen))
            programs.append(model.compile(file, "--kv", kv)[0])
        for case in inputs:
            want, got = (p.run(case) for p in programs)
            assert np.array_equal(want["logits"], got["logits"])
            for layer in range(shape.layers):
                past = case[f"past.{layer}.key"].copy()
                others = np.setdiff1d(np.arange(shape.kv_heads), groups)
                past[:, others] = np.nan
                case = case | {f"past.{layer}.key": past}
            assert np.array_equal(want["logits"],
                                  programs[1].run(case)["logits"])


def test_deferred_weights_are_read_only_when_a_head_is_selected(tmp_path):
    """While one token is decoded, the keys and values of the other heads are
    nobody's business: their weights are NaN, and the text stays."""
    shape = Shape(heads=4, kv_heads=4, head_dim=8, positions=40, bias=False)
    texts = []
    for poison in (False, True):
        toy = Toy(shape)
        if poison:
            for layer in range(shape.layers):
                for word in "kv":
                    toy.weights[f"{word}{layer}"][8:] = np.nan
        model = Predicted(toy, tmp_path / str(poison))
        file = model.file()
        for layer in range(shape.layers):
            file.dense(layer)
            file.add(layer, "kv_group", threshold=0.0, bias=scripted(4, [0]))
        model.compile(file, "--kv", "deferred")
        tokens = tmp_path / "tokens.npy"
        np.save(tokens, np.arange(30, dtype=np.int32) % shape.vocab)
        logits = tmp_path / "logits.npy"
        succeed(model.folder / "predicted", "--eval-tokens", tokens,
                "--eval-logits", logits)
        texts.append(np.load(logits))
    assert np.isfinite(texts[0]).all()
    assert np.array_equal(*texts)


@pytest.fixture(scope="module")
def docs_file(compiled):
    """Random predictors for the model of the repository: other tokens, other
    sets."""
    dense = compiled(DOCS, "--sparsity", "dense")
    random = np.random.default_rng(5)
    file = PredictorFile(dense.info())
    for layer in range(6):
        add_random(file, random, layer, "neuron", "low_rank", "threshold")
        add_random(file, random, layer, "kv_group", "low_rank", "threshold")
    return file


@pytest.mark.parametrize("kv", ["eager", "deferred"])
def test_a_batch_equals_its_rows(kv, docs_file, tmp_path):
    """Three sequences of different lengths, whose sets differ, give the same
    bits as each of them alone, with any number of threads."""
    path = docs_file.write(tmp_path / "p.safetensors")
    succeed(tool("dejavu-compile"), MODELS / DOCS, "-o", tmp_path / "model",
            "--predictors", path, "--kv", kv)

    def logits(prompts, *flags):
        """The logits of each step, [steps, batch, vocab]."""
        where = ",".join(map(str, prompts[0])) if len(prompts) == 1 else "-"
        text = "".join(",".join(map(str, p)) + "\n" for p in prompts)
        succeed(tmp_path / "model", "--prompt-ids", where, "--max-new-tokens",
                24, "--ignore-eos", "--tap", tmp_path / "tap", *flags,
                input=text)
        taps = safetensors.numpy.load_file(tmp_path / "tap")
        site = max(int(name.split("site")[1]) for name in taps)
        return np.stack([taps[f"p{step}.site{site}"].reshape(
            len(prompts), -1, taps[f"p{step}.site{site}"].shape[-1])[:, -1]
            for step in range(24)])

    prompts = [[1, 17, 42], [5, 6, 7, 8, 9, 10, 11, 12], [99]]
    batch = logits(prompts)
    for row, prompt in enumerate(prompts):
        alone = logits([prompt])[:, 0]
        # Prefill is a library's; what it gives differs in the last bits.
        close = np.abs(batch[:, row] - alone).max() / np.abs(alone).max()
        assert close < 1e-5
    bits = []
    for threads in (1, 2):
        succeed(tmp_path / "model", "--eval-tokens", MODELS / DOCS /
                "tokens.npy", "--eval-limit", 40, "--eval-logits",
                tmp_path / "logits.npy", "--threads", threads)
        bits.append(np.load(tmp_path / "logits.npy"))
    assert np.array_equal(*bits)


def test_predictors_see_nothing_that_comes_later(compiled, tmp_path):
    """With other weights in everything behind the input of a predictor, the
    same heads and as many neurons are selected."""
    shape = Shape(heads=8, kv_heads=8, head_dim=8, neurons=300, layers=3,
                  positions=64)
    tokens = tmp_path / "tokens.npy"
    np.save(tokens, np.random.default_rng(0).integers(
        0, shape.vocab, 48).astype(np.int32))
    seen = []
    for poison in (False, True):
        toy = Toy(shape)
        if poison:
            # Behind the input of the MLP norm of layer 1: its MLP, layer 2.
            random = np.random.default_rng(9)
            for word in ("up1", "down1", "down_bias1", "q2", "k2", "v2", "o2",
                         "up2", "down2", "head"):
                toy.weights[word] = random.standard_normal(
                    toy.weights[word].shape).astype(np.float32)
        model = Predicted(toy, tmp_path / str(poison))
        random = np.random.default_rng(3)
        file = model.file(look_ahead="full")
        for layer in range(3):
            add_random(file, random, layer, "neuron", "low_rank", "threshold")
            add_random(file, random, layer, "kv_group", "low_rank",
                       "threshold")
        model.compile(file)
        report = tmp_path / "report.json"
        succeed(model.folder / "predicted", "--eval-tokens", tokens, "--json",
                report)
        layers = json.loads(report.read_text("utf-8"))["layers"]
        seen.append([(layer["density_histogram"], layer["head_usage"])
                     for layer in layers])
    assert 0.1 < seen[0][2][1][0] < 0.9 or 0.1 < seen[0][2][1][1] < 0.9
    assert seen[0] == seen[1]


@pytest.mark.parametrize("bad", ["mlp", "attention"])
def test_the_counts_are_those_of_the_run(bad, tmp_path):
    """Densities and bytes of scripted sets come out as they were scripted."""
    shape = Shape(heads=4, kv_heads=4, head_dim=8, neurons=100)
    model = Predicted(Toy(shape), tmp_path)
    file = model.file()
    for layer in range(2):
        file.add(layer, threshold=0.0,
                 bias=scripted(100, range(25)))
        file.add(layer, "kv_group", threshold=0.0, bias=scripted(4, [0, 2, 3]))
    model.compile(file, "--kv", "eager")
    tokens = tmp_path / "tokens.npy"
    np.save(tokens, np.arange(20, dtype=np.int32))
    out = succeed(tmp_path / "predicted", "--eval-tokens", tokens, "--json",
                  tmp_path / "r.json")
    assert "mlp density: 0.25\n" in out and "head density: 0.75\n" in out
    report = json.loads((tmp_path / "r.json").read_text("utf-8"))
    parts = report["bytes_by_part"]
    dense = report["bytes_by_part_dense"]
    f = shape.features
    if bad == "attention":
        row = 4 * f
        # Queries (with a bias) and outputs of three heads of four.
        saved = 2 * 8 * (row + 4 + row)
        assert dense["attention"] - parts["attention"] == saved
    else:
        # A quarter of the up rows at least, and of those the active ones.
        up = 25 * (4 * f + 4)
        assert parts["mlp"] > 2 * up + 2 * 4 * f
        assert parts["mlp"] < 2 * up + 2 * 25 * 4 * f + 2 * 4 * f
    # Rank 1, for neurons and for heads.
    assert parts["predictors"] == 2 * 4 * (2 * f + 2 * 100 + 2 * 4)
    total = sum(parts.values())
    assert abs(total - report["bytes_per_token"]) < 1


SCRIPT_HEADS = 8


def make_script(tokens, random):
    """Sets of heads for each token: each head is dropped and selected again at
    least 20 times, with gaps of 1 to 300 tokens in one of them."""
    sets = random.random((tokens, SCRIPT_HEADS)) < 0.5
    sets[40:340, 0] = False  # a gap of 300
    sets[340, 0] = True
    sets[100:200, 1] = False
    return sets


@pytest.mark.parametrize("rope", ["", "half", "interleaved"])
@pytest.mark.parametrize("ring", [7, 64, 512])
def test_deferred_equals_eager(rope, ring, tmp_path):
    """Over 400 tokens of scripted sets, and again in a second request. The
    script is in the embeddings: a token says which heads it wants."""
    count = 400
    shape = Shape(vocab=2 ** SCRIPT_HEADS, features=96, heads=SCRIPT_HEADS,
                  kv_heads=SCRIPT_HEADS, head_dim=16, neurons=40, layers=2,
                  positions=count, rope=rope, rotated=16 if rope else 0)
    toy = Toy(shape)
    bits = (np.arange(shape.vocab)[:, None] >> np.arange(SCRIPT_HEADS)) & 1
    # The first features are the token's bits, far above all that is added.
    toy.weights["table"][:, :SCRIPT_HEADS] = 40.0 * (2 * bits - 1)
    toy.weights["table"][:, SCRIPT_HEADS:2 * SCRIPT_HEADS] = \
        -40.0 * (2 * bits - 1)  # so that the mean stays 0
    model = Predicted(toy, tmp_path)
    file = model.file(look_ahead="same")
    first = np.zeros((SCRIPT_HEADS, shape.features), np.float32)
    first[:, :SCRIPT_HEADS] = np.eye(SCRIPT_HEADS)
    for layer in range(shape.layers):
        file.dense(layer)
        file.add(layer, "kv_group", first=first,
                 second=np.eye(SCRIPT_HEADS, dtype=np.float32), threshold=0.0)
    path = file.write(tmp_path / "p.safetensors")
    random = np.random.default_rng(11)
    sets = np.concatenate([make_script(count, random) for _ in range(2)])
    ids = (sets << np.arange(SCRIPT_HEADS)).sum(1).astype(np.int32)
    for head in range(SCRIPT_HEADS):
        for request in (sets[:count, head], sets[count:, head]):
            assert (~request[:-1] & request[1:]).sum() >= 20
    np.save(tmp_path / "ids.npy", ids)
    logits = {}
    for kv in ("eager", "deferred"):
        ir = tmp_path / f"{kv}.mlir"
        succeed(tool("dejavu-opt"), model.source, "-o", ir,
                "--mlir-print-debuginfo", "--pass-pipeline=builtin.module("
                "dejavu-cast-weights,"
                f"dejavu-insert-predictors{{file={path}}},"
                "dejavu-sparsify-ffn,"
                f"dejavu-sparsify-attention{{kv={kv} ring={ring}}})")
        assert (kv == "deferred") == ("kv_append_deferred"
                                      in ir.read_text("utf-8"))
        succeed(tool("dejavu-compile"), ir, "--compile-from", "sparsify", "-o",
                tmp_path / kv)
        succeed(tmp_path / kv, "--eval-tokens", tmp_path / "ids.npy",
                "--eval-logits", tmp_path / "logits.npy", "--json",
                tmp_path / f"{kv}.json")
        logits[kv] = np.load(tmp_path / "logits.npy")
    # The sets are the scripted ones.
    for kv in logits:
        report = json.loads((tmp_path / f"{kv}.json").read_text("utf-8"))
        for layer in report["layers"]:
            np.testing.assert_allclose(layer["head_usage"], sets.mean(0))
    assert np.abs(logits["eager"]).max() > 0.1
    difference = np.abs(logits["deferred"] - logits["eager"]).max()
    assert difference <= 1e-5 * np.abs(logits["eager"]).max()
    # What is deferred is read less often.
    bytes_read = {kv: json.loads((tmp_path / f"{kv}.json").read_text("utf-8"))
                  ["bytes_per_token"] for kv in logits}
    assert bytes_read["deferred"] < bytes_read["eager"]


def test_generation_defers_behind_a_prompt(docs_file, tmp_path):
    """A prompt through @prefill, then decode: the same ids by both ways."""
    path = docs_file.write(tmp_path / "p.safetensors")
    texts = []
    for kv in ("eager", "deferred"):
        succeed(tool("dejavu-compile"), MODELS / DOCS, "-o", tmp_path / kv,
                "--predictors", path, "--kv", kv)
        texts.append(succeed(tmp_path / kv, "--prompt-ids", "1,17,42,99,5",
                             "--max-new-tokens", 200, "--ignore-eos"))
    assert texts[0] == texts[1]
