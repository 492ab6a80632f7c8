"""Words → texts: variables with their operators, arithmetic, and outputs that need no run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from vlft.importer.shell.state import HOLE, Field, State, Text, join, pieces
from vlft.importer.shell.substitution import computed, output_of, work_folder
from vlft.importer.shell.words import MAX_DEPTH, Part, Word, apart, read_parts
from vlft.importer.spans import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_WORK: Final = 1 << 22
"""Characters that expansions of one script may give together."""

CALLED_WITH: Final = "it is what the script is called with"
"""Why `$1` and the like have no value."""

_PARAMETER: Final = re.compile(
    r"(?P<length>#(?=[A-Za-z_@*]))?(?P<name>[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-])"
    r"(?:\[(?P<index>[^\]]*)\])?"
    r"(?:(?P<operator>:-|:=|:\+|:\?|-|=|\+|\?|%%|%|##|#|//|/|\^\^|,,|:)(?P<rest>.*))?",
    re.DOTALL,
)
_SLICE: Final = re.compile(r"\s*(\d{1,6})\s*(?::\s*(\d{1,6})\s*)?")
_WILD: Final = re.compile(r"\*|\?|\[[!^]?[\w.-]+\]|[^*?\[]+|\[")
_MAX_STARS: Final = 3
_MAX_TEXT: Final = 256
_MAX_TRIMMED: Final = 4096
_GLOB: Final = re.compile(r"[*?]|\[[^\]]+\]")
_OPERAND: Final = re.compile(
    r"(?<![0-9A-Za-z_$])[A-Za-z_][A-Za-z0-9_]*|\$\{[^{}]*\}|\$\w+|\$#|\$\("
)
_OF_SHELL: Final = (
    "RANDOM", "SECONDS", "SRANDOM", "EPOCHSECONDS", "PPID", "LINENO", "UID", "EUID",
)  # fmt: skip


class Parameter(Struct, frozen=True):
    """`${NAME[index]operator rest}` in its parts.

    Attributes:
        raw: As it is written.
        quoted: Whether it stands in quotes.
        name: Of the variable.
        index: Of an array's item, or `@`; None without one.
        operator: `:-`, `%%` and the like; empty without one.
        rest: What follows the operator.
        length: Whether `#` stands before the name.
    """

    raw: str
    quoted: bool
    name: str
    index: str | None
    operator: str
    rest: str
    length: bool

    def unknown(self, why: str = "") -> Text:
        """Its value, where that can't be known."""
        return Text(self.raw, why or f"{shown(self.raw)} is not understood")


def read_parameter(part: Part) -> Parameter | None:
    """The parts of `$NAME` and `${…}`; None if it is something else."""
    braces = part.text.startswith("${")
    found = _PARAMETER.fullmatch(part.text[2:-1] if braces else part.text[1:])
    if found is None:
        return None
    operator, rest = found["operator"] or "", found["rest"] or ""
    length = found["length"] is not None
    return Parameter(part.text, part.quoted, found["name"], found["index"], operator, rest, length)


def expand(word: Word, state: State) -> list[Field]:
    """The fields that a word becomes: none, one or several."""
    several = apart(word)
    if len(several) > 1:
        return [one for piece in several for one in expand(piece, state)]
    done: list[Text] = []
    parts: list[Text] = []
    started = False
    for part in word.parts:
        if not part.expands:
            parts.append(_literal(part))
            started = started or part.quoted or bool(part.text)
            continue
        values = _values(part, state, first=not any(piece.text for piece in parts))
        if not part.quoted and not _is_arithmetic(part):
            values = [piece for value in values for piece in _split(value, state)]
        for index, value in enumerate(values):
            if index:
                done.append(join(parts))
                parts = []
            parts.append(value)
            started = True
        several_words = part.text.startswith(("$@", "${@")) or "[@]" in part.text
        started = started or (part.quoted and not several_words)
    if started and (parts or done):
        done.append(join(parts))
    state.work += sum(len(text.text) for text in done)
    if state.work > MAX_WORK:
        done = [Text(word.raw, "the script's variables grow beyond all measure")]
    quoted = any(part.quoted for part in word.parts)
    return [Field(text, word.offset, word.raw, quoted) for text in done]


