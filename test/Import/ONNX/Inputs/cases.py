"""What the scripts that make models for tests share.

A script defines functions with @case; each writes one folder, named like the
function, below the folder given on the command line.
"""
import pathlib
import sys

import onnx
from onnx import TensorProto, helper

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def value(name, shape=(2, 3), dtype=FLOAT):
    return helper.make_tensor_value_info(name, dtype, shape)


def node(op, inputs, outputs, name=None, **attributes):
    return helper.make_node(op, inputs, outputs, name or op.lower(),
                            **attributes)


def graph(nodes, inputs, outputs, initializers=()):
    return helper.make_graph(nodes, "g", inputs, outputs, list(initializers))


def model(nodes=None, inputs=None, outputs=None, initializers=(), opset=20,
          ir_version=10):
    """A model, by default Y = Relu(X)."""
    if nodes is None:
        nodes = [node("Relu", ["X"], ["Y"])]
    inputs = [value("X")] if inputs is None else inputs
    outputs = [value("Y")] if outputs is None else outputs
    result = helper.make_model(
        graph(nodes, inputs, outputs, initializers),
        opset_imports=[helper.make_opsetid("", opset)])
    result.ir_version = ir_version
    return result


def save(proto, folder, name="model.onnx"):
    folder.mkdir(parents=True, exist_ok=True)
    data = proto if isinstance(proto, bytes) else proto.SerializeToString()
    (folder / name).write_bytes(data)


def main():
    root = pathlib.Path(sys.argv[1])
    for name, function in CASES.items():
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        result = function(folder)
        if result is not None:
            save(result, folder)
