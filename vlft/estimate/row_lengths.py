"""Lengths of the rows that a config trains on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlft.errors import VlftError
from vlft.estimate.memory.from_config import RowSize

if TYPE_CHECKING:
    from collections.abc import Callable

    from vlft.models import Family
    from vlft.pipeline import Prepared


MAX_SCANNED_BYTES = 16 * 1024 * 1024
"""Of all training files together that are read without having been asked to."""


@dataclass(frozen=True, slots=True)
class RowLengths:
    """Tokens of the rows, placeholders of pictures included.

    Attributes:
        rows: Rows that were measured.
        p50: Half of the rows have no more.
        p95: 95 % of the rows have no more.
        max: The longest row.
        most_vision: Most placeholders of a row.
        over_max_length: Rows that do not fit; None without a limit.
        exact: Whether a tokenizer counted them; else these are upper bounds.
    """

    rows: int
    p50: int
    p95: int
    max: int
    most_vision: int
    over_max_length: int | None
    exact: bool

    def largest(self, max_length: int | None) -> RowSize:
        """The largest row that is trained on: longer ones are left out."""
        tokens = self.max if max_length is None else min(self.max, max_length)
        return RowSize(tokens, min(self.most_vision, tokens), measured=True)


def scannable_bytes(prepared: Prepared) -> int:
    """Size of the training files on this machine."""
    return sum(path.stat().st_size for path in _files(prepared))


def measure_rows(
    prepared: Prepared, family: Family, advance: Callable[[int], None]
) -> RowLengths | None:
    """Reads the training files.

    Args:
        prepared: A config.
        family: Of its model.
        advance: Told of bytes read.

    Returns:
        None if there is no file, or none of its rows can be measured.

    Raises:
        VlftError: If a limit on pixels is no number.
        OSError: If a file can't be read.
    """
    from vlft.data.from_config import reader_of_run  # noqa: PLC0415
    from vlft.data.statistics.measures import choices  # noqa: PLC0415
    from vlft.data.statistics.statistics import StatsSettings, collect  # noqa: PLC0415 - only where data is read
    from vlft.data.tokens.model import find_model, of_checkpoint  # noqa: PLC0415
    from vlft.resolve.limits import run_limits  # noqa: PLC0415

    loaded, facts = prepared.loaded, prepared.facts
    if loaded is None or facts is None:
        return None
    files = _files(prepared)
    checkpoint = facts.model.checkpoint
    model = None if checkpoint is None else of_checkpoint(family, checkpoint)
    model = model or find_model(family.swift_model_type)
    if not files:
        return None
    limits = run_limits(loaded, family, facts.environ)
    root = facts.environ.get("ROOT_IMAGE_DIR")
    settings = StatsSettings(
        model=model,
        tokens=_tokens(prepared, model),
        choices=choices(model, limits, []),
        max_length=loaded.config.data.max_length,
        cwd=Path.cwd(),
        root_image_dir=None if root is None else Path(root),
        video_reader=reader_of_run(loaded, facts, family),
    )
    return _lengths(collect(files, settings, advance))


def _lengths(stats: Any) -> RowLengths | None:
    found = stats.to_json()["tokens"]
    total, vision = found["total"], found["vision"]
    if not total:
        return None
    return RowLengths(
        rows=found["rows"],
        p50=total["p50"],
        p95=total["p95"],
        max=total["max"],
        most_vision=vision["max"] if vision else 0,
        over_max_length=found["over_max_length"],
        exact=found["exact"],
    )


def _tokens(prepared: Prepared, model: Any) -> Any:
    """What counts text exactly; None without a tokenizer."""
    from vlft.data.tokens.factory import ChatSettings, open_row_tokens  # noqa: PLC0415

    loaded, facts = prepared.loaded, prepared.facts
    if loaded is None or facts is None or facts.model.checkpoint is None:
        return None
    config = loaded.config
    template = config.swift.get("template")
    chat = ChatSettings(config.task, dict(config.swift))
    try:
        return open_row_tokens(
            model, Path(facts.model.argument), str(template) if template else None, chat
        )
    except VlftError:
        return None


def _files(prepared: Prepared) -> list[Path]:
    entries = prepared.facts.train if prepared.facts is not None else ()
    paths = [entry.path for entry in entries if entry.path is not None]
    return [path for path in paths if os.path.isfile(path)]  # noqa: PTH113  too long a name
