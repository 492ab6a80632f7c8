"""Several forms of one model, asked the same rows and scored side by side."""

from __future__ import annotations

import logging
import re
import time
from typing import TYPE_CHECKING

from msgspec import Struct, to_builtins
from msgspec.structs import replace

from vlft.engines.process import STDOUT
from vlft.errors import TrainerError, UsageError, VlftError
from vlft.export.plan import Request, plan_export
from vlft.export.run import carry_out
from vlft.files import write_json, write_json_lines
from vlft.infer.infer import Asking, infer_rows, new_folder
from vlft.infer.metrics import Metric, Score, difference_of, score_of
from vlft.probe.checkpoint import read_checkpoint
from vlft.runs.inference_settings import base_checkpoint, base_of
from vlft.runs.record import fingerprint, utc_now
from vlft.runs.target import ExportSettings, Target, resolve_target

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from vlft.infer.eval_dataset import Question

FORMS = ("base", "adapter", "merged", "8bit", "4bit")
"""What `--against` knows beside runs and folders."""

_LOG = logging.getLogger(__name__)
_SPEED = re.compile(r"'samples/s': (\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)")


class Variant(Struct, frozen=True):
    """One model that was asked.

    Attributes:
        name: base, adapter, merged, 8bit, 4bit, model, or a folder.
        folder: Of its weights.
        metrics: Metric → its score.
        difference: Metric → the mean over rows of the score minus that of the first model on the
            same row. None for the first one itself.
        rows: That were asked.
        unanswered: How many of them have no answer.
        bytes: Size of its weights, an adapter's base included.
        seconds: Wall time of the answers, the start of Python and the loading included.
        rows_per_second: Of the answering alone; None if ms-swift did not say.
        predictions: What it said; None for a row without an answer.
        scores: Metric → score of every row, in order; 0 for a row without an answer.
    """

    name: str
    folder: str
    metrics: Mapping[str, Score]
    difference: Mapping[str, Score] | None
    rows: int
    unanswered: int
    bytes: int
    seconds: float
    rows_per_second: float | None
    predictions: Sequence[str | None]
    scores: Mapping[str, Sequence[float]]

    def to_json(self) -> dict[str, object]:
        """The documented object of `vlft eval --format json`, of one model."""
        shown: dict[str, object] = to_builtins(self)
        del shown["predictions"], shown["scores"]
        return shown


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
) -> tuple[list[Variant], Path]:
    """Asks every form, makes those that are not there yet, and scores the answers.

    Args:
        target: The model or adapter.
        question: From `read_question`.
        names: From `forms`.
        metrics: How answers are scored.
        asking: How.

    Returns:
        Each form; the folder with `results.jsonl`, `summary.json` and the logs.

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
        first = variants[0] if variants else None
        variants.append(_ask(name, found, data, folder, question, metrics, asking, first))
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
            "variants": [one.to_json() for one in variants],
        },
    )
    return variants, folder


def _source(target: Target, name: str, python: str | None) -> Target | Request:
    """A form that is there, or how to make it."""
    if name in ("adapter", "model"):
        return target
    if name == "base":
        base = base_checkpoint(target)
        if base is None:
            said = f"the base is a hub id, `{base_of(target)}`, and not in its cache here"
            raise VlftError(said, "fetch it, or name a folder of it")
        return replace(target, checkpoint=base)
    if name in FORMS:
        bits = {"8bit": 8, "4bit": 4}.get(name)
        request = Request(ExportSettings(bits, python=python), quantize=bits is not None)
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
    first: Variant | None,
) -> Variant:
    work = folder / re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")
    work.mkdir()
    began = time.monotonic()
    answers, _ = infer_rows(target, data, asking, folder=work)
    if not answers:
        raise TrainerError(f"ms-swift answered none of the rows of {question.file}")
    said: list[str | None] = [None] * len(question.rows)
    for answer in answers:
        said[answer.row - 1] = answer.prediction
    scores = {
        metric.name: [
            0.0 if text is None else metric.score(text, right)
            for text, right in zip(said, question.answers, strict=True)
        ]
        for metric in metrics
    }
    return Variant(
        name=name,
        folder=target.checkpoint.path,
        metrics={metric.name: score_of(scores[metric.name], metric) for metric in metrics},
        difference=None
        if first is None
        else {name: difference_of(rows, first.scores[name]) for name, rows in scores.items()},
        rows=len(said),
        unanswered=said.count(None),
        bytes=_size(target),
        seconds=round(time.monotonic() - began, 2),
        rows_per_second=_speed(work / STDOUT),
        predictions=said,
        scores=scores,
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
    checkpoint, size = target.checkpoint, target.checkpoint.weight_bytes
    base = base_checkpoint(target) if checkpoint.kind == "adapter" else None
    return size if base is None else size + base.weight_bytes


def _speed(log: Path) -> float | None:
    """Rows a second, as ms-swift prints them when it is done."""
    try:
        found = _SPEED.findall(log.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None
    return float(found[-1]) if found else None


def table(variants: Sequence[Variant], metrics: Sequence[Metric]) -> list[str]:
    """The same for people: a line a model, shares in per cent."""
    lines = [["", *(metric.title for metric in metrics), "size", "rows/s", "time"]]
    for one in variants:
        scores = (one.metrics[metric.name] for metric in metrics)
        cells = [f"{100 * s.mean:.1f} ({100 * s.low:.1f}-{100 * s.high:.1f})" for s in scores]
        speed = "-" if one.rows_per_second is None else f"{one.rows_per_second:.1f}"
        size, seconds = f"{one.bytes / 1e6:,.1f} MB", f"{one.seconds:.0f} s"
        lines.append([one.name, *cells, size, speed, seconds])
    name, *others = (max(map(len, column)) for column in zip(*lines, strict=True))
    return [
        "  ".join([line[0].ljust(name), *map(str.rjust, line[1:], others)]).rstrip()
        for line in lines
    ]


def verdicts(variants: Sequence[Variant], metric: Metric) -> list[str]:
    """For every model after the first, a sentence: better, worse, or no difference seen."""
    said = []
    for one in variants[1:]:
        found = (one.difference or {})[metric.name]
        low, high, mean = 100 * found.low, 100 * found.high, 100 * found.mean
        if low > 0 or high < 0:
            kind = "better" if low > 0 else "worse"
            text = f"{kind} by {abs(mean):.1f} points ({low:+.1f} to {high:+.1f})"
        else:
            text = f"no difference seen: {mean:+.1f} points ({low:+.1f} to {high:+.1f})"
        said.append(f"{one.name} against {variants[0].name}, {metric.title}: {text}")
    return said
