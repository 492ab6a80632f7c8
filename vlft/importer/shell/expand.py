"""Words → texts: variables, arithmetic, and the few commands whose output needs no run."""

from __future__ import annotations

import re
from typing import Final

from vlft.importer.shell.arithmetic import computed
from vlft.importer.shell.braces import apart
from vlft.importer.shell.brackets import MAX_DEPTH, BrokenShellError
from vlft.importer.shell.fields import is_list_part, literal, put_together, split
from vlft.importer.shell.files import own_name, work_folder
from vlft.importer.shell.lists import is_list, joined, places, pointed_at, sliced
from vlft.importer.shell.lookup import CALLED_WITH, look_up, positional, why_absent
from vlft.importer.shell.parameters import Parameter, apply_operator, split_parameter
from vlft.importer.shell.substitution import output_of
from vlft.importer.shell.texts import Field, Text, Variables
from vlft.importer.shell.words import Part, Word, read_word
from vlft.importer.spans import shown

MAX_WORK: Final = 1 << 22
"""Characters that expansions of one script may give together."""


def expand(word: Word, variables: Variables, depth: int = 0) -> list[Field]:
    """The fields that a word becomes: none, one or several."""
    several = apart(word)
    if len(several) > 1:
        return [one for piece in several for one in expand(piece, variables, depth)]
    done: list[Text] = []
    parts: list[Text] = []
    quoted = any(part.quoted for part in word.parts)
    started = False
    for part in word.parts:
        if part.kind == "text":
            parts.append(literal(part))
            started = started or part.quoted or bool(part.text)
            continue
        first = not any(piece.text for piece in parts)
        values, splits = _values(part, variables, depth, first=first)
        if splits and not part.quoted:
            values = [piece for value in values for piece in split(value, variables)]
        for index, value in enumerate(values):
            if index:
                done.append(put_together(parts))
                parts = []
            parts.append(value)
            started = True
        started = started or (part.quoted and not is_list_part(part))
    if started and (parts or done):
        done.append(put_together(parts))
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
    return put_together([piece for one in fields for piece in (Text(" "), one.value)][1:])


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
            return [output_of(part, variables, depth, expand, expand_one)], True
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
    found = split_parameter(pointed_at(part.text, variables) or part.text)
    if found is None:
        unknown = [Text(part.raw, f"{shown(part.raw)} is not understood")]
        numbers = places(part.text, variables)
        return unknown if numbers is None else numbers
    value, why = _value(found, variables, depth)
    name, operator = found.name, found.operator
    if operator in (":-", "-", ":=", "="):
        return _or_default(found, value, variables, depth)
    if operator in (":+", "+"):
        used = _whole(found.rest) if _is_there(value, operator) else _whole("")
        return [one.value for one in expand(used, variables, depth + 1)]
    if value is None:
        plain = first and not operator and not found.length
        folder = {"HOME": Text("~"), "PWD": work_folder(variables)}.get(name) if plain else None
        return [folder or Text(part.raw, why)]
    if found.length:
        return [_length(part, found, value)]
    made = _changed(found, value, part, variables, depth)
    stars = part.quoted and "*" in (name, found.index)
    return joined(made, variables) if stars else made


def _changed(
    found: Parameter, value: tuple[Text, ...], part: Part, variables: Variables, depth: int
) -> list[Text]:
    """A value after its operator."""
    operator = found.operator
    if operator in (":?", "?", ""):
        return list(value)
    if operator == ":" and is_list(found):
        kept = sliced(found, value, expand_one(_whole(found.rest), variables, depth + 1).text)
        unknown = [Text(part.raw, f"{shown(part.raw)} is not understood")]
        return unknown if kept is None else kept
    return [_operated(item, operator, found.rest, part, variables, depth) for item in value]


def _is_there(value: tuple[Text, ...] | None, operator: str) -> bool:
    """Whether `${X:+…}` has something to go by: a text, or with `+` alone any value."""
    return value is not None and (operator == "+" or any(one.text for one in value))


def _value(
    found: Parameter, variables: Variables, depth: int
) -> tuple[tuple[Text, ...] | None, str]:
    """A parameter's value, or why it has none."""
    own = own_name(found.name, found.index, variables)
    if own is not None:
        return (own,), ""
    if found.name in ("?", "$", "!", "-", "0", "BASH_SOURCE"):
        return None, "only a shell knows it"
    if found.name in ("@", "*", "#") or found.name.isdigit():
        given = variables.positional
        known = positional(found.name, given) if given is not None else None
        return known, CALLED_WITH
    index = found.index
    if index is not None and index not in ("@", "*") and found.name in variables.keys:
        return _keyed(found, index, variables, depth)
    if index is not None and index not in ("@", "*") and not index.isdecimal():
        text, why = _expression(index, variables, depth + 1)
        number = Text(index, why) if why is not None else computed(index, text, index)
        if number.why is not None:
            return (Text(f"${{{found.name}[{index}]}}", number.why),), ""
        index = number.text
    return look_up(found.name, index, variables), why_absent(found.name, variables)


def _keyed(
    found: Parameter, index: str, variables: Variables, depth: int
) -> tuple[tuple[Text, ...] | None, str]:
    """`${M[key]}`."""
    key = expand_one(_whole(index), variables, depth + 1)
    if key.why is not None:
        return (Text(f"${{{found.name}[{index}]}}", key.why),), ""
    keys = variables.keys[found.name]
    if key.text not in keys and found.name in variables.arrays:
        key = computed(index, _expression(index, variables, depth + 1)[0], index)
    if key.text not in keys:
        return None, f"`{found.name}` has no item {shown(key.text)}"
    place = keys.index(key.text)
    values = variables.values.get(found.name, ())
    return values[place : place + 1] or None, why_absent(found.name, variables)


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
        return [Text(f"${found.name}", CALLED_WITH)]
    if found.operator.endswith("=") and made.why is None:
        variables.set(found.name, (made,))
    note = f"`{found.name}` is taken for not set" + (f": {shown(made.text)}" if made.text else "")
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
