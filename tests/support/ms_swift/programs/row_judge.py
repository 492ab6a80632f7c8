"""Says what the real ms-swift does with the rows of data files.

A program: `python row_judge.py MODEL_FOLDER` reads requests on stdin, a JSON object a line, and
answers each with one on stdout. ms-swift is imported and the processor loaded once.

Request: `file`; `max_length` (null: the model's); `truncation` (raise, left, right, split);
`cwd`; `env`; `columns`; `max_pixels`; `strict`; `lazy` (whether rows are encoded while training);
`remove_unused_columns`; `chat` (whether there is a chat template); `agent_template`; `mode` of
the template (train, rlhf, kto); `loss_scale`; `task_type`; `rlhf_type` (kto: what is made of the
data set before).

Answer: `loads`, null or the error; `rows`, for each row that came to the preprocessor:
`kept`; `error`, null or what the preprocessor or the template said; and of a row that was encoded
`input`, `label` (decoded text), `length`, `labels` (how many tokens are learnt), `images` (their
sizes), `pads` (placeholder tokens in the input) and `features` (what the pictures give).
"""

from __future__ import annotations

import contextlib
import copy
import json
import logging
import os
import sys
import tempfile
import traceback
import warnings
from pathlib import Path
from typing import Any


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    cache = tempfile.mkdtemp(prefix="row-judge-")
    os.environ |= {
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "TQDM_DISABLE": "1",
        "MODELSCOPE_CACHE": cache,
        "HF_HOME": cache,
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }
    judge = RowJudge(sys.argv[1])
    for line in sys.stdin:
        if line.strip():
            answers.write(_forked(judge, json.loads(line)) + "\n")
            answers.flush()


def _forked(judge: RowJudge, request: dict[str, Any]) -> str:
    """The answer of a child: some forms kill the process that loads them."""
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receiver)
        with contextlib.suppress(BaseException), os.fdopen(sender, "w") as pipe:
            pipe.write(json.dumps(judge.answer(request)))
        os._exit(0)
    os.close(sender)
    with os.fdopen(receiver) as pipe:
        text = pipe.read()
    _, status = os.waitpid(child, 0)
    return text or json.dumps({"loads": f"the process ended with status {status}", "rows": []})


