"""Environment variables of the trainer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.config.schema import ENVIRONMENT, NODE_ENVIRONMENT
from vlft.rules.base import Problem, rule
from vlft.security.secrets import mask_value
from vlft.swift.names import GONE, READ, is_legal
from vlft.text import near_miss as nearest_variable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.resolve.run import RunSpec


@rule("error", "silent")
def owned(run: RunSpec) -> Iterator[Problem]:
    """A variable that a section decides is not set under `env:`.

    Source: one owner a value
    """
    for name in run.config.env:
        if name in ENVIRONMENT:
            yield Problem(
                ("env", name),
                f"`{name}` is decided by `{ENVIRONMENT[name]}`",
                f"write `{ENVIRONMENT[name]}` instead",
                at_key=True,
            )
        elif name in NODE_ENVIRONMENT:
            yield Problem(
                ("env", name),
                f"`{name}` is set by the launcher",
                NODE_ENVIRONMENT[name],
                at_key=True,
            )
    for key in run.args.mapping("model_kwargs") or ():
        owner = ENVIRONMENT.get(str(key).upper())
        if owner is not None:
            yield Problem(
                ("swift", "model_kwargs", key),
                f"`{key}` is set as the variable `{str(key).upper()}`, which `{owner}` decides",
                f"write `{owner}` instead",
                at_key=True,
            )


@rule("error", "silent")
def near_miss(run: RunSpec) -> Iterator[Problem]:
    """A variable's name is not a misspelling of one that ms-swift reads.

    Source: swift/utils/env.py: get_env_args reads the names that it knows
    """
    for name in run.config.env:
        if is_legal(name):
            continue
        meant = GONE.get(name) or nearest_variable(name, sorted(READ))
        if meant is not None:
            owner = ENVIRONMENT.get(meant)
            yield Problem(
                ("env", name),
                f"nothing reads the variable `{name}`",
                f"did you mean `{meant}`?" + (f" write `{owner}`" if owner else ""),
                at_key=True,
            )


@rule("error", "silent")
def value(run: RunSpec) -> Iterator[Problem]:
    """A variable's value is one text, number or truth value.

    Source: an environment holds text
    """
    for name, value in run.config.env.items():
        if isinstance(value, (list, dict)):
            yield Problem(
                ("env", name),
                f"`{name}` is a {'list' if isinstance(value, list) else 'mapping'}",
                "write the text that the variable is to hold, in quotes",
            )


@rule("warning", "silent")
def differs(run: RunSpec) -> Iterator[Problem]:
    """A variable that the config decides is not set to something else by the caller.

    Source: the config wins over the caller's environment
    """
    caller = run.facts.environ
    for name, variable in run.decided_variables.items():
        if name in caller and not caller.holds(name, variable.text):
            shown = mask_value(name, variable.text)
            yield Problem(
                variable.path,
                f"the environment has {name}={caller[name]}; the config's {shown} is used",
                f"unset {name}, or change the config",
            )


@rule("info", "silent")
def inherited(run: RunSpec) -> Iterator[Problem]:
    """A variable of the caller that changes the run is said.

    Source: ms-swift reads it from the environment
    """
    for name, value in run.inherited_variables.items():
        owner = ENVIRONMENT.get(name)
        yield Problem(
            ("env",),
            f"{name}={value} comes from the environment, not from the config",
            f"write `{owner}` to make it part of the config"
            if owner
            else f"write `env: {{{name}: …}}` to make it part of the config",
        )
