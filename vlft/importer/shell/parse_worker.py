"""Parses a script from standard input with tree-sitter: a program that may crash or be killed.

Its grammar of bash can end Python or take hours, so `syntax` runs this as a process of its own.
Standard output gets a flat list in JSON, four values for each node, children before their
parents: the kind, where it begins, where it ends, and how many children it has.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from typing import Final

import tree_sitter_bash
from tree_sitter import Language, Parser

_LIMITS: Final = (
    (resource.RLIMIT_CPU, 10),
    (resource.RLIMIT_AS, 2 << 30),
    (resource.RLIMIT_CORE, 0),
)
"""Seconds and bytes: a thousand times what a launch script takes."""


def main() -> None:
    """Reads, parses, writes."""
    for kind, limit in _LIMITS:
        resource.setrlimit(kind, (limit, limit))
    parser = Parser(Language(tree_sitter_bash.language()))
    flat: list[str | int] = []
    waiting = [(parser.parse(sys.stdin.buffer.read()).root_node, False)]
    while waiting:
        node, is_done = waiting.pop()
        if is_done or not node.children:
            flat += [node.type, node.start_byte, node.end_byte, node.child_count]
        else:
            waiting.append((node, True))
            waiting += [(child, False) for child in reversed(node.children)]
    with os.fdopen(1, "w") as output:
        json.dump(flat, output)
