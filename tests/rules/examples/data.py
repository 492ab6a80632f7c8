"""Examples of the rules `data.*`."""

from __future__ import annotations

from examples.base import Example

EXAMPLES = {
    "data.not-found": Example(["data.train=[nowhere.jsonl]"], ["data.train=[train.jsonl#1]"]),
    "data.empty": Example(["data.train=[empty.jsonl]"], ["data.train=[train.jsonl]"]),
    "data.nothing-left": Example(
        ["data.train=[train.jsonl#1]", "data.val=0.01"],
        ["data.train=[train.jsonl#2]", "data.val=0.01"],
    ),
    "data.repeated-rows": Example(
        ["data.train=[train.jsonl#1000]"], ["data.train=[train.jsonl#10]"]
    ),
    "data.val-sample": Example(["data.val=[train.jsonl#1000]"], ["data.val=[train.jsonl#10]"]),
    "data.interleave-prob": Example(
        ["data.train=[train.jsonl, train.jsonl]", "swift.interleave_prob=[0.5]"],
        ["data.train=[train.jsonl, train.jsonl]", "swift.interleave_prob=[0.4, 0.6]"],
    ),
    "data.prefetch-without-workers": Example(
        ["swift.dataloader_num_workers=0", "swift.dataloader_prefetch_factor=2"],
        ["swift.dataloader_num_workers=1", "swift.dataloader_prefetch_factor=2"],
    ),
    "data.cached-streaming": Example(
        ["swift.cached_dataset=[cached]", "swift.streaming=true", "train.max_steps=10"],
        ["swift.cached_dataset=[cached]"],
    ),
    "data.truncation": Example(
        ["swift.truncation_strategy=right"], ["swift.truncation_strategy=delete"]
    ),
    "data.split-strategy": Example(
        ["swift.truncation_strategy=split"],
        ["task=pt", "swift.truncation_strategy=split", "swift.lazy_tokenize=false"],
    ),
}
