"""Flags by today's names → keys of a config."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from vlft.config.schema import ARGUMENTS, ENVIRONMENT, RESERVED
from vlft.importer.draft import Draft, Entry, Key, scalar
from vlft.importer.flags import NO_VALUE, Flag
from vlft.importer.shell.state import Text
from vlft.importer.spans import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.importer.releases import Published
    from vlft.swift.release import Argument


def as_mapping(text: str) -> str | None:
    """A JSON object as YAML; None where that would not give the same text back.

    What a section of the config owns stays text: vlft would refuse it as a key.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    flat = isinstance(data, dict) and all(
        isinstance(value, (int, str, bool)) for value in data.values()
    )
    if not flat or json.dumps(data, ensure_ascii=False) != text or not data:
        return None
    if not all(re.fullmatch(r"[a-z_]+", key) for key in data):
        return None
    if any(ENVIRONMENT.get(key.upper(), "").startswith("pixels.") for key in data):
        return None
    return (
        "{"
        + ", ".join(
            f"{scalar(key, is_text=True)}: {json.dumps(value, ensure_ascii=False)}"
            for key, value in data.items()
        )
        + "}"
    )


_TRUE: Final = frozenset({"true", "yes", "t", "y", "1"})
_FALSE: Final = frozenset({"false", "no", "f", "n", "0"})
_HUB_ID: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+(:[\w./-]+)?(#\d+)?")
_FILE: Final = re.compile(
    r"\.(jsonl?|csv|tsv|txt|parquet|arrow|py|ya?ml|safetensors|pt|bin|gz)(#\d+)?$"
)
_TEXT_KEYS: Final = frozenset({
    "model.path", "model.revision", "model.type", "model.attn_impl", "tuner", "deepspeed",
    "output_dir", "train.resume_from_checkpoint",
})  # fmt: skip


def place_flags(draft: Draft, *, use_hf: str | None) -> None:
    """Puts every flag where a config has it.

    Args:
        draft: Has the flags, and takes the keys.
        use_hf: USE_HF of the command's environment.
    """
    flags = draft.flags
    _drop_idle(draft)
    hub = _hub(flags, use_hf)
    ignores = "ignore_args_error" in flags and flags["ignore_args_error"].value.lower() in _TRUE
    for name, flag in list(flags.items()):
        argument = draft.legal.get(name)
        if name not in ARGUMENTS:
            flag = _without_home(flag)  # noqa: PLW2901 - the same flag, read more closely
        if name in RESERVED:
            draft.drop(flag, RESERVED[name])
        elif flag.is_secret:
            draft.drop_secret(flag)
        elif argument is None and ignores and name not in ARGUMENTS:
            draft.drop(flag, "no such argument, and `ignore_args_error` passes over it")
        elif name in ARGUMENTS:
            _owned(draft, name, flag, hub)
            if name in ("dataset", "val_dataset"):
                _say_hubs(draft, flag, draft.entries[_key_of(name)])
        else:
            draft.entries["swift", name] = _passed(flag, argument)
        _ask(draft, flag)


def _without_home(flag: Flag) -> Flag:
    """A home folder is known for the paths that vlft makes absolute, and for nothing else."""
    why = "the shell writes the home folder in place of `~`"
    values = tuple(
        Text(value.text, why) if value.text.startswith("~/") and value.why is None else value
        for value in flag.values
    )
    return replace(flag, values=values)


def _ask(draft: Draft, flag: Flag) -> None:
    if flag.why is not None:
        message = f"{shown(flag.written())} can't be known without running the shell: {flag.why}"
        if flag.why == NO_VALUE:
            message = f"`--{flag.name}` takes a value, and {NO_VALUE}"
        key = ARGUMENTS.get(flag.name, f"swift.{flag.name}")
        hint = f"write its value at `{key}`, or set it in the script"
        draft.find("import.asked", "error", flag.spot, message, hint, key)
    for value in flag.values:
        for note in dict.fromkeys(value.notes):
            message = f"`--{flag.name}`: {note}"[:200]
            draft.find("import.computed", "info", flag.spot, message)


def _drop_idle(draft: Draft) -> None:
    """Leaves out what the command says, and ms-swift would pass over."""
    flags = draft.flags

    def drop(name: str, why: str) -> None:
        if name in flags:
            draft.drop(flags.pop(name), why)

    tuner = flags["tuner_type"].value if "tuner_type" in flags else "lora"
    if tuner == "full":
        for name in ("lora_rank", "lora_alpha", "lora_dropout", "target_modules"):
            drop(name, "`tuner: full` reads nothing of it")
    if "val_dataset" in flags:
        drop("split_dataset_ratio", "ms-swift passes over it beside validation files")
    for name, idle in _IDLE.items():
        if name in flags and flags[name].why is None and _number(flags[name].value) in idle:
            drop(name, "absent means the same")


_IDLE: Final[dict[str, tuple[float, ...]]] = {
    "split_dataset_ratio": (0.0,),
    "max_steps": (-1.0, 0.0),
    "save_total_limit": (0.0, -1.0),
}


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _hub(flags: Mapping[str, Flag], use_hf: str | None) -> str | None:
    """The hub that the command names; None if it leaves that to ms-swift."""
    said = flags["use_hf"].value if "use_hf" in flags else use_hf
    if said is None:
        return None
    return "huggingface" if said.lower() in _TRUE else "modelscope"


def _owned(draft: Draft, name: str, flag: Flag, hub: str | None) -> None:
    key = _key_of(name)
    value = Text(flag.value, flag.why)
    if name == "use_hf":
        draft.entries["model", "hub"] = Entry((Text(hub or "modelscope"),), comment=flag.comment)
    elif name == "model":
        draft.entries[key] = Entry((value,), "text", flag.comment)
        if hub is None and _on_hub(value.text, draft.published):
            note = "where ms-swift looks for it" if flag.why is None else None
            draft.entries["model", "hub"] = Entry((Text("modelscope"),), comment=note)
    elif name in ("dataset", "val_dataset"):
        items = tuple(_data_entry(item, hub) for item in flag.values)
        draft.entries[key] = Entry(items, "list", flag.comment)
    elif name == "use_cpu":
        if value.text.lower() in _TRUE:
            draft.entries[key] = Entry((Text("none"),), comment="--use_cpu")
    elif name == "target_modules":
        form = "list" if len(flag.values) > 1 else "text"
        draft.entries[key] = Entry(flag.values, form, flag.comment)  # type: ignore[arg-type]
    else:
        form = "text" if ARGUMENTS[name] in _TEXT_KEYS else "plain"
        if len(flag.values) > 1:
            form = "list"
        text = _boolean(value) if ARGUMENTS[name].rpartition(".")[2] in _BOOLEANS else value
        values = flag.values if len(flag.values) > 1 else (text,)
        draft.entries[key] = Entry(values, form, flag.comment)  # type: ignore[arg-type]


_BOOLEANS: Final = frozenset(
    {"freeze_llm", "freeze_vit", "freeze_aligner", "gradient_checkpointing"}
)


def _key_of(name: str) -> Key:
    return tuple(ARGUMENTS[name].split("."))


def _say_hubs(draft: Draft, flag: Flag, entry: Entry) -> None:
    """Says which entries are taken for data sets on a hub."""
    for given, made in zip(flag.values, entry.values, strict=True):
        if given.text != made.text and "::" not in given.text:
            message = f"{shown(given.text)} is no file here: taken for a data set on a hub"
            hint = f"`{made.text}` is written; a file has to be there, or to have an extension"
            draft.find("import.on-hub", "info", flag.spot, message, hint, ARGUMENTS[flag.name])


def _boolean(value: Text) -> Text:
    lower = value.text.lower()
    if value.why is None and lower in _TRUE | _FALSE:
        return Text("true" if lower in _TRUE else "false")
    return value


def _on_hub(model: str, published: Published) -> bool:
    """Whether ms-swift would ask the hub for it, and vlft would not know that."""
    found = _HUB_ID.fullmatch(model) is not None and "#" not in model and ":" not in model
    return found and not os.path.exists(model) and not published.is_known(model)  # noqa: PTH110


def _data_entry(item: Text, hub: str | None) -> Text:
    """A data set on a hub is written `ms::owner/name`; a file stays as it is."""
    text = item.text
    prefix, separator, rest = text.partition("::")
    if separator and prefix.lower() in ("hf", "ms"):
        return Text(f"{prefix.lower()}::{rest}", item.why)
    name = text.partition("#")[0]
    if item.why is not None or os.path.exists(name) or _FILE.search(text):  # noqa: PTH110
        return item
    if _HUB_ID.fullmatch(text) or ("/" not in name and "." not in name and name):
        return Text(f"{'hf' if hub == 'huggingface' else 'ms'}::{text}")
    return item


def _passed(flag: Flag, argument: Argument | None) -> Entry:
    """A value under `swift:`, in the form that reaches the command line as it was written."""
    comment = flag.comment
    many = argument is not None and argument.many
    if len(flag.values) > 1 or many:
        return Entry(flag.values or (Text("true"),), "list", comment)
    value = Text(flag.value, flag.why)
    if argument is not None and argument.type == "bool" and flag.why is None:
        lower = value.text.lower()
        value = Text(lower) if lower in ("true", "false") else value
    if value.why is None and value.text.startswith("{"):
        mapping = as_mapping(value.text)
        if mapping is not None:
            return Entry((Text(mapping),), "raw", comment)
    return Entry((value,), "plain", comment)
