"""Examples of the rules `packing.*`."""

from __future__ import annotations

from examples.base import Example

STREAMED = ["swift.streaming=true", "train.max_steps=10"]

EXAMPLES = {
    "packing.attention": Example(
        ["swift.packing=true", "model.attn_impl=sdpa"],
        ["swift.packing=false", "model.attn_impl=sdpa"],
    ),
    "packing.lazy": Example(
        [*STREAMED, "swift.lazy_tokenize=true"], [*STREAMED, "swift.lazy_tokenize=false"]
    ),
    "packing.lazy-groups": Example(
        ["swift.group_by_length=true", "swift.lazy_tokenize=true"], ["swift.group_by_length=true"]
    ),
    "packing.streaming-steps": Example(["swift.streaming=true"], STREAMED),
    "packing.streaming-share": Example(
        [*STREAMED, "data.val=0.1"], [*STREAMED, "data.val=[train.jsonl]"]
    ),
    "packing.streaming-ignored": Example(
        [*STREAMED, "swift.dataloader_num_workers=4"],
        [*STREAMED, "swift.dataloader_num_workers=1"],
    ),
}
