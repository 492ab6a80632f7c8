"""Here-documents: where their text ends."""

from __future__ import annotations

from vlft.importer.shell.brackets import BrokenShellError


def heredoc_end(text: str, start: int, name: str, offset: int, *, tabs: bool) -> int:
    """Offset of the line after the one that ends a here-document.

    Args:
        text: The whole text.
        start: Where its first line begins.
        name: The word that ends it.
        offset: Where it was announced.
        tabs: Whether tabs before that word do not count.

    Raises:
        BrokenShellError: If nothing ends it.
    """
    at = start
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        line = text[at:end]
        at = min(end + 1, len(text))
        if (line.lstrip("\t") if tabs else line).rstrip("\r") == name:
            return at
    raise BrokenShellError(f"the here-document `{name[:40]}` never ends", offset)
