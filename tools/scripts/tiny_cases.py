# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models as functions of named tensors alone, and golden cases of them, for
export_tiny.py.

A `Wrapped` is what is exported: its forward() takes the tensors of `names` in
that order and returns those of `results`, caches spelled
`past_key_values.N.key` and `present.N.key`. The golden cases of decoders are
those of a generation: `prefill_b1` (no past), `decode_b1`, `decode_b3` (three
prompts of uneven length, padded at the left) and `chunk_b2` (several tokens
after a past, one row padded). Encoders have `b1` and `b3` (padded at the
right).

Needs torch and transformers."""

import inspect

import torch
import transformers

HEADS = "past_key_values"


class Wrapped(torch.nn.Module):
    """What is common: names, shapes and the order of the tensors."""

    def __init__(self, model):
        super().__init__()
        self.model = model
        self.names = []
        self.results = []
        self.axes = {}  # name -> {axis: name of the dimension}

    def call(self, feed):
        """The results by name, of inputs by name."""
        with torch.no_grad():
            made = self(*(feed[name] for name in self.names))
        made = made if isinstance(made, (tuple, list)) else (made,)
        return dict(zip(self.results, made, strict=True))


def takes(model, name):
    """Whether the model's forward() has this parameter."""
    return name in inspect.signature(model.forward).parameters


class Decoder(Wrapped):
    """input_ids, attention_mask, position_ids (where the model takes them) and
    the caches -> logits and the caches. Without a cache: ids and mask."""

    def __init__(self, model, cache):
        super().__init__(model)
        self.cache = cache
        self.layers = model.config.num_hidden_layers
        self.positions = cache and takes(model, "position_ids")
        total = "past_sequence_length + sequence_length"
        self.names = ["input_ids", "attention_mask"]
        self.axes = {"input_ids": {0: "batch_size", 1: "sequence_length"},
                     "attention_mask": {0: "batch_size", 1: total if cache
                                        else "sequence_length"},
                     "logits": {0: "batch_size", 1: "sequence_length"}}
        if self.positions:
            self.names.append("position_ids")
            self.axes["position_ids"] = self.axes["input_ids"]
        self.results = ["logits"]
        for layer in range(self.layers if cache else 0):
            for kind in ("key", "value"):
                self.names.append(f"{HEADS}.{layer}.{kind}")
                self.results.append(f"present.{layer}.{kind}")
                self.axes[self.names[-1]] = {0: "batch_size",
                                             2: "past_sequence_length"}
                self.axes[self.results[-1]] = {0: "batch_size", 2: total}

    def forward(self, *flat):
        feed = dict(zip(self.names, flat))
        options = {k: v for k, v in feed.items() if not k.startswith(HEADS)}
        if self.cache:
            cache = transformers.DynamicCache()
            for layer in range(self.layers):
                cache.update(feed[f"{HEADS}.{layer}.key"],
                             feed[f"{HEADS}.{layer}.value"], layer)
            options["past_key_values"] = cache
        out = self.model(**options, use_cache=self.cache)
        if not self.cache:
            return out.logits
        flat = [out.logits]
        for layer in out.past_key_values.layers:
            flat += [layer.keys, layer.values]
        return tuple(flat)


class Encoder(Wrapped):
    """input_ids, attention_mask -> the last hidden state, or the logits. With
    `pool`, the mean of the states of a sentence, normalised."""

    def __init__(self, model, pool):
        super().__init__(model)
        self.pool = pool
        self.names = ["input_ids", "attention_mask"]
        dims = {0: "batch_size", 1: "sequence_length"}
        self.axes = {"input_ids": dims, "attention_mask": dims}
        self.results = ["sentence_embedding" if pool else "last_hidden_state"]
        if type(model).__name__.endswith(("MaskedLM", "Classification")):
            self.results = ["logits"]
        self.axes[self.results[0]] = (
            {0: "batch_size"} if pool or "Classification" in
            type(model).__name__ else dims)

    def forward(self, *flat):
        ids, mask = flat
        out = self.model(input_ids=ids, attention_mask=mask)[0]
        if not self.pool:
            return out
        weight = mask.unsqueeze(-1).expand(out.size()).float()
        mean = (out * weight).sum(1) / weight.sum(1).clamp(min=1e-9)
        return torch.nn.functional.normalize(mean, p=2, dim=1)


class Vision(Wrapped):
    """pixel_values -> the last hidden state, or the logits."""

    def __init__(self, model):
        super().__init__(model)
        self.names = ["pixel_values"]
        self.results = ["logits" if "Classification" in type(model).__name__
                        else "last_hidden_state"]
        self.axes = {name: {0: "batch_size"}
                     for name in self.names + self.results}

    def forward(self, *flat):
        return self.model(pixel_values=flat[0])[0]


