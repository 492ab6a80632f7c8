"""Several forms of one model, asked the same rows and scored side by side."""

from __future__ import annotations

import logging
import re
import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from vlft.engines.process import STDOUT
from vlft.errors import TrainerError, UsageError, VlftError
from vlft.export.plan import Request, plan_export
from vlft.export.run import carry_out
from vlft.files import write_json, write_json_lines
from vlft.infer.infer import infer_rows, new_folder
from vlft.infer.summary import Variant, summarise
from vlft.probe.checkpoint import read_checkpoint
from vlft.runs.inference_settings import base_folder, base_of
from vlft.runs.record import fingerprint, utc_now
from vlft.runs.target import resolve_target

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vlft.infer.eval_dataset import Question
    from vlft.infer.infer import Asking
    from vlft.infer.metrics import Metric
    from vlft.infer.summary import Summary
    from vlft.runs.target import Target

FORMS = ("base", "adapter", "merged", "8bit", "4bit")
"""What `--against` knows beside runs and folders."""

_LOG = logging.getLogger(__name__)
_SPEED = re.compile(r"'samples/s': (\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)")


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
    metrics: Sequence[Metric],
    asking: Asking,
) -> tuple[list[Summary], Path]:
    """Asks every form, makes those that are not there yet, and scores the answers.

    Args:
        target: The model or adapter.
        question: From `read_question`.
        names: From `forms`.
        metrics: How answers are scored.
        asking: How.

    Returns:
        A summary of each form; the folder with `results.jsonl`,
        `summary.json` and the logs.

    Raises:
        VlftError: If a form can't be made.
        TrainerError: If ms-swift failed.
        StoppedError: A signal ended it.
    """
    # Looked up, and refused, before the first is asked.
    sources = [_source(target, name, asking.python) for name in names]
    folder = new_folder(target, "eval")
    data = folder / "rows.jsonl"
    write_json_lines(data, question.rows)
    variants: list[Variant] = []
    for name, source in zip(names, sources, strict=True):
        found = source
        if isinstance(found, Request):
            made = carry_out(plan_export(target, found)).product
            found = replace(target, checkpoint=read_checkpoint(made))
        count = len(question.rows)
        _LOG.info("asking %s: %s rows, %s", name, count, found.checkpoint.path)
        variants.append(_ask(name, found, data, folder, question, metrics, asking))
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
            "variants": list(map(asdict, summaries)),
        },
    )
    return summaries, folder


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
    done = infer_rows(target, data, asking, folder=work)
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
    rows = [
        {
            "row": number,
            "answer": answer,
            "predictions": {one.name: one.predictions[index] for one in variants},
            "scores": {
                one.name: {metric: scores[index] for metric, scores in one.scores.items()}
                for one in variants
            },
        }
        for index, (number, answer) in enumerate(
            zip(question.numbers, question.answers, strict=True)
        )
    ]
    write_json_lines(folder / "results.jsonl", rows)


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
    except OSError:
        return None
    return float(found[-1]) if found else None
