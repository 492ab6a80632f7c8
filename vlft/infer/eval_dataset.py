"""The right answer of a data row, in the words that the model was trained to say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xxhash
from msgspec import Struct
from msgspec.structs import replace

from vlft.data.findings import RowLostError
from vlft.data.media.headers import probe_picture
from vlft.data.media.problems import MediaProblem
from vlft.data.rows.columns import read_columns
from vlft.data.rows.load import load
from vlft.data.tokens.render import object_texts
from vlft.environment import ENVIRON
from vlft.errors import VlftError
from vlft.files import read_rows
from vlft.models import PixelLimits, Vision, family_of, limits_from
from vlft.runs.inference_settings import base_checkpoint, environment, settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vlft.models.chat import ChatTemplate
    from vlft.runs.target import Target


class Question(Struct, frozen=True):
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
    rows = list(enumerate(read_rows(file), start=1))
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
    checkpoint = base_checkpoint(target) or target.checkpoint
    family = family or family_of(checkpoint.model_type)
    planned = settings(target)
    template = (
        family.template_named(next(iter(planned.get("template", ())), None)) if family else None
    )
    scale = next(iter(planned.get("norm_bbox", ())), None)
    if template is not None and scale is not None:
        template = replace(template, box_scale="norm1000" if scale == "norm1000" else "resized")
    variables = {**ENVIRON, **environment(target)}
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


_TAGS = re.compile(r"<bbox>|<ref-object>")


class Convention(Struct, frozen=True):
    """How a family writes boxes.

    Attributes:
        template: Its chat template; None leaves `<bbox>` as it is.
        vision: Its arithmetic of pictures.
        limits: Pixel limits of the run.
        legacy: Whether QWENVL_BBOX_FORMAT is unset or `legacy`.
        folders: Where relative paths of pictures start from.
    """

    template: ChatTemplate | None
    vision: Vision | None
    limits: PixelLimits
    legacy: bool
    folders: Sequence[Path]


def right_answer(row: Mapping[str, Any], convention: Convention) -> str | None:
    """The last answer of a row, its boxes written as the family does; None if it has none.

    Raises:
        VlftError: If ms-swift drops the row, or a picture that boxes need the size of can't be
            read.
    """
    try:
        loaded = load(dict(row), read_columns(list(row)))
    except RowLostError as lost:
        raise VlftError(lost.problem.message) from None
    messages = loaded["messages"]
    if messages[-1]["role"] != "assistant":
        return None
    texts = [text if isinstance(text := message["content"], str) else "" for message in messages]
    answer, objects = texts.pop(), loaded.get("objects")
    if objects is None or not _TAGS.search(answer) or convention.template is None:
        return answer
    sizes = _sizes(loaded.get("images") or (), convention)
    vision, limits = convention.vision, convention.limits
    try:
        refs, boxes = object_texts(
            convention.template, objects, sizes, vision, limits, legacy=convention.legacy
        )
    except (IndexError, TypeError, ValueError, ZeroDivisionError) as error:
        raise VlftError(f"its objects can't be read: {error}") from None
    # Tags take references and boxes in their order over all messages.
    before = "".join(texts)
    left = {
        "<ref-object>": iter(refs[before.count("<ref-object>") :]),
        "<bbox>": iter(boxes[before.count("<bbox>") :]),
    }
    return _TAGS.sub(lambda tag: next(left[tag[0]], tag[0]), answer)


def _sizes(images: Sequence[Any], convention: Convention) -> list[tuple[int, int]]:
    paths = (image.get("path") if isinstance(image, dict) else image for image in images)
    return [_size(str(path), convention.folders) for path in paths]


def _size(path: str, folders: Sequence[Path]) -> tuple[int, int]:
    for folder in folders:
        found = probe_picture(folder / path)
        if not isinstance(found, MediaProblem):
            return found.width, found.height
    raise VlftError(f"`{path}` can't be read, and its boxes need its size")
