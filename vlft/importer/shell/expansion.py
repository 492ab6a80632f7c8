"""Words → texts: variables, arithmetic, and the few commands whose output needs no run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from vlft.importer.shell.arithmetic import computed
from vlft.importer.shell.outputs import output_of, work_folder
from vlft.importer.shell.parameters import Parameter, apply_operator, slice_of, split_parameter
from vlft.importer.shell.state import HOLE, Field, State, Text, join, pieces
from vlft.importer.shell.words import MAX_DEPTH, Part, Word, apart, read_parts
from vlft.importer.spans import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_WORK: Final = 1 << 22
"""Characters that expansions of one script may give together."""

CALLED_WITH: Final = "it is what the script is called with"
"""Why `$1` and the like have no value."""

_NAME: Final = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_GLOB: Final = re.compile(r"[*?]|\[[^\]]+\]")
_OPERAND: Final = re.compile(
    r"(?<![0-9A-Za-z_$])[A-Za-z_][A-Za-z0-9_]*|\$\{[^{}]*\}|\$\w+|\$#|\$\("
)
_OF_SHELL: Final = (
    "RANDOM", "SECONDS", "SRANDOM", "EPOCHSECONDS", "PPID", "LINENO", "UID", "EUID",
)  # fmt: skip


def expand(word: Word, state: State, depth: int = 0) -> list[Field]:
    """The fields that a word becomes: none, one or several."""
    several = apart(word)
    if len(several) > 1:
        return [one for piece in several for one in expand(piece, state, depth)]
    done: list[Text] = []
    parts: list[Text] = []
    quoted = any(part.quoted for part in word.parts)
    started = False
    for part in word.parts:
        if not part.expands:
            parts.append(_literal(part))
            started = started or part.quoted or bool(part.text)
            continue
        first = not any(piece.text for piece in parts)
        values = _values(part, state, depth, first=first)
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
    return [Field(text, word.offset, word.raw, quoted) for text in done]


def expand_one(word: Word, state: State, depth: int = 0) -> Text:
    """The text that a word becomes where nothing is split, as in an assignment."""
    parts = tuple(Part(part.text, True, part.expands) for part in word.parts)
    fields = expand(Word(parts, word.offset, word.raw), state, depth)
    return join([one.value for one in fields], " ")


def expand_text(text: str, state: State, depth: int = 0) -> Text:
    """The same for a text that is written in the script."""
    return expand_one(Word(tuple(read_parts(text, quoted=True)), raw=text), state, depth)


def _is_arithmetic(part: Part) -> bool:
    """Whether an expansion is `$((…))`, which the grammar takes for `$( (…))` inside `${…}`."""
    return part.text.startswith("$[") or (part.text.startswith("$((") and part.text[-2:] == "))")


def _not_understood(raw: str) -> str:
    return f"{shown(raw)} is not understood"


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


def _values(part: Part, state: State, depth: int, *, first: bool) -> list[Text]:
    """What one expansion gives."""
    if depth > MAX_DEPTH:
        return [Text(part.text, "its expansions are nested too deeply")]
    if _is_arithmetic(part):
        text = part.text[3:-2] if part.text.startswith("$((") else part.text[2:-1]
        return [number(text, state, depth, part.text)]
    if part.text.startswith(("$(", "`", "<(", ">(")):
        return [output_of(part.text, state, depth, expand)]
    return _variable(part, state, depth, first=first)


def number(text: str, state: State, depth: int = 0, raw: str | None = None) -> Text:
    """The value of arithmetic that sets nothing, its variables with and without dollars."""
    made: list[str] = []
    at = 0
    raw = f"(({text}))" if raw is None else raw
    for found in _OPERAND.finditer(text):
        if found.start() < at:
            continue
        if found[0] == "$(":
            return Text(raw, "it holds a command")
        name = found[0].strip("${}")
        if name.isalnum() or name.isidentifier():
            part = Part(f"${{{name}}}", quoted=True)
            value = join(_variable(part, state, depth + 1, first=False), " ")
        else:
            value = expand_text(found[0], state, depth + 1)
        if value.why is not None:
            return Text(raw, value.why)
        made += [text[at : found.start()], f" {value.text} "]
        at = found.end()
    return computed(raw, "".join([*made, text[at:]]), text)


def _variable(part: Part, state: State, depth: int, *, first: bool) -> list[Text]:
    text = part.text[2:-1] if part.text.startswith("${") else part.text[1:]
    found = split_parameter(_pointed_at(text, state) or text)
    if found is None:
        return _places(text, state) or [Text(part.text, _not_understood(part.text))]
    value, why = _value(found, state, depth)
    if found.operator[-1:] in ("-", "=", "+"):
        return _or_default(found, value, part, state, depth)
    if value is None:
        plain = first and not found.operator and not found.length
        folder = {"HOME": Text("~"), "PWD": work_folder(state)}.get(found.name) if plain else None
        return [folder or Text(part.text, why)]
    if found.length:
        unknown = next((item.why for item in value if item.why is not None), None)
        count = len(value) if found.index in ("@", "*") else len(value[0].text)
        return [Text(str(count)) if unknown is None else Text(part.text, unknown)]
    made = _changed(found, value, part, state, depth)
    if not part.quoted or "*" not in (found.name, found.index):
        return made
    ifs = state.value("IFS")
    return [join(made, ifs.text[:1] if ifs else " ")] if made else [Text("")]


def _rest(found: Parameter, part: Part) -> Word:
    """What stands behind the operator, as one word."""
    parts = read_parts(found.rest, quoted=True, double=part.quoted)
    return Word(tuple(parts), raw=part.text)


def _changed(
    found: Parameter, value: tuple[Text, ...], part: Part, state: State, depth: int
) -> list[Text]:
    """A value after its operator."""
    operator = found.operator
    if operator in (":?", "?", ""):
        return list(value)
    if operator == ":" and found.is_list:
        bounds = slice_of(expand_text(found.rest, state, depth + 1).text)
        before = int(found.name in ("@", "*"))  # `${@:0}` begins with the script itself
        if bounds is None or bounds.start < before:
            return [Text(part.text, _not_understood(part.text))]
        return list(((Text(""),) * before + value)[bounds])
    return [_operated(item, found, part, state, depth) for item in value]


def _operated(item: Text, found: Parameter, part: Part, state: State, depth: int) -> Text:
    if item.why is not None:
        return Text(part.text, item.why)
    patterns = [expand_text(piece, state, depth + 1) for piece in found.rest.split("/", 1)]
    why = next((one.why for one in patterns if one.why and "matches whatever" not in one.why), None)
    made = None
    if why is None:
        made = apply_operator(item.text, found.operator, [one.text for one in patterns])
    if made is None:
        return Text(part.text, why or _not_understood(part.text))
    return Text(made, None, item.notes)


def _or_default(
    found: Parameter, value: tuple[Text, ...] | None, part: Part, state: State, depth: int
) -> list[Text]:
    """`${NAME:-word}`: a variable that the script never sets is taken for not set."""
    empty = value is not None and found.operator[0] == ":" and not any(one.text for one in value)
    there = value is not None and not empty
    if found.operator[-1] == "+":
        return [one.value for one in expand(_rest(found, part), state, depth + 1)] if there else []
    if value is not None and there:
        return list(value)
    made = expand_one(_rest(found, part), state, depth + 1)
    if value is None and found.name.isdigit() and not made.text and found.operator[-1] == "-":
        return [Text(f"${found.name}", CALLED_WITH)]
    if found.operator.endswith("=") and made.why is None:
        state.set(found.name, made)
    note = f"`{found.name}` is taken for not set" + (f": {shown(made.text)}" if made.text else "")
    return [Text(made.text, made.why, made.notes if value is not None else (*made.notes, note))]


def _value(found: Parameter, state: State, depth: int) -> tuple[tuple[Text, ...] | None, str]:
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
    elif value is not None and index not in ("@", "*"):
        return _item(name, index or "", value, state, depth)
    return value, _why_absent(name, state) if value is None else ""


def _item(
    name: str, index: str, value: tuple[Text, ...], state: State, depth: int
) -> tuple[tuple[Text, ...] | None, str]:
    """`${A[1]}` and `${M[key]}`."""
    keys = state.keys.get(name)
    key = expand_text(index, state, depth + 1) if keys is not None else Text(index)
    if keys is None or (key.text not in keys and name in state.arrays):
        counted = number(index, state, depth + 1)
        key = counted if keys is None or counted.why is None else key
    if key.why is None and keys is None and not key.text.isdecimal():
        key = Text(index, f"{shown(index)} is no number")
    if key.why is not None:
        return (Text(f"${{{name}[{index}]}}", key.why),), ""
    if keys is not None and key.text not in keys:
        return None, f"`{name}` has no item {shown(key.text)}"
    place = keys.index(key.text) if keys is not None else int(key.text[:6])
    return value[place : place + 1] or None, _why_absent(name, state)


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


def _places(text: str, state: State) -> list[Text]:
    """`${!A[@]}`, the numbers or the keys of an array's items; none if it is something else."""
    name = text.removeprefix("!").removesuffix("[@]").removesuffix("[*]")
    if name in (text, text[1:]) or name not in state.arrays:
        return []
    if name in state.keys:
        return [Text(key) for key in state.keys[name]]
    return [Text(str(index)) for index in range(len(state.values[name]))]


def _pointed_at(text: str, state: State) -> str | None:
    """`${!NAME}`: the variable whose name that one holds; None if it is something else."""
    value = state.value(text[1:]) if text.startswith("!") else None
    if value is None or value.why is not None or not _NAME.fullmatch(value.text):
        return None
    return value.text
