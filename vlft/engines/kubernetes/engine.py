"""The engine `kubernetes`: a TrainJob manifest on stdout, which somebody applies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.engines.base import Engine

if TYPE_CHECKING:
    from vlft.config.schema import Config
    from vlft.engines.base import Description
    from vlft.pipeline import Ready


class KubernetesEngine(Engine):
    """Manifests for Kubeflow Trainer; vlft itself does not talk to the cluster."""

    name = "kubernetes"
    shares_machine = False
    places_processes = True
    starts_runs = False
    unread_keys = ("master_addr", "master_port")

    def uses_image(self, config: Config) -> bool:  # noqa: ARG002
        """Always: a pod has nothing else."""
        return True

    def describe(
        self,
        prepared: Ready,
        *,
        run_id: str | None = None,
        node_rank: int = 0,  # noqa: ARG002
    ) -> Description:
        """The manifest."""
        from vlft.engines.kubernetes.manifest import describe_train_job

        return describe_train_job(prepared, run_id)


ENGINE = KubernetesEngine()
