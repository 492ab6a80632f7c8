"""A merge compared with its base and adapter, before it gets its final name."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vlft.environment import ENVIRON
from vlft.errors import TrainerError, VlftError
from vlft.export.adapter import read_adapter
from vlft.export.adapter_base import place
from vlft.export.merged import Base, Verified, compare_headers, value_job
from vlft.export.quantized import check_quantized
from vlft.files import read_json, write_json
from vlft.probe.checkpoint import read_checkpoint

if TYPE_CHECKING:
    from vlft.probe.checkpoint import Checkpoint
    from vlft.resolve.quantization import Quantization
    from vlft.swift.interpreter import Interpreter

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
        env=ENVIRON.for_process({"CUDA_VISIBLE_DEVICES": ""}),
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


Form = Literal["gptq", "gptq_v2"]
_KEYS = ("format", "checkpoint_format")  # the name since optimum 2, and before


def stored_form(made: Checkpoint) -> Form | None:
    """The form of the zero points; None if it can't be told.

    Symmetric weights have them all in the middle of the range, 2^(bits-1); the lowest bits of
    the first word tell that number from the one before it.
    """
    config = made.quantization or {}
    bits = config.get("bits")
    if config.get("sym") is not True or not isinstance(bits, int):
        return None
    name = next((name for name in made.tensors() if name.endswith(".qzeros")), None)
    word = None if name is None else _first_word(made, name)
    if word is None:
        return None
    middle = 1 << (bits - 1)
    forms: dict[int, Form] = {middle: "gptq_v2", middle - 1: "gptq"}
    return forms.get(word & ((1 << bits) - 1))


def correct_form(made: Checkpoint) -> str | None:
    """Makes config.json say the form that the weights are in.

    Returns:
        What was corrected, as a sentence; None if all was right, or can't be told.

    Raises:
        OSError: If config.json can't be written.
    """
    form = stored_form(made)
    file = Path(made.path, "config.json")
    config = read_json(file)
    said = config.get("quantization_config") if config else None
    if form is None or config is None or not isinstance(said, dict):
        return None
    wrong = {key: said[key] for key in _KEYS if said.get(key) not in (None, form)}
    if not wrong:
        return None
    write_json(file, config | {"quantization_config": said | dict.fromkeys(wrong, form)})
    return (
        f"config.json said {', '.join(map(str, wrong.values()))} of zero points in the form {form}:"
        " every weight would have been off by a step"
    )


def _first_word(made: Checkpoint, name: str) -> int | None:
    """The first 32 bits of a tensor."""
    for file in made.weight_files:
        with Path(made.path, file).open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            entry = json.loads(stream.read(length)).get(name)
            if entry is not None:
                stream.seek(8 + length + entry["data_offsets"][0])
                word = stream.read(4)
                return int.from_bytes(word, "little") if len(word) == 4 else None  # noqa: PLR2004
    return None
