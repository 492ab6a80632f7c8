"""Pydantic's complaints about a config as findings, in our words and at their places."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vlft.config.ownership import ARGUMENTS, ENVIRONMENT
from vlft.config.schema import config_with
from vlft.config.source import dotted
from vlft.engines import section_names
from vlft.security.secrets import MASK, is_secret_name, mask
from vlft.text import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

    from vlft.config.fields import Section
    from vlft.config.source import KeyPath, Source
    from vlft.findings import Finding


def by_place(error: ValidationError, data: object) -> dict[KeyPath, list[ErrorDetails]]:
    """Pydantic's complaints by place; it has one for each member of a union."""
    grouped: dict[KeyPath, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        grouped.setdefault(_key_path(detail["loc"], data), []).append(detail)
    return grouped


def _key_path(loc: tuple[int | str, ...], data: object) -> KeyPath:
    """The part of pydantic's location that exists in the file (it appends union members)."""
    path: KeyPath = ()
    for part in loc:
        if isinstance(data, dict):
            if part not in data:
                return (*path, part)  # a required key that is missing
            data = data[part]
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            break
        path = (*path, part)
    return path


def complaint(path: KeyPath, details: Sequence[ErrorDetails], source: Source) -> Finding:
    """What is wrong at one place, and what to write instead."""
    detail = details[0]
    kind = detail["type"]
    key = str(path[-1]) if path else ""
    if kind == "extra_forbidden":
        return source.finding(
            "config.unknown-key",
            "error",
            path,
            f"there is no key `{key}` in {_section_name(path)}",
            _unknown_key_hint(path),
            at_key=True,
        )
    if kind == "missing":
        return source.finding(
            "config.missing-key",
            "error",
            path,
            f"`{dotted(path)}` is missing",
            _MISSING_HINTS.get(dotted(path)),
        )
    entry = source.entry(path)
    value = None if entry is None else entry.data  # None, too, for what validation took for empty
    expected = " or ".join(dict.fromkeys(_expected(item) for item in details))
    return source.finding(
        "config.type",
        "error",
        path,
        f"`{dotted(path)}` is {_shown(path, value)}; it must be {expected}",
        _choice_hint(value, details),
    )


_MISSING_HINTS = {
    "model": "write `model: {path: FOLDER}`",
    "model.path": "write the model's folder or its id on a hub",
    "data": "write `data: {train: [train.jsonl]}`",
    "data.train": "write the training files: `train: [train.jsonl]`",
    "quant.bits": "write `bits: 4`",
    "quant.method": "write `method: bnb`; ms-swift ignores the bits without a method",
}


def _unknown_key_hint(path: KeyPath) -> str | None:
    """The key to write instead: a misspelt neighbour, its owner, or `swift:`."""
    name = str(path[-1])
    close = nearest(name, legal_keys(path[:-1]))
    if close:
        return f"did you mean `{close}`?"
    owner = ARGUMENTS.get(name) or ENVIRONMENT.get(name)
    if owner is not None:
        is_inner = "." in owner
        return f"write it as `{owner}`" if is_inner else f"`{owner}` is a top-level key"
    if name.isupper():
        return "environment variables stand under `env:`"
    elsewhere = nearest(name, [owner.rpartition(".")[2] for owner in ARGUMENTS.values()])
    if elsewhere:
        owners = [owner for owner in ARGUMENTS.values() if owner.rpartition(".")[2] == elsewhere]
        return f"did you mean `{owners[0]}`?"
    return "an argument of ms-swift that has no section stands under `swift:`"


def legal_keys(path: KeyPath) -> list[str]:
    """The keys of the section at `path`; none if it is not a section."""
    section: type[Section] | None = config_with(section_names())
    for part in path:
        section = section.section_at(str(part)) if section else None
    return list(section.model_fields) if section else []


def _expected(detail: ErrorDetails) -> str:
    """What would have been right, in a few words."""
    text = _EXPECTED.get(detail["type"])
    if text is None:
        return detail["msg"][:1].lower() + detail["msg"][1:]
    return text.format(**detail.get("ctx", {}))


_EXPECTED = {
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
    "too_short": "a list of at least one item",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a section: a mapping of keys to values",
}


def _choice_hint(value: object, details: Sequence[ErrorDetails]) -> str | None:
    if not isinstance(value, str):
        return None
    choices = [
        choice.strip("'\" ")
        for detail in details
        if detail["type"] == "literal_error"
        for choice in re.split(", | or ", str(detail.get("ctx", {}).get("expected")))
    ]
    close = nearest(value, choices)
    return f"did you mean `{close}`?" if close else None


def _shown(path: KeyPath, value: object) -> str:
    """A value as an error shows it: short, never a whole section, and never a secret."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if any(is_secret_name(str(part)) for part in path):
        return f"`{MASK}`"
    return f"`{mask(str(value))[:60]}`"


def _section_name(path: KeyPath) -> str:
    return f"`{dotted(path[:-1])}`" if len(path) > 1 else "a config"
