"""Rows with a video each, and what vlft says of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from vlft.data.checking.lines import first_look
from vlft.data.findings import worst
from vlft.data.reading.lines import rows_of
from vlft.data.rows.judge import judge
from vlft.data.rows.length import counted_row
from vlft.data.rows.media import Context
from vlft.data.settings import CheckSettings
from vlft.data.statistics import StatsSettings, collect
from vlft.data.statistics_report import Choice
from vlft.data.tokens.rows import TokenModel, open_counter

FILMED = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl-fps", "internvl", "internvl3_5")
"""Settings of `token_cases` whose rows have files of video."""


class Told(NamedTuple):
    """What vlft says of a row: the worst fate, and its tokens; None where they are not counted."""

    fate: str | None
    tokens: int | None


def film_row(path: Path | str, question: str = "<video>what is it?") -> dict[str, Any]:
    return {
        "messages": [
            {"role": "user", "content": question},
            {"role": "assistant", "content": "a film of colours"},
        ],
        "videos": [str(path)],
    }


def film_rows(films: Mapping[str, Path]) -> list[dict[str, Any]]:
    return [film_row(path) for path in films.values()]


def measured_by_stats(file: Path, settings: CheckSettings) -> dict[str, Any]:
    """What `vlft data stats` says of the tokens of a file's rows."""
    family, vision = settings.family, settings.vision
    assert family is not None
    vision = vision or family.vision
    assert vision is not None
    assert settings.limits is not None
    asked = StatsSettings(
        model=TokenModel(family, vision),
        tokens=open_counter(settings),
        choices=[Choice("", None, settings.limits, asked=True)],
        max_length=None,
        cwd=settings.cwd,
        root_image_dir=None,
        video_reader=settings.video_reader,
    )
    tokens: dict[str, Any] = collect([file], asked, lambda _: None).to_json()["tokens"]
    return tokens


def told_of(rows: list[dict[str, Any]], settings: CheckSettings) -> list[Told]:
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    found = first_look(lines, settings)
    context = Context(settings, found.columns, found.lost)
    assert context.counter is not None
    told = []
    for row in rows_of(lines, 1, 1):
        problems, sample = judge(found.schema.conform(row.value or {}), context)
        counted = None if sample is None else counted_row(sample, context)
        told.append(
            Told(worst(problems), None if counted is None else context.counter.count(counted))
        )
    return told
