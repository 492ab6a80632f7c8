"""Build the tiny model of a family by hand: random weights, no network.

    python tools/tiny_model.py --family qwen2_vl --size digits --output Qwen2-VL-2B-Instruct

The interpreter that runs this needs torch and transformers; vlft/trainer_side/tiny_model.py does
the work.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from vlft.models import family_of, tiny_families  # noqa: E402
from vlft.models.tiny import SIZES, tiny_spec  # noqa: E402


def main() -> int:
    """Write the specification to the builder's stdin."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--family", required=True, choices=tiny_families())
    parser.add_argument("--output", required=True, help="model folder to write")
    parser.add_argument("--size", default="smoke", choices=sorted(SIZES))
    parser.add_argument("--seed", default="0")
    args = parser.parse_args()
    family = family_of(args.family)
    assert family is not None
    spec = json.dumps(tiny_spec(family, SIZES[args.size]))
    builder = ROOT / "vlft" / "trainer_side" / "tiny_model.py"
    words = [sys.executable, str(builder), "--output", args.output, "--seed", args.seed]
    return subprocess.run(words, input=spec, text=True, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
