"""Values that rows hold as text, which ms-swift reads as JSON or else as Python."""

from __future__ import annotations

import ast
import json
from typing import Any


def read_literal(text: str) -> Any:
    """The value that a text writes down, in JSON or in Python's form.

    Raises:
        ValueError: If it is neither.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError) as error:
        message = "neither JSON nor Python"
        raise ValueError(message) from error
