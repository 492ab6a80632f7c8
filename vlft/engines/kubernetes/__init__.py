"""Runs that Kubernetes starts: a TrainJob manifest on stdout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.engines.traits import EngineTraits

if TYPE_CHECKING:
    from vlft.config.schema import Config


class KubernetesTraits(EngineTraits):
    """TrainJobs of Kubeflow Trainer, which somebody applies."""

    name = "kubernetes"
    shares_machine = False
    places_processes = True
    starts_runs = False
    unread_keys = ("master_addr", "master_port")

    def uses_image(self, config: Config) -> bool:  # noqa: ARG002
        """Always: a pod has nothing else."""
        return True


TRAITS = KubernetesTraits()
