#!/usr/bin/env python3
"""Writes OPT-175B's graph, or another size, with weights that are all zero or
random.

    large_opt.py FOLDER [--layers 96] [--hidden 12288] [--heads 96] ...

The graph is what torch's exporter makes of OPT, in float16 (or float32). The
weights are a hole in a sparse file: it says to have 350 GB and takes none. For
measuring how the compiler copes with large models:

    /usr/bin/time -v dejavu-import-onnx FOLDER -o /dev/null

With --random SEED matrices and biases are drawn from N(0, 0.02), norms are
neutral: activations stay sane, and about half of the neurons are active for any
one token. For measuring how fast a model of that size decodes.
"""
import argparse
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

INT64, BOOL = TensorProto.INT64, TensorProto.BOOL
DTYPES = {"f16": (TensorProto.FLOAT16, np.float16),
          "f32": (TensorProto.FLOAT, np.float32)}
SPREAD = 0.02  # standard deviation of random weights
PIECE = 1 << 22  # elements that are drawn at once


class Builder:
    def __init__(self, options):
        self.options = options
        self.nodes, self.tensors, self.offset = [], [], 0
        self.type, self.dtype = DTYPES[options.dtype]

    def weight(self, name, *dims):
        tensor = TensorProto(name=name, data_type=self.type, dims=dims,
                             data_location=TensorProto.EXTERNAL)
        length = (np.dtype(self.dtype).itemsize
                  * int(np.prod(dims, dtype=np.int64)))
        for key, text in (("location", "model.onnx.data"),
                          ("offset", str(self.offset)),
                          ("length", str(length))):
            tensor.external_data.add(key=key, value=text)
        # Exporters align weights to pages.
        self.offset += -(-length // 4096) * 4096
        self.tensors.append(tensor)
        return name

    def constant(self, name, values, dtype=np.int64):
        self.tensors.append(numpy_helper.from_array(np.array(values, dtype),
                                                    name))
        return name

    def op(self, kind, inputs, output, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, [output], output,
                                           **attributes))
        return output

    def linear(self, x, name, out_features, in_features):
        product = self.op("MatMul", [x, self.weight(f"{name}.weight",
                                                    in_features, out_features)],
                          f"{name}/MatMul")
        return self.op("Add", [product, self.weight(f"{name}.bias",
                                                    out_features)],
                       f"{name}/Add")

    def norm(self, x, name):
        hidden = self.options.hidden
        return self.op("LayerNormalization",
                       [x, self.weight(f"{name}.weight", hidden),
                        self.weight(f"{name}.bias", hidden)],
                       name, epsilon=1e-5)

    def shared(self):
        """Sizes, positions and the mask, which all layers use."""
        for name, values in (("i0", 0), ("i1", 1), ("i2", 2)):
            self.constant(name, values)
        for name, values in (("a0", [0]), ("a1", [1]), ("a2", [2]), ("a3", [3]),
                             ("am1", [-1]), ("a01", [0, 1]), ("a12", [1, 2])):
            self.constant(name, values)
        self.constant("zero", 0, self.dtype)
        self.constant("least", np.finfo(self.dtype).min, self.dtype)
        op = self.op
        op("Shape", ["input_ids"], "shape")
        op("Slice", ["shape", "a0", "a1"], "batch1")
        op("Slice", ["shape", "a1", "a2"], "tokens1")
        op("Squeeze", ["batch1"], "batch")
        op("Squeeze", ["tokens1"], "tokens")
        op("Shape", ["past_key_values.0.key"], "past1", start=2, end=3)
        op("Squeeze", ["past1"], "past")
        op("Add", ["past", "tokens"], "total")
        op("Reshape", ["total", "am1"], "total1")
        op("Cast", ["attention_mask"], "mask_bool", to=BOOL)
        op("Range", ["i0", "batch", "i1"], "rows")
        op("Range", ["i0", "tokens", "i1"], "new")
        op("Add", ["new", "past"], "queries")
        op("Range", ["i0", "total", "i1"], "keys")
        op("Unsqueeze", ["rows", "a12"], "rows3")
        op("Unsqueeze", ["rows3", "a3"], "rows4")
        op("Unsqueeze", ["queries", "a01"], "queries3")
        op("Unsqueeze", ["queries3", "a3"], "queries4")
        op("Unsqueeze", ["keys", "a01"], "keys3")
        op("Unsqueeze", ["keys3", "a2"], "keys4")
        op("LessOrEqual", ["keys4", "queries4"], "causal")
        op("Max", ["rows4", "keys4"], "places")
        op("Shape", ["places"], "places_shape")
        for name in ("rows", "keys"):
            op("Expand", [f"{name}4", "places_shape"], f"{name}_wide")
            op("Unsqueeze", [f"{name}_wide", "am1"], f"{name}_last")
        op("Concat", ["rows_last", "keys_last"], "tuples", axis=-1)
        op("GatherND", ["mask_bool", "tuples"], "seen")
        op("And", ["causal", "seen"], "both")
        op("Concat", ["batch1", "a1", "tokens1", "total1"], "mask_shape", axis=0)
        op("Expand", ["both", "mask_shape"], "allowed")
        op("Where", ["allowed", "zero", "least"], "bias")

    def layer(self, x, index):
        options, name = self.options, f"model.decoder.layers.{index}"
        hidden, heads = options.hidden, options.heads
        size = hidden // heads
        if index == 0:
            self.constant("scale", size ** -0.5, self.dtype)
            self.constant("heads1", [heads])
            self.constant("size1", [size])
            self.op("Concat", ["batch1", "am1", "heads1", "size1"],
                    "heads_shape", axis=0)
            self.op("Concat", ["batch1", "tokens1", "am1"], "rows_shape", axis=0)
        normed = self.norm(x, f"{name}.self_attn_layer_norm")

        def head(which):
            return self.linear(normed, f"{name}.self_attn.{which}", hidden,
                               hidden)

        def split(value, which):
            view = self.op("Reshape", [value, "heads_shape"],
                           f"{name}/{which}/view")
            return self.op("Transpose", [view], f"{name}/{which}/heads",
                           perm=[0, 2, 1, 3])
        query = split(self.op("Mul", [head("q_proj"), "scale"],
                              f"{name}/scaled"), "q")
        states = {}
        for which, kind in (("k", "key"), ("v", "value")):
            new = split(head(f"{which}_proj"), which)
            states[kind] = self.op("Concat",
                                   [f"past_key_values.{index}.{kind}", new],
                                   f"present.{index}.{kind}", axis=-2)
        turned = self.op("Transpose", [states["key"]], f"{name}/turned",
                         perm=[0, 1, 3, 2])
        scores = self.op("MatMul", [query, turned], f"{name}/scores")
        biased = self.op("Add", [scores, "bias"], f"{name}/biased")
        weights = self.op("Softmax", [biased], f"{name}/softmax", axis=-1)
        mixed = self.op("MatMul", [weights, states["value"]], f"{name}/mixed")
        mixed = self.op("Transpose", [mixed], f"{name}/together",
                        perm=[0, 2, 1, 3])
        mixed = self.op("Reshape", [mixed, "rows_shape"], f"{name}/flat")
        x = self.op("Add", [x, self.linear(mixed, f"{name}.self_attn.out_proj",
                                           hidden, hidden)], f"{name}/residual")
        up = self.linear(self.norm(x, f"{name}.final_layer_norm"), f"{name}.fc1",
                         4 * hidden, hidden)
        up = self.op("Relu", [up], f"{name}/relu")
        return self.op("Add", [x, self.linear(up, f"{name}.fc2", hidden,
                                              4 * hidden)], f"{name}/out")

    def build(self):
        options = self.options
        hidden, heads = options.hidden, options.heads
        cache = ["batch", heads, "past", hidden // heads]
        present = ["batch", heads, "past + tokens", hidden // heads]
        info = helper.make_tensor_value_info
        inputs = [info("input_ids", INT64, ["batch", "tokens"]),
                  info("attention_mask", INT64, ["batch", "past + tokens"]),
                  info("position_ids", INT64, ["batch", "tokens"])]
        outputs = [info("logits", self.type,
                        ["batch", "tokens", options.vocab])]
        for i in range(options.layers):
            for kind in ("key", "value"):
                inputs.append(info(f"past_key_values.{i}.{kind}", self.type,
                                   cache))
                outputs.append(info(f"present.{i}.{kind}", self.type, present))
        self.shared()
        table = self.weight("embed_tokens.weight", options.vocab, hidden)
        places = self.weight("embed_positions.weight", options.context + 2,
                             hidden)
        ids = self.op("Gather", [table, "input_ids"], "embedded", axis=0)
        offset = self.op("Add", ["position_ids", "i2"], "positions")
        x = self.op("Gather", [places, offset], "placed", axis=0)
        x = self.op("Add", [ids, x], "embedding")
        for i in range(options.layers):
            x = self.layer(x, i)
        x = self.norm(x, "model.decoder.final_layer_norm")
        self.op("MatMul", [x, self.weight("lm_head.weight", hidden,
                                          options.vocab)], "logits")
        graph = helper.make_graph(self.nodes, "opt", inputs, outputs,
                                  self.tensors)
        result = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 20)],
            producer_name="large_opt.py")
        result.ir_version = 10
        return result


