#!/usr/bin/env python3
# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""All tests: the unit tests (ctest), the IR tests (lit), Python and end to end
(pytest), and a minute of fuzzing for each target. Each runner writes a JUnit file; the last line sums them up. A runner
that fails without a failed test of its own, or that runs no test at all, counts
as one failure more: silence is no success."""

import os
import pathlib
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
RESULTS = BUILD / "check"
FUZZ_S = 60  # of each target
LIMIT_S = 15 * 60  # of each runner; a test that hangs must not hang the CI


def runners(jobs):
    """(name, command, JUnit file)."""
    unit, lit, python = (
        RESULTS / f"{n}.xml" for n in ("unit", "lit", "python"))
    yield "unit", ["ctest", "--test-dir", BUILD, "-j", jobs, "--timeout", "300",
                   "--output-on-failure", "--output-junit", unit], unit
    yield "lit", ["/usr/bin/python3", "/usr/lib/llvm-22/bin/lit", "-j", jobs,
                  "-q", "--xunit-xml-output", lit, BUILD / "test"], lit
    yield "python", [ROOT / ".venv/bin/python", "-m", "pytest", "-q", "-n",
                     jobs, "-p", "no:cacheprovider", "--basetemp",
                     RESULTS / "tmp", "--junitxml", python,
                     ROOT / "test/Integration"], python
    fuzz = RESULTS / "fuzz.xml"
    yield "fuzz", ["/usr/bin/python3", ROOT / "tools/scripts/fuzz.py",
                   "--seconds", FUZZ_S, "--junit", fuzz], fuzz


def count(file):
    """(passed, failed, skipped) of a JUnit file, and the names of what
    failed."""
    passed, skipped, failed = 0, 0, []
    for case in ElementTree.parse(file).iter("testcase"):
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            failed.append(f"{case.get('classname')}: {case.get('name')}")
        elif "skipped" in kinds or case.get("status") in ("notrun", "disabled"):
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def main():
    jobs = os.environ.get("JOBS") or str(len(os.sched_getaffinity(0)))
    RESULTS.mkdir(parents=True, exist_ok=True)
    # pyenv and the like must not come in the way; tools of the clone first.
    # Tests run beside each other, so threads that wait must not spin.
    env = dict(os.environ, PATH=f"{BUILD / 'bin'}:/usr/bin:/bin:"
               + os.environ.get("PATH", ""), PYTHONDONTWRITEBYTECODE="1",
               OMP_WAIT_POLICY="passive")
    total_passed, all_failed, total_skipped = 0, [], 0
    for name, command, file in runners(jobs):
        file.unlink(missing_ok=True)
        print(f"== {name}", flush=True)
        start = time.monotonic()
        try:
            code = subprocess.run([str(part) for part in command], cwd=ROOT,
                                  env=env, stdin=subprocess.DEVNULL,
                                  timeout=LIMIT_S, check=False).returncode
        except subprocess.TimeoutExpired:
            code = f"none after {LIMIT_S} s"
        passed, failed, skipped = 0, [], 0
        try:
            passed, failed, skipped = count(file)
        except (OSError, ElementTree.ParseError):
            failed.append(f"{name}: no result file")
        if code != 0 and not failed:
            failed.append(f"{name}: exit code {code}")
        if not passed and not failed:
            failed.append(f"{name}: ran no test")
        print(f"== {name}: {passed} passed, {len(failed)} failed, {skipped}"
              f" skipped, {time.monotonic() - start:.0f} s", flush=True)
        total_passed += passed
        all_failed += failed
        total_skipped += skipped
    for name in all_failed:
        print(f"FAILED {name}")
    print(f"{total_passed} passed, {len(all_failed)} failed,"
          f" {total_skipped} skipped")
    return 1 if all_failed else 0


if __name__ == "__main__":
    sys.exit(main())
