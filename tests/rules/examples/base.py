"""What an example is: overrides that break a rule, and overrides that keep it.

Each pair starts from the same config, which is right: a Qwen2-VL folder, 64 rows, the CPU.
Overrides are `--set` values; paths start from the test's folder.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Example:
    """Overrides, and the machine that they are judged for."""

    fails: list[str]
    passes: list[str]
    hardware: str = "none"
    environ: dict[str, str] = field(default_factory=dict)
