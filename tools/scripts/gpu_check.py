#!/usr/bin/env python3
# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks on a machine with a GPU what gpu_pack.py has packed; run it in the
unpacked folder. Needs numpy and the driver; compute-sanitizer where there is
one. Exit code 1 if anything is wrong; all figures go to a JSON file.

Golden cases: every output within 2e-2 of its greatest magnitude, which is what
f16 weights are off by, without cublasLt and with it. Texts, without it: equal
to the CPU's, each alone and all in one batch. Texts at random, with f32
weights: equal to the CPU's unless a number drawn falls between two sums that
differ by rounding. DEJAVU_CUBLASLT has texts made with that library."""

import argparse
import datetime
import json
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
TOLERANCE = 2e-2
NEW_TOKENS = "128"
TOOLS = ("memcheck", "racecheck", "initcheck", "synccheck")


def run(*command, cublaslt=os.environ.get("DEJAVU_CUBLASLT", "none"),
        **options):
    """Runs a command in the folder, with the packed libraries last."""
    path = ":".join(filter(None, (os.environ.get("LD_LIBRARY_PATH"),
                                  str(HERE / "lib"))))
    return subprocess.run([str(part) for part in command], cwd=HERE, text=True,
                          capture_output=True, check=False, timeout=300,
                          env=dict(os.environ, LD_LIBRARY_PATH=path,
                                   DEJAVU_CUBLASLT=cublaslt), **options)


def failure(done):
    """What a command that failed says."""
    return {"ok": False, "error": (done.stderr or done.stdout)[-400:].strip()}


def find_cublaslt():
    """The library beside PyTorch, or of a toolkit; none if there is none."""
    places = [pathlib.Path(place) / "nvidia" for place in sys.path]
    files = [file for place in places
             for file in sorted(place.glob("*/lib/libcublasLt.so.1[23]"))]
    files += sorted(pathlib.Path("/usr/local/cuda/lib64").glob(
        "libcublasLt.so.1[23]"))
    return str(files[0]) if files else "none"


def check_case(name, case, scratch, cublaslt):
    """Compares all outputs of one golden case."""
    done = run("./dejavu-run", f"./{name}", "--input", case, "--rtol", "0",
               "--atol", "1e9", "--output", scratch, cublaslt=cublaslt)
    if done.returncode:
        return failure(done)
    off = {}
    with np.load(scratch) as found, np.load(case) as wanted:
        for key in wanted.files:
            if not key.startswith("out."):
                continue
            mine = found[key if key in found.files else key[len("out."):]]
            want = wanted[key].astype(np.float64)
            distance = np.abs(mine - want).max(initial=0)
            off[key] = float(distance / max(np.abs(want).max(initial=0), 1e-9))
    # A NaN is in no tolerance.
    return {"ok": bool(off) and all(value <= TOLERANCE for value in
                                    off.values()), "off": off}


def compare(found, wanted):
    """Where two lists of texts differ first."""
    if len(found) != len(wanted):
        return {"ok": False, "error": f"{len(found)} of {len(wanted)} texts"}
    differences = []
    for number, (mine, want) in enumerate(zip(found, wanted)):
        mine, want = mine.split(","), want.split(",")
        if mine != want:
            step = next((i for i, (a, b) in enumerate(zip(mine, want))
                         if a != b), min(len(mine), len(want)))
            differences.append({"prompt": number, "step": step,
                                "found": mine[step:step + 1],
                                "expected": want[step:step + 1]})
    return {"ok": not differences, "texts": len(wanted),
            "equal": len(wanted) - len(differences),
            "differences": differences}


def generate(name, prompts, new_tokens=NEW_TOKENS):
    """Continues prompts, as one batch if there are several."""
    one = len(prompts) == 1
    return run(f"./{name}", "--prompt-ids", prompts[0] if one else "-",
               "--max-new-tokens", new_tokens, "--ignore-eos",
               input=None if one else "\n".join(prompts) + "\n")


def check_texts(name):
    """Texts one by one, and in one batch."""
    prompts = (HERE / f"{name}.prompts").read_text("utf-8").splitlines()
    wanted = (HERE / f"{name}.texts").read_text("utf-8").splitlines()
    result = {}
    alone = [generate(name, [prompt]) for prompt in prompts]
    bad = [done for done in alone if done.returncode]
    result["alone"] = failure(bad[0]) if bad else compare(
        [done.stdout.strip() for done in alone], wanted)
    batch = generate(name, prompts)
    result["batch"] = failure(batch) if batch.returncode else compare(
        batch.stdout.splitlines(), wanted)
    return result


def check_sampled(name):
    """Texts at random, in one batch: each first line has the flags."""
    result = {}
    for path in sorted(HERE.glob(f"{name}.sampled[0-9]")):
        prompts = (HERE / f"{name}.sampled.prompts").read_text("utf-8")
        flags, *wanted = path.read_text("utf-8").splitlines()
        done = run(f"./{name}", "--prompt-ids", "-", *flags.split(),
                   input=prompts)
        result[flags] = failure(done) if done.returncode else compare(
            done.stdout.splitlines(), wanted)
    return result


def check_sanitizer(name):
    """Eight tokens under each tool."""
    sanitizer = shutil.which("compute-sanitizer") or shutil.which(
        "compute-sanitizer", path="/usr/local/cuda/bin")
    if not sanitizer:
        return {}
    prompt = (HERE / f"{name}.prompts").read_text("utf-8").splitlines()[0]
    result = {}
    for tool in TOOLS:
        # A ring has more barriers than the tool keeps track of by itself.
        more = ["--num-cuda-barriers", "512"] if tool == "synccheck" else []
        done = run(sanitizer, "--tool", tool, *more, "--error-exitcode", "9",
                   f"./{name}", "--prompt-ids", prompt, "--max-new-tokens",
                   "8", "--ignore-eos")
        result[tool] = failure(done) if done.returncode else {"ok": True}
    return result


def device():
    """The GPU and its driver."""
    if not shutil.which("nvidia-smi"):
        return []
    done = run("nvidia-smi", "--query-gpu=name,driver_version",
               "--format=csv,noheader")
    return done.stdout.strip().splitlines()


def count_bad(value):
    """The number of results that are not ok."""
    if not isinstance(value, dict):
        return 0
    return (value.get("ok") is False) + sum(map(count_bad, value.values()))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", default="gpu_check.json", type=pathlib.Path)
    parser.add_argument("--cublaslt", default=find_cublaslt(),
                        help="library to do the cases with once more")
    args = parser.parse_args()
    names = sorted(path.name[:-len(".safetensors")]
                   for path in HERE.glob("*.safetensors"))
    if not names:
        sys.exit(f"error: no models in {HERE}: unpack what gpu_pack.py made")
    report = {"device": device(),
              "date": datetime.datetime.now(datetime.timezone.utc).isoformat(),
              "cases": {}, "texts": {}, "sampled": {}, "sanitizer": {}}
    scratch = args.json.resolve().with_suffix(".npz")
    for name in names:
        cases = sorted((HERE / "cases" / name).glob("*.npz"))
        report["cases"][name] = {
            case.name + (" by cublasLt" if way != "none" else ""):
                check_case(name, case, scratch, way)
            for way in dict.fromkeys(("none", args.cublaslt))
            for case in cases}
        report["sampled"][name] = check_sampled(name)
        if (HERE / f"{name}.prompts").exists():
            report["texts"][name] = check_texts(name)
            report["sanitizer"][name] = check_sanitizer(name)
        bad = sum(count_bad(report[part].get(name)) for part in
                  ("cases", "texts", "sampled", "sanitizer"))
        print(f"{name}: {len(report['cases'][name])} cases, {bad} bad",
              flush=True)
    scratch.unlink(missing_ok=True)
    checked = sum(map(len, report["cases"].values()))
    report["bad"] = count_bad(report)
    args.json.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    print(f"{checked} cases, {report['bad']} bad: {args.json}")
    return 1 if report["bad"] or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
