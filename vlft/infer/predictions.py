"""What `swift infer` wrote, beside the rows that it belongs to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vlft.engines.process import STDERR
from vlft.errors import TrainerError, VlftError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Answer:
    """One row's answer.

    Attributes:
        row: Row of the data file, from 1.
        prediction: What the model said.
        answer: What the row says; None if it has no answer.
    """

    row: int
    prediction: str
    answer: str | None


def vars_of(answer: Answer) -> dict[str, Any]:
    """The documented object of one row."""
    return {"row": answer.row, "prediction": answer.prediction, "answer": answer.answer}


def read_answers(data: Path, result: Path, folder: Path) -> Iterator[Answer]:
    """Swift's results beside the rows that they belong to.

    swift drops rows that it can't read without saying which; then each result is taken to
    the next row with the same last question and images.

    Args:
        data: The rows that were asked.
        result: What ms-swift wrote.
        folder: Where its log is, for the message.

    Raises:
        TrainerError: If it wrote nothing, or which rows it dropped is not clear.
        VlftError: If the rows are no JSON Lines.
    """
    rows = list(_read_jsonl(data))
    results = list(_read_jsonl(result))
    if len(results) == len(rows):
        pairs: Sequence[tuple[int, dict[str, Any]]] = list(enumerate(results, start=1))
    else:
        pairs = list(_aligned(rows, results))
        if len(pairs) != len(results):
            raise TrainerError(
                f"ms-swift answered {len(results)} of {len(rows)} rows, and which is not clear",
                f"the rows that it drops are in {folder / STDERR}",
            )
    for number, item in pairs:
        label = item.get("labels")
        yield Answer(number, str(item.get("response")), None if label is None else str(label))


def _aligned(
    rows: Sequence[Mapping[str, Any]], results: Sequence[dict[str, Any]]
) -> Iterator[tuple[int, dict[str, Any]]]:
    position = 0
    for item in results:
        while position < len(rows) and _question(rows[position]) != _question(item):
            position += 1
        if position == len(rows):
            return
        position += 1
        yield position, item


def _question(row: Mapping[str, Any]) -> tuple[str, str]:
    messages = [m for m in row.get("messages") or [] if m.get("role") in ("user", "human")]
    asked = messages[-1].get("content") if messages else row.get("query")
    images = row.get("images") or row.get("image") or []
    named = [images] if isinstance(images, str) else images
    paths = [image.get("path") if isinstance(image, dict) else image for image in named]
    return str(asked), json.dumps(paths)


def _read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open(encoding="utf-8-sig") as stream:
            for number, line in enumerate(stream, start=1):
                if line.strip():
                    row = json.loads(line)
                    if not isinstance(row, dict):
                        raise VlftError(f"{path}:{number}: a row is a JSON object")
                    yield row
    except FileNotFoundError:
        raise TrainerError(f"ms-swift wrote no {path.name}") from None
    except ValueError as error:
        raise VlftError(f"{path}: not JSON lines: {error}") from None
