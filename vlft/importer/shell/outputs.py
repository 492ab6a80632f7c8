"""`$(…)`: the few commands whose output follows from their words, and pipes of them.

Nothing is run, and nothing is opened. A path that the script makes absolute is made so here,
from the folder that the import is started in.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from vlft.importer.shell.arithmetic import computed
from vlft.importer.shell.source import Source
from vlft.importer.shell.state import Field, State, Text
from vlft.importer.spans import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from vlft.importer.shell.words import Word

    Expand = Callable[[Word, State, int], list[Field]]

_MAX_ITEMS: Final = 4096
_MAX_WIDTH: Final = 64
_ESCAPES: Final = {"\\n": "\n", "\\t": "\t"}


def output_of(raw: str, state: State, depth: int, expand: Expand) -> Text:
    """The output of a command; unknown if it would have to be run.

    Args:
        raw: The substitution, as it is written.
        state: What the script has set.
        depth: Of substitutions inside each other.
        expand: From a word to its fields.
    """
    inner = raw[2:-1] if raw[0] in "$<>" else re.sub(r"\\([`$\\])", r"\1", raw[1:-1])
    unknown = Text(raw, f"{shown(inner)} would have to be run")
    if raw[0] in "<>":
        return unknown
    stages, joins = _stages(inner)
    fields = [[one for word in stage for one in expand(word, state, depth + 1)] for stage in stages]
    if not fields or not all(fields):
        return unknown
    words = [[one.value.text for one in stage] for stage in fields]
    folder = fields[0][-1].value
    if joins in (["&&"], [";"]) and _is_folder(words):
        return folder if folder.why is not None else absolute(folder, state)
    known = words[0][0] in (*_PRINTERS, *_REAL, "expr")
    if not known or any(join != "|" for join in joins):
        return unknown
    why = next((one.value.why for stage in fields for one in stage if one.value.why), None)
    if words == [words[0]] and words[0][0] == "expr":
        note = f"{shown(inner)} divides in whole numbers: what is left over is lost"
        lost = (note,) if "/" in words[0] else ()
        computes = why is None
        return computed(raw, " ".join(words[0][1:]), inner) if computes else Text(raw, why, lost)
    return Text(raw, why) if why is not None else _piped(words, state) or unknown


_SILENT: Final = re.compile(r"\s*(?:&|[12])?>\s*(?:/dev/null|&\s*[12])\s*")
_JOIN: Final = re.compile(r"&&|[|;]")


def _stages(text: str) -> tuple[list[list[Word]], list[str]]:
    """The words of each command, and what joins them; nothing if it is anything else."""
    source = Source(text.strip())
    grammar = source.grammar
    joins = _JOIN.findall(grammar)
    silent = all(_SILENT.fullmatch(one) for one in source.redirects)
    plain = re.sub(_JOIN, "", grammar)
    if source.broken is not None or not silent or re.search(r"[(){}&\n]", plain):
        return [], []
    ends = [*(found.start() for found in _JOIN.finditer(grammar)), len(grammar)]
    starts = [0, *(found.end() for found in _JOIN.finditer(grammar))]
    return [source.words(start, end) for start, end in zip(starts, ends, strict=True)], joins


def _is_folder(words: list[list[str]]) -> bool:
    """Whether it is `cd folder && pwd`."""
    if len(words) != 2 or words[0][0] != "cd" or words[1][0] != "pwd":  # noqa: PLR2004 - cd and pwd
        return False
    options = {*words[0][1:-1], *words[1][1:]}
    return len(words[0]) > 1 and options <= {"-P", "-L", "--"}


def _piped(words: list[list[str]], state: State) -> Text | None:
    """What is left at the end of a pipe; None if that is not known."""
    if words == [["pwd"]]:
        return work_folder(state)
    if len(words) == 1 and words[0][0] in _REAL:
        return _real(words[0], state)
    made: str | None = ""
    for name, *given in words:
        does = _COMMANDS.get(name)
        made = does(given, made) if does is not None and made is not None else None
    return None if made is None else Text(made.rstrip("\n"))


def moved(folder: Text | None, to: Text) -> Text:
    """Where a script is after `cd`.

    Args:
        folder: Where it was; None if that is where it was started.
        to: What `cd` is given.
    """
    if folder is None or folder.why is not None or to.why is not None:
        return to
    if to.text.startswith(("/", "~")):
        return to
    return Text(os.path.normpath(os.path.join(folder.text, to.text)), None, to.notes)  # noqa: PTH118


def work_folder(state: State) -> Text:
    """What `pwd` prints: the folder of `cd`; without one, that of the config."""
    return Text(".") if state.folder is None else absolute(Text("."), state)


def _real(words: list[str], state: State) -> Text | None:
    """What `realpath` and `readlink -f` print; None if it is something else."""
    options = [word for word in words[1:] if word.startswith("-")]
    paths = [word for word in words[1:] if not word.startswith("-")]
    if len(paths) != 1 or options not in ([], ["-f"], ["-m"], ["-e"]):
        return None
    return None if words[0] == "readlink" and not options else absolute(Text(paths[0]), state)


def absolute(path: Text, state: State) -> Text:
    """A path from the root of the file system."""
    folder = state.folder
    if path.text.startswith("~") or "\0" in path.text:
        return Text(path.text, "the shell makes it absolute")
    if folder is not None and not path.text.startswith("/"):
        if folder.why is not None:
            return Text(path.text, folder.why)
        return Text(os.path.abspath(os.path.join(folder.text, path.text)), None, path.notes)  # noqa: PTH100, PTH118
    return Text(os.path.abspath(path.text), None, path.notes)  # noqa: PTH100 - no look at the disk


def _echo(given: list[str], _: str) -> str | None:
    ends = "" if given[:1] == ["-n"] else "\n"
    given = given[1:] if given[:1] == ["-n"] else given
    return None if given and given[0].startswith("-") else " ".join(given) + ends


def formatted(given: list[str], _: str = "") -> str | None:
    """What `printf '%s-%02d' a 1` prints; None if that is not known here."""
    if not given or given[0].startswith("-"):
        return None
    rest = given[1:]
    made: list[str] = []
    for piece in re.findall(r"%%|%0?\d*[ds]|\\n|[^%\\]+|.", given[0], re.DOTALL):
        if piece[0] == "%" and piece != "%%" and piece[-1] in "ds" and len(piece) > 1:
            word = rest.pop(0) if rest else ""
            width = int(piece[1:-1] or "0")
            if width > _MAX_WIDTH or (
                piece[-1] == "d" and not re.fullmatch(r"[1-9]\d{0,8}|0", word)
            ):
                return None
            made.append(word.rjust(width, "0" if piece[1] == "0" else " "))
        elif piece in ("%%", "\\n"):
            made.append({"%%": "%", "\\n": "\n"}[piece])
        elif piece[0] in "%\\":
            return None
        else:
            made.append(piece)
    return None if rest else "".join(made)


def _dirname(given: list[str], _: str) -> str | None:
    if len(given) != 1:
        return None
    head = given[0].rstrip("/").rpartition("/")[0]
    return head or ("/" if given[0].startswith("/") else ".")


def _basename(given: list[str], _: str) -> str | None:
    if len(given) not in (1, 2):
        return None
    tail = given[0].rstrip("/").rpartition("/")[2]
    return tail.removesuffix(given[1]) if len(given) > 1 else tail


def _seq(given: list[str], _: str) -> str | None:
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


def _wc(given: list[str], text: str) -> str | None:
    counts = {"-l": text.count("\n"), "-w": len(text.split())}
    return f"{counts[given[0]]}\n" if len(given) == 1 and given[0] in counts else None


def _grep(given: list[str], text: str) -> str | None:
    """`grep -c .` and `grep -o ,`."""
    if given == ["-c", "."]:
        return f"{sum(map(bool, text.splitlines()))}\n"
    if len(given) == 2 and given[0] == "-o" and re.fullmatch(r"\w|[,;:]", given[1]):  # noqa: PLR2004 - and the mark
        return f"{given[1]}\n" * text.count(given[1])
    return None


_ONE: Final = (["-n1"], ["-n", "1"], ["-1"])


def _head(given: list[str], text: str) -> str | None:
    return text.partition("\n")[0] + "\n" if given in _ONE else None


def _tail(given: list[str], text: str) -> str | None:
    return text.rstrip("\n").rpartition("\n")[2] + "\n" if given in _ONE else None


def _paste(given: list[str], text: str) -> str | None:
    """`paste -sd, -`."""
    mark = re.fullmatch(r"-s ?-d ?(.)(?: -)?|-sd ?(.)(?: -)?", " ".join(given))
    return (mark[1] or mark[2]).join(text.splitlines()) + "\n" if mark else None


def _awk(given: list[str], text: str) -> str | None:
    """`awk -F, '{print NF}'`."""
    found = re.fullmatch(r"-F ?'?([^'])'? \{ ?print NF ?;? ?\}", " ".join(given))
    if found is None:
        return None
    return "".join(f"{line.count(found[1]) + 1}\n" for line in text.splitlines())


def _tr(given: list[str], text: str) -> str | None:
    """`tr , ' '` and `tr -d x`."""
    if len(given) != 2:  # noqa: PLR2004 - what becomes what
        return None
    old, new = (_ESCAPES.get(one, one) for one in given)
    if old == "-d":
        return text.replace(new, "") if len(new) == 1 else None
    return text.replace(old, new) if len(old) == len(new) == 1 else None


def _sed(given: list[str], text: str) -> str | None:
    """`sed 's/a/b/g'`, without patterns."""
    found = re.fullmatch(r"s([/|#,])([\w:, @=-]+)\1([\w:., @+=/-]*)\1(g?)", " ".join(given))
    if found is None or found[1] in found[3]:
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
    index = int(found[2]) - 1
    cut = (line.split(found[1]) for line in text.splitlines())
    kept = (line[index] if index < len(line) else line[0] * (len(line) == 1) for line in cut)
    return "".join(f"{one}\n" for one in kept)


_REAL: Final = ("realpath", "readlink")
_PRINTERS: Final = {
    "pwd": lambda _, __: ".", "echo": _echo, "printf": formatted, "seq": _seq,
    "dirname": _dirname, "basename": _basename,
}  # fmt: skip
"""Programs whose output follows from their words."""

_COMMANDS: Final[dict[str, Callable[[list[str], str], str | None]]] = {
    **_PRINTERS, "tr": _tr, "wc": _wc, "cut": _cut, "grep": _grep, "head": _head, "tail": _tail,
    "paste": _paste, "sed": _sed, "awk": _awk,
}  # fmt: skip
