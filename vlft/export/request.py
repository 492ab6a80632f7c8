"""What a merge or a quantisation was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for; None leaves it to the run's config, then to vlft.

    Attributes:
        bits: Of the quantisation; None for none (or fp8).
        method: Of the quantisation.
        output: Folder of the last product; beside the checkpoint or in the run.
        base: The model under the adapter; the one that it was trained on.
        trust_base: Whether a base that changed after the training began is taken all the same.
        python: Interpreter that exports.
        dataset: Files to calibrate on.
        rows: Rows to calibrate on.
        quantize: False leaves what the run's config says of a quantisation aside.
    """

    bits: int | None = None
    method: str | None = None
    output: Path | None = None
    base: str | None = None
    trust_base: bool = False
    python: str | None = None
    dataset: tuple[str, ...] | None = None
    rows: int | None = None
    quantize: bool = True
