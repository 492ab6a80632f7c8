"""Examples of the rules `data.*`."""

from __future__ import annotations

from examples.base import Example

EXAMPLES = {
    "data.not-found": Example(["data.train=[nowhere.jsonl]"], ["data.train=[train.jsonl#1]"]),
    "data.empty": Example(["data.train=[empty.jsonl]"], ["data.train=[train.jsonl]"]),
}