class RowJudge:
    def __init__(self, model: str) -> None:
        from swift.dataset import RowPreprocessor, load_dataset
        from swift.model import get_processor
        from swift.template import get_template

        logging.disable(logging.CRITICAL)
        self.load_dataset, self.get_template = load_dataset, get_template
        self.processor = get_processor(model)
        self.seen: list[dict[str, Any]] = []
        self._record(RowPreprocessor)

    def _record(self, preprocessor: Any) -> None:
        """Notes for each row what the preprocessor makes of it alone."""
        real = preprocessor.batched_preprocess
        seen = self.seen

        def record(this: Any, batch: dict[str, Any], **options: Any) -> dict[str, Any]:
            batch = dict(batch)
            for row in this.batched_to_rows(batch):
                single = {key: [copy.deepcopy(value)] for key, value in row.items()}
                try:
                    got = real(this, single, **(options | {"strict": True}))
                    count, error = len(got["messages"]), None
                except Exception as raised:  # noqa: BLE001 - whatever it is, it is the answer
                    count, error = 0, _named(raised)
                seen.append({"kept": count > 0, "error": error})
            return real(this, batch, **options)

        preprocessor.batched_preprocess = record

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        self.seen.clear()
        here = Path.cwd()
        kept_env = dict(os.environ)
        os.chdir(request.get("cwd", "."))
        os.environ |= request.get("env", {})
        try:
            return self._answer(request)
        finally:
            os.chdir(here)
            os.environ.clear()
            os.environ |= kept_env

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            dataset, _ = self.load_dataset(
                [request["file"]],
                strict=request.get("strict", False),
                remove_unused_columns=request.get("remove_unused_columns", True),
                num_proc=None,  # one process, so that what happens can be seen from here
                load_from_cache_file=False,
                columns=request.get("columns"),
            )
        except BaseException as error:  # noqa: BLE001
            cause = error.__cause__ or error.__context__
            return {
                "loads": f"{_named(error)} <- {_named(cause)}" if cause else _named(error),
                "rows": self.seen,
                "trace": traceback.format_exc()[-1500:] if request.get("trace") else None,
            }
        if request.get("rlhf_type") == "kto":
            try:
                self._prepare_kto(dataset)
            except BaseException as error:  # noqa: BLE001
                return {"loads": _named(error), "rows": self.seen}
        if request.get("last"):
            return {"loads": None, "rows": [], "last": dataset[len(dataset) - 1]}
        template = self.get_template(
            self.processor,
            max_length=request.get("max_length"),
            truncation_strategy=request.get("truncation", "raise"),
            max_pixels=request.get("max_pixels"),
            use_chat_template=request.get("chat", True),
            agent_template=request.get("agent_template"),
            loss_scale=request.get("loss_scale", "default"),
        )
        template.task_type = request.get("task_type", "causal_lm")
        template.set_mode(request.get("mode", "train"))
        rows = [dict(row) for row in self.seen]
        if request.get("lazy", True) and request.get("strict"):
            try:
                self._visit(dataset, template)
            except Exception as error:  # noqa: BLE001
                return {"loads": _named(error), "rows": rows}
        if not request.get("lazy", True):
            try:
                dataset = self._with_lengths(dataset, template, rows, request)
            except BaseException as error:  # noqa: BLE001
                return {"loads": _named(error), "rows": rows}
        kept = [row for row in rows if row["kept"]]
        answer: dict[str, Any] = {"loads": None, "rows": rows, "length": len(dataset)}
        if len(kept) != len(dataset):
            answer["odd"] = f"{len(kept)} rows kept one by one, {len(dataset)} together"
        if request.get("encode", True):
            for row, data in zip(kept, dataset, strict=False):
                self._encode(template, row, data)
        return answer

    def _prepare_kto(self, dataset: Any) -> None:
        """What the rlhf command does with a data set for kto before it trains."""
        from types import SimpleNamespace

        from swift.pipelines.train.kto import prepare_kto_dataset

        weights = {"desirable_weight": 1.0, "undesirable_weight": 1.0, "loss_type": "kto"}
        batch = {"global_batch_size": 2, "dataset_num_proc": None, "data_seed": 1}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            prepare_kto_dataset(SimpleNamespace(**weights, **batch), dataset, None)

    def _visit(self, dataset: Any, template: Any) -> None:
        """Each row once, as training with `strict` does."""
        from swift.dataset.utils import LazyLLMDataset

        visited = LazyLLMDataset(dataset, template.encode, strict=True, random_state=1)
        for number in range(len(visited)):
            visited[number]

    def _with_lengths(self, dataset: Any, template: Any, rows: list[Any], request: Any) -> Any:
        """What `_encode_dataset` of the sft command keeps; the others are marked in `rows`."""
        from swift.dataset.utils import AddLengthPreprocessor

        self.seen.clear()
        found = AddLengthPreprocessor(template=template)(
            dataset,
            num_proc=None,
            load_from_cache_file=False,
            strict=request.get("strict", False),
            batch_size=100,
        )
        if len(found) == 0:
            raise ValueError("no row is left")
        kept = [row for row in rows if row["kept"]]
        for row, again in zip(kept, self.seen, strict=True):
            row.update(again)
        return found

    def _encode(self, template: Any, row: dict[str, Any], data: dict[str, Any]) -> None:
        row["data"] = json.loads(json.dumps(data, default=str))
        try:
            got = template.encode(data, return_length=True, return_template_inputs=True)
        except Exception as error:  # noqa: BLE001
            row["error"] = _named(error)
            return
        if isinstance(got, list):
            joined = {"input_ids": [], "labels": []}
            for part in got:
                joined["input_ids"] += part["input_ids"]
                joined["labels"] += part["labels"]
            row["split"] = len(got)
            got = joined
        if lengths := got.get("lengths"):
            row["lengths"] = lengths
        if "input_ids" not in got and "chosen_input_ids" not in got:  # several texts
            row |= {"input": "", "label": "", "length": sum(got["lengths"]), "labels": 1}
            row |= {"pads": 0, "features": 0, "images": []}
            return
        if "chosen_input_ids" in got:
            worse = got.get("rejected_input_ids")
            row["rejected"] = worse and self.processor.tokenizer.decode(worse)
            row["rejected_labels"] = sum(one != -100 for one in got.get("rejected_labels") or [])
            got = {key.removeprefix("chosen_"): value for key, value in got.items()}
        ids, labels = got["input_ids"], got.get("labels") or []
        if not isinstance(labels, list) or (ids and isinstance(ids[0], list)):
            row |= {"input": "", "label": str(labels), "length": sum(got["lengths"])}
            row |= {"labels": 1, "pads": 0, "features": 0, "images": []}
            return
        learnt = [token for token in labels if token != -100]
        decode = (
            self.processor.tokenizer.decode
            if hasattr(self.processor, "tokenizer")
            else (self.processor.decode)
        )
        pad = getattr(template, "image_token_id", None)
        grid = got.get("image_grid_thw")
        row |= {
            "input": decode(_squeeze(ids, pad)),
            "label": decode(learnt),
            "length": len(ids),
            "labels": len(learnt),
            "pads": ids.count(pad) if pad is not None else None,
            "features": int(grid.prod(-1).sum()) // 4 if grid is not None else 0,
            "images": [
                list(image.size) if hasattr(image, "size") else str(image)
                for image in getattr(got.get("template_inputs"), "images", [])
            ],
        }


def _squeeze(ids: list[int], pad: int | None) -> list[int]:
    """One placeholder for each run of them."""
    return [t for i, t in enumerate(ids) if t != pad or i == 0 or ids[i - 1] != pad]


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:300]


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
