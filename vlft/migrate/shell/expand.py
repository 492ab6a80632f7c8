"""Words → texts: variables, arithmetic, and the few commands whose output needs no run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from vlft.migrate.places import shown
from vlft.migrate.shell.arithmetic import computed
from vlft.migrate.shell.brackets import MAX_DEPTH, BrokenShellError
from vlft.migrate.shell.lookup import look_up, positional, why_absent
from vlft.migrate.shell.parameters import Parameter, apply_operator, split_parameter
from vlft.migrate.shell.substitution import output_of
from vlft.migrate.shell.texts import Field, Text, Variables
from vlft.migrate.shell.words import Part, Word, read_word

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_WORK: Final = 1 << 22
"""Characters that expansions of one script may give together."""

_GLOB: Final = re.compile(r"[*?]|\[[^\]]+\]")


def expand(word: Word, variables: Variables, depth: int = 0) -> list[Field]:
    """The fields that a word becomes: none, one or several."""
    done: list[Text] = []
    pieces: list[Text] = []
    quoted = any(part.quoted for part in word.parts)
    started = False
    for part in word.parts:
        if part.kind == "text":
            pieces.append(_literal(part))
            started = started or part.quoted or bool(part.text)
            continue
        first = not any(piece.text for piece in pieces)
        values, splits = _values(part, variables, depth, first=first)
        if splits and not part.quoted:
            values = [piece for value in values for piece in _split(value)]
        for index, value in enumerate(values):
            if index:
                done.append(_joined(pieces))
                pieces = []
            pieces.append(value)
            started = True
        started = started or (part.quoted and not _is_list(part))
    if started and (pieces or done):
        done.append(_joined(pieces))
    variables.work += sum(len(text.text) for text in done)
    if variables.work > MAX_WORK:
        done = [Text(word.raw, "the script's variables grow beyond all measure")]
    return [Field(text, word.offset, word.raw, quoted) for text in done]


def expand_one(word: Word, variables: Variables, depth: int = 0) -> Text:
    """The text that a word becomes where nothing is split, as in an assignment."""
    parts = tuple(Part(part.kind, part.text, quoted=True, raw=part.raw) for part in word.parts)
    fields = expand(Word(parts, word.offset, word.raw), variables, depth)
    if len(fields) == 1:
        return fields[0].value
    return _joined([piece for one in fields for piece in (Text(" "), one.value)][1:])


def _literal(part: Part) -> Text:
    if not part.quoted and _GLOB.search(part.text):
        return Text(part.text, f"{shown(part.text)} matches whatever files there are")
    return Text(part.text)


def _joined(pieces: list[Text]) -> Text:
    if len(pieces) == 1:
        return pieces[0]
    why = next((piece.why for piece in pieces if piece.why is not None), None)
    notes = tuple(note for piece in pieces for note in piece.notes)
    return Text("".join(piece.text for piece in pieces), why, notes)


def _split(value: Text) -> Iterator[Text]:
    """An unquoted expansion at its blanks; an unknown one stays whole."""
    if value.why is not None:
        yield value
        return
    for text in value.text.split():
        yield Text(text, None, value.notes)


def _is_list(part: Part) -> bool:
    return part.kind == "variable" and (part.text in ("@", "*") or part.text.endswith("[@]"))


def _values(
    part: Part, variables: Variables, depth: int, *, first: bool
) -> tuple[list[Text], bool]:
    """What one expansion gives, and whether it is split at blanks."""
    if depth > MAX_DEPTH:
        return [Text(part.raw, "its expansions are nested too deeply")], False
    try:
        if part.kind == "arithmetic":
            return [_arithmetic(part, variables, depth)], False
        if part.kind == "command":
            return [output_of(part, variables, depth, expand)], True
        return _variable(part, variables, depth, first=first), True
    except BrokenShellError as error:
        return [Text(part.raw, error.message)], False


def _arithmetic(part: Part, variables: Variables, depth: int) -> Text:
    text, why = _expression(part.text, variables, depth)
    return Text(part.raw, why) if why is not None else computed(part.raw, text, part.text)


def _expression(text: str, variables: Variables, depth: int) -> tuple[str, str | None]:
    """Arithmetic with its variables replaced, with and without dollars."""
    pieces = []
    at = 0
    for found in re.finditer(
        r"(?<![0-9A-Za-z_$])[A-Za-z_][A-Za-z0-9_]*|\$\{[^{}]*\}|\$\w+|\$\(", text
    ):
        if found.start() < at:
            continue
        pieces.append(text[at : found.start()])
        if found[0] == "$(":
            return text, "it holds a command"
        inner = found[0].lstrip("$").strip("{}")
        value = _variable(
            Part("variable", inner, True, found[0]), variables, depth + 1, first=False
        )
        if len(value) != 1 or value[0].why is not None:
            return text, value[0].why if value else "it is no number"
        pieces.append(f" {value[0].text} ")
        at = found.end()
    return "".join([*pieces, text[at:]]), None


def _variable(part: Part, variables: Variables, depth: int, *, first: bool) -> list[Text]:
    found = split_parameter(part.text)
    if found is None:
        return [Text(part.raw, f"{shown(part.raw)} is not understood")]
    value, why = _value(found, variables)
    name, operator = found.name, found.operator
    if operator in (":-", "-", ":=", "="):
        return _or_default(found, value, variables, depth)
    if operator in (":+", "+"):
        used = _whole(found.rest) if value is not None else _whole("")
        return [one.value for one in expand(used, variables, depth + 1)]
    if value is None:
        folder = {"HOME": "~", "PWD": "."}.get(name) if first else None
        plain = folder is not None and not operator and not found.length
        return [Text(folder) if plain and folder else Text(part.raw, why)]
    if found.length:
        return [_length(part, found, value)]
    changes = operator not in (":?", "?", "")
    return [
        _operated(item, operator, found.rest, part, variables, depth) if changes else item
        for item in value
    ]


def _value(found: Parameter, variables: Variables) -> tuple[tuple[Text, ...] | None, str]:
    """A parameter's value, or why it has none."""
    if found.name in ("?", "$", "!", "-", "0"):
        return None, "only a shell knows it"
    if found.name in ("@", "*", "#") or found.name.isdigit():
        given = variables.positional
        known = positional(found.name, given) if given is not None else None
        return known, "it is what the script is called with"
    return look_up(found.name, found.index, variables), why_absent(found.name, variables)


