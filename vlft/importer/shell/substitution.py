"""What `$((…))` and `$(…)` give: whole-number arithmetic, and a few commands.

The output of these commands follows from their words: nothing is run, and nothing is opened. A
path that the script makes absolute is made so here, from the folder that the import is started in.
"""

from __future__ import annotations

import operator
import os
import re
from typing import TYPE_CHECKING, Final

from vlft.importer.shell.source import Source
from vlft.importer.shell.state import Field, State, Text
from vlft.importer.spans import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from vlft.importer.shell.words import Word

    Expand = Callable[[Word, State], list[Field]]


_TOKEN: Final = re.compile(
    r"\s*(?:(0[xX][0-9a-fA-F]+|\d{1,18})|(\*\*|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%()<>!?:&|^]))"
)
_LIMIT: Final = 1 << 63
_BITS: Final = 64
_MAX_TOKENS: Final = 200
_MAX_BRACKETS: Final = 20


class NoNumberError(Exception):
    """The text is no arithmetic that is understood here."""


def computed(raw: str, text: str, written: str) -> Text:
    """An expression's value as a text, unknown with a reason if it is no arithmetic.

    Args:
        raw: What is written in the script.
        text: The same with its variables replaced.
        written: What to call it in a message.
    """
    try:
        expression = _Expression(text.strip())
        value = expression.whole()
    except NoNumberError as problem:
        return Text(raw, f"{shown(written)} can't be computed: {problem}")
    lost = expression.lost
    notes = (f"{lost}: the shell drops what is left over",) if lost else ()
    return Text(str(value), None, notes)


class _Expression:
    """An expression that is being read from left to right.

    Args:
        text: Numbers and operators.

    Attributes:
        lost: A division that left a rest: `8 / 3 = 2`; None if none did.
    """

    def __init__(self, text: str) -> None:
        self.lost: str | None = None
        self._tokens: list[str] = []
        self._at = at = 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None or len(self._tokens) >= _MAX_TOKENS:
                raise NoNumberError("it is no arithmetic of whole numbers")
            self._tokens.append(found[1] or found[2])
            at = found.end()
        if not self._tokens:
            raise NoNumberError("it is empty")

    @property
    def next(self) -> str:
        """The token that follows; empty at the end."""
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _takes(self, token: str) -> bool:
        found = self.next == token
        self._at += found
        return found

    def whole(self) -> int:
        """The value of all of it."""
        value = self.choice(0)
        if self.next:
            raise NoNumberError(f"`{self.next}` stands where an operator is expected")
        return value

    def choice(self, depth: int) -> int:
        """`test ? one : other`, or what stands without it."""
        if depth > _MAX_BRACKETS:
            raise NoNumberError("its brackets are nested too deeply")
        value = self._binary(depth, 0)
        if not self._takes("?"):
            return value
        one = self.choice(depth + 1)
        if not self._takes(":"):
            raise NoNumberError("`?` without `:`")
        other = self.choice(depth + 1)
        return one if value else other

    def _binary(self, depth: int, least: int) -> int:
        """Operators of this level of precedence, and those that bind closer."""
        value = self._unary(depth)
        while self.next in _LEVELS and _LEVELS[self.next] >= least:
            sign = self.next
            self._at += 1
            # `2 ** 3 ** 2` is read from the right
            right = self._binary(depth, _LEVELS[sign] + (sign != "**"))
            if sign in "/%" and right == 0:
                raise NoNumberError("it divides by 0")
            if sign in ("**", "<<") and not 0 <= right < _BITS:
                raise NoNumberError("its exponent is out of bounds")
            made = _bounded(int(_OPERATORS[sign](value, right)))
            if sign == "/" and made * right != value:
                self.lost = self.lost or f"{value} / {right} = {made}"
            value = made
        return value

    def _unary(self, depth: int) -> int:
        found = self.next
        self._at += 1
        if not found:
            raise NoNumberError(f"a number is missing after `{self._tokens[-1]}`")
        if found in ("-", "+", "!"):
            value = self._unary(depth)
            return {"-": -value, "+": value, "!": int(not value)}[found]
        if found == "(":
            value = self.choice(depth + 1)
            if not self._takes(")"):
                raise NoNumberError("a bracket is never closed")
            return value
        if not found[:1].isdigit():
            raise NoNumberError(f"a number is missing before `{found}`")
        if found[:2] in ("0x", "0X"):
            return _bounded(int(found, 16))
        octal = found[0] == "0" and found.strip("0") and not found.strip("01234567")
        return int(found, 8) if octal else int(found)