class Seq2SeqDecoder(Wrapped):
    """The decoder of T5, with its caches of its own tokens and of the encoder's
    states, or without."""

    def __init__(self, model, cache):
        super().__init__(model)
        self.cache = cache
        self.layers = model.config.num_decoder_layers
        self.names = ["input_ids", "encoder_hidden_states",
                      "encoder_attention_mask"]
        states = {0: "batch_size", 1: "encoder_sequence_length"}
        self.axes = {"input_ids": {0: "batch_size", 1: "sequence_length"},
                     "encoder_hidden_states": states,
                     "encoder_attention_mask": states,
                     "logits": {0: "batch_size", 1: "sequence_length"}}
        self.results = ["logits"]
        total = "past_sequence_length + sequence_length"
        for layer in range(self.layers if cache else 0):
            for kind in ("decoder.key", "decoder.value", "encoder.key",
                         "encoder.value"):
                self.names.append(f"{HEADS}.{layer}.{kind}")
                if kind.startswith("encoder"):
                    self.axes[self.names[-1]] = {0: "batch_size",
                                                 2: "encoder_sequence_length"}
                    continue
                self.results.append(f"present.{layer}.{kind}")
                self.axes[self.names[-1]] = {0: "batch_size",
                                             2: "past_sequence_length"}
                self.axes[self.results[-1]] = {0: "batch_size", 2: total}
        if cache:  # The states are in the caches already.
            self.names.remove("encoder_hidden_states")

    def forward(self, *flat):
        feed = dict(zip(self.names, flat))
        mask = feed["encoder_attention_mask"]
        past = None
        states = feed.get("encoder_hidden_states")
        if self.cache:
            past = transformers.EncoderDecoderCache(
                transformers.DynamicCache(), transformers.DynamicCache())
            for layer in range(self.layers):
                part = f"{HEADS}.{layer}"
                past.self_attention_cache.update(
                    feed[f"{part}.decoder.key"],
                    feed[f"{part}.decoder.value"], layer)
                past.cross_attention_cache.update(
                    feed[f"{part}.encoder.key"],
                    feed[f"{part}.encoder.value"], layer)
                past.is_updated[layer] = True
            # Only the shape of the states is looked at.
            states = torch.zeros((mask.shape[0], mask.shape[1],
                                  self.model.config.d_model))
        out = self.model.decoder(
            input_ids=feed["input_ids"], encoder_hidden_states=states,
            encoder_attention_mask=mask, past_key_values=past,
            use_cache=self.cache)
        hidden = out.last_hidden_state
        # As T5ForConditionalGeneration.forward() does.
        if getattr(self.model.config, "scale_decoder_outputs",
                   self.model.config.tie_word_embeddings):
            hidden = hidden * self.model.config.d_model ** -0.5
        logits = self.model.lm_head(hidden)
        if not self.cache:
            return logits
        flat = [logits]
        for layer in out.past_key_values.self_attention_cache.layers:
            flat += [layer.keys, layer.values]
        return tuple(flat)


def wrap(model, family):
    """The Wrapped of a model."""
    if family.kind == "decoder":
        return Decoder(model, family.cache)
    if family.kind == "vision":
        return Vision(model)
    if family.kind == "seq2seq-decoder":
        return Seq2SeqDecoder(model, family.cache)
    return Encoder(model, family.kind == "embedder")


def mask_of(lengths, width, left=True):
    """A row of ones for each length, padded to the width."""
    mask = torch.zeros((len(lengths), width), dtype=torch.int64)
    for row, length in enumerate(lengths):
        if left:
            mask[row, width - length:] = 1
        else:
            mask[row, :length] = 1
    return mask


def positions_of(mask):
    """The number of tokens before each; 1 where the mask is 0, as generate()
    of transformers has it."""
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    return positions.masked_fill(mask == 0, 1)


def ids_of(random, vocabulary, *shape):
    """Random ids, none of them special."""
    return torch.randint(3, vocabulary, shape, generator=random)


