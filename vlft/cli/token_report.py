"""How `vlft tokens` writes what it counted."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlft.dataset.tokens.pictures import Asked
    from vlft.families import ImageTokens, Vision

Counted = tuple["Asked", "ImageTokens | None"]


def as_json(counted: Counted, vision: Vision) -> dict[str, object]:
    """One picture as programs read it; sizes are [height, width]."""
    asked, found = counted
    entry: dict[str, object] = {"file": asked.name} if asked.name else {}
    if found is None:
        return entry | {"tokens": None, "error": asked.unread}
    entry |= {"width": found.width, "height": found.height, "resized": found.resized}
    if vision.side is None:
        entry |= {"tiles": found.tiles, "grid": found.grid}
    else:
        entry |= {"grid_thw": found.grid_thw}
    return entry | {
        "tokens": found.tokens,
        "hf_tokens": found.hf_tokens,
        "error": found.error,
    }


def as_text(counted: Sequence[Counted], title: str, vision: Vision) -> str:
    """The steps of one picture, a table of several."""
    if len(counted) == 1:
        return "\n".join([title, *_steps(counted[0])])
    return "\n".join([title, *_table(counted, vision)])


def _steps(counted: Counted) -> list[str]:
    asked, found = counted
    if found is None:
        return [f"{asked.name}: {asked.unread}"]
    lines = [f"{asked.name or 'a picture'}: {found.width}×{found.height} pixels"]
    lines += [f"  → {step}" for step in found.steps]
    if found.error is not None:
        lines.append(f"  ✗ {found.error}; ms-swift replaces such a row by another one")
    if found.hf_tokens != found.tokens:
        alone = "fails" if found.hf_tokens is None else f"makes {found.hf_tokens} tokens"
        lines.append(f"  (transformers' processor, which resizes by another rule, {alone})")
    return lines


def _table(counted: Sequence[Counted], vision: Vision) -> list[str]:
    parts = "tiles" if vision.side is None else "patches"
    rows = [("picture", "resized", parts, "tokens", "hf alone")]
    for asked, found in counted:
        if found is None:
            rows.append((asked.name, "", "", "", asked.unread or ""))
            continue
        size = f"{found.width}×{found.height}"
        name = f"{asked.name} {size}" if asked.name else size
        if found.error is not None or found.resized is None:
            rows.append((name, "", "", "", found.error or ""))
            continue
        shape = found.grid or (found.grid_thw or (0, 0, 0))[:0:-1]
        rows.append((
            name,
            f"{found.resized[1]}×{found.resized[0]}",
            f"{shape[0]}×{shape[1]}" + (" + 1" if (found.tiles or 0) > 1 else ""),
            str(found.tokens),
            str(found.hf_tokens),
        ))  # fmt: skip
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ["  ".join(_cells(row, widths)).rstrip() for row in rows]
    known = sorted(found.tokens for _, found in counted if found and found.tokens is not None)
    if known:
        lines.append(
            f"{len(known)} pictures, {sum(known)} tokens: least {known[0]}, "
            f"median {median(known):g}, most {known[-1]}"
        )
    return lines


def _cells(row: tuple[str, ...], widths: Sequence[int]) -> list[str]:
    """Names to the left, figures to the right, the last as it is."""
    name, *figures, last = row
    right = [text.rjust(width) for text, width in zip(figures, widths[1:], strict=True)]
    return [name.ljust(widths[0]), *right, last]
