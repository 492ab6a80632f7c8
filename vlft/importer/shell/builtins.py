"""Commands of the shell itself: tests, and what changes what later commands see."""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct, field

from vlft.importer.shell.expansion import (
    CALLED_WITH,
    expand,
    expand_one,
    matches,
    number,
    read_parameter,
)
from vlft.importer.shell.state import Field, State, Text, join, pieces
from vlft.importer.shell.substitution import formatted, moved
from vlft.importer.shell.words import Assignment, Word

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vlft.importer.shell.syntax import Command


_NUMBERS: Final[dict[str, Callable[[int, int], bool]]] = {
    "-eq": operator.eq, "-ne": operator.ne, "-lt": operator.lt, "-le": operator.le,
    "-gt": operator.gt, "-ge": operator.ge,
}  # fmt: skip
_WHOLE: Final = re.compile(r"\s*[-+]?\d{1,9}\s*")
_MAX_DEPTH: Final = 20
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_GIVEN: Final = re.compile(
    r"(SLURM|PBS|LSB|OMPI|PMI|CONDA|VIRTUAL|SSH|XDG|K8S|KUBERNETES)\w*|RANK|\w+_RANK|WORLD_SIZE|"
    r"HOME|USER|HOSTNAME|PATH|PWD|SHELL|TMPDIR|UID|EUID|RANDOM|SECONDS|LINENO|OSTYPE|HOSTTYPE|"
    r"MACHTYPE|IFS|BASH\w*|FUNCNAME|PIPESTATUS|PYTHONPATH|LD_LIBRARY_PATH|NODE_RANK|MASTER_ADDR"
)
"""What a machine or a scheduler sets, whatever a script does."""


class Verdict(Struct, frozen=True):
    """What is known of a command's success.

    Attributes:
        holds: Whether it succeeds; None if that is not known.
        notes: What that rests on.
        names: Variables that it asks for.
    """

    holds: bool | None
    notes: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()

    @property
    def assumed(self) -> bool:
        """Whether it rests on a variable that is taken for not set."""
        return any("taken for not set" in note for note in self.notes)

    def after(self, before: Verdict) -> Verdict:
        """The same where it rests on what stands before it as well."""
        return Verdict(self.holds, before.notes + self.notes, before.names | self.names)


UNKNOWN: Final = Verdict(None)


def judge(command: Command, state: State) -> Verdict:
    """Whether a command succeeds; `((…))` that sets something is not known."""
    words, name = command.words, command.test
    if not words:
        values = [word.raw for one in command.assignments for word in one.words]
        runs = any(re.search(r"\$\((?!\()|`", raw) for raw in values)
        return UNKNOWN if runs else Verdict(True)
    if name == "((":
        return Verdict(is_true(words[0].raw[2:-2], state))
    if name == "[[":
        start = words[0].offset
        inner = command.source.inner_words(start + 2, start + len(words[0].raw) - 2, _SIGNS)
        return _Test(inner, state, double=True).verdict()
    if name == "[":
        closed = words[-1].bare == "]"  # which `[ 1 -gt 2]` is not
        return _Test(words[1:-1] if closed else (), state, double=False).verdict()
    if name in ("true", ":", "false"):
        return Verdict(name != "false")
    return _Test(words[1:], state, double=False).verdict() if name == "test" else UNKNOWN


_SIGNS: Final = r"&&|\|\||[()<>]"
_SETS: Final = re.compile(
    r"\s*(?P<before>\+\+|--)?\s*(?P<name>[A-Za-z_]\w*)\s*"
    r"(?:(?P<after>\+\+|--)\s*|(?P<sign>[-+*/%]?)=(?!=)(?P<value>.*))?",
    re.DOTALL,
)


def setting(text: str) -> tuple[str, str] | None:
    """What `i = 1`, `i += 2` and `i++` set, and to which value; None if it sets nothing."""
    found = _SETS.fullmatch(text)
    if found is None:
        return None
    name, sign, value = found["name"], found["sign"], found["value"]
    step = found["before"] or found["after"]
    if step:
        return name, f"{name} {step[0]} 1"
    if value is None:
        return None
    return name, f"{name} {sign} ({value})" if sign else value


def is_true(text: str, state: State) -> bool | None:
    """Whether arithmetic is not 0; None if it can't be known, or sets something."""
    made = number(text, state)
    return None if setting(text) is not None or made.why is not None else made.text != "0"


def run(text: str, state: State) -> None:
    """Minds arithmetic that sets a variable."""
    found = setting(text)
    if found is not None:
        name, value = found
        made = number(value, state)
        state.set(name, made if made.why is None else Text(f"${name}", made.why))


