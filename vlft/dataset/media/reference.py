"""How ms-swift 4.6 reads a reference (swift/template/vision_utils.py: load_file, _check_path)."""

from __future__ import annotations

import base64
import os
import re

_LONGEST_PATH = 2000  # what is longer is never looked up as a path
_DATA_URI = re.compile(r"data:(.+?);base64,(.+)")
_SHORTEST_PICTURE = 64  # base64 characters; shorter ones are names of files
_ALPHABET = re.compile(r"[A-Za-z0-9+/=\s]+")


def is_url(reference: str) -> bool:
    """Whether ms-swift fetches it: anything that begins with these four letters."""
    return reference.startswith("http")


def may_be_path(reference: str) -> bool:
    """Whether ms-swift looks for a file of that name at all."""
    return len(reference) <= _LONGEST_PATH


def first_place(reference: str, cwd: str) -> str:
    """Where it is looked for first; empty for an empty reference."""
    if not reference or reference[0] == "/":
        return reference
    return f"{cwd}/{reference}"


def second_place(reference: str, cwd: str, root: str | None) -> str:
    """Where it is looked for if it is not there.

    `~` means the home folder here, and only without ROOT_IMAGE_DIR: what is expanded is the
    joined path.
    """
    joined = reference if root is None else os.path.join(root, reference)  # noqa: PTH118
    # os.path.expanduser leaves `~somebody` as it is where there is no such user.
    return os.path.normpath(os.path.join(cwd, os.path.expanduser(joined)))  # noqa: PTH111, PTH118


def decoded(reference: str) -> bytes | None:
    """The bytes that ms-swift makes of a reference that is no file; None if it can't.

    Plain base64 is decoded as loosely as Python does it: characters outside the alphabet are
    dropped, so that about one missing path in four passes for base64.
    """
    text = reference
    if reference.startswith("data:"):
        match = _DATA_URI.match(reference)
        if match is None:
            return None
        text = match[2]
    try:
        return base64.b64decode(text)
    except ValueError:  # wrong padding, or not ASCII
        return None


def meant_as_base64(reference: str) -> bool:
    """Whether a reference that is neither file nor picture was meant as base64."""
    if reference.startswith("data:") or len(reference) > _LONGEST_PATH:
        return True
    return len(reference) >= _SHORTEST_PICTURE and _ALPHABET.fullmatch(reference) is not None
