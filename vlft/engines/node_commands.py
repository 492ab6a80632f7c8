"""One command a node, for runs of several nodes that no scheduler starts."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from vlft.engines.training import new_folder
from vlft.errors import UsageError, VlftError
from vlft.security.masking import mask_text, secret_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlft.pipeline import Ready


def node_commands(
    prepared: Ready, overrides: Sequence[str], run_id: str | None, flags: Sequence[str] = ()
) -> list[str]:
    """A line for a shell on each node, the first for node 0.

    All nodes see the config and the working directory under the same paths.

    Args:
        prepared: A config without errors.
        overrides: `--set` values.
        run_id: Name of the run's folder; one is made up that all lines share.
        flags: Further flags of `vlft train`.

    Raises:
        VlftError: If an override holds a secret, or the number of processes is not known.
        UsageError: If a scheduler starts the nodes.
    """
    loaded, plan = prepared.loaded, prepared.plan
    engine = loaded.config.launch.engine
    if engine != "local":
        raise UsageError(f"with `engine: {engine}` the scheduler starts the nodes")
    hidden = secret_values(loaded.source.data)
    if any(mask_text(text, hidden) != text for text in overrides):
        raise VlftError(
            "a secret given with --set would be printed",
            "write it into the environment of each node, or into the config",
        )
    name = new_folder(prepared, run_id).name
    words = ["vlft", "train", str(Path(loaded.source.file).absolute())]
    words += [word for text in overrides for word in ("--set", text)]
    words += [*flags, "--run-id", name]
    start = f"cd {shlex.quote(str(Path.cwd()))} && "
    return [
        start + shlex.join([*words, "--node-rank", str(rank)]) for rank in range(plan.world.nnodes)
    ]
