"""Whether a command succeeds, where its words decide it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlft.importer.shell.conditions import holds
from vlft.importer.shell.counting import is_true
from vlft.importer.shell.double import double_holds
from vlft.importer.shell.expand import expand
from vlft.importer.shell.parameters import split_parameter
from vlft.importer.shell.unset import taken_for_empty

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlft.importer.shell.syntax import Statement
    from vlft.importer.shell.texts import Text, Variables
    from vlft.importer.shell.words import Word

TESTS = frozenset({"[", "[[", "test", "(("})


@dataclass(frozen=True)
class Verdict:
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
        """The same behind `&&` or `||`, where it rests on what stands before it as well."""
        return Verdict(self.holds, before.notes + self.notes, before.names | self.names)


UNKNOWN = Verdict(None)


def judged(statement: Statement, variables: Variables) -> Verdict:
    """Whether a command succeeds."""
    if not statement.words:
        parts = (part for one in statement.assignments for w in one.words for part in w.parts)
        runs = any(part.kind == "command" for part in parts)
        return UNKNOWN if runs else Verdict(not statement.negated)
    notes: list[str] = []
    found = _plain(statement.words, variables, notes)
    if found is None:
        return UNKNOWN
    return Verdict(found != statement.negated, tuple(notes), _names(statement.words))


def _plain(words: Sequence[Word], variables: Variables, notes: list[str]) -> bool | None:
    name = words[0].bare
    if name in ("true", ":", "false"):
        return name != "false"
    if name == "[[":
        return double_holds(words, variables, notes)
    if name == "((":
        return is_true(words[1].parts[0].text, variables)
    if name not in ("[", "test"):
        return None
    texts: list[Text] = []
    for word in words:
        empty = taken_for_empty(word, variables)
        texts += [empty] if empty else [one.value for one in expand(word, variables)]
    notes += [note for text in texts for note in text.notes]
    return holds(texts)


def _names(words: Sequence[Word]) -> frozenset[str]:
    parts = (part for word in words for part in word.parts if part.kind == "variable")
    found = (split_parameter(part.text) for part in parts)
    return frozenset(one.name for one in found if one is not None)


def together(statements: Sequence[Statement], variables: Variables) -> Verdict:
    """Whether the last of some tests succeeds: `[ … ] && [ … ]`, `! [[ … ]]`.

    Args:
        statements: The tests, which change nothing.
        variables: What the script has set.
    """
    found: bool | None = None
    notes: list[str] = []
    names: set[str] = set()
    for index, one in enumerate(statements):
        if not one.words or one.blocks != statements[0].blocks or one.joined in ("|", "|&"):
            return UNKNOWN
        if index and one.joined and found is not None and found != (one.joined == "&&"):
            continue
        verdict = judged(one, variables)
        if verdict.holds is None:
            return UNKNOWN
        found = verdict.holds
        notes += verdict.notes
        names |= verdict.names
    return Verdict(found, tuple(notes), frozenset(names))