def _either(value: int, right: int) -> bool:
    return bool(value or right)


def _both(value: int, right: int) -> bool:
    return bool(value and right)


def _shifted(value: int, bits: int) -> int:
    return value >> min(max(bits, 0), _BITS)


def _quotient(value: int, right: int) -> int:
    """Towards zero, as in C."""
    made = abs(value) // abs(right)
    return made if (value < 0) == (right < 0) else -made


def _rest(value: int, right: int) -> int:
    return value - _quotient(value, right) * right


_OPERATORS: Final[dict[str, Callable[[int, int], int]]] = {
    "||": _either, "&&": _both, "|": operator.or_, "^": operator.xor, "&": operator.and_,
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge, "<<": operator.lshift, ">>": _shifted,
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": _quotient, "%": _rest,
    "**": operator.pow,
}  # fmt: skip
_ORDER: Final = ("||", "&&", "|", "^", "&", "== !=", "< <= > >=", "<< >>", "+ -", "* / %", "**")
"""From the weakest to the one that binds closest."""

_LEVELS: Final = {sign: level for level, signs in enumerate(_ORDER) for sign in signs.split()}


def _bounded(value: int) -> int:
    if not -_LIMIT <= value < _LIMIT:
        raise NoNumberError("it does not fit into 64 bits")
    return value


_MAX_ITEMS: Final = 4096
_SILENT: Final = re.compile(r"\s*(?:&|[12])?>\s*(?:/dev/null|&\s*[12])\s*")
_JOIN: Final = re.compile(r"&&|[|;]")
_COUNTERS: Final = ("tr , \\n | wc -l", "awk -F, {print NF}", "awk -F , {print NF}")
"""How scripts count what stands between commas: `echo $CUDA_VISIBLE_DEVICES | …`."""

_FORMAT: Final = re.compile(r"(?!-)(?:[^%\\]|%%|\\n|%\d{0,2}s|%0?\d?\dd|%d)+")
_WHOLE: Final = re.compile(r"[1-9]\d{0,8}|0")


def output_of(raw: str, state: State, expand: Expand) -> Text:
    """The output of a command; unknown if it would have to be run.

    Args:
        raw: The substitution, as it is written.
        state: What the script has set.
        expand: From a word to its fields.
    """
    inner = raw[2:-1] if raw[0] in "$<>" else re.sub(r"\\([`$\\])", r"\1", raw[1:-1])
    unknown = Text(raw, f"{shown(inner)} would have to be run")
    stages, joins = _stages(inner)
    fields = [[one for word in stage for one in expand(word, state)] for stage in stages]
    if raw[0] in "<>" or not fields or not all(fields):
        return unknown
    words = [[one.value.text for one in stage] for stage in fields]
    name, *given = words[0]
    if joins in (["&&"], [";"]) and _is_folder(words):
        return absolute(fields[0][-1].value, state)
    counts = name == "echo" and " | ".join(map(" ".join, words[1:])) in _COUNTERS
    if (joins and not (counts and set(joins) == {"|"})) or name not in _KNOWN:
        return unknown
    why = next((one.value.why for stage in fields for one in stage if one.value.why), None)
    if why is not None:
        lost = f"{shown(inner)} divides in whole numbers: what is left over is lost"
        return Text(raw, why, (lost,) if name == "expr" and "/" in given else ())
    if name == "expr":
        return computed(raw, " ".join(given), inner)
    return _printed(name, given, state, counts=counts) or unknown


def _printed(name: str, given: list[str], state: State, *, counts: bool) -> Text | None:
    """The output of a known command; None if these words make it another one."""
    if counts:
        return Text(str(" ".join(given).count(",") + 1))
    if name == "pwd":
        return None if given else work_folder(state)
    if name in ("realpath", "readlink"):
        return _real(name, given, state)
    made = _PRINTERS[name](given)
    return None if made is None else Text(made.rstrip("\n"))


