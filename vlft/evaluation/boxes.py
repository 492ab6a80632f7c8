"""Scores of one answer that names boxes: intersection over union.

Both sides are read in the family's own convention: Qwen's `(x1,y1),(x2,y2)`, InternVL's and the
JSON form `[x1, y1, x2, y2]`. Whether numbers are thousandths of the picture or pixels makes no
difference to a ratio of areas, as long as both sides have the same ones.
"""

from __future__ import annotations

import re

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""

_NUMBER = r"\s*(-?\d+(?:\.\d+)?)\s*"
_BOX = re.compile(
    rf"\({_NUMBER},{_NUMBER}\)\s*,\s*\({_NUMBER},{_NUMBER}\)"
    rf"|\[{_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER}\]"
)


def read_boxes(text: str) -> list[Box]:
    """All boxes in a text, corners in order."""
    found = []
    for match in _BOX.finditer(text):
        a, b, c, d = (float(number) for number in match.groups() if number is not None)
        found.append((min(a, c), min(b, d), max(a, c), max(b, d)))
    return found


def iou(first: Box, second: Box) -> float:
    """Intersection over union of two boxes, 0 to 1; of two that have no area: 1 if equal."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    both = max(width, 0.0) * max(height, 0.0)
    union = _area(first) + _area(second) - both
    return both / union if union > 0 else float(first == second)


def mean_iou(prediction: str, answer: str) -> float:
    """Mean IoU over the boxes of either side, whichever has more.

    Boxes are paired by falling IoU, each once; a box without a partner counts 0.
    """
    said, wanted = read_boxes(prediction), read_boxes(answer)
    if not said or not wanted:
        return 0.0
    pairs = sorted(
        ((iou(a, b), i, j) for i, a in enumerate(said) for j, b in enumerate(wanted)),
        key=lambda pair: (-pair[0], pair[1], pair[2]),
    )
    left, right, total = set(range(len(said))), set(range(len(wanted))), 0.0
    for value, i, j in pairs:
        if i in left and j in right:
            left.remove(i)
            right.remove(j)
            total += value
    return total / max(len(said), len(wanted))


def iou_at_half(prediction: str, answer: str) -> float:
    """1 if the mean IoU is 0.5 or more: the usual measure of grounding one object."""
    return float(mean_iou(prediction, answer) >= 0.5)  # noqa: PLR2004


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
