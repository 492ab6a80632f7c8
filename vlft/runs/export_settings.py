"""The section `export:` of a run's config, as `vlft merge` finds it in the run's record."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from vlft.probe.data_entries import absolute

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.runs.record import Run


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """What merge, eval and infer go by where no flag says otherwise.

    Attributes:
        quant_bits: Bits of the quantisation; None for none.
        quant_method: How; None lets vlft choose.
        python: Interpreter that exports, absolute; None for the one that trained.
        dataset: Files to calibrate on, absolute; None for the training rows.
        rows: Rows to calibrate on; None for vlft's own number.
    """

    quant_bits: int | None = None
    quant_method: str | None = None
    python: str | None = None
    dataset: tuple[str, ...] | None = None
    rows: int | None = None


def run_settings(run: Run | None) -> ExportSettings:
    """Those of a run; the defaults if it has none, or its record can't be read."""
    if run is None:
        return ExportSettings()
    try:
        data = yaml.safe_load((run.folder / "config.resolved.yaml").read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return ExportSettings()
    folders = [Path(str(run.record.get("config", ""))).parent, Path(str(run.record.get("cwd", "")))]
    section = data.get("export") if isinstance(data, dict) else None
    return read_settings(section, folders)


def read_settings(section: object, folders: list[Path]) -> ExportSettings:
    """The section as settings.

    Args:
        section: `export:` as plain data.
        folders: Where relative paths may start from, the config file's first.
    """
    data: Mapping[str, Any] = section if isinstance(section, dict) else {}
    dataset = data.get("dataset")
    files = [dataset] if isinstance(dataset, str) else dataset
    python = data.get("python")
    return ExportSettings(
        quant_bits=data.get("quant_bits"),
        quant_method=data.get("quant_method"),
        python=_found(python, folders) if isinstance(python, str) and os.sep in python else python,
        dataset=None if files is None else tuple(_found(str(file), folders) for file in files),
        rows=data.get("rows"),
    )


def _found(text: str, folders: list[Path]) -> str:
    paths = [absolute(text, folder) for folder in folders]
    there = next((path for path in paths if path.exists()), None)
    return str(there or (paths[0] if paths else text))
