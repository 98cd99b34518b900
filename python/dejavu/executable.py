# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""An executable made by dejavu-compile, driven through its command line."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from dejavu.errors import DejavuError, Reported


class Executable:
    """One executable. Construction checks that it is one: the file runs, and
    `--info` answers with a manifest."""

    def __init__(self, path, weights=None):
        self.path = pathlib.Path(path)
        self.options = ["--weights", str(weights)] if weights else []
        if not self.path.exists():
            raise DejavuError(f"{path}: no such file")
        if self.path.is_dir():
            raise DejavuError(
                f"{path}: expected an executable made by dejavu-compile,"
                " found a folder")
        if not os.access(self.path, os.X_OK) or not is_elf(self.path):
            raise DejavuError(f"{path}: not an executable made by"
                              " dejavu-compile")
        self.manifest = self._read_manifest()

    def _read_manifest(self):
        done = subprocess.run([str(self.path.absolute()), "--info"],
                              capture_output=True, stdin=subprocess.DEVNULL,
                              check=False)
        if done.returncode != 0 and done.stderr.startswith(b"error:"):
            sys.stderr.buffer.write(done.stderr)
            raise Reported()
        try:
            manifest = json.loads(done.stdout)
            if manifest["format"] != 1:
                raise DejavuError(
                    f"{self.path}: expected manifest format 1, found"
                    f" {manifest['format']}")
            return manifest
        except (ValueError, KeyError, TypeError):
            raise DejavuError(f"{self.path}: not an executable made by"
                              " dejavu-compile") from None

    @property
    def context(self):
        """How many tokens a window has."""
        position_limit = self.manifest.get("position_limit") or 0
        longest = self.manifest["max_context"]
        return min(longest, position_limit) if position_limit > 0 else longest

    def site_width(self, site):
        """How many features a tap site has."""
        for tap in (*self.manifest.get("taps", ()),
                    *self.manifest.get("hidden_taps", ())):
            if tap["site"] == site:
                return tap["width"]
        raise DejavuError(f"{self.path}: has no tap site {site}")

    def require_decoder(self, what):
        """An error if the model has no cache, which `what` needs."""
        if self.manifest.get("form") == "forward":
            raise DejavuError(
                f"{self.path}: {what} needs a model that generates text, and"
                " this one has no cache: dejavu-run runs it")

    def command(self, args):
        """The command line of the executable with `args`."""
        return [str(self.path.absolute()), *self.options, *args]

    def run(self, args):
        """Runs with this process's stdout and stderr; the exit code."""
        return exit_code(subprocess.run(self.command(args), check=False))

    def stream(self, args):
        """Yields the lines that the executable prints, as it prints them.
        Raises Reported if it fails; kills it if the reader stops early."""
        with subprocess.Popen(self.command(args), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, text=True) as process:
            try:
                for line in process.stdout:
                    yield line.strip()
                if exit_code(process) != 0:
                    raise Reported()
            finally:
                if process.poll() is None:
                    process.kill()


def exit_code(process):
    """Waits for `process`; what this program should exit with for it."""
    code = process.wait() if isinstance(process, subprocess.Popen) \
        else process.returncode
    if code < 0:
        raise DejavuError(f"{process.args[0]}: ended by signal {-code}")
    return code


def is_elf(path):
    """Whether the file begins as an ELF file does."""
    try:
        with open(path, "rb") as file:
            return file.read(4) == b"\x7fELF"
    except OSError as error:
        raise DejavuError(f"{path}: {error.strerror.lower()}") from None


def find_tool(name):
    """The path of a tool of the compiler: of this clone's build, if the
    package lies in one, else by PATH."""
    beside = pathlib.Path(__file__).resolve().parents[2] / "build" / "bin"
    for folder in filter(None, [os.environ.get("DEJAVU_BIN"), beside]):
        if os.access(pathlib.Path(folder) / name, os.X_OK):
            return str(pathlib.Path(folder) / name)
    found = shutil.which(name)
    if not found:
        raise DejavuError(f"{name}: not found in build/bin nor in PATH:"
                          " run `make build`")
    return found


def temporary_folder():
    """A folder for files that are handed from program to program."""
    return tempfile.TemporaryDirectory(prefix="dejavu-")
