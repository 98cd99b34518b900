# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`dejavu calibrate`, from the command line to the file."""

import dataclasses
import hashlib
import json
import pathlib
import shutil
import sys
import time

import numpy as np

from dejavu.calibration.blocks import Builder, Candidate
from dejavu.calibration.model import Model
from dejavu.calibration.search import Measurer, Search, nll
from dejavu.calibration.spool import HELD_OUT_SHARE, Spool
from dejavu.calibration.write import write_predictors
from dejavu.errors import DejavuError
from dejavu.output import replacing


@dataclasses.dataclass
class Options:
    """What was asked for."""

    look_ahead: str = "full"
    sparsity: str = None  # predicted or threshold; by the activation if nothing
    rank: int = None
    kind: str = "auto"  # or low_rank, sign_bit
    trainer: str = "logistic"  # or closed-form
    select: str = "threshold"  # or top_k
    units: str = "all"  # or neurons, heads
    quality_loss: float = 0.01
    densities: list = None  # fixed: no search
    head_densities: list = None

    def ranks(self, features):
        """Ranks to choose from."""
        if self.rank:
            return [self.rank]
        return sorted({max(4, features * n // 8) for n in (2, 3, 4)})


class Progress:
    """A line on a terminal; nothing elsewhere."""

    def __init__(self, stream=None):
        self.stream = stream or sys.stderr
        self.is_on = self.stream.isatty()

    def stage(self, name):
        """A function of (done, total) that shows how far `name` is."""
        def show(done, total):
            if self.is_on:
                filled = 24 * done // max(total, 1)
                self.stream.write(f"\r\033[K{name:<22} [{'#' * filled:<24}]"
                                  f" {done}/{total}")
                if done >= total:
                    self.stream.write("\r\033[K")
                self.stream.flush()
        return show

    def say(self, text):
        """A line that stays."""
        if self.is_on:
            self.stream.write("\r\033[K")
        print(text, file=self.stream, flush=True)


def read_tokens(path, vocab):
    """Ids of a .npy file, checked."""
    try:
        ids = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise DejavuError(f"{path}: no such file") from None
    except (OSError, ValueError, EOFError) as error:
        raise DejavuError(f"{path}: expected a .npy file of token ids:"
                          f" {error}") from None
    if not isinstance(ids, np.ndarray) or ids.ndim != 1 \
            or ids.dtype.kind not in "iu":
        raise DejavuError(f"{path}: expected one dimension of integers")
    ids = ids.astype(np.int64)
    if len(ids) and not 0 <= ids.min() <= ids.max() < vocab:
        bad = int(np.argmax((ids < 0) | (ids >= vocab)))
        raise DejavuError(f"{path}: token {bad}: id {ids[bad]} is not in the"
                          f" vocabulary of {vocab}")
    return ids


def read_text(path, folders):
    """Ids of a text, by the model's tokenizer."""
    from dejavu.text import ModelText

    try:
        text = pathlib.Path(path).read_text("utf-8")
    except FileNotFoundError:
        raise DejavuError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DejavuError(f"{path}: expected UTF-8 text: {error}") from None
    if not text.strip():
        raise DejavuError(f"{path}: expected text, found none")
    tokenizer = ModelText(folders)
    return np.array(tokenizer.encode(text), np.int64)


def work_folder(output, identity):
    """The folder for what is not done yet; emptied if it is of another
    calibration. What no calibration has made is left alone."""
    folder = pathlib.Path(f"{output}.partial")
    note = folder / "identity.json"
    if note.is_file():
        if json.loads(note.read_text("utf-8")) == identity:
            return folder
        shutil.rmtree(folder)
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DejavuError(f"{folder}: expected the work folder of a calibration"
                          " or nothing, found something else: move it away")
    folder.mkdir(exist_ok=True)
    with replacing(note) as file:
        json.dump(identity, file)
    return folder


def cached(path, make):
    """The candidates that `make` returns, kept in a file (.npz) of the work
    folder."""
    if path.exists():
        with np.load(path, allow_pickle=False) as file:
            candidates = [Candidate(**fields) for fields in
                          json.loads(str(file["candidates"]))]
            predictors = {}
            for each in candidates:
                if each.predictor is None:
                    continue
                number, parts = each.predictor
                if number not in predictors:
                    predictors[number] = tuple(
                        file[f"{number}.{part}"] for part in range(parts))
                each.predictor = predictors[number]
            return candidates
    candidates = make()
    arrays, known, fields = {}, {}, []
    for each in candidates:
        line = dict(vars(each))
        if each.predictor is not None:
            number = known.setdefault(id(each.predictor), len(known))
            line["predictor"] = [number, len(each.predictor)]
            for part, array in enumerate(each.predictor):
                arrays[f"{number}.{part}"] = array
        fields.append(line)
    with replacing(path, binary=True) as file:
        np.savez(file, candidates=json.dumps(fields), **arrays)
    return candidates


def check_paths(source, output, text):
    """What can be said before anything is compiled."""
    if output.is_dir():
        raise DejavuError(f"{output}: expected a file to write, found a folder")
    if not (output.parent or pathlib.Path(".")).is_dir():
        raise DejavuError(f"{output.parent}: no such folder")
    if not pathlib.Path(source).exists():
        raise DejavuError(f"{source}: no such file or folder")
    if not pathlib.Path(text).is_file():
        raise DejavuError(f"{text}: no such file")


def read_ids(model, tokens, text, limit):
    """The ids of whichever of `tokens` and `text` is given: two contexts at
    least."""
    where = text if tokens is None else tokens
    if tokens is not None:
        ids = read_tokens(tokens, model.manifest["vocab"])
    else:
        place = model.source if model.source.is_dir() else model.source.parent
        ids = read_text(text, [place, place / "onnx", place.parent])
    ids = ids[:limit]
    if len(ids) == 0:
        raise DejavuError(f"{where}: expected text, found none")
    if len(ids) < 2 * model.context:
        raise DejavuError(f"{where}: {len(ids)} tokens: expected two contexts"
                          f" of {model.context} at least")
    return ids


def choose_sparsity(model, options, say):
    """Sets `options.sparsity` if nobody has."""
    layers = [layer for layer in model.layers if layer.neurons]
    if not layers:
        raise DejavuError(f"{model.source}: expected MLPs that were recognised,"
                          " found none")
    if options.sparsity is not None:
        return
    options.sparsity = "predicted" if all(
        layer.is_exact for layer in layers) else "threshold"
    if options.sparsity == "threshold":
        say(f"note: {layers[0].activation} is not exactly zero for inactive"
            " neurons: calibrating thresholds (--sparsity threshold)")


def make_blocks(model, spool, options, folder, show):
    """The candidates of all blocks, {(layer, unit): [candidate]}."""
    builder, blocks = Builder(model, spool, options), {}
    for done, layer in enumerate(model.layers):
        show(done, len(model.layers))
        if options.sparsity == "threshold":
            if layer.neurons:
                blocks[layer.index, "neuron"] = builder.thresholds(layer)
            continue
        if layer.neurons:
            blocks[layer.index, "neuron"] = cached(
                folder / f"neurons{layer.index}.npz",
                lambda layer=layer: builder.neurons(layer))
        blocks[layer.index, "kv_group"] = cached(
            folder / f"heads{layer.index}.npz",
            lambda layer=layer: builder.heads(layer))
    show(len(model.layers), len(model.layers))
    return blocks


def describe(spool, measurer, options, result, dense):
    """What the file says of how it was made."""
    lost = np.expm1(nll(result) - nll(dense))
    return {"tokens": int(spool.count), "held_out": int(measurer.count),
            "trainer": options.trainer,
            "quality_loss_wanted": options.quality_loss,
            "quality_loss": round(float(lost), 6),
            "perplexity": result["perplexity"],
            "perplexity_dense": dense["perplexity"],
            **{key: result[key] for key in
               ("bytes_per_token", "bytes_per_token_dense", "mlp_density",
                "head_density")}}


def name_plain(model, setting, say):
    """Says which MLPs stay as they are."""
    plain = [key[0] for key, each in setting.items()
             if each.is_plain and key[1] == "neuron"]
    if not plain:
        return
    word = "exact" if all(model.layers[i].is_exact for i in plain) else "dense"
    say(f"note: the MLPs of layers {', '.join(map(str, plain))} stay {word}:"
        " no predictor that saves bytes loses little enough")


def calibrate(source, output, options, *, tokens=None, text=None, limit=None,
              max_context=None, keep=False, progress=None):
    """Writes `output` for the model `source`. Exactly one of `tokens` and
    `text` names the text. Returns what was found, as the file has it."""
    progress = progress or Progress()
    started = time.monotonic()
    output, where = pathlib.Path(output), text if tokens is None else tokens
    check_paths(source, output, where)
    digest = hashlib.sha256(pathlib.Path(where).read_bytes()).hexdigest()
    identity = {"source": str(pathlib.Path(source).resolve()), "text": digest,
                "limit": limit, "max_context": max_context, "format": 2,
                "options": dataclasses.asdict(options)}
    folder = work_folder(output, identity)
    model = Model(source, folder, max_context)
    ids = read_ids(model, tokens, text, limit)
    choose_sparsity(model, options, progress.say)

    spool = Spool(model, ids, options.look_ahead, folder,
                  HELD_OUT_SHARE[options.sparsity])
    if spool.windows < len(ids) // model.context:
        progress.say(f"note: of {len(ids) // model.context} windows the first"
                     f" {spool.windows} are used")
    spool.collect(progress.stage("reading the text"))
    blocks = make_blocks(model, spool, options, folder,
                         progress.stage("training"))

    measurer = Measurer(model, spool, options, folder)
    if options.densities or options.head_densities:
        setting = fixed(blocks, options)
        result, dense = measurer.run(setting), measurer.run(None)
    else:
        search = Search(blocks, measurer, progress.say if progress.is_on
                        else lambda _: None)
        search.learn_prices(progress.stage("pricing losses"))
        setting, result, dense = search.run(options.quality_loss,
                                            progress.stage("searching"))
    found = describe(spool, measurer, options, result, dense)
    found["seconds"] = round(time.monotonic() - started, 1)
    name_plain(model, setting, progress.say)
    write_predictors(output, model, options.look_ahead, options.sparsity,
                     setting, found)
    if not keep:
        shutil.rmtree(folder)
    return found


def fixed(blocks, options):
    """The setting of fixed densities: of several predictors the one that loses
    least."""
    setting = {}
    for (index, unit), candidates in blocks.items():
        others = [c for c in candidates if not c.is_plain]
        wanted = options.densities if unit == "neuron" \
            else options.head_densities
        is_first = index == 0 and unit == "neuron"
        setting[index, unit] = min(others, key=lambda c: c.loss) \
            if others and wanted and not is_first else candidates[0]
    return setting
