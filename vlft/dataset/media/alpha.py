"""Alpha channels that hide nothing, as screenshots have them."""

from __future__ import annotations

import msgspec

from vlft.dataset.media.picture import MediaProblem, Picture


def without_idle_alpha(
    found: Picture | MediaProblem, content: bytes | None = None
) -> Picture | MediaProblem:
    """The same; not transparent if no pixel of it is.

    That takes the pixels: milliseconds a picture, and only for those with an alpha channel.

    Args:
        found: What the header says.
        content: The file, if the picture stands in the row.
    """
    if not isinstance(found, Picture) or not found.transparent:
        return found
    from vlft.dataset.media.pillow import is_opaque  # noqa: PLC0415

    source = found.path if content is None else content
    return msgspec.structs.replace(found, transparent=False) if is_opaque(source) else found
