"""What holds for every engine: its section goes with it, and what it decides is not written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.engines import section_names, section_of
from vlft.engines.traits import traits_of
from vlft.rules.base import Problem, Problems, RunSpec, rule

if TYPE_CHECKING:
    from vlft.rules.base import RuleFunction


def _section_rule(name: str) -> RuleFunction:
    """The rule of one engine's section; it loads nothing of an engine that is not named."""

    def section_has_its_engine(run: RunSpec) -> Problems:
        engine = run.config.launch.engine
        section = getattr(run.config, name, None)
        if section is not None and engine != name:
            yield Problem(
                (name,),
                f"`{name}` with `engine: {engine}` does nothing",
                f"write `launch: {{engine: {name}}}`, or leave the section out",
                at_key=True,
            )
        if section is None and engine == name and (needed := _required(name)):
            example = ", ".join(f"{key}: {value}" for key, value in needed.items())
            yield Problem(
                ("launch", "engine"),
                f"`engine: {name}` needs a section `{name}`",
                f"write `{name}: {{{example}}}`",
            )

    section_has_its_engine.__doc__ = (
        f"A section `{name}` goes with `launch.engine: {name}`.\n\n"
        "Source: vlft: a section of an engine"
    )
    return section_has_its_engine


def _required(name: str) -> dict[str, object]:
    """Keys of an engine's section that have no default, each with an example."""
    fields = section_of(name).model_fields.items()
    return {
        key: field.examples[0] if field.examples else "…"
        for key, field in fields
        if field.is_required()
    }


for _name in section_names():
    rule("error", "silent", rule_id=f"{_name}.section")(_section_rule(_name))


@rule("warning", "silent", rule_id="slurm.gpu-list")
def scheduler_chooses_gpus(run: RunSpec) -> Problems:
    """A scheduler gets the number of GPUs, not a list of them.

    Source: Slurm sets CUDA_VISIBLE_DEVICES
    """
    launch = run.config.launch
    if traits_of(launch.engine).places_processes and isinstance(launch.gpus, list):
        yield Problem(
            ("launch", "gpus"),
            f"the scheduler chooses the GPUs: of the list only its length, {len(launch.gpus)}, "
            "counts",
            f"write `gpus: {len(launch.gpus)}`",
        )
