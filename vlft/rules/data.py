"""The files that are trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.rules.base import Context, Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.facts.dataset import DataEntry


@rule(
    "data.not-found",
    "error",
    "swift/dataset/dataset_syntax.py: asks the hub instead",
    effect="late",
)
def data_exists(context: Context) -> Iterator[Problem]:
    """Every entry is a file that exists, or says `hf::` or `ms::`."""
    for key, entries in (("train", context.facts.train), ("val", context.facts.val)):
        for index, entry in enumerate(entries):
            if entry.kind == "missing":
                yield Problem(
                    ("data", key, index),
                    f"there is no file `{entry.path}`",
                    "a relative path starts from the config file's folder; "
                    f"a data set on a hub is written `hf::{entry.text}` or `ms::{entry.text}`",
                )


@rule("data.empty", "error", "datasets: an empty file ends in StopIteration", effect="late")
def data_is_not_empty(context: Context) -> Iterator[Problem]:
    """No file is empty."""
    for key, entries in (("train", context.facts.train), ("val", context.facts.val)):
        for index, entry in enumerate(entries):
            if _is_empty(entry):
                yield Problem(("data", key, index), f"`{entry.path}` is empty", "one row a line")


def _is_empty(entry: DataEntry) -> bool:
    return entry.path is not None and entry.path.is_file() and entry.path.stat().st_size == 0
