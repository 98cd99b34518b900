# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Text to ids and back: the tokenizer of a model, and text that appears while
its ids are still being made."""

import json
import pathlib

from dejavu.errors import DejavuError


class IncrementalText:
    """Turns a growing list of ids into text that only ever grows.

    A character of several bytes may be spread over several tokens, and a
    decoder may treat the first token of a list in a special way. So ids are
    held back while the text ends in a replacement character, and each piece of
    text is the difference of two decodings that begin at the same token."""

    def __init__(self, decode):
        self.decode = decode
        self.ids = []
        self.begin = 0  # where both decodings begin
        self.shown = 0  # ids whose text has been handed out

    def push(self, token):
        """Adds one id; the text that it completes, perhaps none."""
        self.ids.append(token)
        text = self._pending()
        if not text or text.endswith("\ufffd"):
            return ""
        self.begin, self.shown = self.shown, len(self.ids)
        return text

    def finish(self):
        """What was still held back."""
        text = self._pending()
        self.begin = self.shown = len(self.ids)
        return text

    def _pending(self):
        before = self.decode(self.ids[self.begin:self.shown])
        return self.decode(self.ids[self.begin:])[len(before):]


class ModelText:
    """The tokenizer of a model, found in the first of `folders` that holds a
    tokenizer.json."""

    def __init__(self, folders):
        import tokenizers  # a slow import, and only text needs it

        folders = list(dict.fromkeys(pathlib.Path(f) for f in folders))
        self.file = next((f / "tokenizer.json" for f in folders
                          if (f / "tokenizer.json").is_file()), None)
        if not self.file:
            looked = ", ".join(str(f) for f in folders)
            raise DejavuError(f"tokenizer.json: not found in {looked}: name"
                              " its folder with --model")
        try:
            self.tokenizer = tokenizers.Tokenizer.from_file(str(self.file))
        except Exception as error:  # the library raises bare Exception
            raise DejavuError(f"{self.file}: not a tokenizer:"
                              f" {one_line(error)}") from None

    def encode(self, text, special=True):
        """The ids of `text`."""
        ids = self.tokenizer.encode(text, add_special_tokens=special).ids
        if not ids:
            raise DejavuError("--prompt: expected at least one token, found"
                              " none")
        return ids

    def decode(self, ids):
        """The text of `ids`, special tokens left out."""
        return self.tokenizer.decode(ids, skip_special_tokens=True)

    def incremental(self):
        """A new IncrementalText of this tokenizer."""
        return IncrementalText(self.decode)

    def encode_chat(self, message):
        """The ids of a conversation that consists of `message` and of the
        begin of the answer, by the model's own chat template."""
        template, config = self._chat_template()
        try:
            import jinja2.sandbox
        except ImportError:
            raise DejavuError("--chat: needs the Python package jinja2: pip"
                              " install jinja2") from None

        def raise_exception(message):
            raise jinja2.TemplateError(message)

        environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True)
        environment.globals["raise_exception"] = raise_exception
        names = {k: token_text(config[k]) for k in config
                 if k.endswith("_token")}
        try:
            text = environment.from_string(template).render(
                messages=[{"role": "user", "content": message}],
                add_generation_prompt=True, **names)
        except jinja2.TemplateError as error:
            raise DejavuError(f"{self.file.parent}: the chat template fails:"
                              f" {one_line(error)}") from None
        return self.encode(text, special=False)

    def _chat_template(self):
        folder = self.file.parent
        config = {}
        if (folder / "tokenizer_config.json").is_file():
            try:
                config = json.loads(
                    (folder / "tokenizer_config.json").read_text("utf-8"))
            except ValueError as error:
                raise DejavuError(f"{folder / 'tokenizer_config.json'}: not"
                                  f" JSON: {one_line(error)}") from None
        if (folder / "chat_template.jinja").is_file():
            return (folder / "chat_template.jinja").read_text("utf-8"), config
        template = config.get("chat_template")
        if isinstance(template, list):  # several, by name
            named = {entry["name"]: entry["template"] for entry in template}
            template = named.get("default")
        if not template:
            raise DejavuError(f"{folder}: the model has no chat template:"
                              " leave --chat out")
        return template, config


def token_text(token):
    """A special token of tokenizer_config.json is a string or an object."""
    return token.get("content", "") if isinstance(token, dict) else token


def one_line(error):
    """The message of an exception, on one line."""
    return " ".join(str(error).split())