def decoder_cases(wrapped, random, padded):
    """(name, feed) of each golden case of a decoder."""
    vocabulary = wrapped.model.config.vocab_size
    if not wrapped.cache:
        yield "b1", {"input_ids": ids_of(random, vocabulary, 1, 9),
                     "attention_mask": mask_of([9], 9)}
        yield "b3", {"input_ids": ids_of(random, vocabulary, 3, 12),
                     "attention_mask": mask_of([12, 7, 10], 12, left=False)}
        return
    empty = empty_past(wrapped)
    for name, lengths, new in (("prefill_b1", [0], 7), ("decode_b1", [7], 1),
                               ("decode_b3", [12, 7, 9], 1),
                               ("chunk_b2", [6, 4], 4)):
        past = max(lengths)
        if not padded:
            lengths = [past] * (1 if name == "chunk_b2" else len(lengths))
            name = name.replace("chunk_b2", "chunk_b1")
        batch = len(lengths)
        mask = mask_of(lengths, past)
        caches = {k: v.expand(batch, -1, -1, -1) for k, v in empty.items()}
        if past:
            made = wrapped.call(feed_of(
                wrapped, ids_of(random, vocabulary, batch, past), mask,
                caches))
            caches = {key: made[key.replace(HEADS, "present")]
                      for key in caches}
        mask = torch.cat([mask, mask_of([new] * batch, new)], 1)
        yield name, feed_of(wrapped, ids_of(random, vocabulary, batch, new),
                            mask, caches)


def feed_of(wrapped, ids, mask, caches):
    """The inputs by name, in the order of the model."""
    feed = {"input_ids": ids, "attention_mask": mask, **caches}
    if wrapped.positions:
        feed["position_ids"] = positions_of(mask)[:, -ids.shape[1]:]
    return {name: feed[name].contiguous() for name in wrapped.names}


def empty_past(wrapped):
    """Caches of one row without steps; their shapes are seen in a run."""
    out = wrapped.model(input_ids=torch.tensor([[3, 4]]),
                        attention_mask=torch.tensor([[1, 1]]), use_cache=True)
    caches = {}
    for index, layer in enumerate(out.past_key_values.layers):
        caches[f"{HEADS}.{index}.key"] = layer.keys[:, :, :0].detach()
        caches[f"{HEADS}.{index}.value"] = layer.values[:, :, :0].detach()
    return caches


def seq2seq_cases(wrapped, random, _):
    """The cases of a decoder that attends to an encoder's states: those of
    decoders, with 9 states of which the last of some rows are padding."""
    config = wrapped.model.config
    for name, past, new, lengths in (
            ("prefill_b1", 0, 7, [9]), ("decode_b1", 7, 1, [9]),
            ("decode_b3", 12, 1, [9, 5, 7]), ("chunk_b2", 6, 4, [9, 6])):
        if not wrapped.cache and past:
            new = past + new
        batch = len(lengths)
        feed = {"input_ids": ids_of(random, config.vocab_size, batch, new),
                "encoder_hidden_states": torch.randn(
                    (batch, 9, config.d_model), generator=random),
                "encoder_attention_mask": mask_of(lengths, 9, left=False)}
        if not wrapped.cache:
            yield name.replace("prefill_", "").replace("decode_", ""), feed
            if name == "decode_b3":
                return
            continue
        out = wrapped.model.decoder(
            input_ids=ids_of(random, config.vocab_size, batch, max(past, 1)),
            encoder_hidden_states=feed.pop("encoder_hidden_states"),
            encoder_attention_mask=feed["encoder_attention_mask"],
            use_cache=True).past_key_values
        for layer in range(wrapped.layers):
            own = out.self_attention_cache.layers[layer]
            states = out.cross_attention_cache.layers[layer]
            part = f"{HEADS}.{layer}"
            feed[f"{part}.decoder.key"] = own.keys[:, :, :past]
            feed[f"{part}.decoder.value"] = own.values[:, :, :past]
            feed[f"{part}.encoder.key"] = states.keys
            feed[f"{part}.encoder.value"] = states.values
        yield name, {k: feed[k].detach().contiguous() for k in wrapped.names}


def encoder_cases(wrapped, random, _):
    """One sentence; three, two of them padded at the right."""
    vocabulary = wrapped.model.config.vocab_size
    for name, width, lengths in (("b1", 9, [9]), ("b3", 12, [12, 6, 9])):
        mask = mask_of(lengths, width, left=False)
        ids = ids_of(random, vocabulary, len(lengths), width)
        pad = wrapped.model.config.pad_token_id or 0
        yield name, {"input_ids": ids.masked_fill(mask == 0, pad),
                     "attention_mask": mask}


def vision_cases(wrapped, random, _):
    """One image and two."""
    size = wrapped.model.config.image_size
    for batch in (1, 2):
        yield f"b{batch}", {"pixel_values": torch.randn(
            (batch, 3, size, size), generator=random)}


def cases(wrapped, seed=1, padded=True):
    """(name, inputs, outputs) of every golden case; the outputs are those of
    PyTorch. `padded` is about decoders only."""
    random = torch.Generator().manual_seed(seed)
    make = {Decoder: decoder_cases, Encoder: encoder_cases,
            Vision: vision_cases, Seq2SeqDecoder: seq2seq_cases}
    with torch.no_grad():
        for name, feed in make[type(wrapped)](wrapped, random,
                                                     padded):
            yield name, feed, wrapped.call(feed)
