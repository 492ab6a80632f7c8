"""A merge compared with its base and adapter, before it gets its final name."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlft.errors import TrainerError, VlftError
from vlft.facts.checkpoint import read_checkpoint
from vlft.files import write_json
from vlft.verify.adapter import read_adapter
from vlft.verify.base import place
from vlft.verify.merged import Verified, compare_headers, value_job
from vlft.verify.quantized import check_quantized

if TYPE_CHECKING:
    from vlft.facts.checkpoint import Checkpoint
    from vlft.facts.interpreter import Interpreter
    from vlft.plan.quantize import Quantization

_PROGRAM = Path(__file__).parents[1] / "trainer_side" / "verify_merge.py"


def verify_merge(
    source: Checkpoint, base: Checkpoint, made: Path, work: Path, interpreter: Interpreter
) -> Verified:
    """Compares merged weights with what base and adapter say they must be.

    Values are compared by a process of the interpreter that merged: it has numpy, and vlft
    need not.

    Args:
        source: The adapter.
        base: The base.
        made: Folder of the merge.
        work: Folder for the job's file.
        interpreter: The Python that merged.

    Raises:
        TrainerError: If they are not what they must be, or can't be read.
    """
    try:
        merged = read_checkpoint(made)
        adapter = read_adapter(source)
        placed = place(adapter, base.tensors(), base.path)
    except VlftError as problem:
        raise _wrong([problem.message]) from None
    problems = compare_headers(base, merged, placed)
    if problems:
        raise _wrong(problems)
    result = _run(value_job(base, merged, source, adapter, placed), work, interpreter)
    if result["problems"]:
        raise _wrong([*result["problems"], *["…"] * result["more_problems"]])
    return Verified(result["tensors"], result["sampled_layers"], result["max_abs_error"])


def verify_quantized(made: Path, source: Checkpoint, quantization: Quantization) -> dict[str, Any]:
    """Looks at the headers of quantised weights: all there, in the types that are claimed.

    Args:
        made: The folder.
        source: The weights that it was made from.
        quantization: What was done.

    Returns:
        `tensors`: of the source that are there; `quantized`: how many of them are quantised;
        `bytes`: size of the weights.

    Raises:
        TrainerError: If they are not what they must be.
    """
    try:
        found = read_checkpoint(made)
    except VlftError as problem:
        raise _wrong([problem.message], "quantised") from None
    count, problems = check_quantized(found, source, quantization.method, quantization.bits)
    if problems:
        raise _wrong(problems, "quantised")
    return {
        "tensors": len(source.tensors()),
        "quantized": count,
        "bytes": found.weight_bytes,
    }


def _run(job: dict[str, Any], work: Path, interpreter: Interpreter) -> dict[str, Any]:
    file = work / "verify.json"
    write_json(file, job)
    done = subprocess.run(
        [interpreter.python, str(_PROGRAM), str(file)],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise TrainerError(f"the merged weights could not be verified: {lines[-1]}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _wrong(problems: list[str], what: str = "merged") -> TrainerError:
    first, more = problems[0], len(problems) - 1
    others = f" (and {more} more)" if more else ""
    return TrainerError(
        f"the {what} weights are not right: {first}{others}",
        "nothing was left under the final name; try again, on the CPU if it was on a GPU",
    )
