"""`# vlft: ignore[rule]` in a config, and `--ignore RULE`: findings that the user has seen.

A comment stands at the end of the finding's own line and serves any severity; `--ignore` is
for the whole run and serves warnings and infos.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import yaml
from msgspec import Struct

from vlft.config.document import LOADER
from vlft.findings import Finding, Severity
from vlft.text import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from vlft.config.source import Source

UNUSED: Final = "config.unused-ignore"
_COMMENT: Final = re.compile(r"(?<![^\s])#\s*vlft:\s*ignore\b[ \t]*(?:\[([^\]\n]*)\])?")


class Ignore(Struct, frozen=True):
    """One comment.

    Attributes:
        file: Name of the document it stands in.
        line: From 1.
        column: Of its `#`, from 1.
        rules: The ids that it names.
    """

    file: str
    line: int
    column: int
    rules: tuple[str, ...]


def find_ignores(documents: Mapping[str, str]) -> tuple[Ignore, ...]:
    """The comments of all documents; a `#` inside a text is no comment."""
    return tuple(
        ignore
        for file, text in documents.items()
        if "vlft:" in text  # most configs hold none, and need not be scanned
        for ignore in _in_document(file, text)
    )


def _scalar_spans(text: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Start and end (line and column from 1) of each scalar, block scalars too; up to an error."""
    spans = []
    with suppress(yaml.YAMLError):
        for token in yaml.scan(text, Loader=LOADER):
            if isinstance(token, yaml.ScalarToken):
                start, end = token.start_mark, token.end_mark
                spans.append(((start.line + 1, start.column + 1), (end.line + 1, end.column + 1)))
    return spans


def _in_document(file: str, text: str) -> list[Ignore]:
    scalars = _scalar_spans(text)
    found = []
    for line, content in enumerate(text.splitlines(), 1):
        for match in _COMMENT.finditer(content):
            at = (line, match.start() + 1)
            if not any(start <= at < end for start, end in scalars):
                rules = (name.strip() for name in (match[1] or "").split(","))
                found.append(Ignore(file, *at, tuple(filter(None, rules))))
    return found


def apply_ignores(
    findings: Sequence[Finding],
    source: Source,
    whole_run: Collection[str],
    known: Collection[str],
    was_asked: Callable[[str], bool],
) -> list[Finding]:
    """Leaves out what a comment of its own line, or `--ignore`, names.

    Args:
        findings: Of one config.
        source: Its texts.
        whole_run: Ids of `--ignore`; they serve no error.
        known: All ids.
        was_asked: Whether this rule would have been heard; if not, its ignore may be of use.

    Returns:
        The findings that are left, and a warning for each comment that ignores nothing.
    """
    ignores = find_ignores(source.documents)
    named = {(at.file, at.line, rule) for at in ignores for rule in at.rules}
    used: set[tuple[str, int, str]] = set()
    kept = []
    for finding in findings:
        where = (finding.file or "", finding.line or 0, finding.rule)
        if where in named and can_be_ignored(finding.rule, finding.severity):
            used.add(where)
        elif finding.severity == "error" or finding.rule not in whole_run:
            kept.append(finding)
    if UNUSED in whole_run:
        return kept
    # What a base file ignores may be for another of the configs that extend it.
    own = [at for at in ignores if at.file == source.file and UNUSED not in at.rules]
    for at in own:
        if not at.rules:
            kept.append(_warning(at, "this ignore names no rule", "write `# vlft: ignore[rule]`"))
        for rule in at.rules:
            if rule not in known:
                close = nearest(rule, known)
                hint = f"did you mean `{close}`?" if close else "`vlft explain --list` has them all"
                kept.append(_warning(at, f"there is no rule `{rule}`", hint))
            elif (at.file, at.line, rule) not in used and was_asked(rule):
                kept.append(_unused(at, rule, findings))
    return kept


def can_be_ignored(rule: str, severity: Severity) -> bool:
    """Whether there is still something to run when the finding is left out.

    What the reader could not take is missing from the config, and a batch that does not come
    out can't be planned: going on would run something else.
    """
    must_hold = rule.startswith("config.") or rule == "batch.global-mismatch"
    return not (must_hold and severity == "error")


def _unused(at: Ignore, rule: str, findings: Sequence[Finding]) -> Finding:
    lines = sorted({f.line for f in findings if (f.rule, f.file) == (rule, at.file) and f.line})
    if at.line in lines:
        message = f"`{rule}` can't be ignored: without it there is nothing to run"
        return _warning(at, message, "mend what it says")
    hint = f"write it at the end of line {lines[0]}" if lines else "remove it"
    return _warning(at, f"`{rule}` says nothing about this line", hint)


def _warning(at: Ignore, message: str, hint: str) -> Finding:
    return Finding(UNUSED, "warning", message, "", at.file, at.line, at.column, hint)
