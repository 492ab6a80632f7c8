"""Answers of a model to the rows of a file, through `swift infer`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlft.engines.local.run import run_watched
from vlft.engines.process import exit_code_of, to_process
from vlft.errors import VlftError
from vlft.files import write_text
from vlft.infer.predictions import Answer, read_answers, vars_of
from vlft.plan.command import Command, render_flags
from vlft.plan.environment import FOREIGN
from vlft.resolve.quantization import lacks_to_load
from vlft.runs.base_model import refuse_unread_code
from vlft.runs.inference_settings import environment, interpreter_for, patched, settings, weights
from vlft.runs.record import new_run_id, utc_now
from vlft.swift.probe import read_swift
from vlft.swift.release import as_flags

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlft.runs.target import Target
    from vlft.swift.args import Arguments


@dataclass(frozen=True)
class Inference:
    """Answers, and where they are kept.

    Attributes:
        answers: In the order of the rows.
        folder: Logs and `predictions.jsonl`.
        exit_code: 0, or 128 + the signal that stopped it.
    """

    answers: tuple[Answer, ...]
    folder: Path
    exit_code: int


@dataclass(frozen=True, slots=True)
class Asking:
    """How a model is asked.

    Attributes:
        max_new_tokens: Length of an answer, at most.
        batch_size: Rows at once.
        python: Interpreter; None for that of the run.
    """

    max_new_tokens: int
    batch_size: int = 1
    python: str | None = None


def infer_command(target: Target, data: Path, result: Path, asking: Asking) -> Command:
    """The process that answers the rows of a file, greedily.

    Raises:
        VlftError: If there is no ms-swift, or an adapter's base is not known.
    """
    own: Arguments = {
        "val_dataset": (str(data.absolute()),),
        "result_path": (str(result),),
        "max_new_tokens": (str(asking.max_new_tokens),),
        "max_batch_size": (str(asking.batch_size),),
        "temperature": ("0",),
    }
    return _command(target, own, asking)


def infer_rows(
    target: Target,
    data: Path,
    *,
    max_new_tokens: int,
    batch_size: int = 1,
    folder: Path | None = None,
    python: str | None = None,
) -> Inference:
    """Asks the model about every row, greedily.

    Args:
        target: Weights and the run that they came from.
        data: JSONL with rows as in training.
        max_new_tokens: Length of an answer, at most.
        batch_size: Rows at once.
        folder: An existing folder for logs and answers; a new one if absent.
        python: Interpreter; None for that of the run.

    Raises:
        VlftError: If there is no ms-swift, or the file is not there.
        TrainerError: If swift failed, or dropped rows that can't be told from others.
    """
    if not data.is_file():
        raise VlftError(f"there is no file `{data}`", "rows as in training: one JSON object a line")
    folder = folder or _new_folder(target)
    result = folder / "swift.jsonl"
    command = infer_command(target, data, result, Asking(max_new_tokens, batch_size, python))
    process = to_process(command)
    outcome = run_watched(process, folder)
    code = exit_code_of(outcome, folder)
    if code:
        return Inference((), folder, code)
    answers = tuple(read_answers(data, result, folder))
    lines = [json.dumps(vars_of(answer), ensure_ascii=False) for answer in answers]
    write_text(folder / "predictions.jsonl", "".join(f"{line}\n" for line in lines))
    return Inference(answers, folder, 0)


def chat_command(target: Target, asking: Asking) -> Command:
    """The process that talks on the terminal: ms-swift's own dialogue.

    Raises:
        VlftError: As in `infer_command`.
    """
    return _command(target, {"max_new_tokens": (str(asking.max_new_tokens),)}, asking)


def _command(target: Target, own: Arguments, asking: Asking) -> Command:
    refuse_unread_code(target)
    interpreter = interpreter_for(target, python=asking.python)
    lacking = lacks_to_load(target.checkpoint.quantization, interpreter.packages)
    if lacking is not None:
        raise VlftError(
            f"{lacking}, not installed beside {interpreter.python}",
            "name an environment that has it: --python ENV/bin/python, or export.python",
        )
    wanted = patched(weights(target) | settings(target) | own, target, interpreter)
    legal = read_swift(interpreter).arguments["infer"]
    known = {name: texts for name, texts in wanted.items() if name in legal}
    flags = render_flags(as_flags(known, legal))
    script = Path(interpreter.swift_dir or "", "cli", "infer.py")
    env = environment(target)
    unset = tuple(name for name in FOREIGN if name not in env)
    return Command((interpreter.python, str(script), *flags), env, unset)


def ask(
    target: Target,
    question: str,
    images: Sequence[Path],
    videos: Sequence[Path],
    *,
    asking: Asking,
) -> Inference:
    """Asks the model one question about images and videos.

    Where the question says no `<image>` or `<video>`, they come before it, in order.

    Raises:
        VlftError: If a file is not there; else as `infer_rows`.
    """
    for file in (*images, *videos):
        if not file.is_file():
            raise VlftError(f"there is no file `{file}`")
    missing = "<image>" * max(0, len(images) - question.count("<image>"))
    missing += "<video>" * max(0, len(videos) - question.count("<video>"))
    row: dict[str, Any] = {"messages": [{"role": "user", "content": missing + question}]}
    if images:
        row["images"] = [str(file.absolute()) for file in images]
    if videos:
        row["videos"] = [str(file.absolute()) for file in videos]
    folder = _new_folder(target)
    data = folder / "question.jsonl"
    write_text(data, json.dumps(row, ensure_ascii=False) + "\n")
    return infer_rows(
        target,
        data,
        max_new_tokens=asking.max_new_tokens,
        folder=folder,
        python=asking.python,
    )


def _new_folder(target: Target) -> Path:
    parent = target.run.folder / "infer" if target.run else Path.cwd() / "output"
    folder = parent / new_run_id("infer", utc_now())
    folder.mkdir(parents=True)
    return folder