class _Test(Struct):
    """A test that is being read from left to right; unknown parts stay unknown."""

    words: Sequence[Word]
    state: State
    double: bool
    notes: list[str] = field(default_factory=list)
    at: int = 0

    def verdict(self) -> Verdict:
        found = self._any_of(0)
        if self.at != len(self.words) or found is None:
            return UNKNOWN
        parts = (part for word in self.words for part in word.parts if part.expands)
        names = map(read_parameter, parts)
        known = frozenset(one.name for one in names if one is not None)
        return Verdict(found, tuple(self.notes), known)

    def _any_of(self, depth: int) -> bool | None:
        return self._joined(True, ("||", "-o"), self._all_of, depth)

    def _all_of(self, depth: int) -> bool | None:
        return self._joined(False, ("&&", "-a"), self._one, depth)

    def _joined(
        self, wins: bool, signs: tuple[str, str], read: Callable[[int], bool | None], depth: int
    ) -> bool | None:
        """Several tests, of which one decides all if it comes out so."""
        found = [read(depth)]
        while self._takes(signs[0] if self.double else signs[1]):
            found.append(read(depth))
        return wins if wins in found else None if None in found else not wins

    def _one(self, depth: int) -> bool | None:
        if self._takes("!"):
            found = self._one(depth + 1) if depth < _MAX_DEPTH else None
            return None if found is None else not found
        if self.double and depth < _MAX_DEPTH and self._takes("("):
            found = self._any_of(depth + 1)
            return found if self._takes(")") else None
        ends = ("&&", "||", ")") if self.double else ("-a", "-o")
        start = self.at
        while self.at < len(self.words) and self.words[self.at].bare not in ends:
            self.at += 1
        return self._plain(self.words[start : self.at])

    def _takes(self, sign: str) -> bool:
        here = self.at < len(self.words) and self.words[self.at].bare == sign
        self.at += here
        return here

    def _plain(self, words: Sequence[Word]) -> bool | None:
        if self.double and len(words) == 3 and words[1].bare in ("=", "==", "!="):  # noqa: PLR2004 - two sides
            left = self._texts(words[0])[0]
            found = None
            if left.why is None:
                found = matches_word(left.text, words[2], self.state)
            return None if found is None else found == (words[1].bare != "!=")
        texts = [text for word in words for text in self._texts(word)]
        if any(text.why is not None for text in texts):
            return None
        if len(texts) == 1:
            return bool(texts[0].text)
        if len(texts) == 2 and texts[0].text in ("-n", "-z"):  # noqa: PLR2004 - a sign and its text
            return bool(texts[1].text) == (texts[0].text == "-n")
        return _compare(*(text.text for text in texts)) if len(texts) == 3 else None  # noqa: PLR2004 - two sides

    def _texts(self, word: Word) -> list[Text]:
        empty = taken_for_empty(word, self.state)
        if empty is not None:
            found = [empty]
        elif self.double:
            found = [expand_one(word, self.state)]
        else:
            found = [one.value for one in expand(word, self.state)]
        self.notes += [note for one in found for note in one.notes]
        return found


def _compare(left: str, sign: str, right: str) -> bool | None:
    """Two sides; None if the sign is no comparison of texts or numbers."""
    if sign in ("=", "==", "!="):
        return (left == right) == (sign != "!=")
    if sign in _NUMBERS and _WHOLE.fullmatch(left) and _WHOLE.fullmatch(right):
        return _NUMBERS[sign](int(left), int(right))
    return None


def matches_word(text: str, pattern: Word, state: State) -> bool | None:
    """Whether a text is what a pattern says; None if the pattern is not known."""
    made: list[tuple[str, bool]] = []
    for part in pattern.parts:
        value = expand_one(Word((part,)), state) if part.expands else Text(part.text)
        if value.why is not None:
            return None
        made.append((value.text, part.quoted))
    return matches(text, made)


def taken_for_empty(word: Word, state: State) -> Text | None:
    """The empty text, for a word that is one variable which nothing sets; None for any other.

    It is the reading of `${NAME:-}`: a script that asks whether a variable is set can do
    without it.
    """
    part = word.parts[0] if len(word.parts) == 1 else None
    if part is None or not part.expands or part.text.startswith(("`", "$(")):
        return None
    name = part.text[2:-1] if part.text.startswith("${") else part.text[1:]
    called = _called_with(name, state)
    if called is not None or not _NAME.fullmatch(name) or _GIVEN.fullmatch(name):
        return called
    if state.sources or name in state.values or name in state.own:
        return None
    return Text("", None, (f"`{name}` is taken for not set",))


def _called_with(name: str, state: State) -> Text | None:
    """`$1` and `$#` of a script that is called without words."""
    if state.positional is not None:
        return None
    value = state.value(name)
    empty = value is not None and value.why == CALLED_WITH and re.fullmatch(r"\$\d", value.text)
    digits = re.fullmatch(r"(\d)(?::?-)?", name)
    if name != "#" and digits is None and not empty:
        return None
    shown = f"${digits[1]}" if digits else "$#" if name == "#" else name
    note = f"`{shown}` is taken for not set: the script is called without words"
    return Text("0" if name == "#" else "", None, (note,))


