"""What may be asked of an engine, instead of its name."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vlft.config.reader import LoadedConfig
    from vlft.config.schema import Config
    from vlft.environment import Environment

State = Literal["starting", "running", "gone"]
"""What an engine says of an attempt without an outcome; `gone`: nothing of it is left."""


class EngineTraits:
    """What config, probes, rules, plan and records may ask an engine: `TRAITS` of its folder.

    Attributes:
        name: What `launch.engine` says, and what the folder in vlft/engines is called.
        shares_machine: Whether the trainer runs on the machine that vlft was called on, so that
            its GPUs, its cores and its processes tell of the run.
        places_processes: Whether it chooses nodes and GPUs, numbers the nodes, and tells the
            processes where node 0 is. Otherwise vlft is called on each node.
        starts_runs: Whether vlft starts runs itself; else it prints what starts them.
        unread_keys: Keys under `launch:` that nothing reads.
    """

    name: ClassVar[str]
    shares_machine: ClassVar[bool]
    places_processes: ClassVar[bool]
    starts_runs: ClassVar[bool] = True
    unread_keys: ClassVar[tuple[str, ...]] = ()

    def probe(
        self,
        loaded: LoadedConfig,  # noqa: ARG002
        visible: tuple[str, ...] | None,  # noqa: ARG002
        environ: Environment,  # noqa: ARG002
    ) -> object | None:
        """What can be found out about a run before it is started; read-only.

        Args:
            loaded: A config of this engine.
            visible: Ids of the visible GPUs; None if the machine is not to be judged.
            environ: The caller's environment.

        Returns:
            A frozen record, which rules get by `facts.of_engine`.
        """
        return None

    def uses_image(self, config: Config) -> bool:  # noqa: ARG002
        """Whether an image's own packages train, of which nothing is known here."""
        return False

    def cores_per_node(self, config: Config) -> int | None:  # noqa: ARG002
        """Cores that the config asks for on a node; None if it does not say."""
        return None

    def status(self, attempt: Path, record: Mapping[str, Any]) -> State:  # noqa: ARG002
        """How an attempt without an outcome is.

        Args:
            attempt: Its folder.
            record: run.json.
        """
        return "gone"

    def log_files(self, attempt: Path) -> list[Path]:  # noqa: ARG002
        """Files that the trainer's output goes to; they may not be there yet."""
        return []


def traits_of(name: str) -> EngineTraits:
    """What the engine of that name, one of `engine_names`, can be asked."""
    traits: EngineTraits = import_module(f"vlft.engines.{name}").TRAITS
    return traits
