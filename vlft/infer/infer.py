"""Answers of a model to the rows of a file, through `swift infer`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct, to_builtins

from vlft.engines.process import STDERR
from vlft.errors import TrainerError, VlftError
from vlft.export.step import run_tool
from vlft.files import read_rows, write_json_lines
from vlft.plan import Command, render_tool
from vlft.resolve.quantization import lacks_to_load
from vlft.runs.inference_settings import (
    environment,
    interpreter_for,
    patched,
    refuse_unread_code,
    settings,
    weights,
)
from vlft.runs.record import new_run_id, utc_now

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vlft.runs.target import Target
    from vlft.swift.release import Arguments


class Answer(Struct, frozen=True):
    """One row's answer: the documented object of `vlft infer --format json`.

    Attributes:
        row: Row of the data file, from 1.
        prediction: What the model said.
        answer: What the row says; None if it has no answer.
    """

    row: int
    prediction: str
    answer: str | None


class Asking(Struct, frozen=True):
    """How a model is asked.

    Attributes:
        max_new_tokens: Length of an answer, at most.
        batch_size: Rows at once.
        python: Interpreter; None for that of the run.
    """

    max_new_tokens: int
    batch_size: int = 1
    python: str | None = None


def infer_command(
    target: Target, asking: Asking, data: Path | None = None, result: Path | None = None
) -> Command:
    """The process that answers the rows of a file, greedily; or ms-swift's own dialogue.

    Args:
        target: Weights and the run that they came from.
        asking: How.
        data: The rows; None to talk on the terminal.
        result: Where ms-swift writes the answers to them.

    Raises:
        VlftError: If there is no ms-swift, or an adapter's base is not known.
    """
    own: Arguments = {"max_new_tokens": (str(asking.max_new_tokens),)}
    if data is not None:
        own = {
            "val_dataset": (str(data.absolute()),),
            "result_path": (str(result),),
            **own,
            "max_batch_size": (str(asking.batch_size),),
            "temperature": ("0",),
        }
    refuse_unread_code(target)
    interpreter = interpreter_for(target, python=asking.python)
    lacking = lacks_to_load(target.checkpoint.quantization, interpreter.packages)
    if lacking is not None:
        raise VlftError(
            f"{lacking}, not installed beside {interpreter.python}",
            "name an environment that has it: --python ENV/bin/python, or export.python",
        )
    wanted = patched(weights(target) | settings(target) | own, target, interpreter)
    return render_tool(interpreter, "infer", wanted, environment(target))


def infer_rows(
    target: Target, data: Path, asking: Asking, *, folder: Path | None = None
) -> tuple[list[Answer], Path]:
    """Asks the model about every row, greedily.

    Args:
        target: Weights and the run that they came from.
        data: JSONL with rows as in training.
        asking: How.
        folder: An existing folder for logs and answers; a new one if absent.

    Returns:
        The answers in the order of the rows; the folder with logs and `predictions.jsonl`.

    Raises:
        VlftError: If there is no ms-swift, or the file is not there.
        TrainerError: If swift failed, or dropped rows that can't be told from others.
        StoppedError: A signal ended it.
    """
    if not data.is_file():
        raise VlftError(f"there is no file `{data}`", "rows as in training: one JSON object a line")
    folder = folder or new_folder(target, "infer")
    result = folder / "swift.jsonl"
    run_tool(infer_command(target, asking, data, result), folder)
    answers = list(_read_answers(data, result, folder))
    write_json_lines(folder / "predictions.jsonl", map(to_builtins, answers))
    return answers, folder


def ask(
    target: Target, question: str, images: Sequence[Path], videos: Sequence[Path], asking: Asking
) -> tuple[list[Answer], Path]:
    """Asks the model one question about images and videos.

    Where the question says no `<image>` or `<video>`, they come before it, in order.

    Raises:
        VlftError: If a file is not there; else as `infer_rows`.
    """
    missing = ""
    media: dict[str, list[str]] = {}
    for column, tag, files in (("images", "<image>", images), ("videos", "<video>", videos)):
        for file in files:
            if not file.is_file():
                raise VlftError(f"there is no file `{file}`")
        missing += tag * max(0, len(files) - question.count(tag))
        if files:
            media[column] = [str(file.absolute()) for file in files]
    messages = [{"role": "user", "content": missing + question}]
    folder = new_folder(target, "infer")
    data = folder / "question.jsonl"
    write_json_lines(data, [{"messages": messages} | media])
    return infer_rows(target, data, asking, folder=folder)


def new_folder(target: Target, name: str) -> Path:
    """A folder for results, below that of the run."""
    parent = target.run.folder / name if target.run else Path.cwd() / "output"
    folder = parent / new_run_id(name, utc_now())
    folder.mkdir(parents=True)
    return folder


def _read_answers(data: Path, result: Path, folder: Path) -> Iterator[Answer]:
    """Swift's results beside the rows that they belong to.

    swift drops rows that it can't read without saying which; then each result is taken to
    the next row with the same last question and images.

    Args:
        data: The rows that were asked.
        result: What ms-swift wrote.
        folder: Where its log is, for the message.

    Raises:
        TrainerError: If it wrote nothing, or which rows it dropped is not clear.
    """
    if not result.exists():
        raise TrainerError(f"ms-swift wrote no {result.name}")
    rows, results = list(read_rows(data)), list(read_rows(result))
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
    left = enumerate(rows, start=1)
    for item in results:
        question = _question(item)
        number = next((number for number, row in left if _question(row) == question), None)
        if number is None:
            return
        yield number, item


def _question(row: Mapping[str, Any]) -> tuple[str, str]:
    messages = [m for m in row.get("messages") or [] if m.get("role") in ("user", "human")]
    asked = messages[-1].get("content") if messages else row.get("query")
    images = row.get("images") or row.get("image") or []
    named = [images] if isinstance(images, str) else images
    paths = [image.get("path") if isinstance(image, dict) else image for image in named]
    return str(asked), json.dumps(paths)
