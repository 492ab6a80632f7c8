"""The data of a config, for commands that look at rows."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vlft.errors import VlftError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vlft.dataset.from_config import ConfiguredData


def checked_config(file: Path, overrides: Sequence[str]) -> ConfiguredData:
    """Reads a config for its data.

    Raises:
        VlftError: If it can't be read; what is wrong with it is printed.
    """
    from vlft.cli.report import print_findings
    from vlft.dataset.from_config import data_of_config
    from vlft.families import family_of
    from vlft.pipeline import prepare
    from vlft.plan.environment import owned_variables

    prepared = prepare(file, overrides, judge=False, plan=False)
    if prepared.loaded is None or prepared.facts is None:
        print_findings(prepared.findings, {})
        raise VlftError(f"{file} can't be used", f"`vlft validate {file}` says more")
    facts = prepared.facts
    kind = prepared.loaded.config.model.type
    if kind is None and facts.model.checkpoint is not None:
        kind = facts.model.checkpoint.model_type
    if kind is None:
        guessed = facts.swift.guess_model_types(facts.model.argument, ())
        kind = guessed[0] if len(guessed) == 1 else None
    family = family_of(kind)
    owned = owned_variables(prepared.loaded, family)
    variables = dict(os.environ) | {name: value for name, (_, value) in owned.items()}
    return data_of_config(prepared.loaded, facts, family, variables)
