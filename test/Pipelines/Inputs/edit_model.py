#!/usr/bin/env python3
# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes variants of a model of the tests, and compares what they raise to.

    edit_model.py rename IN.onnx OUT.onnx SEED   other names, another order
    edit_model.py activation IN.onnx OUT.onnx K  K in place of Relu: gelu,
                                                 gelu_tanh, gelu_erf, silu,
                                                 tanh
    edit_model.py window IN.onnx OUT.onnx W      only the last W keys are seen
    edit_model.py drop-output IN.onnx OUT.onnx O without the output O
    edit_model.py no-biases IN.onnx OUT.onnx     linear layers without biases
    edit_model.py count-positions IN.onnx OUT.onnx
                                                 positions counted in the mask
    edit_model.py same A.mlir B.mlir             equal but for names?
"""

import random
import re
import sys

import numpy as np
import onnx
from onnx import helper, numpy_helper


def rename(model, seed):
    """Every value, node and initializer gets a name without meaning, and the
    nodes another order that keeps definitions before uses."""
    rng = random.Random(int(seed))
    graph = model.graph
    names = {""} | {v.name for v in [*graph.input, *graph.output]}
    names |= {t.name for t in graph.initializer}
    names |= {o for n in graph.node for o in n.output}
    names.discard("")
    order = sorted(names)
    rng.shuffle(order)
    fresh = {name: f"z{i}" for i, name in enumerate(order)}
    for value in [*graph.input, *graph.output, *graph.initializer]:
        value.name = fresh[value.name]
    for i, node in enumerate(graph.node):
        node.name = f"n{i}"
        node.input[:] = [fresh[i] if i else "" for i in node.input]
        node.output[:] = [fresh[o] if o else "" for o in node.output]
    del graph.value_info[:]

    known = {v.name for v in [*graph.input, *graph.initializer]} | {""}
    waiting = list(graph.node)
    nodes = []
    while waiting:
        ready = [n for n in waiting if known.issuperset(n.input)]
        node = rng.choice(ready)
        waiting.remove(node)
        nodes.append(node)
        known.update(node.output)
    del graph.node[:]
    graph.node.extend(nodes)
    initializers = list(graph.initializer)
    rng.shuffle(initializers)
    del graph.initializer[:]
    graph.initializer.extend(initializers)


def scalar(graph, name, value):
    graph.initializer.append(
        numpy_helper.from_array(np.array(value, np.float32), name))
    return name


def activation(model, kind):
    """Another activation, as exporters spell it."""
    graph, nodes = model.graph, []
    for node in graph.node:
        if node.op_type != "Relu":
            nodes.append(node)
            continue
        x, y = node.input[0], node.output[0]
        make = helper.make_node
        if kind == "gelu":
            nodes.append(make("Gelu", [x], [y]))
        elif kind == "gelu_tanh":
            nodes.append(make("Gelu", [x], [y], approximate="tanh"))
        elif kind == "tanh":
            nodes.append(make("Tanh", [x], [y]))
        elif kind == "silu":
            nodes += [make("Sigmoid", [x], [y + "s"]),
                      make("Mul", [x, y + "s"], [y])]
        elif kind == "gelu_erf":
            root = scalar(graph, y + "_root", 2**0.5)
            one = scalar(graph, y + "_one", 1)
            half = scalar(graph, y + "_half", 0.5)
            nodes += [make("Div", [x, root], [y + "d"]),
                      make("Erf", [y + "d"], [y + "e"]),
                      make("Add", [y + "e", one], [y + "a"]),
                      make("Mul", [x, y + "a"], [y + "m"]),
                      make("Mul", [y + "m", half], [y])]
        else:
            sys.exit(f"error: unknown activation {kind}")
    del graph.node[:]
    graph.node.extend(nodes)


def no_biases(model):
    """Products without sums: Add of a vector goes, Gemm loses its C."""
    graph = model.graph
    vectors = {t.name for t in graph.initializer if len(t.dims) == 1}
    replaced, nodes = {}, []
    for node in graph.node:
        node.input[:] = [replaced.get(i, i) for i in node.input]
        if node.op_type == "Gemm":
            del node.input[2:]
        biases = [i for i in node.input if i in vectors]
        if node.op_type == "Add" and biases:
            replaced[node.output[0]] = next(
                i for i in node.input if i not in vectors)
            continue
        nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)


def window(model, width):
    """A key must also be later than the query less the width. The one
    LessOrEqual of the graph compares keys with queries."""
    graph, nodes = model.graph, []
    for node in graph.node:
        nodes.append(node)
        if node.op_type != "LessOrEqual":
            continue
        (key, query), seen = node.input, node.output[0]
        node.output[0] = "window_causal"
        graph.initializer.append(numpy_helper.from_array(
            np.array(int(width), np.int64), "window_width"))
        make = helper.make_node
        nodes += [make("Sub", [query, "window_width"], ["window_from"]),
                  make("Greater", [key, "window_from"], ["window_near"]),
                  make("And", ["window_causal", "window_near"], [seen])]
    del graph.node[:]
    graph.node.extend(nodes)


def drop_output(model, name):
    """The output `name` is none any more."""
    outputs = [o for o in model.graph.output if o.name != name]
    del model.graph.output[:]
    model.graph.output.extend(outputs)


def count_positions(model):
    """No input for positions: CumSum(mask) * mask - 1 from the past on, as
    transformers before 4.46 had it. The first three inputs are ids, mask and
    positions, the fourth is a key cache."""
    graph = model.graph
    mask, positions, past = (graph.input[i].name for i in (1, 2, 3))
    del graph.input[2]
    for name, value in (("one", 1), ("end", [2**63 - 1]), ("axes", [1])):
        graph.initializer.append(numpy_helper.from_array(
            np.array(value, np.int64), "count_" + name))
    make = helper.make_node
    nodes = [make("CumSum", [mask, "count_one"], ["count_sum"]),
             make("Mul", ["count_sum", mask], ["count_masked"]),
             make("Sub", ["count_masked", "count_one"], ["count_all"]),
             make("Shape", [past], ["count_past"], start=2, end=3),
             make("Slice", ["count_all", "count_past", "count_end",
                            "count_axes"], [positions])]
    nodes += graph.node
    del graph.node[:]
    graph.node.extend(nodes)


def normalized(path):
    """Raised IR without what may differ: names of symbols and of the
    signature, places in files."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    symbols = {}

    def number(match):
        return symbols.setdefault(match[0], f"@s{len(symbols)}")

    text = re.sub(r"^module attributes.*", "module {", text, flags=re.M)
    text = re.sub(r"from <.*?, offset = \d+,", "from <", text)
    text = re.sub(r'binding<".*?"', "binding<", text)
    return re.sub(r'@(?!prefill|decode)("[^"]*"|[\w.$]+)', number, text)


def main(argv):
    if argv[0] == "same":
        first, second = (normalized(path) for path in argv[1:])
        if first == second:
            return
        for a, b in zip(first.split("\n"), second.split("\n")):
            if a != b:
                sys.exit(f"error: differ:\n{a}\n{b}")
        sys.exit("error: one is longer than the other")
    model = onnx.load(argv[1])
    edit = {"rename": rename, "activation": activation,
            "no-biases": no_biases, "count-positions": count_positions,
            "drop-output": drop_output, "window": window}[argv[0]]
    edit(model, *argv[3:])
    onnx.save(model, argv[2])


if __name__ == "__main__":
    main(sys.argv[1:])