def expand_one(word: Word, state: State) -> Text:
    """The text that a word becomes where nothing is split, as in an assignment."""
    parts = tuple(Part(part.text, True, part.expands) for part in word.parts)
    fields = expand(Word(parts, word.offset, word.raw), state)
    return join([one.value for one in fields], " ")


def expand_text(text: str, state: State) -> Text:
    """The same for a text that is written in the script."""
    return expand_one(Word(tuple(read_parts(text, quoted=True)), raw=text), state)


def _is_arithmetic(part: Part) -> bool:
    return part.text.startswith(("$[", "$((")) and part.text.endswith(("]", "))"))


def _literal(part: Part) -> Text:
    """A text that is no expansion; a pattern of file names is unknown."""
    if HOLE in part.text:
        return Text(part.text, "it depends on a branch of the script")
    if not part.quoted and _GLOB.search(part.text):
        return Text(part.text, f"{shown(part.text)} matches whatever files there are")
    return Text(part.text)


def _split(value: Text, state: State) -> Iterator[Text]:
    """An unquoted expansion at its blanks, or as IFS has it; an unknown one stays whole."""
    if value.why is not None and HOLE not in value.text:
        yield value
        return
    ifs = state.value("IFS")
    for text in pieces(value.text, ifs.text if ifs else None):
        yield Text(text, value.why if HOLE in text else None, value.notes)


def _values(part: Part, state: State, *, first: bool) -> list[Text]:
    """What one expansion gives; `first` if no text stands before it."""
    if state.depth > MAX_DEPTH:
        return [Text(part.text, "its expansions are nested too deeply")]
    state.depth += 1
    try:
        if _is_arithmetic(part):
            text = part.text[3:-2] if part.text.startswith("$((") else part.text[2:-1]
            return [number(text, state, part.text)]
        if part.text.startswith(("$(", "`", "<(", ">(")):
            return [output_of(part.text, state, expand)]
        return _variable(part, state, first=first)
    finally:
        state.depth -= 1


def number(text: str, state: State, raw: str | None = None) -> Text:
    """The value of arithmetic that sets nothing, its variables with and without dollars."""
    made: list[str] = []
    at = 0
    raw = f"(({text}))" if raw is None else raw
    for found in _OPERAND.finditer(text):
        if found[0] == "$(":
            return Text(raw, "it holds a command")
        name = found[0].strip("${}")
        plain = name.isalnum() or name.isidentifier()
        value = expand_text(f"${{{name}}}" if plain else found[0], state)
        if value.why is not None:
            return Text(raw, value.why)
        made += [text[at : found.start()], f" {value.text} "]
        at = found.end()
    return computed(raw, "".join([*made, text[at:]]), text)


def _variable(part: Part, state: State, *, first: bool) -> list[Text]:
    found = read_parameter(part)
    if found is None:
        return _places(part, state)
    value, why = _value(found, state)
    if found.operator[-1:] in ("-", "=", "+"):
        return _or_default(found, value, state)
    if value is None:
        plain = first and not found.operator and not found.length
        folder = {"HOME": Text("~"), "PWD": work_folder(state)}.get(found.name) if plain else None
        return [folder or found.unknown(why)]
    if found.length:
        unknown = next((item.why for item in value if item.why is not None), None)
        count = len(value) if found.index in ("@", "*") else len(value[0].text)
        return [Text(str(count)) if unknown is None else found.unknown(unknown)]
    made = _changed(found, value, state)
    if not part.quoted or "*" not in (found.name, found.index):
        return made
    ifs = state.value("IFS")
    return [join(made, ifs.text[:1] if ifs else " ")] if made else [Text("")]


