"""Runs that Slurm starts: a readable batch script in the run's folder, submitted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vlft.engines.traits import EngineTraits, State

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vlft.config.reader import LoadedConfig
    from vlft.config.schema import Config
    from vlft.engines.slurm.cluster import SlurmFacts
    from vlft.environment import Environment


class SlurmTraits(EngineTraits):
    """Jobs of Slurm, which belong to the cluster from their submission on."""

    name = "slurm"
    shares_machine = False
    places_processes = True
    unread_keys = ("master_addr",)

    def probe(
        self, loaded: LoadedConfig, visible: tuple[str, ...] | None, environ: Environment
    ) -> SlurmFacts:
        """What the cluster says of the job."""
        from vlft.engines.slurm.cluster import read_slurm

        return read_slurm(loaded, visible, environ)

    def uses_image(self, config: Config) -> bool:
        """With `slurm.container`."""
        from vlft.engines.slurm.section import slurm_of

        return slurm_of(config).container is not None

    def cores_per_node(self, config: Config) -> int | None:
        """One task a node starts all its processes, so they are the task's."""
        from vlft.engines.slurm.section import slurm_of

        return slurm_of(config).cpus_per_task

    def status(self, attempt: Path, record: Mapping[str, Any]) -> State:
        """What Slurm says of the job; without one, whether it is about to be submitted."""
        from vlft.engines.slurm.cluster import read_job, state_of
        from vlft.runs.attempts import process_state

        job = read_job(attempt)
        return process_state(attempt, record) if job is None else state_of(job)

    def log_files(self, attempt: Path) -> list[Path]:
        """What the job wrote; none if it has not begun, or is no job."""
        return sorted(attempt.glob("slurm-*.out"))


TRAITS = SlurmTraits()
