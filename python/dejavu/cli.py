# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The `dejavu` command: generate, eval, bench, diff, report."""

import argparse
import os
import pathlib
import sys

import dejavu
from dejavu.errors import DejavuError, Reported
from dejavu.executable import Executable


class Parser(argparse.ArgumentParser):
    """Wrong usage is an error like any other: one line, exit code 1."""

    def error(self, message):
        raise DejavuError(f"{self.prog}: {message} (see {self.prog} --help)")


def natural(text):
    """An integer >= 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, found {value}")
    return value


def whole(text):
    """An integer >= 0."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"expected 0 or more, found {value}")
    return value


def non_negative(text):
    """A finite number >= 0."""
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected 0 or more, found {text}")
    return value


def token_ids(text):
    """`1,17,42`."""
    try:
        ids = [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected ids like 1,17,42, found '{text}'") from None
    return ids


def optional(flag, value):
    """[flag, value], or nothing where there is no value."""
    return [] if value is None else [flag, str(value)]


def open_decoder(args):
    """The executable that a command is to run, which must be a decoder."""
    executable = Executable(args.executable, args.weights)
    executable.require_decoder(f"dejavu {args.name}")
    return executable


def run_generate(args):
    """Text in, text out, as it is made."""
    executable = open_decoder(args)
    from dejavu.text import ModelText

    try:
        args.prompt.encode("utf-8")
    except UnicodeEncodeError:
        raise DejavuError("--prompt: expected UTF-8") from None
    text = ModelText(tokenizer_folders(args.model, executable))
    ids = text.encode_chat(args.prompt) if args.chat \
        else text.encode(args.prompt)
    command = ["--prompt-ids", ",".join(map(str, ids)), "--stream",
               *optional("--max-new-tokens", args.max_new_tokens),
               *optional("--temperature", args.temperature),
               *optional("--top-p", args.top_p),
               *optional("--seed", args.seed),
               *optional("--threads", args.threads)]
    if args.ignore_eos:
        command.append("--ignore-eos")
    pieces = text.incremental()
    for line in executable.stream(command):
        show(pieces.push(int(line)))
    show(pieces.finish() + "\n")
    return 0


def tokenizer_folders(model, executable):
    """Where tokenizer.json may be: in the folder that --model names, beside
    the executable, and in a folder beside it with the name of the model; and
    in the parent of each."""
    folders = []
    if model is not None:
        folder = pathlib.Path(model)
        if not folder.exists():
            raise DejavuError(f"{model}: no such file or folder")
        folders.append(folder if folder.is_dir() else folder.parent)
    beside = executable.path.resolve().parent
    folders.append(beside)
    name = executable.manifest.get("model", {}).get("name")
    if name and (beside / name).is_dir():
        folders.append(beside / name)
    return [place for folder in folders
            for place in (folder, folder.resolve().parent)]


def show(text):
    """Writes UTF-8 at once, whatever the locale says."""
    if text:
        sys.stdout.buffer.write(text.encode("utf-8", "replace"))
        sys.stdout.buffer.flush()


def run_eval(args):
    """Perplexity and what was read, over a file of tokens."""
    if not os.path.isfile(args.tokens):
        raise DejavuError(f"{args.tokens}: no such file")
    return open_decoder(args).run(
        ["--eval-tokens", args.tokens, *optional("--eval-first", args.first),
         *optional("--eval-limit", args.limit),
         *optional("--json", args.json), *optional("--threads", args.threads)])


def run_bench(args):
    """Speed, and share of the bandwidth of this machine."""
    return open_decoder(args).run(
        ["--bench", *optional("--prompt-length", args.prompt_length),
         *optional("--new-tokens", args.new_tokens),
         *optional("--json", args.json), *optional("--threads", args.threads)])


def run_diff(args):
    """The first layer and op where two programs part."""
    from dejavu.diff import diff

    return diff(args.a, args.b, args.prompt_ids, args.max_new_tokens,
                args.rtol, args.atol)


def run_report(args):
    """A page about what an executable reads, and what that costs."""
    executable = open_decoder(args)
    others = [Executable(other) for other in args.compare]
    for other in others:
        other.require_decoder("dejavu report")
    if not os.path.isfile(args.tokens):
        raise DejavuError(f"{args.tokens}: no such file")
    from dejavu.report import Text, report

    return report(executable, others, args.output,
                  Text(args.tokens, args.first, args.limit), args.threads)


def share(text):
    """`1%` or `0.01`."""
    number = text.strip()
    value = float(number[:-1]) / 100 if number.endswith("%") \
        else float(number)
    if not 0 < value < 10:
        raise argparse.ArgumentTypeError(
            f"expected a share like 1%, found {text}")
    return value


def density(text):
    """A share of units, in (0, 1]."""
    value = share(text)
    if value > 1:
        raise argparse.ArgumentTypeError(
            f"expected a share of at most 1, found {text}")
    return value


def run_calibrate(args):
    """Predictors and thresholds from a text."""
    from dejavu.calibration.command import Options, calibrate

    options = Options(
        look_ahead=args.look_ahead, sparsity=args.sparsity, rank=args.rank,
        kind=args.kind, trainer=args.trainer, select=args.select,
        units=args.units, quality_loss=args.quality_loss,
        densities=args.density and [args.density],
        head_densities=args.head_density and [args.head_density])
    found = calibrate(args.model, args.output, options, tokens=args.tokens,
                      text=args.text, limit=args.limit,
                      max_context=args.max_context, keep=args.keep)
    print(f"quality loss: {100 * found['quality_loss']:.3g} % on"
          f" {found['held_out']} held-out tokens (perplexity"
          f" {found['perplexity']:.6g}, dense {found['perplexity_dense']:.6g})")
    print(f"mlp density: {found['mlp_density']:.4g}")
    print(f"head density: {found['head_density']:.4g}")
    print(f"bytes/token: {found['bytes_per_token']:.0f} of"
          f" {found['bytes_per_token_dense']} dense")
    return 0


def build_parser():
    """The whole command line."""
    parser = Parser(prog="dejavu", description=dejavu.__doc__.split("\n")[0])
    parser.add_argument("--version", action="version",
                        version=f"dejavu {dejavu.__version__}")
    commands = parser.add_subparsers(dest="name", metavar="COMMAND",
                                     required=True)

    def command(name, function, summary):
        made = commands.add_parser(name, help=summary, description=summary)
        made.set_defaults(run=function)
        return made

    def on_executable(name, function, summary):
        made = command(name, function, summary)
        made.add_argument("executable", metavar="OUT",
                          help="an executable made by dejavu-compile")
        made.add_argument("--weights", metavar="F",
                          help="its weights, if they are not OUT.safetensors")
        made.add_argument("--threads", type=natural, metavar="N")
        return made

    made = on_executable("generate", run_generate, "text in, text out")
    made.add_argument("--prompt", required=True, metavar="TEXT")
    made.add_argument("--model", metavar="FOLDER",
                      help="where tokenizer.json is, if neither beside OUT nor"
                      " in a folder there with the model's name")
    made.add_argument("--max-new-tokens", type=natural, default=128,
                      metavar="N", help="128 unless given")
    made.add_argument("--temperature", type=non_negative, metavar="T",
                      help="sample at temperature T; greedy unless given")
    made.add_argument("--top-p", type=non_negative, metavar="P")
    made.add_argument("--seed", type=int, metavar="N")
    made.add_argument("--chat", action="store_true",
                      help="put the prompt into the model's chat template")
    made.add_argument("--ignore-eos", action="store_true",
                      help="go on after an end-of-sequence id")

    made = on_executable("eval", run_eval, "perplexity, density and bytes"
                         " over a file of tokens")
    made.add_argument("--tokens", required=True, metavar="F.npy")
    made.add_argument("--first", type=whole, metavar="N",
                      help="skip the first N tokens")
    made.add_argument("--limit", type=natural, metavar="N",
                      help="use N tokens at most")
    made.add_argument("--json", metavar="F")

    made = on_executable("bench", run_bench, "speed on this machine")
    made.add_argument("--prompt-length", type=natural, metavar="N")
    made.add_argument("--new-tokens", type=natural, metavar="N")
    made.add_argument("--json", metavar="F")

    made = command("diff", run_diff, "the first layer and op where two"
                   " programs part")
    for name in "ab":
        made.add_argument(name, metavar=name.upper(),
                          help="an executable; or a model (.onnx, .mlir or"
                          " a folder), which the reference interpreter runs")
    made.add_argument("--prompt-ids", type=token_ids, required=True,
                      metavar="1,17,42")
    made.add_argument("--max-new-tokens", type=natural, default=4,
                      metavar="N", help="4 unless given")
    made.add_argument("--rtol", type=non_negative, default=1e-4)
    made.add_argument("--atol", type=non_negative, default=1e-4)

    made = on_executable("report", run_report, "a page of plots: perplexity,"
                         " density, recall and bytes")
    made.add_argument("--tokens", required=True, metavar="F.npy")
    made.add_argument("-o", "--output", required=True, metavar="R.html",
                      help="the page, one file that needs no other")
    made.add_argument("--compare", action="append", default=[], metavar="OUT2",
                      help="another executable of the same model, such as the"
                      " dense one; may be repeated")
    made.add_argument("--first", type=whole, metavar="N",
                      help="skip the first N tokens, such as those of the"
                      " calibration")
    made.add_argument("--limit", type=natural, metavar="N",
                      help="use N tokens at most")

    made = command("calibrate", run_calibrate, "train predictors, and choose"
                   " thresholds, from a text")
    made.add_argument("model", metavar="M",
                      help="model.onnx or a folder that holds it")
    made.add_argument("-o", "--output", required=True,
                      metavar="P.safetensors")
    text = made.add_mutually_exclusive_group(required=True)
    text.add_argument("--tokens", metavar="F.npy", help="ids of the text")
    text.add_argument("--text", metavar="F.txt",
                      help="the text; needs the model's tokenizer.json")
    made.add_argument("--limit", type=natural, metavar="N",
                      help="use only the first N tokens")
    made.add_argument("--look-ahead", choices=["same", "half", "full"],
                      default="full", help="how much earlier predictors look"
                      " (default: full, one layer)")
    made.add_argument("--rank", type=natural, metavar="R",
                      help="of the predictors; chosen by quality and bytes"
                      " unless given")
    made.add_argument("--quality-loss", type=share, default=0.01,
                      metavar="1%", help="how much perplexity may grow"
                      " (default: 1%%)")
    made.add_argument("--sparsity", choices=["predicted", "threshold"],
                      help="what the file is for; by the activation unless"
                      " given")
    made.add_argument("--kind", choices=["auto", "low_rank", "sign_bit"],
                      default="auto", help="of the predictors (default: auto,"
                      " what is best for each block)")
    made.add_argument("--trainer", choices=["logistic", "closed-form"],
                      default="logistic", help="closed-form is faster; with"
                      " --kind sign_bit it trains nothing at all")
    made.add_argument("--select", choices=["threshold", "top_k"],
                      default="threshold")
    made.add_argument("--units", choices=["all", "neurons", "heads"],
                      default="all", help="what may be left out")
    made.add_argument("--density", type=density, metavar="D",
                      help="of the MLPs from layer 1 on; no search then")
    made.add_argument("--head-density", type=density, metavar="D",
                      help="of the heads; no search then")
    made.add_argument("--max-context", type=natural, metavar="N",
                      help="tokens of a window (default: as dejavu-compile"
                      " has it)")
    made.add_argument("--keep", action="store_true",
                      help="keep the work folder P.safetensors.partial")
    return parser


def main(argv=None):
    """The exit code of `dejavu ARGV...`."""
    argv = sys.argv[1:] if argv is None else argv
    try:
        parser = build_parser()
        args, rest = parser.parse_known_args(argv)
        if rest:
            parser.error(f"unknown argument '{rest[0]}'")
        return args.run(args)
    except DejavuError as error:
        print(f"error: {error}", file=sys.stderr)
    except Reported:
        pass
    except BrokenPipeError:
        # The reader of our output is gone. Leave nothing for the interpreter
        # to flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        name = error.filename or "stdout"
        print(f"error: {name}: {error.strerror.lower()}", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
    return 1
