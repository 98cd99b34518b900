# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the end-to-end tests share: the models, the tools, and compiled models
that are made once for all tests and all workers."""

import fcntl
import json
import pathlib
import subprocess
import tempfile

import numpy as np
import pytest
import safetensors.numpy

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = ROOT / "build/bin"
MODELS = ROOT / "build/models"
DOCS = "opt-docs-7m"
GATED = "llama-silu-docs-7m"
ZOO = [f"zoo/{model}/{flavour}" for model in ("opt", "opt-350m-style")
       for flavour in ("dynamo-opset20", "dynamo-opset23", "legacy-opset17")]
GRAPHS = [DOCS, *ZOO]
LIMIT_S = 120


def tool(name):
    """The path of a tool of the build."""
    return str(BIN / name)


def run(*command, **options):
    """Runs a command to its end; stdout and stderr are text."""
    options.setdefault("timeout", LIMIT_S)
    if "input" not in options:
        options.setdefault("stdin", subprocess.DEVNULL)
    options.setdefault("stdout", subprocess.PIPE)
    return subprocess.run([str(part) for part in command], text=True,
                          stderr=subprocess.PIPE, check=False, **options)


def succeed(*command, **options):
    """Runs a command that must succeed; its stdout."""
    done = run(*command, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def fail(*command, **options):
    """Runs a command that must fail as the contract says: exit code 1 and one
    line `error: ...` among notes; the text of that line."""
    done = run(*command, **options)
    assert done.returncode == 1, f"{command}\n{done.stdout}\n{done.stderr}"
    errors = [line for line in done.stderr.splitlines()
              if line.startswith("error: ")]
    assert len(errors) == 1, done.stderr
    assert not errors[0].endswith("."), errors[0]
    return errors[0][len("error: "):]


def ids_of(prompt):
    """`1,17,42`."""
    return ",".join(map(str, prompt))


class Compiled:
    """An executable made by dejavu-compile."""

    def __init__(self, path):
        self.path = path
        self.weights = pathlib.Path(f"{path}.safetensors")
        self.log = pathlib.Path(f"{path}.log").read_text(encoding="utf-8")

    def coverage(self):
        """The coverage report of the compilation."""
        return json.loads(
            pathlib.Path(f"{self.path}.coverage.json").read_text("utf-8"))

    def run_case(self, inputs, folder):
        """Feeds `inputs` (by the names of the model), returns all outputs."""
        case, result = folder / "case.safetensors", folder / "out.safetensors"
        safetensors.numpy.save_file(
            {f"in.{k}": np.ascontiguousarray(v) for k, v in inputs.items()},
            case)
        succeed(self.path, "--run-case", case, "--output", result)
        return {k.removeprefix("out."): v for k, v in
                safetensors.numpy.load_file(result).items()}

    def generate(self, prompts, count, *options):
        """The new ids of each prompt; more than one run as a batch."""
        where = ids_of(prompts[0]) if len(prompts) == 1 else "-"
        text = "".join(ids_of(p) + "\n" for p in prompts)
        out = succeed(self.path, "--prompt-ids", where, "--max-new-tokens",
                      count, *options, input=text)
        lines = out.splitlines()
        assert len(lines) == len(prompts), out
        return [[int(i) for i in line.split(",")] if line else []
                for line in lines]

    def info(self):
        """The manifest."""
        return json.loads(succeed(self.path, "--info"))


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    """compiled(MODEL, flag...): the Compiled of a model of the repository (or
    of any .onnx file), made at the first request of any worker."""
    base = tmp_path_factory.getbasetemp()
    # Workers of pytest-xdist have folders of their own below a common one.
    base = base.parent if base.name.startswith("popen-") else base

    def get(model, *flags):
        (base / "compiled").mkdir(exist_ok=True)
        if isinstance(model, pathlib.Path):  # of one test: names may recur
            source = model
            folder = pathlib.Path(tempfile.mkdtemp(dir=base / "compiled"))
        else:
            source = MODELS / model
            folder = base / "compiled" / "-".join(
                [model, *flags]).replace("/", "_")
            folder.mkdir(exist_ok=True)
        with open(folder / "lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / "out.log").exists():
                done = run(tool("dejavu-compile"), source, "-o",
                           folder / "out", "--coverage-report",
                           folder / "out.coverage.json", *flags)
                assert done.returncode == 0, done.stderr
                (folder / "out.log").write_text(done.stdout + done.stderr,
                                                encoding="utf-8")
        return Compiled(folder / "out")

    return get


def load_case(file):
    """(inputs, outputs) of a golden case, by the names of the model."""
    arrays = dict(np.load(file))
    return ({k[3:]: v for k, v in arrays.items() if k.startswith("in.")},
            {k[4:]: v for k, v in arrays.items() if k.startswith("out.")})


def oracle(model):
    """An ONNX Runtime session on a file or on bytes."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model if isinstance(model, bytes) else str(model), options,
        providers=["CPUExecutionProvider"])