def _stages(text: str) -> tuple[list[list[Word]], list[str]]:
    """The words of each command, and what joins them; nothing if it is anything else."""
    source = Source(text.strip())
    joins = list(_JOIN.finditer(source.grammar))
    silent = all(_SILENT.fullmatch(one) for one in source.redirects)
    if (
        source.broken is not None
        or not silent
        or re.search(r"[(){}&\n]", _JOIN.sub("", source.grammar))
    ):
        return [], []
    starts = [0, *(found.end() for found in joins)]
    ends = [*(found.start() for found in joins), len(source.grammar)]
    stages = [source.words(start, end) for start, end in zip(starts, ends, strict=True)]
    return stages, [found[0] for found in joins]


def _is_folder(words: list[list[str]]) -> bool:
    """Whether it is `cd folder && pwd`."""
    (first, *folder), (second, *options) = words
    options += folder[:-1]
    return first == "cd" and second == "pwd" and bool(folder) and {*options} <= {"-P", "-L", "--"}


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


def _real(name: str, given: list[str], state: State) -> Text | None:
    """What `realpath` and `readlink -f` print; None if it is something else."""
    options = [word for word in given if word.startswith("-")]
    paths = [word for word in given if not word.startswith("-")]
    if len(paths) != 1 or options not in ([], ["-f"], ["-m"], ["-e"]):
        return None
    return None if name == "readlink" and not options else absolute(Text(paths[0]), state)


def absolute(path: Text, state: State) -> Text:
    """A path from the root of the file system."""
    if path.why is not None:
        return path
    if path.text.startswith("~") or "\0" in path.text:
        return Text(path.text, "the shell makes it absolute")
    folder = state.folder or Text("")
    if folder.why is not None and not path.text.startswith("/"):
        return Text(path.text, folder.why)
    return Text(os.path.abspath(os.path.join(folder.text, path.text)), None, path.notes)  # noqa: PTH100, PTH118 - no look at the disk


def _echo(given: list[str]) -> str | None:
    given = given[1:] if given[:1] == ["-n"] else given
    return None if given and given[0].startswith("-") else " ".join(given)


def formatted(given: list[str]) -> str | None:
    """What `printf '%s-%02d' a 1` prints; None if that is not known here."""
    if not given or not _FORMAT.fullmatch(given[0]):
        return None
    kinds, words = re.findall(r"%\d*([ds])", given[0].replace("%%", "")), given[1:]
    if len(kinds) != len(words):
        return None
    numbers = [word for kind, word in zip(kinds, words, strict=True) if kind == "d"]
    if not all(map(_WHOLE.fullmatch, numbers)):
        return None
    values = [int(word) if kind == "d" else word for kind, word in zip(kinds, words, strict=True)]
    return given[0].replace("\\n", "\n") % tuple(values)


def _dirname(given: list[str]) -> str | None:
    if len(given) != 1:
        return None
    head = given[0].rstrip("/").rpartition("/")[0]
    return head or ("/" if given[0].startswith("/") else ".")


def _basename(given: list[str]) -> str | None:
    if len(given) not in (1, 2):
        return None
    tail = given[0].rstrip("/").rpartition("/")[2]
    return tail.removesuffix(given[1]) if len(given) > 1 else tail


def _seq(given: list[str]) -> str | None:
    """`seq 0 3`, `seq -s, 4`."""
    found = re.fullmatch(r"(?:-s ?(\S) )?(?:(\d{1,6}) )?(\d{1,6})", " ".join(given))
    if found is None:
        return None
    numbers = range(int(found[2] or 1), int(found[3]) + 1)
    return (found[1] or "\n").join(map(str, numbers)) if len(numbers) <= _MAX_ITEMS else None


_PRINTERS: Final[dict[str, Callable[[list[str]], str | None]]] = {
    "echo": _echo, "printf": formatted, "seq": _seq, "dirname": _dirname, "basename": _basename,
}  # fmt: skip
"""Programs whose output follows from their words."""

_KNOWN: Final = frozenset({*_PRINTERS, "pwd", "realpath", "readlink", "expr"})
