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
differ by rounding. DEJAVU_CUBLASLT has texts made with that library.

Texts of what has atomic sums are compared as all others. --checks says which
of these to do; each result has the seconds it took."""

import argparse
import concurrent.futures
import datetime
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
TOLERANCE = 2e-2
NEW_TOKENS = "128"
TOOLS = ("memcheck", "racecheck", "initcheck", "synccheck")
CHECKS = ("texts", "sanitizer", "sampled", "cases")
WORKERS = 12


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


def check_case(name, case, cublaslt):
    """Compares all outputs of one golden case."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder, "out.npz")
        done = run("./dejavu-run", f"./{name}", "--input", case, "--rtol", "0",
                   "--atol", "1e9", "--output", out, cublaslt=cublaslt)
        if done.returncode:
            return failure(done)
        return compare_case(out, case)


def compare_case(out, case):
    """The distance of each output over its greatest magnitude."""
    off = {}
    with np.load(out) as found, np.load(case) as wanted:
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


def read_texts(name):
    """Prompts, and what is expected."""
    return ((HERE / f"{name}.{kind}").read_text("utf-8").splitlines()
            for kind in ("prompts", "texts"))


def check_alone(name):
    """Texts one by one."""
    prompts, wanted = read_texts(name)
    found = []
    for prompt in prompts:
        done = generate(name, [prompt])
        if done.returncode:
            return failure(done)
        found.append(done.stdout.strip())
    return compare(found, wanted)


def check_batch(name):
    """Texts in one batch."""
    prompts, wanted = read_texts(name)
    done = generate(name, prompts)
    return (failure(done) if done.returncode else
            compare(done.stdout.splitlines(), wanted))


def check_sampled(name, path):
    """Texts at random, in one batch: the first line of a file has the flags."""
    prompts = (HERE / f"{name}.sampled.prompts").read_text("utf-8")
    flags, *wanted = path.read_text("utf-8").splitlines()
    done = run(f"./{name}", "--prompt-ids", "-", *flags.split(), input=prompts)
    return (failure(done) if done.returncode else
            compare(done.stdout.splitlines(), wanted))


def find_sanitizer():
    """compute-sanitizer, or nothing."""
    return shutil.which("compute-sanitizer") or shutil.which(
        "compute-sanitizer", path="/usr/local/cuda/bin")


def check_sanitizer(name, tool):
    """Eight tokens under a tool."""
    prompt = (HERE / f"{name}.prompts").read_text("utf-8").splitlines()[0]
    # A ring has more barriers than the tool keeps track of by itself.
    more = ["--num-cuda-barriers", "512"] if tool == "synccheck" else []
    done = run(find_sanitizer(), "--tool", tool, *more, "--error-exitcode", "9",
               f"./{name}", "--prompt-ids", prompt, "--max-new-tokens", "8",
               "--ignore-eos")
    return failure(done) if done.returncode else {"ok": True}


class Pool(concurrent.futures.ThreadPoolExecutor):
    """Begins nothing after some seconds; a result has the seconds it took."""

    def __init__(self, workers, seconds):
        super().__init__(workers)
        self.end = time.monotonic() + seconds

    def submit(self, function, *args):
        return super().submit(self.begin, function, *args)

    def begin(self, function, *args):
        start = time.monotonic()
        if start > self.end:
            return {"ok": False, "error": "no time was left"}
        try:
            result = function(*args)
        except subprocess.TimeoutExpired as error:
            result = {"ok": False, "error": f"not done in {error.timeout} s"}
        return {**result, "seconds": round(time.monotonic() - start, 2)}


def list_results(value):
    """All results in a part of a report."""
    if not isinstance(value, dict):
        return []
    if "ok" in value or "skipped" in value:
        return [value]
    return [each for part in value.values() for each in list_results(part)]


def describe_times(results):
    """How many results there are, and what they took."""
    times = [each.get("seconds", 0.0) for each in results]
    return (f"{len(times)} results, {sum(times):.0f} s together, at most"
            f" {max(times, default=0.0):.1f} s")


def add_options(parser):
    """The options that gpu_shapes.py has, too."""
    parser.add_argument("--workers", type=int, default=WORKERS,
                        help="processes at a time")
    parser.add_argument("--seconds", type=float, default=1e9,
                        help="begin nothing after these")
    parser.add_argument("--only", default="",
                        help="models whose name has this (a pattern)")


def parse_checks(text, known):
    """The parts of a list, which must be known."""
    checks = text.split(",")
    if not set(checks) <= set(known):
        sys.exit(f"error: --checks: expected some of {','.join(known)}")
    return checks


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


def list_checks(name, checks, cublaslt):
    """(part of the report, key, function, arguments) for one model."""
    knows = (HERE / f"{name}.prompts").exists()
    if "texts" in checks and knows:
        yield "texts", "alone", check_alone, name
        yield "texts", "batch", check_batch, name
    if "sanitizer" in checks and knows and find_sanitizer():
        for tool in TOOLS:
            yield "sanitizer", tool, check_sanitizer, name, tool
    if "sampled" in checks:
        for path in sorted(HERE.glob(f"{name}.sampled[0-9]")):
            flags = path.read_text("utf-8").partition("\n")[0]
            yield "sampled", flags, check_sampled, name, path
    if "cases" in checks:
        for case in sorted((HERE / "cases" / name).glob("*.npz")):
            for way in dict.fromkeys(("none", cublaslt)):
                key = case.name + (" by cublasLt" if way != "none" else "")
                yield "cases", key, check_case, name, case, way


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", default="gpu_check.json", type=pathlib.Path)
    parser.add_argument("--cublaslt", default=find_cublaslt(),
                        help="library to do the cases with once more")
    add_options(parser)
    parser.add_argument("--checks", default=",".join(CHECKS),
                        help="these alone, with commas")
    args = parser.parse_args()
    checks = parse_checks(args.checks, CHECKS)
    names = sorted(path.name[:-len(".safetensors")]
                   for path in HERE.glob("*.safetensors")
                   if re.search(args.only, path.name[:-len(".safetensors")]))
    if not names:
        sys.exit(f"error: no models in {HERE}: unpack what gpu_pack.py made")
    report = {"device": device(),
              "date": datetime.datetime.now(datetime.timezone.utc).isoformat(),
              **{part: {name: {} for name in names} for part in
                 ("cases", "texts", "sampled", "sanitizer")}}
    start = time.monotonic()
    with Pool(args.workers, args.seconds) as pool:
        wanted = [check for name in names
                  for check in list_checks(name, checks, args.cublaslt)]
        # What takes longest comes first.
        wanted.sort(key=lambda check: CHECKS.index(check[0]))
        futures = [(part, key, name, pool.submit(function, name, *more))
                   for part, key, function, name, *more in wanted]
        for part, key, name, future in futures:
            report[part][name][key] = future.result()
    for name in names:
        bad = sum(count_bad(report[part][name]) for part in CHECKS)
        print(f"{name}: {len(report['cases'][name])} cases, {bad} bad",
              flush=True)
    for part in CHECKS:
        print(f"{part}: {describe_times(list_results(report[part]))}")
    report["seconds"] = round(time.monotonic() - start, 1)
    report["bad"] = count_bad(report)
    args.json.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    print(f"{len(wanted)} results, {report['bad']} bad, {report['seconds']} s:"
          f" {args.json}")
    return 1 if report["bad"] or not wanted else 0


if __name__ == "__main__":
    sys.exit(main())
