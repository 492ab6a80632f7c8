"""What a training step takes, by the real model on tensors without values.

Run by the trainer's interpreter, never imported by vlft (it needs torch, transformers and PEFT):

    python -m tools.memory_oracle POINTS.jsonl --output MEASURED.jsonl

POINTS holds a row a step (JSON Lines, or one JSON list) with the keys of docs/memory.md and
`model_dir`, a folder with a config.json; rows come out with what was measured added. With
`--draw 100 --seed 1`, POINTS is a folder of model folders, and random points are drawn. Nothing
is computed and no GPU is needed: a step of an 8B model takes about five seconds and 1 GB.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ["CUDA_VISIBLE_DEVICES"] = ""


def read_points(path: Path) -> list[dict[str, Any]]:
    """Rows of a JSON Lines file, or of one JSON list."""
    text = path.read_text(encoding="utf-8")
    if text.lstrip().startswith("["):
        return list(json.loads(text))
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def draw_points(folder: Path, count: int, seed: int, *, extended: bool) -> list[dict[str, Any]]:
    """Random points over the models in a folder."""
    from tools.memory_oracle.draw import draw

    configs = sorted(folder.glob("*/config.json"))
    models = {str(path.parent): json.loads(path.read_text("utf-8")) for path in configs}
    return draw(models, count, seed, extended=extended)


def main() -> int:
    """Measure every row; one line of JSON each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("points", type=Path)
    parser.add_argument("--output", type=Path, help="default: standard output")
    parser.add_argument("--draw", type=int, metavar="N", help="draw N random points")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--extended", action="store_true", help="draw the wider settings too")
    parser.add_argument("--liger", action="store_true", help="every point with Liger's kernels")
    options = parser.parse_args()
    if options.draw:
        points = draw_points(options.points, options.draw, options.seed, extended=options.extended)
    else:
        points = read_points(options.points)
    if options.liger:
        points = [point | {"liger": True, "n_logits": None} for point in points]
    from tools.memory_oracle import attention, autocast
    from tools.memory_oracle.step import measure

    attention.register()
    mends = autocast.like_cuda()
    output = options.output.open("w", encoding="utf-8") if options.output else sys.stdout
    with output:
        for point in points:
            config = json.loads((Path(point["model_dir"]) / "config.json").read_text("utf-8"))
            output.write(json.dumps(point | measure(point, config)) + "\n")
            output.flush()
    del mends
    return 0


if __name__ == "__main__":
    sys.exit(main())
