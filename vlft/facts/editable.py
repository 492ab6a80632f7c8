"""Where the source of an editable install of ms-swift lies."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MAPPING = re.compile(r"^MAPPING\b[^=]*=\s*(\{.*?\})\s*$", re.MULTILINE)


def editable_swift(folder: Path, hooks: Sequence[str]) -> str | None:
    """The `swift` folder that the hooks in a site-packages folder lead to.

    Args:
        folder: A site-packages folder.
        hooks: Names in it: `*.pth`, whose plain lines are folders to import from, and
            `__editable__*_finder.py`, which maps packages to folders.
    """
    for candidate in _candidates(folder, hooks):
        if (candidate / "__init__.py").is_file():
            return str(candidate)
    return None


def _candidates(folder: Path, hooks: Sequence[str]) -> Iterator[Path]:
    for name in sorted(hooks):
        text = _read(folder / name)
        if name.endswith("_finder.py"):
            mapped = _mapping(text).get("swift")
            if isinstance(mapped, str):
                yield folder / mapped
        elif name.endswith(".pth"):
            for line in text.splitlines():
                path = line.strip()
                if path and not path.startswith(("#", "import ", "import\t")):
                    yield folder / path / "swift"
    yield from _direct_urls(folder)


def _mapping(text: str) -> dict[object, object]:
    """The dict that setuptools writes into its finder."""
    found = _MAPPING.search(text)
    try:
        value = ast.literal_eval(found[1]) if found else {}
    except (ValueError, SyntaxError):
        return {}
    return value if isinstance(value, dict) else {}


def _direct_urls(folder: Path) -> Iterator[Path]:
    """The checkout that PEP 610's direct_url.json names."""
    for file in folder.glob("ms_swift-*.dist-info/direct_url.json"):
        try:
            value = json.loads(_read(file))
        except (ValueError, RecursionError):
            continue
        url = urlparse(str(value.get("url", ""))) if isinstance(value, dict) else None
        if url is not None and url.scheme == "file":
            yield Path(unquote(url.path), "swift")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
