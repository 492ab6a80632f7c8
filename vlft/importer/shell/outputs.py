"""What small programs print, where their words alone decide it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_MAX_ITEMS: Final = 4096
_MAX_WIDTH: Final = 64
_ESCAPES: Final = {"\\n": "\n", "\\t": "\t"}


PRINTERS: Final = ("pwd", "echo", "printf", "seq", "dirname", "basename")
"""Programs whose output follows from their words."""


def printed(name: str, given: list[str]) -> str | None:
    """What `echo`, `printf`, `pwd`, `seq`, `dirname` and `basename` print.

    Args:
        name: Of the program.
        given: Its words.

    Returns:
        None if that is not known here.
    """
    if name == "pwd":
        return "."
    if name == "echo":
        ends = "" if given[:1] == ["-n"] else "\n"
        given = given[1:] if given[:1] == ["-n"] else given
        return None if given and given[0].startswith("-") else " ".join(given) + ends
    if name == "printf":
        return _formatted(given)
    if name == "seq":
        return _counted(given)
    return _part_of_path(name, given) if name in ("dirname", "basename") else None


def _formatted(given: list[str]) -> str | None:
    """`printf '%s-%02d' a 1`."""
    if not given or given[0].startswith("-"):
        return None
    rest = given[1:]
    made: list[str] = []
    for piece in re.findall(r"%%|%0?\d*[ds]|\\n|[^%\\]+|.", given[0], re.DOTALL):
        if piece[0] == "%" and piece != "%%" and piece[-1] in "ds" and len(piece) > 1:
            word = rest.pop(0) if rest else ""
            if piece[-1] == "d" and not re.fullmatch(r"[1-9]\d{0,8}|0", word):
                return None
            width = int(piece[1:-1] or "0")
            if width > _MAX_WIDTH:
                return None
            made.append(word.rjust(width, "0" if piece[1] == "0" else " "))
        elif piece in ("%%", "\\n"):
            made.append({"%%": "%", "\\n": "\n"}[piece])
        elif piece[0] in "%\\":
            return None
        else:
            made.append(piece)
    return None if rest else "".join(made)


def _part_of_path(name: str, given: list[str]) -> str | None:
    if len(given) != 1 and (name == "dirname" or len(given) != 2):  # noqa: PLR2004 - and a suffix
        return None
    head, _, tail = given[0].rstrip("/").rpartition("/")
    if name == "dirname":
        return head or ("/" if given[0].startswith("/") else ".")
    return tail.removesuffix(given[1]) if len(given) > 1 else tail


def filtered(name: str, given: list[str], text: str) -> str | None:
    """What `tr`, `wc`, `cut`, `head`, `awk '{print NF}'` and the like make of a text.

    Returns:
        None if that is not known here.
    """
    does = _FILTERS.get(name)
    return does(given, text) if does is not None else None


def _words_or_lines(given: list[str], text: str) -> str | None:
    if given not in (["-l"], ["-w"]):
        return None
    return f"{text.count(chr(10)) if given == ['-l'] else len(text.split())}\n"


def _found(given: list[str], text: str) -> str | None:
    """`grep -c .` and `grep -o ,`."""
    if given == ["-c", "."]:
        return f"{sum(map(bool, text.splitlines()))}\n"
    if len(given) == 2 and given[0] == "-o" and re.fullmatch(r"\w|[,;:]", given[1]):  # noqa: PLR2004 - and the mark
        return f"{given[1]}\n" * text.count(given[1])
    return None


def _first(given: list[str], text: str) -> str | None:
    return text.partition("\n")[0] + "\n" if given in _ONE else None


def _last(given: list[str], text: str) -> str | None:
    return text.rstrip("\n").rpartition("\n")[2] + "\n" if given in _ONE else None


def _pasted(given: list[str], text: str) -> str | None:
    """`paste -sd, -`."""
    mark = re.fullmatch(r"-s ?-d ?(.)(?: -)?|-sd ?(.)(?: -)?", " ".join(given))
    return (mark[1] or mark[2]).join(text.splitlines()) + "\n" if mark else None


def _fields(given: list[str], text: str) -> str | None:
    """`awk -F, '{print NF}'`."""
    found = re.fullmatch(r"-F ?'?([^'])'? \{ ?print NF ?;? ?\}", " ".join(given))
    if found is None:
        return None
    return "".join(f"{line.count(found[1]) + 1}\n" for line in text.splitlines())


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


def _exchanged(given: list[str], text: str) -> str | None:
    """`tr , ' '` and `tr -d x`."""
    if len(given) != 2:  # noqa: PLR2004 - what becomes what
        return None
    old, new = given
    if old == "-d":
        new = _ESCAPES.get(new, new)
        return text.replace(new, "") if len(new) == 1 else None
    old, new = _ESCAPES.get(old, old), _ESCAPES.get(new, new)
    return text.replace(old, new) if len(old) == len(new) == 1 else None


def _edited(given: list[str], text: str) -> str | None:
    """`sed 's/a/b/g'`, without patterns."""
    found = re.fullmatch(r"s([/|#,])([\w:., @+=-]+)\1([\w:., @+=/-]*)\1(g?)", " ".join(given))
    if found is None or found[1] in found[3] or "." in found[2] or "+" in found[2]:
        return None
    count = -1 if found[4] else 1
    return "".join(
        line.replace(found[2], found[3], count) for line in text.splitlines(keepends=True)
    )


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


_ONE: Final = (["-n1"], ["-n", "1"], ["-1"])
_FILTERS: Final[dict[str, Callable[[list[str], str], str | None]]] = {
    "tr": _exchanged, "wc": _words_or_lines, "cut": _cut, "grep": _found, "head": _first,
    "tail": _last, "paste": _pasted, "sed": _edited, "awk": _fields,
}  # fmt: skip
