"""How a run's weights, gradients and optimizer states are spread over its processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vlft.config.schema import Config
    from vlft.probe.collect import Facts
    from vlft.probe.deepspeed import Deepspeed
    from vlft.swift.args import SwiftArgs

_LAST_STAGE = 3


@dataclass(frozen=True)
class Sharding:
    """What spreads the model.

    Attributes:
        deepspeed: DeepSpeed's preset or file as the config names it; None without DeepSpeed.
        file: Absolute path of DeepSpeed's file; None for a preset.
        settings: DeepSpeed's settings; None where the name is unknown or the file unreadable.
        fsdp: FSDP's preset or file; None without FSDP.
    """

    deepspeed: str | None = None
    file: str | None = None
    settings: Deepspeed | None = None
    fsdp: str | None = None

    @property
    def is_sharded(self) -> bool:
        """Whether the run needs the rendezvous of DeepSpeed or FSDP, even for one process."""
        return self.deepspeed is not None or self.fsdp is not None

    @property
    def stage(self) -> int | None:
        """ZeRO stage, 0 to 3; None without DeepSpeed, or if it is unknown."""
        return self.settings.stage if self.settings is not None else None

    @property
    def is_zero3(self) -> bool:
        """Whether DeepSpeed spreads the weights too."""
        return self.stage == _LAST_STAGE

    @property
    def offload(self) -> bool:
        """Whether the optimizer or the weights are kept in main memory."""
        return self.settings is not None and self.settings.offload


def resolve_sharding(config: Config, facts: Facts, args: SwiftArgs) -> Sharding:
    """The run's sharding; an empty text is none, as for ms-swift."""
    fsdp = args.get("fsdp", str).text if args.is_given("fsdp") else ""
    deepspeed = config.deepspeed or None
    return Sharding(deepspeed, facts.deepspeed_file, facts.deepspeed, fsdp or None)
