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
from vlft.verify.gptq_form import correct_form
from vlft.verify.merged import Base, Verified, compare_headers, value_job
from vlft.verify.quantized import check_quantized

if TYPE_CHECKING:
    from vlft.facts.checkpoint import Checkpoint
    from vlft.facts.interpreter import Interpreter
    from vlft.plan.quantize import Quantization

_PROGRAM = Path(__file__).parents[1] / "trainer_side" / "verify_merge.py"


def read_base(checkpoint: Checkpoint, interpreter: Interpreter) -> Base:
    """A model's tensors; those of pickles as the trainer's interpreter reads them.

    Raises:
        VlftError: If they can't be read.
    """
    headers = checkpoint.tensors()
    if not headers and checkpoint.weight_files:
        files = [str(Path(checkpoint.path, name)) for name in checkpoint.weight_files]
        try:
            found = _run(interpreter, "--headers", *files)
        except TrainerError as problem:
            raise VlftError(
                f"the weights in {checkpoint.path} can't be read: {problem.message}",
                "copy or download it again, as safetensors where there is a choice",
            ) from None
        headers = {name: (dtype, tuple(shape)) for name, (dtype, shape) in found.items()}
    return Base(checkpoint, headers)


def verify_merge(
    source: Checkpoint, base: Base, made: Path, work: Path, interpreter: Interpreter
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
        placed = place(adapter, base.headers, base.checkpoint.path)
    except VlftError as problem:
        raise _wrong([problem.message]) from None
    problems = compare_headers(base.headers, merged, placed)
    if problems:
        raise _wrong(problems)
    job = work / "verify.json"
    write_json(job, value_job(base, merged, source, adapter, placed))
    try:
        result = _run(interpreter, str(job))
    except TrainerError as problem:
        raise TrainerError(f"the merged weights could not be verified: {problem.message}") from None
    if result["problems"]:
        raise _wrong([*result["problems"], *["…"] * result["more_problems"]])
    return Verified(result["tensors"], result["sampled_layers"], result["max_abs_error"])


def verify_quantized(made: Path, source: Checkpoint, quantization: Quantization) -> dict[str, Any]:
    """Looks at quantised weights: all there, in the types and the form that are claimed.

    Args:
        made: The folder.
        source: The weights that it was made from.
        quantization: What was done.

    Returns:
        `tensors`: of the source that are there; `quantized`: how many of them are quantised;
        `bytes`: size of the weights; `corrected`: what config.json said wrongly of them, if it
        did.

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
    checked = {
        "tensors": len(source.tensors()),
        "quantized": count,
        "bytes": found.weight_bytes,
    }
    corrected = correct_form(found) if quantization.method in ("gptq", "gptq_v2") else None
    return checked if corrected is None else checked | {"corrected": corrected}


def _run(interpreter: Interpreter, *words: str) -> dict[str, Any]:
    """What the program of the trainer's side prints; its last line of errors if it fails."""
    done = subprocess.run(
        [interpreter.python, str(_PROGRAM), *words],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise TrainerError(lines[-1])
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _wrong(problems: list[str], what: str = "merged") -> TrainerError:
    first, more = problems[0], len(problems) - 1
    others = f" (and {more} more)" if more else ""
    return TrainerError(
        f"the {what} weights are not right: {first}{others}",
        "nothing was left under the final name; try again, on the CPU if it was on a GPU",
    )