def _length(part: Part, found: Parameter, value: tuple[Text, ...]) -> Text:
    count = len(value) if found.index in ("@", "*") else len(value[0].text)
    why = next((item.why for item in value if item.why is not None), None)
    return Text(str(count)) if why is None else Text(part.raw, why)


def _or_default(
    found: Parameter, value: tuple[Text, ...] | None, variables: Variables, depth: int
) -> list[Text]:
    """`${NAME:-word}`: a variable that the script never sets is taken for not set."""
    empty = value is not None and found.operator[0] == ":" and not any(one.text for one in value)
    if value is not None and not empty:
        return list(value)
    made = expand_one(_whole(found.rest), variables, depth + 1)
    if value is None and found.name.isdigit() and not made.text and found.operator[-1] == "-":
        return [Text(f"${found.name}", "it is what the script is called with")]
    if found.operator.endswith("=") and made.why is None:
        variables.set(found.name, (made,))
    note = f"`{found.name}` is taken for not set: {shown(made.text)}"
    return [Text(made.text, made.why, made.notes if value is not None else (*made.notes, note))]


def _operated(
    item: Text, operator: str, rest: str, part: Part, variables: Variables, depth: int
) -> Text:
    if item.why is not None:
        return Text(part.raw, item.why)
    patterns = [expand_one(_whole(piece), variables, depth + 1) for piece in rest.split("/", 1)]
    why = next((one.why for one in patterns if one.why and "matches whatever" not in one.why), None)
    made = None if why else apply_operator(item.text, operator, [one.text for one in patterns])
    if made is None:
        return Text(part.raw, why or f"{shown(part.raw)} is not understood")
    return Text(made, None, item.notes)


def _whole(text: str) -> Word:
    """A text inside `${…}` as one word: blanks and brackets do not end it."""
    parts: list[Part] = []
    at = 0
    while at < len(text):
        word, end = read_word(text, at)
        parts.extend(word.parts)
        if end == at:
            parts.append(Part("text", text[at], quoted=True, raw=text[at]))
            end += 1
        at = end
    return Word(tuple(parts), 0, text)
