"""JSON files of a model folder: bounded, and with errors that name the place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from vlft.errors import VlftError

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 16 * 1024 * 1024
"""Largest config file that is read; published ones are below 1 MiB."""

MAX_PARTS = 4_000_000
"""Most commas and brackets in a document: what keeps a small file from filling the memory."""


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        VlftError: If it can't be read, is no JSON object, or is larger than a config can be.
    """
    try:
        if path.exists() and not path.is_file():
            raise VlftError(f"`{path}` is not a file")  # opening a pipe would wait for ever
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise VlftError(f"`{path}` can't be read: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise VlftError(f"`{path}` is larger than {MAX_BYTES // 1024**2} MiB: that is no config")
    try:
        return parse_object(content)
    except ValueError as error:
        hint = "download the file again; it may have been cut short or edited"
        raise VlftError(f"`{path}` {error}", hint) from None


def parse_object(content: bytes) -> dict[str, Any]:
    """The JSON object in these bytes.

    Raises:
        ValueError: What is wrong, as the end of a sentence that starts with the file's name.
    """
    if sum(content.count(mark) for mark in (b",", b"[", b"{")) > MAX_PARTS:
        raise ValueError("has more parts than any model's files")
    try:
        value = json.loads(content.decode("utf-8"))
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise ValueError(
            f"is not JSON: line {error.lineno}, column {error.colno}: {error.msg}"
        ) from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except ValueError:
        raise ValueError("holds a number that is too long") from None
    if not isinstance(value, dict):
        raise ValueError(f"holds a {type(value).__name__}, not an object")  # noqa: TRY004
    return value
