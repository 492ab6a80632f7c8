"""Takes the dump of each interpreter's ms-swift into vlft/swift/releases."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys

from vlft.swift.probe import FOLDER
from vlft.trainer_side import dump_arguments


def main(pythons: list[str]) -> None:
    """Writes VERSION.json.gz of each interpreter's release; the others stay."""
    for python in pythons:
        words = [python, dump_arguments.__file__]
        printed = subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout
        path = FOLDER / f"{json.loads(printed)['facts']['ms_swift']}.json.gz"
        path.write_bytes(gzip.compress(printed, mtime=0))
        print(path)


if __name__ == "__main__":
    main(sys.argv[1:])
