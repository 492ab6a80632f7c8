"""Loads data files with the real ms-swift and says what came out.

A program: `python load_rows.py MODEL_FOLDER FILE...`; one JSON object a file on stdout: `error`,
`count`, and up to 200 `rows`: messages, images (paths) and objects as the preprocessor left them;
`input` and `label` as the template encodes them, with one placeholder a picture; `length` and
`pads`, all tokens and all placeholders; `error` of a row that can't be encoded. Of larger files
also `texts`, the different last messages.
"""

from __future__ import annotations

import copy
import json
import logging
import os
import sys
import tempfile
from typing import Any

_ENCODED = 200


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    cache = tempfile.mkdtemp(prefix="load-rows-")
    os.environ |= {"HF_HUB_OFFLINE": "1", "MODELSCOPE_CACHE": cache, "HF_HOME": cache}
    from swift.dataset import load_dataset
    from swift.model import get_processor
    from swift.template import get_template

    logging.disable(logging.CRITICAL)
    processor = get_processor(sys.argv[1])
    template = get_template(processor)
    template.set_mode("train")
    for file in sys.argv[2:]:
        answer: dict[str, Any] = {"error": None, "rows": []}
        try:
            dataset, _ = load_dataset([file], strict=True, load_from_cache_file=False)
            answer["count"] = len(dataset)
            for number in range(min(len(dataset), _ENCODED)):
                answer["rows"].append(_row(template, dataset[number]))
            if len(dataset) > _ENCODED:
                answer["texts"] = sorted({row[-1]["content"] for row in dataset["messages"]})[:50]
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
            answer["error"] = f"{type(error).__name__}: {error}"[:400]
        answers.write(json.dumps(answer, default=str) + "\n")
        answers.flush()


def _row(template: Any, data: dict[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "messages": copy.deepcopy(data["messages"]),
        "images": [image["path"] for image in data.get("images") or []],
        "objects": copy.deepcopy(data.get("objects")),
        "error": None,
    }
    try:
        got = template.encode(copy.deepcopy(data))
    except Exception as error:  # noqa: BLE001
        return row | {"error": f"{type(error).__name__}: {error}"[:300]}
    ids, pad = got["input_ids"], template.image_token_id
    short = [one for place, one in enumerate(ids) if one != pad or ids[place - 1] != pad]
    decode = template.processor.tokenizer.decode
    return row | {
        "length": len(ids),
        "pads": ids.count(pad),
        "input": decode(short),
        "label": decode([one for one in got["labels"] if one != -100]),
    }


if __name__ == "__main__":
    main()
