"""The whole config with the sections of the schedulers, which few configs have.

Building pydantic's validators takes milliseconds of every start, so they are built only for a
config that has such a section, and for the JSON Schema.
"""

from __future__ import annotations

from vlft.config.schema import Config
from vlft.engines.sections import Kubernetes, Slurm


class WholeConfig(Config):
    """A config file that may have every section."""

    slurm: Slurm | None = None
    kubernetes: Kubernetes | None = None


__all__ = ["Kubernetes", "Slurm", "WholeConfig"]