_PAIR: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_KEY: Final = re.compile(r"\[[^\]]*\]=")
_SILENT: Final = frozenset({
    ":", "set", "shopt", "break", "continue", "trap", "exit", "return", "shift", "true", "false",
})  # fmt: skip
"""Commands that change nothing that is minded here."""


def assign(one: Assignment, state: State) -> None:
    """Minds `NAME=value`, `NAME+=value` and `NAME=(items)`."""
    name, before = one.name, state.values.get(one.name, ())
    if not one.array:
        value = expand_one(one.words[0], state)
        if one.append and before:
            value = join([before[0], value])
        state.set(name, value)
    elif any(_KEY.match(word.raw) for word in one.words):
        state.doubt((name,), "arrays with keys are not followed")
    elif one.index is not None:
        place = one.index
        if not place.isdecimal() or int(place[:5]) > len(before) or one.append:
            state.doubt((name,), "one item of it is set by itself")
            return
        value = expand_one(one.words[0], state)
        state.set(name, *before[: int(place)], value, *before[int(place) + 1 :], array=True)
    else:
        items = [field.value for word in one.words for field in expand(word, state)]
        state.set(name, *(before if one.append else ()), *items, array=True)


def declare(command: Command, state: State) -> None:
    """Minds `export`, `local` and the like."""
    words = command.words
    options = [word.bare or "" for word in words[1:] if (word.bare or "").startswith("-")]
    names = [word.bare or "" for word in words[1:] if _NAME.fullmatch(word.bare or "")]
    for one in command.assignments:
        assign(one, state)
        names.append(one.name)
    for word in words[1:]:
        pair = _PAIR.fullmatch(expand_one(word, state).text) if "=" in word.raw else None
        if pair is not None:
            value = expand_one(word, state)
            state.set(pair[1], Text(pair[2], value.why, value.notes))
            names.append(pair[1])
    exports = words[0].bare == "export" or any("x" in option for option in options)
    if exports and "-n" not in options:
        state.exported |= dict.fromkeys(names, command.offset)


def run_builtin(fields: Sequence[Field], command: Command, state: State) -> bool:
    """Minds a command that changes what later ones see; False if it is none.

    Args:
        fields: Its words.
        command: The command.
        state: What the script has set.
    """
    name, *words = [one.value.text for one in fields]
    if name == "cd" and words:
        state.folder = moved(state.folder, fields[1].value)
    elif name == "set" and words[:1] == ["--"]:
        state.positional = tuple(one.value for one in fields[2:])
    elif name in ("source", ".") and words:
        state.sources.append(words[0])
    elif name == "unset":
        for word in words:
            state.values.pop(word, None)
            state.exported.pop(word, None)
    elif name == "shift" and state.positional is not None:
        count = int(words[0]) if words and words[0].isdecimal() else 1
        state.positional = state.positional[count:]
    else:
        return _fills(fields, command, state) or name in _SILENT
    return True


def _fills(fields: Sequence[Field], command: Command, state: State) -> bool:
    """Minds a command that sets variables which it names."""
    name, *words = [one.value.text for one in fields]
    if name in ("read", "mapfile", "readarray"):
        if name != "read" or not _reads(words, command, state):
            state.doubt((one for one in words if _NAME.fullmatch(one)), f"`{name}` sets it")
    elif name == "printf" and words[:1] == ["-v"] and len(words) > 1:
        known = all(one.value.why is None for one in fields)
        made = formatted(words[2:]) if known else None
        state.doubt(words[1:2], "`printf` sets it")
        if made is not None:
            state.set(words[1], Text(made))
    elif name == "let":
        for word in words:
            run(word, state)
    else:
        return False
    return True


def _reads(words: list[str], command: Command, state: State) -> bool:
    """`IFS=, read -ra A <<< "$text"`; False if it is not understood."""
    if command.here is None:
        return False
    text = expand_one(command.here, state)
    before = next((one for one in command.assignments if one.name == "IFS"), None)
    ifs = state.value("IFS") if before is None else expand_one(before.words[0], state)
    options = [word for word in words if word.startswith("-")]
    names = [word for word in words if _NAME.fullmatch(word)]
    unknown = text.why is not None or (ifs is not None and ifs.why is not None)
    if unknown or len(options) + len(names) != len(words) or not names:
        return False
    if any(option not in ("-r", "-a", "-ra", "-ar") for option in options):
        return False
    line = text.text.partition("\n")[0]
    found = [Text(one, None, text.notes) for one in pieces(line, None if ifs is None else ifs.text)]
    if any("a" in option for option in options):
        state.set(names[0], *found, array=True)
        return len(names) == 1
    if len(found) > len(names):
        return False  # the last one would take the rest, with what stands between
    for index, name in enumerate(names):
        state.set(name, found[index] if index < len(found) else Text(""))
    return True
