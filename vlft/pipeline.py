"""The way from a config file to a plan; every command that takes a config goes through it.

text → source → config → facts → findings → plan
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlft.config.ignores import apply_ignores
from vlft.config.reader import LoadedConfig, read_config
from vlft.config.reader_rules import READER_RULES
from vlft.findings import Finding, by_place, has_errors
from vlft.models import Family, family_of
from vlft.plan.arguments import arguments, needs_torchrun
from vlft.plan.environment import environment
from vlft.plan.plan import Plan
from vlft.probe.collect import Facts, gather_facts
from vlft.probe.hardware import Hardware, parse_hardware, probe_hardware
from vlft.resolve.batch import Batch, solve
from vlft.resolve.world import number_in, resolve_world
from vlft.rules import PLANNABLE, RULES, Context, all_rules, check

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from vlft.config.source import Source
    from vlft.probe.cache import FactCache
    from vlft.rules.rows import Scan


_OF_THE_MACHINE = frozenset(
    {
        "batch",
        "deepspeed",
        "launch",
        "model",
        "parallel",
        "precision",
        "quant",
        "resume",
        "schedule",
    }
)
"""Subjects with rules that are silent while the machine is not known."""


_OF_ROWS = frozenset({"row", "file"})
"""Subjects with rules that look at rows."""


@dataclass(frozen=True)
class Prepared:
    """A config on its way to a run.

    Attributes:
        findings: Everything found, sorted by place.
        source: The text with places; None if the file can't be read.
        loaded: The typed config; None if it has mistakes of form.
        facts: What was read for it; None without a config.
        plan: What would be run; None if there is any error, or none was asked for.
    """

    findings: tuple[Finding, ...]
    source: Source | None = None
    loaded: LoadedConfig | None = None
    facts: Facts | None = None
    plan: Plan | None = None


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


def prepare(
    file: str | Path,
    overrides: Sequence[str] = (),
    hardware: Hardware | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    judge: bool = True,
    plan: bool = True,
    data: Scan = "none",
    ignore: Collection[str] = frozenset(),
    cache: FactCache | None = None,
) -> Prepared:
    """Reads, judges and plans one config.

    Args:
        file: The config file.
        overrides: `--set` values, `a.b=c`.
        hardware: The machine to judge it for; None judges it for none.
        environ: The caller's environment; this process's if absent.
        judge: Whether to ask the rules. Without them only what can't be planned at all
            is an error.
        plan: Whether to plan the run as well.
        data: How much of the data files is read.
        ignore: Rules of severity warning or info that are not to be heard.
        cache: What other configs of the same call have read already.
    """
    loaded, source, findings = read_config(file, overrides)
    if loaded is None:
        return Prepared(by_place(findings), source)
    facts = gather_facts(loaded, hardware, os.environ if environ is None else environ, cache)
    family = _family(loaded, facts)
    world = resolve_world(loaded.config.launch, facts.visible_gpus, facts.environ)
    train = loaded.config.train
    batch = solve(
        global_size=train.global_batch_size,
        per_device=train.per_device_train_batch_size,
        accumulation=train.gradient_accumulation_steps,
        world_size=world.world_size,
        sequence_parallel_size=loaded.config.launch.sequence_parallel_size or 1,
    )
    context = Context(loaded, facts, world, batch, family)
    findings += check(context, only=None if judge else PLANNABLE)
    if judge and data != "none":
        from vlft.rules.rows import row_findings  # noqa: PLC0415 - only where rows are read

        findings += row_findings(loaded, facts, family, data)

    def was_asked(rule: str) -> bool:
        if rule.partition(".")[0] in _OF_ROWS:
            return judge and data == "full"
        needs_machine = rule.partition(".")[0] in _OF_THE_MACHINE
        known = facts.hardware is not None or world.cpu or not needs_machine
        return judge and not loaded.broken and known

    findings = apply_ignores(
        findings, loaded.source, ignore, _known_rules(loaded.source), was_asked
    )
    if has_errors(findings) or not isinstance(batch, Batch) or not plan:
        return Prepared(by_place(findings), source, loaded, facts)
    launch = loaded.config.launch
    port = launch.master_port or number_in(facts.environ, "MASTER_PORT")
    planned = Plan(
        subcommand=loaded.config.task,
        batch=batch,
        world=world,
        torchrun=needs_torchrun(loaded, world),
        master_addr=launch.master_addr or facts.environ.get("MASTER_ADDR"),
        master_port=port,
        arguments=arguments(loaded, facts, world, batch, family),
        env=environment(loaded, facts, world, family),
        model_type=family.swift_model_type if family else None,
        swift_version=facts.swift.version,
    )
    return Prepared(by_place(findings), source, loaded, facts, planned)


def _known_rules(source: Source) -> Collection[str]:
    """Ids that a comment may name; those of rows are looked up only where one seems to."""
    texts = source.documents.values()
    commented = any("vlft:" in text for text in texts)
    known = (all_rules() if commented else RULES).keys() | READER_RULES.keys()
    if any(f"{subject}." in text for text in texts for subject in _OF_ROWS):
        from vlft.data.rule_registry import ROW_RULES  # noqa: PLC0415 - imports much

        known |= ROW_RULES.keys()
    return known


def _family(loaded: LoadedConfig, facts: Facts) -> Family | None:
    """By what the config says, else by the checkpoint, else by the hub id."""
    if loaded.config.model.type is not None:
        return family_of(loaded.config.model.type)
    checkpoint = facts.model.checkpoint
    if checkpoint is not None:
        return family_of(checkpoint.model_type)
    guessed = facts.swift.guess_model_types(facts.model.argument, ())
    return family_of(guessed[0]) if len(guessed) == 1 else None
