"""Several forms of one model, asked the same rows and scored side by side."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlft.engines.process import STDOUT
from vlft.errors import TrainerError, UsageError, VlftError
from vlft.export.run import Request, carry_out, plan_export
from vlft.files import write_json, write_text
from vlft.infer.infer import Asking, infer_rows
from vlft.infer.metrics import chosen
from vlft.infer.summary import Variant, summarise
from vlft.probe.checkpoint import read_checkpoint
from vlft.runs.base_model import base_folder
from vlft.runs.inference_settings import base_of
from vlft.runs.record import fingerprint, new_run_id, utc_now
from vlft.runs.target import resolve_target

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vlft.infer.eval_dataset import Question
    from vlft.infer.metrics import Metric
    from vlft.runs.target import Target

FORMS = ("base", "adapter", "merged", "8bit", "4bit")
"""What `--against` knows beside runs and folders."""

_SPEED = re.compile(r"'samples/s': ([0-9.eE+-]+)")


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        summaries: The documented objects, a form of the model each.
        metrics: In the order of their columns.
        folder: `results.jsonl`, `summary.json` and the logs.
        exit_code: 0, or 128 + the signal that stopped it.
    """

    summaries: list[dict[str, Any]]
    metrics: tuple[Metric, ...]
    folder: Path
    exit_code: int


class _StoppedError(Exception):
    """A signal ended one of the steps."""

    def __init__(self, exit_code: int) -> None:
        super().__init__()
        self.exit_code = exit_code


def forms(target: Target, against: Sequence[str]) -> tuple[str, ...]:
    """Names of the forms to ask, the target's own first.

    Raises:
        UsageError: If a form does not exist for this target.
    """
    own = "adapter" if target.checkpoint.kind == "adapter" else "model"
    names = [own, *against]
    if own == "model" and (wrong := [name for name in names if name in ("base", "merged")]):
        raise UsageError(
            f"`{target.checkpoint.path}` is a whole model and has no {wrong[0]}",
            "--against 8bit, 4bit, a run or a folder",
        )
    return tuple(dict.fromkeys(names))


def evaluate(
    target: Target,
    question: Question,
    names: Sequence[str],
    metric_names: Sequence[str],
    asking: Asking,
    say: Callable[[str], None],
) -> Evaluation:
    """Asks every form, makes those that are not there yet, and scores the answers.

    Args:
        target: The model or adapter.
        question: From `read_question`.
        names: From `forms`.
        metric_names: Of the metrics; those that fit the answers if empty.
        asking: How.
        say: Gets a line when something begins.

    Raises:
        VlftError: If a form can't be made.
        TrainerError: If ms-swift failed.
    """
    metrics = chosen(metric_names, question.answers)
    # Looked up, and refused, before the first is asked.
    sources = [_source(target, name, asking.python) for name in names]
    folder = _new_folder(target)
    data = folder / "rows.jsonl"
    lines = (json.dumps(row, ensure_ascii=False) for row in question.rows)
    write_text(data, "".join(f"{line}\n" for line in lines))
    variants: list[Variant] = []
    try:
        for name, source in zip(names, sources, strict=True):
            found = _made(target, source, say) if isinstance(source, Request) else source
            say(f"asking {name}: {len(question.rows)} rows, {found.checkpoint.path}")
            variants.append(_ask(name, found, data, folder, question, metrics, asking))
    except _StoppedError as stopped:
        return Evaluation([], metrics, folder, stopped.exit_code)
    summaries = summarise(variants, metrics)
    _write_results(folder, question, variants)
    mark = fingerprint(question.file)
    write_json(
        folder / "summary.json",
        {
            "version": 1,
            "created": utc_now().isoformat(timespec="seconds"),
            "run": target.run.id if target.run else None,
            "data": {"path": mark.path, "bytes": mark.bytes, "xxh3": mark.xxh3},
            "rows": list(question.numbers),
            "max_new_tokens": asking.max_new_tokens,
            "variants": summaries,
        },
    )
    return Evaluation(summaries, metrics, folder, 0)


def _source(target: Target, name: str, python: str | None) -> Target | Request:
    """A form that is there, or how to make it."""
    if name in ("adapter", "model"):
        return target
    if name == "base":
        base = base_folder(target)
        if base is None:
            said = f"the base is a hub id, `{base_of(target)}`, and not in its cache here"
            raise VlftError(said, "fetch it, or name a folder of it")
        return replace(target, checkpoint=read_checkpoint(base))
    if name in FORMS:
        bits = {"8bit": 8, "4bit": 4}.get(name)
        request = Request(bits=bits, quantize=bits is not None, python=python)
        plan_export(target, request)
        return request
    return resolve_target(name, trust=target.trusted)


def _made(target: Target, request: Request, say: Callable[[str], None]) -> Target:
    shipped = carry_out(plan_export(target, request), say)
    product = shipped.merged if request.bits is None else shipped.quantized
    if product is None:
        raise _StoppedError(shipped.exit_code)
    return replace(target, checkpoint=read_checkpoint(product.folder))


def _ask(
    name: str,
    target: Target,
    data: Path,
    folder: Path,
    question: Question,
    metrics: Sequence[Metric],
    asking: Asking,
) -> Variant:
    work = folder / re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")
    work.mkdir()
    began = time.monotonic()
    done = infer_rows(
        target,
        data,
        max_new_tokens=asking.max_new_tokens,
        batch_size=asking.batch_size,
        folder=work,
        python=asking.python,
    )
    if done.exit_code:
        raise _StoppedError(done.exit_code)
    if not done.answers:
        raise TrainerError(f"ms-swift answered none of the rows of {question.file}")
    said: list[str | None] = [None] * len(question.rows)
    for answer in done.answers:
        said[answer.row - 1] = answer.prediction
    return Variant(
        name=name,
        folder=target.checkpoint.path,
        scores={
            metric.name: [
                0.0 if text is None else metric.score(text, right)
                for text, right in zip(said, question.answers, strict=True)
            ]
            for metric in metrics
        },
        predictions=said,
        bytes=_size(target),
        seconds=time.monotonic() - began,
        rows_per_second=_speed(work / STDOUT),
    )


def _write_results(folder: Path, question: Question, variants: Sequence[Variant]) -> None:
    """A line a row: its place in the file, what is right, what each form said, its scores."""
    lines = []
    for index, (number, answer) in enumerate(zip(question.numbers, question.answers, strict=True)):
        row = {
            "row": number,
            "answer": answer,
            "predictions": {one.name: one.predictions[index] for one in variants},
            "scores": {
                one.name: {metric: scores[index] for metric, scores in one.scores.items()}
                for one in variants
            },
        }
        lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    write_text(folder / "results.jsonl", "".join(lines))


def _size(target: Target) -> int:
    """Bytes of all weights that are loaded."""
    size = target.checkpoint.weight_bytes
    if target.checkpoint.kind == "adapter" and (base := base_folder(target)) is not None:
        size += read_checkpoint(base).weight_bytes
    return size


def _speed(log: Path) -> float | None:
    """Rows a second, as ms-swift prints them when it is done."""
    try:
        found = _SPEED.findall(log.read_text(encoding="utf-8", errors="replace"))
        return float(found[-1]) if found else None
    except (OSError, ValueError):
        return None


def _new_folder(target: Target) -> Path:
    parent = target.run.folder / "eval" if target.run else Path.cwd() / "output"
    folder = parent / new_run_id("eval", utc_now())
    folder.mkdir(parents=True)
    return folder
