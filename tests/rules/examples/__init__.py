"""For every rule an example that breaks it and one that keeps it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from examples.base import Example

__all__ = ["EXAMPLES", "Example"]

EXAMPLES: dict[str, Example] = {}
for _file in sorted(Path(__file__).parent.glob("[a-z]*.py")):
    EXAMPLES |= getattr(import_module(f"examples.{_file.stem}"), "EXAMPLES", {})
