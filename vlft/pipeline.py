"""The way from a config file to a run; every command that takes a config goes through it.

config → facts → RunSpec → findings → plan
"""

from __future__ import annotations

import logging
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from vlft.config.ignores import apply_ignores
from vlft.config.reader import READER_RULES, LoadedConfig, read_config
from vlft.environment import ENVIRON
from vlft.errors import InvalidError
from vlft.findings import Finding, Scan, by_place, has_errors
from vlft.probe.collect import FactCache, Facts, gather_facts
from vlft.probe.hardware import Hardware, parse_hardware, probe_hardware
from vlft.resolve.batch import Mismatch
from vlft.resolve.run import RunSpec, resolve
from vlft.rules import PLANNABLE, RULES, all_rules, check
from vlft.rules.data import row_findings

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from vlft.config.source import Source
    from vlft.plan import Plan


_LOG = logging.getLogger(__name__)
_OF_ROWS = frozenset({"row", "file"})
"""Subjects with rules that look at rows."""


class Ready(Struct, frozen=True, dict=True):
    """The run can be planned; its findings may contain errors.

    Attributes:
        run: The run as ms-swift will see it.
        findings: Everything found, sorted by place.
    """

    run: RunSpec
    findings: tuple[Finding, ...]

    @cached_property
    def plan(self) -> Plan:
        """What would be started."""
        from vlft.plan import plan_run  # noqa: PLC0415 - not needed to judge a config

        return plan_run(self.run)

    @property
    def loaded(self) -> LoadedConfig:
        """The config with the places of its values."""
        return self.run.loaded

    @property
    def facts(self) -> Facts:
        """What the probes read."""
        return self.run.facts

    @property
    def documents(self) -> Mapping[str, str]:
        """The texts that findings point into."""
        return self.run.loaded.source.documents


class Rejected(Struct, frozen=True):
    """The run can't be planned: the text is not a config, or a needed value is wrong.

    Attributes:
        findings: Everything found, sorted by place; at least one error.
        documents: The texts that they point into.
    """

    findings: tuple[Finding, ...]
    documents: Mapping[str, str]


def look_at_hardware(option: str) -> Hardware | None:
    """The machine that `--hardware` means: `none`, `here`, or a description.

    Raises:
        UsageError: If it is none of these.
    """
    if option == "none":
        return None
    if option == "here":
        return probe_hardware()
    return parse_hardware(option)


def resolve_config(
    file: str | Path,
    overrides: Sequence[str] = (),
    hardware: Hardware | None = None,
    environ: Mapping[str, str] | None = None,
    cache: FactCache | None = None,
) -> RunSpec | Rejected:
    """Reads one config, and resolves its run without judging it; arguments as in `prepare`.

    Returns:
        The run. A config with mistakes of form may have one too: its `loaded.findings` name
        them.
    """
    loaded, source, findings = read_config(file, overrides)
    if loaded is None:
        documents = source.documents if source is not None else {}
        return Rejected(by_place(findings), documents)
    environ = ENVIRON if environ is None else environ
    facts = gather_facts(loaded, hardware, environ, cache)
    python = facts.interpreter.python if facts.interpreter is not None else None
    _LOG.debug("%s: ms-swift %s of %s", file, facts.swift.version, python)
    return resolve(loaded, facts)


def require_run(file: str | Path, overrides: Sequence[str] = ()) -> RunSpec:
    """The run of one config, not judged.

    Raises:
        InvalidError: If it can't be resolved.
    """
    run = resolve_config(file, overrides)
    if isinstance(run, Rejected):
        raise InvalidError(run.findings, run.documents)
    return run


def prepare(
    file: str | Path,
    overrides: Sequence[str] = (),
    hardware: Hardware | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    judge: bool = True,
    data: Scan = "none",
    ignore: Collection[str] = frozenset(),
    cache: FactCache | None = None,
) -> Ready | Rejected:
    """Reads, resolves and judges one config.

    Args:
        file: The config file.
        overrides: `--set` values, `a.b=c`.
        hardware: The machine to judge it for; None judges it for none.
        environ: The caller's environment; this process's if absent.
        judge: Whether to apply the rules. Without them only what can't be planned at all
            is an error.
        data: How much of the data files is read.
        ignore: Rules of severity warning or info to suppress.
        cache: What other configs of the same call have read already.
    """
    cache = cache or FactCache()
    run = resolve_config(file, overrides, hardware, environ, cache)
    if isinstance(run, Rejected):
        return run
    findings = [*run.loaded.findings, *check(run, only=None if judge else PLANNABLE)]
    if judge and data != "none":
        findings += row_findings(run, data, cache)
    findings = apply_ignores(
        findings,
        run.loaded.source,
        ignore,
        _known_rules(run.loaded.source),
        lambda rule: judge and _was_applied(rule, run, data),
    )
    unreadable = has_errors(one for one in findings if one.rule in READER_RULES)
    if unreadable or run.loaded.broken or isinstance(run.batch, Mismatch):
        return Rejected(by_place(findings), run.loaded.source.documents)
    return Ready(run, by_place(findings))


def prepare_all(
    files: Iterable[str | Path],
    overrides: Sequence[str],
    hardware: Hardware | None,
    *,
    judge: bool = True,
    data: Scan = "none",
    ignore: Collection[str] = frozenset(),
) -> Iterator[Ready | Rejected]:
    """Prepares configs one after the other; what they share is read once."""
    environ, cache = ENVIRON.snapshot(), FactCache()
    for file in files:
        yield prepare(
            file, overrides, hardware, environ, judge=judge, data=data, ignore=ignore, cache=cache
        )


def require_ready(prepared: Iterable[Ready | Rejected]) -> tuple[Ready, ...]:
    """Configs without an error.

    Raises:
        InvalidError: If one has any; with what was found in all of them.
    """
    found = tuple(prepared)
    ready = tuple(one for one in found if isinstance(one, Ready))
    findings = [finding for one in found for finding in one.findings]
    if len(ready) < len(found) or has_errors(findings):
        documents = {file: text for one in found for file, text in one.documents.items()}
        raise InvalidError(findings, documents)
    return ready


def _was_applied(rule: str, run: RunSpec, data: Scan) -> bool:
    """Whether a rule could have found something in this call."""
    if rule.partition(".")[0] in _OF_ROWS:
        return data == "full"
    needs = RULES[rule].needs if rule in RULES else frozenset()
    known = run.facts.hardware is not None or run.world.cpu or "hardware" not in needs
    return known and not run.loaded.broken


def _known_rules(source: Source) -> Collection[str]:
    """Ids that a comment may name; those of rows are looked up only where one seems to."""
    texts = source.documents.values()
    commented = any("vlft:" in text for text in texts)
    known = (all_rules() if commented else RULES).keys() | READER_RULES.keys()
    if any(f"{subject}." in text for text in texts for subject in _OF_ROWS):
        from vlft.data.rules import ROW_RULES  # noqa: PLC0415 - imports much

        known |= ROW_RULES.keys()
    return known
