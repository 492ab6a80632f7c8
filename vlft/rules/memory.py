"""Whether a GPU can hold the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.resolve.batch import Batch
from vlft.rules.base import Problem, Problems, RunSpec, rule

if TYPE_CHECKING:
    from vlft.estimate.memory.estimate import Memory


_GIB = 1024**3
_SMALLEST_ROW = 32
"""Tokens: no row with a question and an answer is much shorter."""


@rule("error", "late", says="CUDA out of memory")
def does_not_fit(run: RunSpec) -> Problems:
    """A GPU holds the weights, the optimizer's state and a step on the shortest row.

    Source: torch: OutOfMemoryError; the estimate is held against the real models (docs/memory.md)
    """
    size = run.gpu_bytes
    memory = None if size is None else _estimate(run, _SMALLEST_ROW)
    if memory is not None and size is not None and memory.allocated_peak > size:
        yield Problem(
            ("model", "path"),
            f"even a row of {_SMALLEST_ROW} tokens takes {memory.allocated_peak / _GIB:.1f} GiB "
            f"of each GPU, which has {size / _GIB:.1f}",
            "vlft plan --fit looks for settings that fit: LoRA, quant.bits: 4, ZeRO-3, more GPUs",
        )


@rule("warning", "late", says="CUDA out of memory")
def longest_row(run: RunSpec) -> Problems:
    """A GPU holds a step on rows as long as `data.max_length` lets through.

    Source: torch: OutOfMemoryError at the first row that is long enough
    """
    size, length = run.gpu_bytes, run.args.given("max_length", int)
    if size is None or length is None:
        return
    least, most = _estimate(run, _SMALLEST_ROW), _estimate(run, length)
    if least is None or most is None or least.allocated_peak > size:
        return  # said by memory.does-not-fit
    if most.reserved_low > size:
        yield Problem(
            run.args.path("max_length"),
            f"a step on rows of {length} tokens takes {most.allocated_peak / _GIB:.1f} GiB of "
            f"each GPU, which has {size / _GIB:.1f}",
            "vlft plan --fit looks for settings that fit; vlft plan reads how long the rows are",
        )


def _estimate(run: RunSpec, tokens: int) -> Memory | None:
    """Memory of a step on such rows, as many of their tokens of pictures as the limits allow."""
    # Imported here: only a config that is judged for GPUs needs the arithmetic.
    from vlft.estimate.memory.estimate import estimate  # noqa: PLC0415
    from vlft.estimate.memory.from_config import (  # noqa: PLC0415
        RowSize,
        largest_row,
        sized_model,
        step_of_run,
    )

    model = sized_model(run)
    if model is None or run.family is None or not isinstance(run.batch, Batch):
        return None
    row = RowSize(tokens, min(largest_row(run).vision, max(0, tokens - _SMALLEST_ROW)))
    step = step_of_run(run, run.batch, model, row)
    return None if step is None else estimate(model, step)