def _changed(found: Parameter, value: tuple[Text, ...], state: State) -> list[Text]:
    """A value after its operator."""
    if found.operator in (":?", "?", ""):
        return list(value)
    if found.operator == ":" and (found.name in ("@", "*") or found.index in ("@", "*")):
        bounds = _slice(expand_text(found.rest, state).text)
        before = int(found.name in ("@", "*"))  # `${@:0}` begins with the script itself
        if bounds is None or bounds.start < before:
            return [found.unknown()]
        return list(((Text(""),) * before + value)[bounds])
    return [_operated(item, found, state) for item in value]


def _operated(item: Text, found: Parameter, state: State) -> Text:
    if item.why is not None:
        return found.unknown(item.why)
    patterns = [expand_text(piece, state) for piece in found.rest.split("/", 1)]
    why = next((one.why for one in patterns if one.why and "matches whatever" not in one.why), None)
    if why is not None:
        return found.unknown(why)
    made = _applied(item.text, found.operator, [one.text for one in patterns])
    return found.unknown() if made is None else Text(made, None, item.notes)


def _applied(text: str, operator: str, patterns: list[str]) -> str | None:
    """A text with the end, the beginning or a part of it changed; None if it is not understood.

    Args:
        text: The variable's value.
        operator: `%`, `%%`, `#`, `##`, `/`, `//`, `^^`, `,,` or `:`.
        patterns: What follows, split at its first slash.
    """
    pattern = "/".join(patterns)
    if operator in ("^^", ",,"):
        changed = text.upper() if operator == "^^" else text.lower()
        return changed if not pattern else None
    if operator == ":":
        bounds = _slice(pattern)
        return text[bounds] if bounds is not None else None
    if operator in ("/", "//"):
        # `//old/new` splits as `/`, so the first pattern is the old text.
        old, new = patterns[0], patterns[1] if len(patterns) > 1 else ""
        if not old or re.search(r"[*?\[]|^[#%]", old):
            return None
        return text.replace(old, new) if operator == "//" else text.replace(old, new, 1)
    return _trimmed(text, operator, pattern)


def _slice(bounds: str) -> slice | None:
    """`1` and `1:3`, behind a colon; None if it is not understood."""
    found = _SLICE.fullmatch(bounds)
    if found is None:
        return None
    start = int(found[1])
    return slice(start, None if found[2] is None else start + int(found[2]))


def _trimmed(text: str, operator: str, pattern: str) -> str | None:
    """A text without what a pattern matches at its end (`%`) or its beginning (`#`)."""
    whole = _compiled([(pattern, False)], text)
    if whole is None or len(text) > _MAX_TRIMMED:
        return None
    lengths = range(len(text) + 1)
    for length in lengths if len(operator) == 1 else reversed(lengths):
        at_start = operator[0] == "#"
        piece = text[:length] if at_start else text[len(text) - length :]
        if whole.fullmatch(piece):
            return text[length:] if at_start else text[: len(text) - length]
    return text


def matches(text: str, pattern: Sequence[tuple[str, bool]]) -> bool | None:
    """Whether a text is what a pattern says; None if it is not understood.

    Args:
        text: The text.
        pattern: Its pieces, each with whether it is quoted.
    """
    whole = _compiled(pattern, text)
    return None if whole is None else whole.fullmatch(text) is not None


def _compiled(pattern: Sequence[tuple[str, bool]], text: str) -> re.Pattern[str] | None:
    made = [
        re.escape(piece) if quoted else "".join(map(_wild, _WILD.findall(piece)))
        for piece, quoted in pattern
    ]
    stars = sum(piece.count(".*") for piece in made)
    if stars > _MAX_STARS or (stars > 1 and len(text) > _MAX_TEXT):
        return None
    try:
        return re.compile("".join(made), re.DOTALL)
    except re.error:  # a range such as `[z-a]`
        return None


