# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Raising looks at structure and constants: every value and node of a model is
renamed and its nodes are put into another order, and nothing changes."""

import random
import re

import numpy as np
import onnx
import pytest

from conftest import DOCS, GRAPHS, MODELS, fail, load_case, succeed, tool


def shuffled(nodes, outside, rng):
    """The nodes in a random order that is still topological."""
    ready_values, waiting, result = set(outside) | {""}, list(nodes), []
    while waiting:
        ready = [n for n in waiting if set(n.input) <= ready_values]
        node = rng.choice(ready)
        waiting.remove(node)
        result.append(node)
        ready_values |= set(node.output)
    return result


def renamed(folder, seed):
    """The model with new names for all values and nodes but for its inputs
    and outputs (they are its interface), its nodes and initializers in
    another order, and everything that merely comments on it dropped."""
    rng = random.Random(seed)
    model = onnx.load(str(folder / "model.onnx"))
    graph = model.graph
    keep = {v.name for v in [*graph.input, *graph.output]}
    names = {}

    def new(name):
        if not name or name in keep:
            return name
        if name not in names:
            names[name] = f"v{rng.getrandbits(60):x}"
        return names[name]

    outside = [v.name for v in graph.input]
    outside += [t.name for t in graph.initializer]
    order = shuffled(graph.node, outside, rng)
    for index, node in enumerate(order):
        node.name = f"n{rng.getrandbits(60):x}_{index}"
        node.doc_string = ""
        del node.metadata_props[:]
        node.input[:] = [new(name) for name in node.input]
        node.output[:] = [new(name) for name in node.output]
    tensors = list(graph.initializer)
    rng.shuffle(tensors)
    for tensor in tensors:
        tensor.name = new(tensor.name)
    copies = [type(n)() for n in order], [type(t)() for t in tensors]
    for copy, original in zip(copies[0] + copies[1], order + tensors):
        copy.CopyFrom(original)
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(copies[0])
    graph.initializer.extend(copies[1])
    graph.name, model.producer_name, model.doc_string = "g", "", ""
    del model.metadata_props[:]
    onnx.checker.check_model(model)
    return model


def raised(source, target):
    """The raised IR without what follows from names: symbols by order of
    their first appearance, no source ranges, no locations."""
    succeed(tool("dejavu-compile"), source, "--compile-to", "raise", "-o",
            target)
    text = succeed(tool("dejavu-opt"), target)  # prints no locations
    functions = text[text.index("func.func"):]
    symbols = {}
    return re.sub(r'@("[^"]*"|[\w.$-]+)', lambda m: symbols.setdefault(
        m[0], f"@s{len(symbols)}") if m[0] not in ("@prefill", "@decode")
        else m[0], functions)


@pytest.mark.parametrize("graph", GRAPHS)
def test_same_program(compiled, tmp_path, graph):
    """The same IR, the same report, and bit by bit the same results."""
    changed = tmp_path / "changed"
    changed.mkdir()
    onnx.save(renamed(MODELS / graph, 1), str(changed / "model.onnx"))
    assert raised(changed, tmp_path / "b.mlir") == \
        raised(MODELS / graph, tmp_path / "a.mlir")
    first = compiled(graph, "--sparsity", "exact")
    second = compiled(changed, "--sparsity", "exact")
    for case in ("prefill_b1", "decode_b3"):
        inputs, _ = load_case(MODELS / graph / f"{case}.npz")
        want = first.run_case(inputs, tmp_path)
        got = second.run_case(inputs, tmp_path)
        assert set(got) == set(want)
        for name, value in want.items():
            np.testing.assert_array_equal(got[name], value, err_msg=name)


@pytest.mark.parametrize("seed", (2, 3, 4))
def test_any_order(tmp_path, seed):
    """Other orders of the large graph."""
    onnx.save(renamed(MODELS / DOCS, seed), str(tmp_path / "model.onnx"))
    assert raised(tmp_path / "model.onnx", tmp_path / "b.mlir") == \
        raised(MODELS / DOCS, tmp_path / "a.mlir")


def test_the_layers_are_counted_not_known(tmp_path):
    """A model with an op that no importer knows is one error that lists
    it."""
    model = onnx.load(str(MODELS / GRAPHS[1] / "model.onnx"))
    relus = [n for n in model.graph.node if n.op_type == "Relu"]
    relus[0].op_type, relus[1].op_type = "NonZero9", "Wobble"
    onnx.save(model, str(tmp_path / "model.onnx"))
    error = fail(tool("dejavu-compile"), tmp_path / "model.onnx", "-o",
                 tmp_path / "out")
    assert "NonZero9" in error and "Wobble" in error
    assert not (tmp_path / "out").exists()


# Names that the compiler has for something else, or that a format might not
# like.
HARD_NAMES = [
    "prefill", "decode", "main", "dejavu_decode", "dejavu_manifest",
    "dejavu_add_64_decode", "dnnl_sgemm", "memcpy", "__padding_0",
    "__metadata__", 'a"b\\c', "x y/z", "weight.é", "%0", "@f"]


def test_hard_names(compiled, tmp_path):
    """Weights may be called anything."""
    graph = GRAPHS[1]
    model = onnx.load(str(MODELS / graph / "model.onnx"))
    weights = [t for t in model.graph.initializer if len(t.dims) == 2]
    weights += [t for t in model.graph.initializer if len(t.dims) == 1]
    names = dict(zip((t.name for t in weights), HARD_NAMES))
    assert len(names) == len(HARD_NAMES)
    for tensor in model.graph.initializer:
        tensor.name = names.get(tensor.name, tensor.name)
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
    (tmp_path / "hard").mkdir()
    onnx.save(model, str(tmp_path / "hard/model.onnx"))
    prompt = [[1, 5, 9, 2]]
    assert (compiled(tmp_path / "hard").generate(prompt, 8)
            == compiled(graph).generate(prompt, 8))
