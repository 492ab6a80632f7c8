"""What a config names outside of itself: files, folders, ids."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vlft.config.reader import LoadedConfig


@dataclass(frozen=True, slots=True)
class Reference:
    """One value that names something.

    Attributes:
        text: As written.
        base_dir: Folder that a relative path starts from: that of the file it was written in, or
            the working directory for --set.
    """

    text: str
    base_dir: Path

    @property
    def path(self) -> Path:
        """The text as an absolute path."""
        return absolute(self.text, self.base_dir)


@dataclass(frozen=True, slots=True)
class References:
    """All of them; None for a key that is not given.

    Attributes:
        model: A folder, or an id on a hub.
        output_dir: Folder that the runs' folders are made in.
        train: Entries of `data.train`.
        val: Entries of `data.val`; empty for a share.
        python: The interpreter that trains.
        deepspeed: A preset or a file.
        resume: The checkpoint to resume from.
        passed: Texts under `swift:`, any of which may be a file.
    """

    model: Reference
    output_dir: Reference
    train: tuple[Reference, ...]
    val: tuple[Reference, ...]
    python: Reference | None
    deepspeed: Reference | None
    resume: Reference | None
    passed: frozenset[str]


def references(loaded: LoadedConfig) -> References:
    """What a config names."""
    config, base_dir = loaded.config, loaded.source.base_dir

    def named(text: str | None, *path: str | int) -> Reference | None:
        return Reference(text, base_dir(path)) if text else None

    def entries(texts: list[str], key: str) -> tuple[Reference, ...]:
        return tuple(
            Reference(text, base_dir(("data", key, index))) for index, text in enumerate(texts)
        )

    val = config.data.val
    passed = [
        item
        for value in config.swift.values()
        for item in (value if isinstance(value, list) else [value])
    ]
    return References(
        model=Reference(config.model.path, base_dir(("model", "path"))),
        output_dir=Reference(config.output_dir, base_dir(("output_dir",))),
        train=entries(config.data.train, "train"),
        val=entries(val, "val") if isinstance(val, list) else (),
        python=named(config.launch.python, "launch", "python"),
        deepspeed=named(config.deepspeed, "deepspeed"),
        resume=named(config.train.resume_from_checkpoint, "train", "resume_from_checkpoint"),
        passed=frozenset(text for text in passed if isinstance(text, str)),
    )


def absolute(text: str, base_dir: Path) -> Path:
    """A path as written in a config, made absolute without following links."""
    # os.path leaves `~somebody` as it is where there is no such user.
    return Path(os.path.normpath(os.path.join(base_dir, os.path.expanduser(text))))  # noqa: PTH111, PTH118
