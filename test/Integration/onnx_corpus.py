#!/usr/bin/env python3
# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs ONNX's own test models: those of Debian's libonnx-testdata, and those
of newer operators that the `onnx` wheel generates. Each is compiled, and the
executable is run on each of its data sets; outputs are compared at ONNX's
tolerances. With --table writes docs/OnnxTests.md."""

import argparse
import collections
import dataclasses
import importlib
import json
import os
import pathlib
import re
import resource
import struct
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = pathlib.Path("/usr/share/libonnx-testdata/data")
TABLE = ROOT / "docs/OnnxTests.md"
RTOL, ATOL = 1e-3, 1e-7
LIMIT_S = 60
LIMIT_BYTES = 2 << 30

# The oldest opset that the compiler knows.
OLDEST = 11

# What transformers are made of (tier 1), and what else their exports hold
# (tier 2).
TIER_1 = """
    Add Sub Mul Div Pow Sqrt Reciprocal Neg Abs Exp Log Erf Tanh Sigmoid Relu
    Softmax Gelu Swish Min Max Clip Floor Ceil Mod Sin Cos Cast CastLike MatMul
    Gemm LayerNormalization RMSNormalization SimplifiedLayerNormalization
    ReduceMean ReduceSum ReduceMax Gather GatherElements GatherND ScatterND
    ScatterElements Slice Split Concat Reshape Transpose Squeeze Unsqueeze
    Flatten Expand Tile Pad Shape Size Constant ConstantOfShape Identity Range
    Trilu CumSum Dropout Where Equal Greater GreaterOrEqual Less LessOrEqual And
    Or Not IsNaN Attention RotaryEmbedding TensorScatter""".split()
TIER_2 = """
    Softplus Elu LeakyRelu HardSwish Sign Round ReduceMin ReduceL2 ReduceProd
    ReduceSumSquare LpNormalization TopK ArgMax OneHot NonZero Xor IsInf Einsum
    Conv If Loop Scan SwiGLU LinearAttention CausalConvWithState QuantizeLinear
    DequantizeLinear DynamicQuantizeLinear MatMulInteger
    QLinearMatMul""".split()
KNOWN = {*TIER_1, *TIER_2}

# Operators newer than Debian's package.
NEW = ["Attention", "RMSNormalization", "RotaryEmbedding", "TensorScatter",
       "Swish"]

DTYPES = {
    TensorProto.FLOAT: "F32", TensorProto.UINT8: "U8", TensorProto.INT8: "I8",
    TensorProto.UINT16: "U16", TensorProto.INT16: "I16",
    TensorProto.INT32: "I32", TensorProto.INT64: "I64",
    TensorProto.BOOL: "BOOL", TensorProto.FLOAT16: "F16",
    TensorProto.DOUBLE: "F64", TensorProto.UINT32: "U32",
    TensorProto.UINT64: "U64", TensorProto.BFLOAT16: "BF16"}
NUMPY = {"F32": "f4", "U8": "u1", "I8": "i1", "U16": "u2", "I16": "i2",
         "I32": "i4", "I64": "i8", "BOOL": "?", "F16": "f2", "F64": "f8",
         "U32": "u4", "U64": "u8", "BF16": "u2"}


class NotTensors(Exception):
    """A data set holds what is no tensor of numbers."""


@dataclasses.dataclass
class Case:
    """A model and its data sets: (inputs, outputs) of file paths."""
    name: str
    model: pathlib.Path
    sets: list
    ops: set = dataclasses.field(default_factory=set)
    opset: int = 0


@dataclasses.dataclass
class Result:
    """How a case went: `ok`, `wrong`, `refused`, `skipped` or `broken`."""
    name: str
    status: str
    reason: str
    known: bool


# -----------------------------------------------------------------------------
# Tensors
# -----------------------------------------------------------------------------


def load(path, declared):
    """(safetensors type, array) of a .pb file, of which the model declares the
    type."""
    if not declared.HasField("tensor_type"):
        raise NotTensors("data of type sequence, optional or map")
    tensor = TensorProto()
    tensor.ParseFromString(path.read_bytes())
    # Debian's data has bf16 as the bits.
    if (declared.tensor_type.elem_type == TensorProto.BFLOAT16
            and tensor.data_type == TensorProto.UINT16):
        return "BF16", np.ascontiguousarray(numpy_helper.to_array(tensor))
    if tensor.data_type not in DTYPES:
        raise NotTensors("data of type " + (
            TensorProto.DataType.Name(tensor.data_type).lower()
            if tensor.data_type else "undefined"))
    dtype = DTYPES[tensor.data_type]
    array = numpy_helper.to_array(tensor)
    if dtype == "BF16":
        array = (array.astype("f4").view("u4") >> 16).astype("u2")
    return dtype, np.ascontiguousarray(array).reshape(tuple(tensor.dims))


def write_tensors(path, tensors):
    """A safetensors file of {name: (type, array)}."""
    header, offset, parts = {}, 0, []
    for name, (dtype, array) in tensors.items():
        data = array.tobytes()
        header[name] = {"dtype": dtype, "shape": list(array.shape),
                        "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
        parts.append(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))


def read_tensors(path):
    """The inverse."""
    data = path.read_bytes()
    size, = struct.unpack("<Q", data[:8])
    result = {}
    for name, entry in json.loads(data[8:8 + size]).items():
        if name == "__metadata__":
            continue
        first, last = entry["data_offsets"]
        array = np.frombuffer(data[8 + size + first:8 + size + last],
                              NUMPY[entry["dtype"]])
        result[name] = entry["dtype"], array.reshape(entry["shape"])
    return result


def widened(dtype, array):
    """bf16 as f32."""
    if dtype == "BF16":
        return (array.astype("u4") << 16).view("f4")
    return array


def difference(name, wanted, found):
    """What is wrong with an output; nothing if it is as wanted."""
    if wanted[0] != found[0] or wanted[1].shape != found[1].shape:
        return (f"{name}: expected {wanted[0]} {list(wanted[1].shape)}, found "
                f"{found[0]} {list(found[1].shape)}")
    x, y = widened(*wanted), widened(*found)
    if x.dtype.kind == "f":
        x, y = x.astype("f8"), y.astype("f8")
        with np.errstate(invalid="ignore"):
            good = ((x == y) | (np.isnan(x) & np.isnan(y))
                    | (np.abs(x - y) <= ATOL + RTOL * np.abs(x)))
    else:
        good = x == y
    if good.all():
        return ""
    at = tuple(int(i) for i in np.argwhere(~np.atleast_1d(good))[0])
    x, y = np.atleast_1d(x), np.atleast_1d(y)
    return (f"{name}: {int((~good).sum())} of {good.size} differ, the first at "
            f"{list(at)}: expected {x[at]}, found {y[at]}")


# -----------------------------------------------------------------------------
# Cases
# -----------------------------------------------------------------------------


def get_ops(graph):
    """The operators of a graph and the graphs inside."""
    for node in graph.node:
        yield node.op_type if node.domain in ("", "ai.onnx") \
            else f"{node.domain}.{node.op_type}"
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from get_ops(attribute.g)
            for inner in attribute.graphs:
                yield from get_ops(inner)


def in_order(folder, kind):
    """The files `kind`_0.pb, `kind`_1.pb, ..."""
    return sorted(folder.glob(f"{kind}_*.pb"),
                  key=lambda p: int(re.search(r"(\d+)\.pb$", p.name).group(1)))


def debian_cases():
    """Those of the package."""
    for model in sorted(DATA.glob("*/*/model.onnx")):
        sets = [(in_order(folder, "input"), in_order(folder, "output"))
                for folder in sorted(model.parent.glob("test_data_set_*"))]
        yield Case(f"{model.parent.parent.name}/{model.parent.name}", model,
                   sets)


def wheel_cases(folder):
    """Those that the wheel generates, written to `folder`."""
    # A module makes its cases when it is imported. All of them together would
    # take long.
    # pylint: disable=import-outside-toplevel,protected-access
    from onnx.backend.test.case import node
    for op in NEW:
        node._TargetOpType, node._NodeTestCases[:] = op, []
        importlib.import_module(f"{node.__name__}.{op.lower()}")
        for case in list(node._NodeTestCases):
            if case.model is None or "_expanded" in case.name:
                continue
            home = folder / case.name
            home.mkdir()
            onnx.save(case.model, home / "model.onnx")
            sets = []
            for number, (inputs, outputs) in enumerate(case.data_sets):
                files = []
                for kind, values in (("input", inputs), ("output", outputs)):
                    paths = []
                    for i, value in enumerate(values):
                        path = home / f"set{number}_{kind}_{i}.pb"
                        if not isinstance(value, TensorProto):
                            value = numpy_helper.from_array(np.asarray(value))
                        path.write_bytes(value.SerializeToString())
                        paths.append(path)
                    files.append(paths)
                sets.append(tuple(files))
            yield Case(f"wheel/{case.name}", home / "model.onnx", sets)


# -----------------------------------------------------------------------------
# One case
# -----------------------------------------------------------------------------


def limit():
    """Before a child starts: no more address space than this, no core."""
    resource.setrlimit(resource.RLIMIT_AS, (2 * LIMIT_BYTES, 2 * LIMIT_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class Broken(Exception):
    """A program crashed, hung, or took too much memory."""


def call(what, command):
    """Runs a program to its end: (exit code, stderr)."""
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=log, preexec_fn=limit,
            env=dict(os.environ, OMP_NUM_THREADS="1"))
        try:
            child.wait(LIMIT_S)
        except subprocess.TimeoutExpired as error:
            child.kill()
            child.wait()
            raise Broken(f"{what} took more than {LIMIT_S} s") from error
        log.seek(0)
        text = log.read().decode(errors="replace")
    if child.returncode not in (0, 1):
        raise Broken(f"{what} ended with {child.returncode}: {text[:500]}")
    return child.returncode, text


def get_error(text):
    """The first line of an error."""
    for line in text.splitlines():
        if line.startswith("error: "):
            return line[len("error: "):]
    return "no error line: " + text[:200]


def check(case, folder):
    """(status, reason) of a case."""
    model = onnx.load(case.model)
    case.ops = set(get_ops(model.graph))
    case.ops |= {op for f in model.functions for op in get_ops(f)}
    case.opset = max((entry.version for entry in model.opset_import
                      if entry.domain in ("", "ai.onnx")), default=0)
    given = {value.name for value in model.graph.initializer}
    names = [value for value in model.graph.input if value.name not in given]
    sets = []
    for files in case.sets:
        own = names if len(files[0]) == len(names) else model.graph.input
        sets.append(tuple({f"{kind}.{v.name}": load(path, v.type)
                           for v, path in zip(values, paths)}
                          for kind, values, paths in (
                              ("in", own, files[0]),
                              ("out", model.graph.output, files[1]))))
    out = folder / "out"
    code, text = call("the compiler", [ROOT / "build/bin/dejavu-compile",
                                       case.model, "-o", out])
    if code:
        return "refused", get_error(text).replace(str(case.model) + ": ", "")
    if not sets:
        return "skipped", "no data"
    for inputs, wanted in sets:
        write_tensors(folder / "in.safetensors", inputs)
        code, text = call("the executable", [
            out, "--run-case", folder / "in.safetensors", "--output",
            folder / "result.safetensors"])
        if code:
            return "wrong", get_error(text).replace(f"{folder}/", "")
        found = read_tensors(folder / "result.safetensors")
        for name, value in wanted.items():
            if name not in found:
                return "wrong", f"{name} is missing"
            reason = difference(name, value, found[name])
            if reason:
                return "wrong", reason
    return "ok", ""


def run_case(case):
    """The result of a case. What is written is gone behind it."""
    with tempfile.TemporaryDirectory(prefix="dejavu-corpus-") as name:
        try:
            status, reason = check(case, pathlib.Path(name))
        except NotTensors as error:
            status, reason = "skipped", str(error)
        except Broken as error:
            status, reason = "broken", str(error)
    return Result(case.name, status, reason,
                  case.ops <= KNOWN and case.opset >= OLDEST)


def run_all(pattern="", jobs=None):
    """The results of all cases whose name contains `pattern`."""
    jobs = jobs or len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="dejavu-cases-") as folder:
        cases = [*debian_cases(), *wheel_cases(pathlib.Path(folder))]
        cases = [case for case in cases if re.search(pattern, case.name)]
        with ThreadPoolExecutor(jobs) as pool:
            results = list(pool.map(run_case, cases))
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10
    return results, most


# -----------------------------------------------------------------------------
# The table
# -----------------------------------------------------------------------------


def summarize(results):
    """What is printed: counts of all, and of those of tier 1 and 2."""
    counts = collections.Counter(result.status for result in results)
    known = [r for r in results if r.known and r.status != "skipped"]
    match = sum(r.status == "ok" for r in known)
    share = 100 * match / len(known) if known else 0
    return (counts, len(known), match,
            f"{len(results)} models: {counts['ok']} match, {counts['wrong']} "
            f"differ, {counts['refused']} refused, {counts['skipped']} not of "
            f"tensors, {counts['broken']} broken; of tier 1 and 2 operators "
            f"alone, in opset {OLDEST} or newer: {match} of {len(known)} match "
            f"({share:.1f} %)")


def write_table(results):
    """docs/OnnxTests.md."""
    lines = [
        "<!-- Generated by test/Integration/onnx_corpus.py --table. Don't"
        " edit. -->", "", "# ONNX's test models", "",
        "The models of Debian's `libonnx-testdata` and those of newer"
        " operators that the `onnx` wheel generates, compiled and",
        "run on their data at ONNX's tolerances (relative 1e-3, absolute"
        " 1e-7). \"Tier 1 and 2\" are the operators that",
        f"exports of transformers hold, in opset {OLDEST} or newer.", "",
        summarize(results)[3] + ".", "",
        "| model | tier 1, 2 | outcome | reason |", "|---|---|---|---|"]
    for result in results:
        if result.status != "ok":
            reason = result.reason.replace("|", "\\|").replace("\n", " ")
            lines.append(f"| {result.name} | {'yes' if result.known else ''} |"
                         f" {result.status} | {reason} |")
    lines += ["", "All others match:", ""]
    match = [r.name for r in results if r.status == "ok"]
    lines += [", ".join(match) + "."]
    TABLE.write_text("\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--filter", default="", help="a part of names")
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--table", action="store_true",
                        help="write docs/OnnxTests.md")
    options = parser.parse_args()
    results, most = run_all(options.filter, options.jobs)
    for result in results:
        if result.status != "ok":
            print(f"{result.status:8} {'*' if result.known else ' '} "
                  f"{result.name}: {result.reason}")
    print(summarize(results)[3])
    print(f"most memory of a program: {most >> 20} MiB")
    if options.table:
        write_table(results)
    return any(result.status == "broken" for result in results)


if __name__ == "__main__":
    sys.exit(main())