def _wild(piece: str) -> str:
    if piece in ("*", "?"):
        return ".*" if piece == "*" else "."
    if piece.startswith("[") and len(piece) > 1:
        return f"[^{piece[2:-1]}]" if piece[1] in "!^" else piece
    return re.escape(piece)


def _or_default(found: Parameter, value: tuple[Text, ...] | None, state: State) -> list[Text]:
    """`${NAME:-word}`: a variable that the script never sets is taken for not set."""
    word = Word(tuple(read_parts(found.rest, quoted=True, double=found.quoted)), raw=found.raw)
    empty = value is not None and found.operator[0] == ":" and not any(one.text for one in value)
    there = value is not None and not empty
    if found.operator[-1] == "+":
        return [one.value for one in expand(word, state)] if there else []
    if value is not None and there:
        return list(value)
    made = expand_one(word, state)
    if value is None and found.name.isdigit() and not made.text and found.operator[-1] == "-":
        return [Text(f"${found.name}", CALLED_WITH)]
    if found.operator.endswith("=") and made.why is None:
        state.set(found.name, made)
    note = f"`{found.name}` is taken for not set" + (f": {shown(made.text)}" if made.text else "")
    return [Text(made.text, made.why, made.notes if value is not None else (*made.notes, note))]


def _value(found: Parameter, state: State) -> tuple[tuple[Text, ...] | None, str]:
    """A parameter's value, or why it has none."""
    name, index = found.name, found.index
    own = name == "0" or (name == "BASH_SOURCE" and index in (None, "0"))
    if own and state.script is not None:
        return (Text(state.script),), ""
    if name in ("?", "$", "!", "-", "0", "BASH_SOURCE"):
        return None, "only a shell knows it"
    if name in ("@", "*", "#") or name.isdigit():
        given = state.positional
        return (None if given is None else _positional(name, given)), CALLED_WITH
    value = state.values.get(name)
    if value is not None and index is None:
        value = value[:1] or None
    elif (
        value is not None
        and index not in ("@", "*")
        and (name in state.arrays or value[0].why is None)
    ):
        place = number(index or "", state)
        if place.why is None and not place.text.isdecimal():
            place = Text(place.text, f"{shown(place.text)} is no number")
        if place.why is not None:
            return (Text(f"${{{name}[{index}]}}", place.why),), ""
        value = value[int(place.text[:6]) :][:1] or None
    return value, _why_absent(name, state) if value is None else ""


def _positional(name: str, given: tuple[Text, ...]) -> tuple[Text, ...]:
    """`$1`, `$@`, `$#` and the like."""
    if name in ("@", "*"):
        return given
    if name == "#":
        return (Text(str(len(given))),)
    index = int(name[:6])
    return given[index - 1 : index] if 0 < index <= len(given) else (Text(""),)


def _why_absent(name: str, state: State) -> str:
    """Why a variable has no value."""
    if name in _OF_SHELL:
        return "only a shell knows it"
    if name in state.own:
        return f"`{name}` is set for the command itself, after its words are expanded"
    known = {*state.values, *state.own}
    close = next((other for other in sorted(known) if other.lower() == name.lower()), None)
    if close is not None:
        return f"`{name}` is set nowhere in the script; `{close}` is, and a shell minds the case"
    if state.sources:
        return f"`{name}` is set nowhere in the script; {shown(state.sources[-1])} may set it"
    return f"`{name}` is set nowhere in the script"


def _places(part: Part, state: State) -> list[Text]:
    """`${!A[@]}`, the numbers of an array's items."""
    found = re.fullmatch(r"\$\{!(\w+)\[[@*]\]\}", part.text)
    if found is None or found[1] not in state.arrays:
        return [Text(part.text, f"{shown(part.text)} is not understood")]
    return [Text(str(index)) for index in range(len(state.values[found[1]]))]
