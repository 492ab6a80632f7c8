"""Stands in for `swift infer`: answers every row with its own answer, but for what FAULT says.

`wrong`: the adapter's answers are in capitals; `drops`: the second row gets none.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

words = sys.argv[1:]
flags = dict(zip(words[::2], words[1::2], strict=False))
rows = [json.loads(line) for line in Path(flags["--val_dataset"]).read_text().splitlines()]
with Path(flags["--result_path"]).open("w") as file:
    for index, row in enumerate(rows):
        if os.environ.get("FAULT") == "drops" and index == 1:
            continue
        answer = row["messages"][-1]["content"]
        answer = answer.replace("<bbox>", "<|box_start|>(100,100),(500,500)<|box_end|>")
        said = (
            answer.upper()
            if os.environ.get("FAULT") == "wrong" and "--adapters" in flags
            else answer
        )
        file.write(json.dumps({"response": said, "labels": answer, **row}) + "\n")
print({"num_samples": len(rows), "runtime": 2.0, "samples/s": len(rows) / 2.0})