def fill(data, tensors, dtype, seed):
    """Writes random weights to their places, in bounded memory."""
    random = np.random.default_rng(seed)
    for tensor in tensors:
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        data.seek(int({e.key: e.value for e in tensor.external_data}["offset"]))
        left = int(np.prod(tensor.dims, dtype=np.int64))
        if "norm" in tensor.name:
            value = 1 if tensor.name.endswith("weight") else 0
            data.write(np.full(left, value, dtype).tobytes())
            continue
        while left > 0:
            piece = random.standard_normal(min(left, PIECE), np.float32)
            data.write((piece * np.float32(SPREAD)).astype(dtype).tobytes())
            left -= piece.size


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=pathlib.Path)
    for name, default in (("layers", 96), ("hidden", 12288), ("heads", 96),
                          ("vocab", 50272), ("context", 2048)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--dtype", choices=DTYPES, default="f16")
    parser.add_argument("--random", type=int, metavar="SEED",
                        help="random weights instead of zeros")
    options = parser.parse_args()
    builder = Builder(options)
    result = builder.build()
    options.folder.mkdir(parents=True, exist_ok=True)
    onnx.save(result, str(options.folder / "model.onnx"))
    with open(options.folder / "model.onnx.data", "wb") as data:
        if options.random is not None:
            fill(data, builder.tensors, builder.dtype, options.random)
        data.truncate(builder.offset)
    print(f"{len(builder.nodes)} nodes, {builder.offset / 1e9:.1f} GB of weights")


if __name__ == "__main__":
    main()
