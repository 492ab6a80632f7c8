"""`if`, `case`, `for` and `while`, followed where their words decide what they do."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final, cast

from vlft.importer.shell.commands import BLOCKS, STATEMENTS, Block, fails, statements, steps
from vlft.importer.shell.conditions import (
    UNKNOWN,
    Verdict,
    is_true,
    judge,
    matches_word,
    run,
    sets,
    taken_for_empty,
)
from vlft.importer.shell.expand import expand, expand_one
from vlft.importer.shell.interpreter import MAX_STEPS, Interpreter, Leave
from vlft.importer.shell.state import Text
from vlft.importer.shell.words import Word, read_word, read_words, written
from vlft.importer.spans import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tree_sitter import Node

    from vlft.importer.shell.commands import BlockKind, Step

MAX_PASSES: Final = 64
"""Passes of a loop, and commands of ms-swift that all passes may start together."""

_MAX_LEVEL: Final = 60
_KEYWORDS: Final = ("if", "for", "while", "case")
_CALLED_WITH: Final = re.compile(r"\$[#@*1-9]|\$\{[#@*1-9]|getopts")


class ControlFlow(Interpreter):
    """Follows blocks."""

    level = 0

    def block(self, step: Step) -> None:
        """Minds control flow, which is reached for certain."""
        node = step.node
        if self.level > _MAX_LEVEL:
            return
        self.level += 1
        try:
            if node.type == "compound_statement":
                self.follow(statements(node.children))
            elif node.type == "subshell":
                self._subshell(node)
            elif node.type == "function_definition":
                self._function(step)
            elif node.type == "if_statement":
                self._if(step)
            elif node.type == "case_statement":
                self._case(step)
            elif node.type == "ERROR":
                self._error(step)
            elif not self._loop(step):
                self._undecided_loop(step)
        finally:
            self.level -= 1

    def undecided(self, step: Step, arms: Sequence[Sequence[Node]], kind: str = "") -> None:
        """Reads branches of which no one knows whether they run."""
        name = cast("BlockKind", kind or BLOCKS.get(step.node.type, "if"))
        self.blocks.append(Block(name, step.offset))
        before, ends = dict(self.state.values), []
        for arm in arms:
            self.state.values = dict(before)
            self.forget()
            if kind == "branch":
                self.block(replace(step, joined=""))
            else:
                self.follow(arm)
            ends.append(self.state.values)
        self.blocks.pop()
        what = "loop" if name in ("for", "while", "until") else f"`{name}`"
        self.state.merge(before, ends, f"it is set in one branch of a {what}")
        self.forget()

    def require(self, verdict: Verdict) -> None:
        """Asks for the variables without which the script stops."""
        needed = [name for name in verdict.names if not self._is_set(name)]
        self.state.doubt(needed, "the script stops where it is not set")

    def _is_set(self, name: str) -> bool:
        value = self.state.values.get(name)
        return not re.fullmatch(r"[A-Za-z_]\w*", name) or any(one.text for one in value or ())

    def _subshell(self, node: Node) -> None:
        back = self.state.saved()
        try:
            self.follow(statements(node.children))
        except Leave as leave:
            if leave.how == "return":
                raise
        finally:
            back()

    def _function(self, step: Step) -> None:
        """One that nothing calls: its commands are read, and nothing comes of what it sets."""
        name, body = (step.node.child_by_field_name(one) for one in ("name", "body"))
        if body is None or name is None or step.source.raw(name) in self.functions:
            return
        back = self.state.saved()
        self.blocks.append(Block("function", step.offset))
        self.follow(statements([body]))
        self.blocks.pop()
        back()

    def _error(self, step: Step) -> None:
        """What bash would refuse: the commands in it are read all the same."""
        inner: list[Node] = []
        waiting = list(reversed(step.node.children))
        while waiting:
            node = waiting.pop()
            if node.type in STATEMENTS and node.type != "ERROR":
                inner.append(node)
            else:
                waiting += reversed(node.children)
        tokens = [one.type for one in step.node.children]
        kind = next((BLOCKS[f"{one}_statement"] for one in tokens if one in _KEYWORDS), None)
        if kind is None:
            self.follow(inner)
            return
        for index, token in enumerate(tokens):
            if token in ("for", "select") and index + 1 < len(tokens):
                self._vary(step.source.raw(step.node.children[index + 1]))
        self.undecided(step, [inner], kind)

    def _if(self, step: Step) -> None:
        arms = _arms(step.node)
        verdict = UNKNOWN
        notes: tuple[str, ...] = ()
        names: frozenset[str] = frozenset()
        chosen: Sequence[Node] = ()
        for conditions, body in arms:
            verdict = self._together(conditions) if conditions else Verdict(True)
            if verdict.holds is None:
                self._undecided_if(step, arms)
                return
            notes, names = notes + verdict.notes, names | verdict.names
            if verdict.holds:
                chosen = body
                break
        others = [one for _, body in arms if body is not chosen for one in body]
        if not self._chosen(step, chosen, others, Verdict(True, notes, names)):
            self._undecided_if(step, arms)

    def _undecided_if(
        self, step: Step, arms: Sequence[tuple[Sequence[Node], Sequence[Node]]]
    ) -> None:
        self.follow(arms[0][0])
        first, *rest = arms
        self.undecided(step, [first[1], *([*test, *body] for test, body in rest)])

    def _case(self, step: Step) -> None:
        node, source = step.node, step.source
        items = [one for one in node.children if one.type == "case_item"]
        arms = [statements(_behind(item, ")")) for item in items]
        subject_node = node.child_by_field_name("value")
        falls = any(item.child_by_field_name("fallthrough") for item in items)
        if subject_node is None or falls:
            self.undecided(step, arms)
            return
        word = read_word(source, [subject_node])
        subject = taken_for_empty(word, self.state) or expand_one(word, self.state)
        chosen: Sequence[Node] = ()
        for item, arm in zip(items, arms, strict=True):
            patterns = [read_word(source, [one]) for one in item.children_by_field_name("value")]
            found = [matches_word(subject.text, one, self.state) for one in patterns]
            if subject.why is not None or (None in found and True not in found):
                self.undecided(step, arms)
                return
            if True in found:
                chosen = arm
                break
        others = [one for arm in arms if arm is not chosen for one in arm]
        if not self._chosen(step, chosen, others, Verdict(True, subject.notes)):
            self.undecided(step, arms)

    def _chosen(
        self, step: Step, chosen: Sequence[Node], others: Sequence[Node], verdict: Verdict
    ) -> bool:
        """Follows one branch, unless a mere assumption would leave out the only commands."""
        if verdict.assumed and self.starts(others) and not self.starts(chosen):
            return False
        self.notes += [(step.offset, note) for note in verdict.notes]
        started = "started as it is, " if verdict.assumed else ""
        self.leave_out(others, f"{started}the script takes another branch")
        self.assumed += verdict.assumed
        try:
            self.forget()
            self.follow(chosen)
        finally:
            self.assumed -= verdict.assumed
        if any(fails(step.source, one, self.functions) for one in chosen):
            self.require(verdict)
        return True

    def _together(self, nodes: Sequence[Node]) -> Verdict:
        """Whether the last of some tests succeeds: `[ … ] && [ … ]`, `! [[ … ]]`."""
        found = UNKNOWN
        for step in (step for node in nodes for step in steps(self.source, node)):
            if step.is_chained and found.holds != (step.joined == "&&"):
                continue
            verdict = judge(step.source, step.node, self.state)
            if verdict.holds is None or step.joined in ("|", "|&"):
                return UNKNOWN
            if step.node.type.startswith("variable_assignment"):
                return UNKNOWN
            holds = verdict.holds != step.negated
            found = replace(verdict, holds=holds).after(found)
        return found

    def _loop(self, step: Step) -> bool:
        """Follows a loop as the shell would; False, with nothing changed, if it can't be known."""
        node, source = step.node, step.source
        body = statements(child for one in node.children if one.type == "do_group"
                          for child in one.children)  # fmt: skip
        if node.type == "c_style_for_statement":
            return self._counted(step, body)
        if node.type == "while_statement":
            return self._while(step, body)
        name = source.raw(node.children[1])
        if source.raw(node.children[0]) == "select":
            return False
        items = [one.value for word in self._items(step) for one in expand(word, self.state)]
        if any(one.why is not None for one in items):
            return self._is_of_call(step, body)
        if len(items) > MAX_PASSES or (not items and self.starts(body)):
            return False

        def each() -> Iterable[bool]:
            for item in items:
                self.state.set(name, item)
                yield True

        return self._passes(body, each(), name)

    def _items(self, step: Step) -> list[Word]:
        """What a loop goes through; without `in` what the script is called with."""
        if any(one.type == "in" for one in step.node.children):
            return read_words(step.source, step.node.children_by_field_name("value"))
        word = written('"$@"')
        return [word] if word is not None else []

    def _counted(self, step: Step, body: Sequence[Node]) -> bool:
        """`for ((i = 0; i < n; i++))`."""
        found = _CLAUSES.match(step.source.raw(step.node))
        name = sets(found[1]) if found is not None else None
        if found is None or name is None:
            return False
        begin, test, after = found.groups()

        def each() -> Iterable[bool]:
            run(begin, self.state)
            while (holds := is_true(test, self.state)) is not False:
                yield holds is not None
                run(after, self.state)

        return self._passes(body, each(), name)

    def _while(self, step: Step, body: Sequence[Node]) -> bool:
        tests = statements(step.node.children_by_field_name("condition"))
        wanted = step.source.raw(step.node.children[0]) == "while"
        first = self._together(tests) if tests else UNKNOWN
        if first.holds is None:
            return self._is_of_call(step, body)
        if first.assumed and self.starts(body):
            return False
        self.notes += [(step.offset, note) for note in first.notes]

        def each() -> Iterable[bool]:
            while (holds := self._together(tests).holds) is not (not wanted):
                yield holds is not None

        return self._passes(body, each(), "")

    def _passes(self, body: Sequence[Node], each: Iterable[bool], name: str) -> bool:
        """Follows a loop pass by pass; not at all if there are too many, or one is not known."""
        back = self.state.saved()
        started, unused, notes = len(self.invocations), len(self.unused), len(self.notes)
        told = name if self.starts(body) else ""
        known = True
        for count, sure in enumerate(each):
            known = sure and count < MAX_PASSES and not self._is_too_much(started)
            if not known or not self._pass(body, told):
                break
        if known and not self._is_too_much(started):
            return True
        back()
        del self.invocations[started:], self.unused[unused:], self.notes[notes:]
        return False

    def _pass(self, body: Sequence[Node], told: str) -> bool:
        """One pass; False if the loop ends with it."""
        value = self.state.value(told)
        self.passes += [(told, value.text)] if value is not None else []
        try:
            self.forget()
            self.follow(body)
        except Leave as leave:
            if leave.how not in ("break", "continue"):
                raise
            return leave.how == "continue"
        finally:
            if value is not None:
                self.passes.pop()
        return True

    def _is_too_much(self, since: int) -> bool:
        words = (one.fields for one in self.invocations[since:])
        started = sum(any("swift" in field.value.text for field in fields) for fields in words)
        return self.count > MAX_STEPS or started > MAX_PASSES

    def _is_of_call(self, step: Step, body: Sequence[Node]) -> bool:
        """A loop over what the script is called with: nothing, so that its defaults hold."""
        head = step.source.between(step.offset, _body(step.node).start_byte)
        implied = step.node.type == "for_statement" and " in " not in head
        called = implied or _CALLED_WITH.search(head)
        if self.state.positional is not None or not called or self.starts(body):
            return False
        note = "the script is taken as called without words: what they would set has its default"
        self.notes.append((step.offset, note))
        return True

    def _undecided_loop(self, step: Step) -> None:
        node, source = step.node, step.source
        body = statements(_body(node).children)
        if node.type == "while_statement":
            self.follow(statements(node.children_by_field_name("condition")))
        elif node.type == "for_statement":
            items = " ".join(word.raw for word in self._items(step))
            self._vary(source.raw(node.children[1]), items)
        else:
            found = _CLAUSES.match(source.raw(node))
            self._vary((sets(found[1]) if found is not None else None) or "")
        self.undecided(step, [body])

    def _vary(self, name: str, items: str = "") -> None:
        """A loop's variable, which is another in each pass."""
        why = f"`{name}` changes from pass to pass of a loop"
        self.state.set(name, Text(f"${name}", f"{why}: {shown(items)}" if items else why))


_CLAUSES: Final = re.compile(r"for\s*\(\(([^;]*);([^;]*);([^;]*?)\)\)")


def _body(node: Node) -> Node:
    return node.child_by_field_name("body") or node


def _behind(item: Node, token: str) -> list[Node]:
    """The children of a node behind its first token of this kind."""
    kinds = [one.type for one in item.children]
    return item.children[kinds.index(token) + 1 :] if token in kinds else item.children


def _arms(node: Node) -> list[tuple[list[Node], list[Node]]]:
    """The branches of an `if`: the conditions of each, none for `else`, and what it runs."""
    made = []
    first = [one for one in node.children if one.type not in ("elif_clause", "else_clause")]
    clauses = [first, *(one.children for one in node.children if one not in first)]
    for children in clauses:
        kinds = [one.type for one in children]
        at = kinds.index("then") if "then" in kinds else 0
        made.append((statements(children[:at]), statements(children[at:])))
    return made
