"""The rows of an evaluation, and their right answers in the model's own words."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xxhash

from vlft.errors import VlftError
from vlft.evaluation.answers import Convention, right_answer
from vlft.facts.checkpoint import read_checkpoint
from vlft.families import family_of, limits_from
from vlft.launch.asking import environment, settings
from vlft.launch.base_folder import base_folder
from vlft.plan.calibration import read_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.runs.target import Target


@dataclass(frozen=True)
class Question:
    """The rows that are asked.

    Attributes:
        file: Where they came from.
        numbers: Their places in it, from 1.
        rows: Themselves.
        answers: What is right.
    """

    file: Path
    numbers: tuple[int, ...]
    rows: tuple[Mapping[str, Any], ...]
    answers: tuple[str, ...]


def read_question(target: Target, file: Path, max_rows: int | None) -> Question:
    """The rows to ask, and their right answers in the model's own words.

    Args:
        target: The model: its family writes boxes its own way.
        file: JSONL with rows as in training.
        max_rows: At most as many, chosen by a hash of their content; all if None.

    Raises:
        VlftError: If there is no such file, or a row has no answer to compare with.
    """
    if not file.is_file():
        raise VlftError(f"there is no file `{file}`", "rows as in training: one JSON object a line")
    rows = list(enumerate(read_rows([file]), start=1))
    if not rows:
        raise VlftError(f"`{file}` has no rows", "one JSON object a line")
    if max_rows is not None and max_rows < len(rows):
        ranked = sorted(rows, key=lambda row: xxhash.xxh3_64_intdigest(json.dumps(row[1]).encode()))
        rows = sorted(ranked[:max_rows], key=lambda row: row[0])
    convention = _convention(target, file)
    answers = []
    for number, row in rows:
        try:
            answer = right_answer(row, convention)
        except VlftError as problem:
            raise VlftError(f"{file}:{number}: {problem.message}") from None
        if answer is None:
            raise VlftError(
                f"{file}:{number}: the row has no answer to compare with",
                "its last message must be the assistant's",
            )
        answers.append(answer)
    numbers, contents = zip(*rows, strict=True)
    return Question(file.absolute(), numbers, contents, tuple(answers))


def _convention(target: Target, file: Path) -> Convention:
    """How the family writes boxes, with the limits of the run."""
    family = family_of(target.plan.model_type if target.plan else None)
    checkpoint = target.checkpoint
    if checkpoint.kind == "adapter" and (base := base_folder(target)) is not None:
        checkpoint = read_checkpoint(base)
    family = family or family_of(checkpoint.model_type)
    planned = settings(target)
    template = (
        family.template_named(next(iter(planned.get("template", ())), None)) if family else None
    )
    scale = next(iter(planned.get("norm_bbox", ())), None)
    if template is not None and scale is not None:
        template = replace(template, box_scale="norm1000" if scale == "norm1000" else "resized")
    variables = {**os.environ, **environment(target)}
    rescale = next(iter(planned.get("max_pixels", ())), "")
    vision = family.vision if family else None
    if vision is not None and checkpoint.config:
        vision = vision.of_checkpoint({**checkpoint.config, **checkpoint.preprocessor})
    return Convention(
        template,
        vision,
        limits_from(variables, int(rescale) if rescale.isdecimal() else None),
        variables.get("QWENVL_BBOX_FORMAT", "legacy") == "legacy",
        (Path.cwd(), Path(variables.get("ROOT_IMAGE_DIR", ".")), file.absolute().parent),
    )
