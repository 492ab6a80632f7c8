"""`$(…)`: the few commands whose output needs no run, and pipes of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from vlft.importer.shell.arithmetic import computed
from vlft.importer.shell.brackets import MAX_DEPTH
from vlft.importer.shell.files import REAL, folder_of, real, work_folder
from vlft.importer.shell.outputs import PRINTERS, filtered, printed
from vlft.importer.shell.texts import Field, Text
from vlft.importer.shell.words import read_word
from vlft.importer.spans import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from vlft.importer.shell.texts import Variables
    from vlft.importer.shell.words import Part, Word

    Expand = Callable[[Word, Variables, int], list[Field]]
    One = Callable[[Word, Variables, int], Text]

_RUN: Final = re.compile(r"\|\||[;&<>\n]")


def output_of(part: Part, variables: Variables, depth: int, expand: Expand, one: One) -> Text:
    """The output of a command; unknown if it would have to be run.

    Args:
        part: The substitution.
        variables: What the script has set.
        depth: Of substitutions inside each other.
        expand: From a word to its fields.
        one: From a word to its text, where nothing is split.
    """
    folder = folder_of(part.text, variables, depth, one)
    if folder is not None:
        return folder
    unknown = Text(part.raw, f"{shown(part.text)} would have to be run")
    stages = _stages(part.text, variables, depth, expand)
    names = [stage[0].value.text for stage in stages if stage]
    if not names or len(names) < len(stages) or names[0] not in (*PRINTERS, *REAL, "expr"):
        return unknown
    why = next(
        (one.value.why for stage in stages for one in stage if one.value.why is not None), None
    )
    words = [[one.value.text for one in stage] for stage in stages]
    if why is not None:
        divides = names == ["expr"] and "/" in words[0]
        note = f"{shown(part.text)} divides in whole numbers: what is left over is lost"
        return Text(part.raw, why, (note,) if divides else ())
    if names == ["expr"]:
        return computed(part.raw, " ".join(words[0][1:]), part.text)
    return _piped(words, variables) or unknown


def _piped(words: list[list[str]], variables: Variables) -> Text | None:
    """What is left at the end of a pipe; None if that is not known."""
    if words == [["pwd"]]:
        return work_folder(variables)
    if len(words) == 1 and words[0][0] in REAL:
        return real(words[0], variables)
    made = printed(words[0][0], words[0][1:])
    for stage in words[1:]:
        made = None if made is None else filtered(stage[0], stage[1:], made)
    return None if made is None else Text(made.rstrip("\n"))


def _stages(text: str, variables: Variables, depth: int, expand: Expand) -> list[list[Field]]:
    """The words of each command of a pipe; none if it is anything else."""
    stages: list[list[Field]] = [[]]
    at = 0
    while at < len(text):
        if _RUN.match(text, at):
            return []
        if text[at] == "|":
            stages.append([])
            at += 1
            continue
        if text[at].isspace():
            at += 1
            continue
        word, end = read_word(text, at)
        if end == at or len(stages[-1]) > MAX_DEPTH or len(stages) > MAX_DEPTH:
            return []
        stages[-1] += expand(word, variables, depth + 1)
        at = end
    return stages
