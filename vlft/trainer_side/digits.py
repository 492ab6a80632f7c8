"""Write real handwritten digits as images and training rows in ms-swift's format.

Run by the trainer's interpreter, never imported by vlft (it needs scikit-learn, numpy and Pillow):

    python digits.py --output data

scikit-learn ships 1,797 scans of 8x8 pixels; nothing is downloaded. OUTPUT gets ``images/`` and

* ``base.jsonl``: the base's task, the digit alone (``8``), on shifted and turned copies;
* ``train.jsonl``: the new task that LoRA learns, the digit as JSON (``{"digit": 8}``);
* ``held_out.jsonl``: the new task on digits of which no copy occurs in the other two files.

Prints one line of JSON with the rows of each file; an error is one line on stderr and exit code 1.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.random import Generator
    from PIL.Image import Image

# 56 pixels a side is what four vision tokens of Qwen2-VL cover, and its smallest picture.
SIDE = 56
HELD_OUT = 300
# Of each digit, in base.jsonl and in train.jsonl.
BASE_COPIES, NEW_COPIES = 8, 2
BASE_QUESTION = "Which digit is this?"
NEW_QUESTION = "Answer as JSON."


def new_answer(digit: int) -> str:
    """Answer to the task that the base has never seen."""
    return json.dumps({"digit": digit})


def jitter(image: Image, random: Generator) -> Image:
    """Copy shifted by up to one pixel of the scan, turned by up to 10 degrees, scaled by 10 %."""
    from PIL import Image as pillow

    angle = math.radians(random.uniform(-10, 10))
    scale = random.uniform(0.9, 1.1)
    dx, dy = random.uniform(-SIDE / 8, SIDE / 8, 2)
    cos, sin = math.cos(angle) / scale, math.sin(angle) / scale
    middle = SIDE / 2
    # Pillow maps every pixel of the result back to the source: turn about the middle, then shift.
    left = middle + dx - cos * middle - sin * middle
    top = middle + dy + sin * middle - cos * middle
    matrix = (cos, sin, left, -sin, cos, top)
    return image.transform(
        (SIDE, SIDE), pillow.Transform.AFFINE, matrix, pillow.Resampling.BILINEAR
    )


def build(output: Path) -> dict[str, int]:
    """Write images and the three row files; returns rows by file name."""
    import numpy as np
    from PIL import Image as pillow
    from sklearn.datasets import load_digits

    digits = load_digits()
    random = np.random.default_rng(0)
    order = random.permutation(len(digits.target))
    images = output / "images"
    images.mkdir(parents=True, exist_ok=True)
    rows: dict[str, int] = {}

    def draw(index: int, copy: int) -> str:
        """Save copy N of a digit: 0 as it was scanned, the others moved at random."""
        scan = pillow.fromarray((digits.images[index] * (255 / 16)).astype(np.uint8))
        image = scan.resize((SIDE, SIDE), pillow.Resampling.BICUBIC)
        path = images / f"{index:04d}-{copy:02d}.png"
        moved = jitter(image, random) if copy else image
        moved.convert("RGB").save(path, compress_level=1)
        return str(path)

    def write(
        name: str, question: str, answer: Callable[[int], str], copies: Iterable[tuple[int, int]]
    ) -> None:
        """One file: a row of ms-swift's messages format for each copy of a digit."""
        lines = []
        for index, copy in copies:
            messages = [
                {"role": "user", "content": f"<image>{question}"},
                {"role": "assistant", "content": answer(int(digits.target[index]))},
            ]
            lines.append(json.dumps({"messages": messages, "images": [draw(index, copy)]}))
        (output / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        rows[name] = len(lines)

    kept, used = order[:HELD_OUT], order[HELD_OUT:]
    base = [(n, copy) for copy in range(BASE_COPIES) for n in used]
    train = [(n, BASE_COPIES + copy if copy else 0) for copy in range(NEW_COPIES) for n in used]
    write("base", BASE_QUESTION, str, base)
    write("train", NEW_QUESTION, new_answer, train)
    write("held_out", NEW_QUESTION, new_answer, [(n, 0) for n in kept])
    return rows


def main() -> int:
    """Read the command line, write the data, print one line of JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", required=True, type=Path, help="folder to write")
    output: Path = parser.parse_args().output.absolute()
    try:
        rows = build(output)
    except (ImportError, OSError, ValueError) as error:
        print(f"digits: {error}".splitlines()[0], file=sys.stderr)
        return 1
    print(json.dumps({"data": str(output), "rows": rows}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
