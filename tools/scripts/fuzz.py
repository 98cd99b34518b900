#!/usr/bin/env python3
# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Fuzzes the importer: builds the fuzz targets with sanitizers into build-fuzz,
runs each for some time from the stored corpus, and says how many lines of
lib/Import/ONNX the corpus covers.

Usage: fuzz.py [--seconds N] [--junit FILE] [--update [SEED_FOLDER...]]

--update adds what was found to the corpus, after merging in the files of the
seed folders, and keeps only files that cover something new.

Exits 1 if a target crashes, hangs, leaks or outgrows 2 GB, or if the corpus
covers less than 80 % of the lines."""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import xml.sax.saxutils

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build-fuzz"
ARCHIVE = ROOT / "test/Fuzz/corpus.tar.xz"
CORPUS = BUILD / "corpus"
TARGETS = {"FuzzModelBytes": "model", "FuzzExternalData": "external"}
LEAST_COVERED = 0.80
TOOLS = pathlib.Path("/usr/lib/llvm-22/bin")
MAX_LENGTH = {"model": 16384, "external": 1024}
# libMLIR has no sanitizer, so containers that cross over look overflown.
ENV = dict(os.environ, ASAN_OPTIONS="detect_container_overflow=0:"
           "detect_odr_violation=0:allocator_may_return_null=1:"
           "detect_stack_use_after_return=0",
           UBSAN_OPTIONS="print_stacktrace=1")


def build():
    env = dict(os.environ, CCACHE_BASEDIR=str(ROOT), CCACHE_NOHASHDIR="1")
    if not (BUILD / "build.ninja").exists():
        subprocess.run(["cmake", "--preset", "fuzz"], cwd=ROOT, env=env,
                       check=True, stdout=subprocess.DEVNULL)
    jobs = os.environ.get("JOBS") or str(len(os.sched_getaffinity(0)))
    subprocess.run(["ninja", "-C", BUILD, "-j", jobs, *TARGETS], env=env,
                   check=True, stdout=sys.stderr)


def unpack():
    shutil.rmtree(CORPUS, ignore_errors=True)
    for name in TARGETS.values():
        (CORPUS / name).mkdir(parents=True)
    if ARCHIVE.exists():
        with tarfile.open(ARCHIVE) as archive:
            archive.extractall(CORPUS)


def pack():
    """The same files give the same archive."""
    def plain(info):
        info.uid = info.gid = info.mtime = 0
        info.uname = info.gname = ""
        return info
    with tarfile.open(ARCHIVE, "w:xz", preset=9) as archive:
        for path in sorted(CORPUS.rglob("*")):
            if path.is_file():
                archive.add(path, path.relative_to(CORPUS), filter=plain)


def command(target, *options):
    name = TARGETS[target]
    findings = BUILD / "findings"
    findings.mkdir(exist_ok=True)
    return [BUILD / "bin" / target, f"-max_len={MAX_LENGTH[name]}",
            "-rss_limit_mb=2048", "-timeout=20", "-print_final_stats=0",
            "-verbosity=0", f"-artifact_prefix={findings}/{target}-", *options]


def run(target, seconds):
    """Why the target failed; empty if it did not."""
    found = BUILD / "found" / TARGETS[target]
    shutil.rmtree(found, ignore_errors=True)
    found.mkdir(parents=True)
    env = dict(ENV, LLVM_PROFILE_FILE="/dev/null")
    result = subprocess.run(
        command(target, f"-max_total_time={seconds}", found,
                CORPUS / TARGETS[target]),
        env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        timeout=seconds + 300)
    if result.returncode == 0:
        return ""
    return result.stdout.decode(errors="replace")[-6000:]


def merge(target, folders):
    """Adds what covers more than the corpus does."""
    env = dict(ENV, LLVM_PROFILE_FILE="/dev/null")
    subprocess.run(command(target, "-merge=1", CORPUS / TARGETS[target],
                           *folders), env=env, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def measure():
    """The part of the lines of lib/Import/ONNX that the corpus covers, and
    lines of each file."""
    profiles = []
    for target, name in TARGETS.items():
        profile = BUILD / f"{target}.profraw"
        profile.unlink(missing_ok=True)
        subprocess.run(command(target, "-runs=0", CORPUS / name),
                       env=dict(ENV, LLVM_PROFILE_FILE=str(profile)),
                       check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        profiles.append(profile)
    data = BUILD / "fuzz.profdata"
    subprocess.run([TOOLS / "llvm-profdata", "merge", "-o", data, *profiles],
                   check=True)
    report = subprocess.run(
        [TOOLS / "llvm-cov", "export", "-summary-only",
         f"-instr-profile={data}", BUILD / "bin/FuzzModelBytes",
         "-object", BUILD / "bin/FuzzExternalData",
         ROOT / "lib/Import/ONNX"], check=True, stdout=subprocess.PIPE)
    lines = {}
    for file in json.loads(report.stdout)["data"][0]["files"]:
        count = file["summary"]["lines"]
        lines[pathlib.Path(file["filename"]).name] = (count["covered"],
                                                      count["count"])
    covered, total = map(sum, zip(*lines.values()))
    return covered / total, lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=int, default=600,
                        help="for each target (default 600)")
    parser.add_argument("--junit", type=pathlib.Path)
    parser.add_argument("--update", nargs="*", metavar="SEED_FOLDER")
    options = parser.parse_args()
    build()
    unpack()
    if options.update is not None:
        for target in TARGETS:
            folders = [pathlib.Path(folder) / TARGETS[target]
                       for folder in options.update]
            merge(target, [f for f in folders if f.is_dir()])
    outcomes = {}
    for target in TARGETS:
        outcomes[target] = run(target, options.seconds)
        print(f"{target}: {options.seconds} s, "
              f"{'FAILED' if outcomes[target] else 'clean'}", flush=True)
        if outcomes[target]:
            print(outcomes[target])
    if options.update is not None:
        for target, name in TARGETS.items():
            merge(target, [BUILD / "found" / name])
        pack()
    part, lines = measure()
    for name, (covered, total) in sorted(lines.items()):
        print(f"  {name}: {covered} of {total} lines")
    print(f"corpus covers {part:.1%} of the lines of lib/Import/ONNX")
    outcomes["coverage"] = ("" if part >= LEAST_COVERED else
                            f"{part:.1%} is less than {LEAST_COVERED:.0%}")
    if options.junit:
        cases = "".join(
            f'<testcase classname="fuzz" name="{name}">'
            + (f"<failure>{xml.sax.saxutils.escape(why)}</failure>"
               if why else "") + "</testcase>"
            for name, why in outcomes.items())
        options.junit.write_text(f"<testsuite>{cases}</testsuite>\n")
    return 1 if any(outcomes.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
