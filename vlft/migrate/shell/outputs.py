"""What small programs print, where their words alone decide it."""

from __future__ import annotations

import re
from typing import Final

_MAX_ITEMS: Final = 4096
_ESCAPES: Final = {"\\n": "\n", "\\t": "\t"}


def printed(name: str, given: list[str]) -> str | None:
    """What `echo`, `pwd`, `seq`, `dirname` and `basename` print.

    Args:
        name: Of the program.
        given: Its words.

    Returns:
        None if that is not known here.
    """
    if name == "pwd":
        return "."
    if name == "echo":
        return None if given and given[0].startswith("-") else " ".join(given) + "\n"
    if name == "seq":
        return _counted(given)
    return _part_of_path(name, given) if name in ("dirname", "basename") else None


def _part_of_path(name: str, given: list[str]) -> str | None:
    if len(given) != 1 and (name == "dirname" or len(given) != 2):  # noqa: PLR2004 - and a suffix
        return None
    head, _, tail = given[0].rstrip("/").rpartition("/")
    if name == "dirname":
        return head or ("/" if given[0].startswith("/") else ".")
    return tail.removesuffix(given[1]) if len(given) > 1 else tail


def filtered(name: str, given: list[str], text: str) -> str | None:
    """What `tr`, `wc`, `cut`, `head` and `awk '{print NF}'` make of a text.

    Returns:
        None if that is not known here.
    """
    if name == "tr" and len(given) == 2:  # noqa: PLR2004 - what becomes what
        return _exchanged(given[0], given[1], text)
    if name == "wc" and given in (["-l"], ["-w"]):
        return f"{text.count(chr(10)) if given == ['-l'] else len(text.split())}\n"
    if name == "cut":
        return _cut(given, text)
    if name == "head" and given in (["-n1"], ["-n", "1"], ["-1"]):
        return text.partition("\n")[0] + "\n"
    fields = re.fullmatch(r"-F ?'?([^'])'? \{ ?print NF ?;? ?\}", " ".join(given))
    if name == "awk" and fields is not None:
        return "".join(f"{line.count(fields[1]) + 1}\n" for line in text.splitlines())
    return None


def _counted(given: list[str]) -> str | None:
    """`seq 0 3`, `seq -s, 4`."""
    between = "\n"
    if given and given[0].startswith("-s"):
        between = given[0][2:] or (given[1] if len(given) > 1 else "")
        given = given[1:] if given[0][2:] else given[2:]
    if not 1 <= len(given) <= 2 or not all(re.fullmatch(r"\d{1,6}", one) for one in given):  # noqa: PLR2004 - first and last
        return None
    first, last = (1, int(given[0])) if len(given) == 1 else (int(given[0]), int(given[1]))
    if last - first > _MAX_ITEMS:
        return None
    return between.join(str(number) for number in range(first, last + 1)) + "\n"


def _exchanged(old: str, new: str, text: str) -> str | None:
    if old == "-d":
        new = _ESCAPES.get(new, new)
        return text.replace(new, "") if len(new) == 1 else None
    old, new = _ESCAPES.get(old, old), _ESCAPES.get(new, new)
    return text.replace(old, new) if len(old) == len(new) == 1 else None


def _cut(given: list[str], text: str) -> str | None:
    """`cut -d, -f1`."""
    found = re.fullmatch(r"-d ?(.) -f ?([1-9]\d?)", " ".join(given))
    if found is None:
        return None
    cut = (line.split(found[1]) for line in text.splitlines())
    index = int(found[2]) - 1
    return "".join(
        f"{line[index] if index < len(line) else '' if len(line) > 1 else line[0]}\n"
        for line in cut
    )
