"""Answers of a model to the rows of a file, through `swift infer`."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlft.command import render_flags
from vlft.errors import TrainerError, VlftError
from vlft.facts.interpreter import Interpreter, find_interpreter
from vlft.facts.swift import read_swift
from vlft.families import family_of
from vlft.files import write_text
from vlft.launch.local import run
from vlft.launch.process import STDERR, Process
from vlft.launch.training import conclude
from vlft.plan.environment import FOREIGN
from vlft.runs.record import new_run_id, utc_now
from vlft.secrets import MASK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vlft.plan.arguments import Arguments
    from vlft.runs.target import Target

# What a model must be asked with, as it was trained: ms-swift restores some of these from
# args.json, but none of the pixel limits.
_KEPT_ARGUMENTS = (
    "model_type",
    "template",
    "system",
    "torch_dtype",
    "attn_impl",
    "max_pixels",
    "norm_bbox",
    "agent_template",
    "use_hf",
    "external_plugins",
)


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


def infer_rows(
    target: Target,
    data: Path,
    *,
    max_new_tokens: int,
    batch_size: int,
    environ: Mapping[str, str] | None = None,
) -> Inference:
    """Asks the model about every row, greedily.

    Args:
        target: Weights and the run that they came from.
        data: JSONL with rows as in training.
        max_new_tokens: Length of an answer, at most.
        batch_size: Rows at once.
        environ: The caller's environment; this process's if absent.

    Raises:
        VlftError: If there is no ms-swift, or the file is not there.
        TrainerError: If swift failed, or dropped rows that can't be told from others.
    """
    caller = os.environ if environ is None else environ
    if not data.is_file():
        raise VlftError(f"there is no file `{data}`", "rows as in training: one JSON object a line")
    interpreter = _interpreter(target, caller)
    folder = _new_folder(target)
    result = folder / "swift.jsonl"
    wanted = (
        weights(target)
        | settings(target)
        | {
            "val_dataset": (str(data.absolute()),),
            "result_path": (str(result),),
            "max_new_tokens": (str(max_new_tokens),),
            "max_batch_size": (str(batch_size),),
            "temperature": ("0",),
        }
    )
    legal = read_swift(interpreter).arguments["infer"]
    flags = render_flags({name: texts for name, texts in wanted.items() if name in legal})
    script = Path(interpreter.swift_dir or "", "cli", "infer.py")
    env = {name: value for name, value in caller.items() if name not in FOREIGN}
    process = Process(
        (interpreter.python, str(script), *flags), env | environment(target), str(Path.cwd())
    )
    outcome = run(process, folder)
    code = conclude(outcome, folder)
    if code:
        return Inference((), folder, code)
    answers = tuple(_answers(data, result, folder))
    lines = [json.dumps(vars_of(answer), ensure_ascii=False) for answer in answers]
    write_text(folder / "predictions.jsonl", "".join(f"{line}\n" for line in lines))
    return Inference(answers, folder, 0)


def weights(target: Target) -> Arguments:
    """`--model`, and `--adapters` for an adapter on its base.

    Raises:
        VlftError: If the adapter's base is not known.
    """
    checkpoint = target.checkpoint
    if checkpoint.kind == "model":
        return {"model": (checkpoint.path,)}
    planned = target.plan.arguments.get("model", ()) if target.plan else ()
    base = planned[0] if planned else checkpoint.base_model
    if not base:
        raise VlftError(
            f"the adapter {checkpoint.path} does not say what model it belongs to",
            "merge it first, or point to the run that made it",
        )
    return {"model": (base,), "adapters": (checkpoint.path,)}


def settings(target: Target) -> Arguments:
    """Template, system prompt and limits of the training run; else what the folder says."""
    if target.plan is not None:
        planned = target.plan.arguments
        return {name: planned[name] for name in _KEPT_ARGUMENTS if name in planned}
    family = family_of(target.checkpoint.model_type)
    if family is None or family.template is None:
        return {}
    return {"model_type": (family.swift_model_type,), "template": (family.template,)}


def environment(target: Target) -> dict[str, str]:
    """Pixel limits and other variables of the training run.

    The devices are not part of it: one process answers, on what the caller has. A secret
    that the record masks is left to the caller's environment.
    """
    if target.plan is None:
        return {}
    kept = {name: value for name, value in target.plan.env.items() if value != MASK}
    if not target.plan.world.cpu:
        kept.pop("CUDA_VISIBLE_DEVICES", None)
    return kept


def vars_of(answer: Answer) -> dict[str, Any]:
    """The documented object of one row."""
    return {"row": answer.row, "prediction": answer.prediction, "answer": answer.answer}


def _interpreter(target: Target, environ: Mapping[str, str]) -> Interpreter:
    """The Python that trained, if it is still there; else the one that vlft finds."""
    argv = target.run.record.get("argv") if target.run else None
    recorded = argv[0] if argv and Path(argv[0]).is_absolute() and Path(argv[0]).exists() else None
    found = find_interpreter(recorded, environ=environ)
    if found is None or found.swift_dir is None:
        raise VlftError(
            "ms-swift is not installed: nothing can be inferred here", "pip install 'vlft[train]'"
        )
    return found


def _new_folder(target: Target) -> Path:
    parent = target.run.folder / "infer" if target.run else Path.cwd() / "output"
    folder = parent / new_run_id("infer", utc_now())
    folder.mkdir(parents=True)
    return folder


def _answers(data: Path, result: Path, folder: Path) -> Iterator[Answer]:
    """Swift's results beside the rows that they belong to.

    swift drops rows that it can't read without saying which; then each result is taken to
    the next row with the same last question and images.
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
