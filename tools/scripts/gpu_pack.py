#!/usr/bin/env python3
# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Packs what gpu_check.py needs on a machine with a GPU and nothing but numpy:
models of build/models, compiled for it, with their golden cases, and what the
CPU generates for some prompts with the same weights, greedily and at random.
Needs build/bin.

What knows a language is there dense (the default of a ReLU is exact) and with
atomic sums, too."""

import argparse
import filecmp
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = ROOT / "build/bin"
MODELS = ROOT / "build/models"
TEXTS = ("opt-docs-7m", "llama-silu-docs-7m")  # those that know a language
# Flags of more builds of those, by the end of their names.
DENSE, EXACT = ("--sparsity", "dense"), ("--sparsity", "exact")
ATOMIC = ("--reduction", "atomic")
VARIANTS = {"opt-docs-7m": {"dense": DENSE, "dense-atomic": DENSE + ATOMIC,
                            "exact-atomic": EXACT + ATOMIC},
            "llama-silu-docs-7m": {"atomic": ATOMIC}}
ZOO = ("gpt2", "gpt2-relu", "gpt_neox", "llama", "llama-relu",
       "opt-350m-style")
PROMPTS = 20
# Flags of texts that are sampled.
SAMPLED = [("--max-new-tokens", "24", "--ignore-eos", "--seed", str(seed),
            "--temperature", temperature, "--top-p", top_p)
           for seed, temperature, top_p in ((1, "1", "1"), (2, "0.7", "0.9"),
                                            (3, "2", "0.5"))]
NEW_TOKENS = 128
# Of every Linux; all other libraries are packed.
SYSTEM = ("ld-linux", "libc.so", "libm.so", "libdl.so", "libpthread.so",
          "librt.so", "libgcc_s", "libstdc++", "linux-vdso")


def run(*command):
    """Runs a command that must succeed; its stdout."""
    done = subprocess.run([str(part) for part in command], text=True,
                          capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"error: {command[0]}: {done.stderr.strip()}")
    return done.stdout


def compile_model(model, out, *flags, weights="f16"):
    """Compiles a folder of build/models."""
    run(BIN / "dejavu-compile", MODELS / model, "--weights", weights, "-o", out,
        *flags)


def copy_libraries(program, folder):
    """Copies the shared libraries of `program` that a machine may lack."""
    folder.mkdir()
    for line in run("ldd", program).splitlines():
        name, _, rest = line.strip().partition(" => ")
        if rest and not name.startswith(SYSTEM):
            shutil.copy(rest.split()[0], folder / name)


def write_texts(model, folder, scratch):
    """Prompts out of the model's own tokens, and the CPU's greedy texts."""
    tokens = np.load(MODELS / model / "tokens.npy")
    random = np.random.default_rng(0)
    starts = random.integers(0, len(tokens) - 64, PROMPTS)
    prompts = [",".join(map(str, tokens[start:start + length].tolist()))
               for start, length in zip(starts,
                                        random.integers(3, 40, PROMPTS))]
    compile_model(model, scratch / model)
    texts = [run(scratch / model, "--prompt-ids", prompt, "--max-new-tokens",
                 NEW_TOKENS, "--ignore-eos") for prompt in prompts]
    (folder / f"{model}.prompts").write_text("\n".join(prompts) + "\n", "utf-8")
    (folder / f"{model}.texts").write_text("".join(texts), "utf-8")


def share(file, others):
    """Makes a file a link to one of the others that has the same bytes."""
    for other in others:
        if filecmp.cmp(file, other, shallow=False):
            file.unlink()
            os.link(other, file)
            return


def read_info(program):
    """What an executable says about itself. If it was asked for atomic sums, it
    must have some."""
    info = json.loads(run(program, "--info"))
    kernels = info.get("cuda", {"kernels": []})["kernels"]
    if info.get("reduction") == "atomic" and not any(
            "_atomic" in kernel for kernel in kernels):
        sys.exit(f"error: {program.name}: no kernel has atomic sums")
    return info


def add_variants(model, folder, target):
    """Other builds of a model of TEXTS; they have its cases and its texts."""
    for ending, flags in VARIANTS[model].items():
        if target == "cpu" and flags[-2:] == ATOMIC:
            continue
        name = f"{model}-{ending}"
        compile_model(model, folder / name, "--target", target, *flags)
        read_info(folder / name)
        share(folder / f"{name}.safetensors",
              [folder / f"{model}.safetensors"])
        shutil.copytree(folder / "cases" / model, folder / "cases" / name,
                        copy_function=os.link)
        for kind in ("prompts", "texts"):
            os.link(folder / f"{model}.{kind}", folder / f"{name}.{kind}")


def write_sampled(program, folder, name):
    """Prompts of any ids, and the texts that the CPU samples in one batch."""
    vocabulary = json.loads(run(program, "--info"))["vocab"]
    random = np.random.default_rng(1)
    prompts = "".join(",".join(map(str, random.integers(0, vocabulary, length)))
                      + "\n" for length in (3, 7, 5))
    (folder / f"{name}.sampled.prompts").write_text(prompts, "utf-8")
    for number, flags in enumerate(SAMPLED):
        done = subprocess.run([program, "--prompt-ids", "-", *flags],
                              input=prompts, text=True, capture_output=True,
                              check=True)
        (folder / f"{name}.sampled{number}").write_text(
            " ".join(flags) + "\n" + done.stdout, "utf-8")


def write_long_cases(model, folder, scratch):
    """Cases of more rows than the golden ones have, which prompts of some
    length are: what the CPU makes of them with f32 weights is expected."""
    program = scratch / "f32"
    run(BIN / "dejavu-compile", MODELS / model, "-o", program)
    vocabulary = json.loads(run(program, "--info"))["vocab"]
    random = np.random.default_rng(2)
    with np.load(MODELS / model / "prefill_b1.npz") as short:
        inputs = {key: short[key] for key in short.files
                  if key.startswith("in.")}
        dtype = short["out.logits"].dtype
    for batch, tokens in ((1, 40), (3, 21)):
        case = {}
        for key, value in inputs.items():
            if ".past_" in key:
                value = np.repeat(value, batch, 0)
            elif key == "in.input_ids":
                value = random.integers(0, vocabulary, (batch, tokens))
            elif key == "in.position_ids":
                value = np.tile(np.arange(tokens), (batch, 1))
            else:
                value = np.ones((batch, tokens), value.dtype)
            case[key] = value
        name = folder / f"long_b{batch}.npz"
        # Any outputs will do to be let in.
        np.savez(name, **case, **{"out.logits": np.zeros(
            (batch, tokens, vocabulary), dtype)})
        outputs = scratch / "outputs.npz"
        run(BIN / "dejavu-run", program, "--input", name, "--output", outputs,
            "--rtol", "0", "--atol", "1e9")
        with np.load(outputs) as found:
            case |= {"out." + key.removeprefix("out."): found[key]
                     for key in found.files}
        np.savez(name, **case)


def code_first(folder):
    """The files of a folder; what is alike stands together, for the sake of
    compression."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(files, key=lambda path: (path.suffix, path.name))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", default="gpu.tar.xz",
                        type=pathlib.Path)
    parser.add_argument("--target", default="cuda:sm_90",
                        help="with cpu, gpu_check.py can be tried without a"
                        " GPU")
    parser.add_argument("--models", default=",".join(TEXTS + ZOO),
                        help="these alone, with commas")
    args = parser.parse_args()
    chosen = args.models.split(",")
    if not set(chosen) <= set(TEXTS + ZOO):
        sys.exit(f"error: --models: expected some of {','.join(TEXTS + ZOO)}")
    with tempfile.TemporaryDirectory() as temporary:
        scratch = pathlib.Path(temporary)
        folder = scratch / "gpu"
        folder.mkdir()
        shutil.copy(BIN / "dejavu-run", folder)
        shutil.copy(pathlib.Path(__file__).with_name("gpu_check.py"), folder)
        copy_libraries(BIN / "dejavu-run", folder / "lib")
        models = {name: name if name in TEXTS else
                  f"zoo/{name}/dynamo-opset20" for name in chosen}
        for name, model in models.items():
            compile_model(model, folder / name, "--target", args.target)
            cases = sorted((MODELS / model).glob("*.npz"))
            (folder / "cases" / name).mkdir(parents=True)
            for case in cases:
                shutil.copy(case, folder / "cases" / name)
            write_long_cases(model, folder / "cases" / name, scratch)
        # With f32 weights the cache is f32 on both sides: choices that are made
        # at random would show its rounding.
        for name in filter(ZOO.__contains__, chosen):
            for out, flags in ((scratch / f"{name}-cpu", ()),
                               (folder / f"{name}-f32",
                                ("--target", args.target))):
                compile_model(models[name], out, *flags, weights="f32")
            write_sampled(scratch / f"{name}-cpu", folder, f"{name}-f32")
        for model in filter(TEXTS.__contains__, chosen):
            write_texts(model, folder, scratch)
            add_variants(model, folder, args.target)
        with tarfile.open(args.output, "w:xz", preset=6) as archive:
            for path in code_first(folder):
                archive.add(path, pathlib.Path("gpu", path.relative_to(folder)))
    print(f"{args.output}: {args.output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
