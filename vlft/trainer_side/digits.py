"""Write real handwritten digits as images and training rows in ms-swift's format.

Run by the trainer's interpreter, never imported by vlft (it needs scikit-learn, numpy and Pillow):

    python digits.py --output data --held-out 300 --seed 0

scikit-learn ships 1,797 scans of 8x8 pixels; nothing is downloaded. OUTPUT gets ``images/`` and

* ``base.jsonl``: the base's task, the digit alone (``8``), on shifted and turned copies;
* ``train.jsonl``: the new task that LoRA learns, the digit as JSON (``{"digit": 8}``);
* ``held_out.jsonl``: the new task on digits of which no copy occurs in the other two files.

Prints one line of JSON with the rows of each file; an error is one line on stderr and exit code 1.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.random import Generator
    from PIL.Image import Image

Row = dict[str, Any]

# 56 pixels a side is what four vision tokens of Qwen2-VL cover, and its smallest picture.
SIDE = 56
BASE_QUESTION = "Which digit is this?"
NEW_QUESTION = "Answer as JSON."


def base_answer(digit: int) -> str:
    """Answer to the base's task."""
    return str(digit)


def new_answer(digit: int) -> str:
    """Answer to the task that the base has never seen."""
    return json.dumps({"digit": digit})


def picture(scan: Any) -> Image:
    """Scan of 8x8 greys from 0 to 16 as a smooth square picture, white on black."""
    import numpy as np
    from PIL import Image as pillow

    small = pillow.fromarray((scan * (255 / 16)).astype(np.uint8))
    return small.resize((SIDE, SIDE), pillow.Resampling.BICUBIC)


def jitter(image: Image, random: Generator) -> Image:
    """Copy shifted by up to one pixel of the scan, turned by up to 10 degrees, scaled by 10 %."""
    import math

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


def row(path: Path, question: str, answer: str) -> Row:
    """One row of ms-swift's messages format with one image."""
    return {
        "messages": [
            {"role": "user", "content": f"<image>{question}"},
            {"role": "assistant", "content": answer},
        ],
        "images": [str(path)],
    }


def save(image: Image, path: Path) -> Path:
    """Write an image as an RGB PNG and return its path."""
    image.convert("RGB").save(path, compress_level=1)
    return path


def write_rows(path: Path, rows: Iterator[Row]) -> int:
    """Write rows as JSON lines and return how many there are."""
    lines = [json.dumps(one) for one in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(lines)


def build(output: Path, held_out: int, copies: int, new_copies: int, seed: int) -> dict[str, int]:
    """Write images and the three row files; returns rows by file name."""
    import numpy as np
    from sklearn.datasets import load_digits

    digits = load_digits()
    total = len(digits.target)
    if not 0 < held_out < total:
        raise ValueError(f"--held-out is {held_out}; it has to be between 1 and {total - 1}")
    random = np.random.default_rng(seed)
    order = random.permutation(total)
    images = output / "images"
    images.mkdir(parents=True, exist_ok=True)
    answers = digits.target.tolist()

    def drawn(index: int, copy: int) -> Path:
        """Save copy N of a digit: 0 as it was scanned, the others moved at random."""
        plain = picture(digits.images[index])
        image = plain if copy == 0 else jitter(plain, random)
        return save(image, images / f"{index:04d}-{copy:02d}.png")

    kept, used = order[:held_out], order[held_out:]
    return {
        "base": write_rows(
            output / "base.jsonl",
            (
                row(drawn(n, copy), BASE_QUESTION, base_answer(answers[n]))
                for copy in range(copies)
                for n in used
            ),
        ),
        "train": write_rows(
            output / "train.jsonl",
            (
                row(drawn(n, copies + copy if copy else 0), NEW_QUESTION, new_answer(answers[n]))
                for copy in range(new_copies)
                for n in used
            ),
        ),
        "held_out": write_rows(
            output / "held_out.jsonl",
            (row(drawn(n, 0), NEW_QUESTION, new_answer(answers[n])) for n in kept),
        ),
    }


def main() -> int:
    """Read the command line, write the data, print one line of JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", required=True, type=Path, help="folder to write")
    parser.add_argument("--held-out", default=300, type=int, help="digits kept for the test")
    parser.add_argument("--copies", default=8, type=int, help="copies of a digit in base.jsonl")
    parser.add_argument("--new-copies", default=2, type=int, help="the same for train.jsonl")
    parser.add_argument("--seed", default=0, type=int)
    args = parser.parse_args()
    output: Path = args.output.absolute()
    try:
        rows = build(output, args.held_out, args.copies, args.new_copies, args.seed)
    except (ImportError, OSError, ValueError) as error:
        print(f"digits: {error}".splitlines()[0], file=sys.stderr)
        return 1
    print(json.dumps({"data": str(output), "rows": rows}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
