# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`make demo`: compiles the model of the repository dense and exact, writes
text with both, and says what that cost. Exits with 1 if the texts differ."""

import json
import pathlib
import subprocess
import sys
import time

from dejavu.text import ModelText

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = ROOT / "build/bin"
MODEL = ROOT / "build/models/opt-docs-7m"
OUT = ROOT / "build/demo"
PROMPTS = ["The kernel schedules", "To install the package, run",
           "The function returns"]
NEW_TOKENS = 64


def call(*command):
    """Runs a command; its stdout. Its errors are shown as they come."""
    done = subprocess.run([str(part) for part in command], check=False,
                          stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(1)
    return done.stdout


def compile_model(sparsity):
    """The path of the executable."""
    target = OUT / f"opt-docs-7m-{sparsity}"
    start = time.monotonic()
    done = subprocess.run(
        [BIN / "dejavu-compile", MODEL, "-o", target, "--sparsity", sparsity],
        check=False, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    print(f"compiled {target.relative_to(ROOT)} in"
          f" {time.monotonic() - start:.1f} s")
    return target


def write(executable, text, prompt):
    """The new ids after `prompt`."""
    out = call(executable, "--prompt-ids",
               ",".join(map(str, text.encode(prompt))), "--max-new-tokens",
               NEW_TOKENS, "--ignore-eos")
    return [int(i) for i in out.split(",")]


def tokens_per_second(executables):
    """The speed of decode of each, as `dejavu bench` measures it: the best of
    five, taken in turn, since a machine is rarely ours alone."""
    file = OUT / "bench.json"
    best = [0.0] * len(executables)
    for _ in range(5):
        for i, executable in enumerate(executables):
            call(executable, "--bench", "--repeats", 2, "--json", file)
            speed = json.loads(file.read_text("utf-8"))["tokens_per_second"]
            best[i] = max(best[i], speed)
    return best


def weights_read(executable):
    """How much of the MLPs' weights decode reads, in percent, counted over
    2,048 held-out tokens. The up projections are read in full."""
    file = OUT / "eval.json"
    call(executable, "--eval-tokens", MODEL / "tokens.npy", "--eval-limit",
         2048, "--json", file)
    read = json.loads(file.read_text("utf-8"))["bytes_per_token"]
    info = json.loads(call(executable, "--info"))
    # An MLP of OPT is two matrices of the same size.
    mlps = sum(2 * s["units"] * s["bytes_per_unit"]
               for s in info["bytes_per_token"]["selects"])
    skipped = info["bytes_per_token"]["dense"] - read
    return 100 * (1 - skipped / mlps)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    text = ModelText([MODEL])
    dense, sparse = compile_model("dense"), compile_model("exact")
    equal = True
    for prompt in PROMPTS:
        ids = write(dense, text, prompt)
        equal &= write(sparse, text, prompt) == ids
        print(f"\n> {prompt}{text.decode(ids)}")
    print()
    speeds = tokens_per_second([dense, sparse])
    print(f"dense: {speeds[0]:.0f} tokens/s")
    print(f"sparse: {speeds[1]:.0f} tokens/s")
    print(f"MLP weights read: {weights_read(sparse):.1f} %")
    print(f"texts equal: {'yes' if equal else 'no'}")
    print("build/bin/dejavu-compile your/model.onnx -o your-model")
    print("./your-model --prompt-ids 2,100,200 --max-new-tokens 32")
    print(".venv/bin/dejavu generate your-model --model your --prompt \"The\"")
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
