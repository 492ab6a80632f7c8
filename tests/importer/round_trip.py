"""A command of ms-swift, imported and planned: does the same command come back?"""

from __future__ import annotations

import tempfile
from pathlib import Path

from vlft.engines.local.engine import plan_command
from vlft.importer.importing import Import, import_text
from vlft.pipeline import Rejected, prepare
from vlft.swift.probe import read_swift

SWIFT = read_swift(None)
ENVIRON = {"PATH": "/usr/bin:/bin", "HOME": "/nowhere"}
_PATHS = {"model", "deepspeed", "resume_from_checkpoint"}
_DATA = {"dataset", "val_dataset"}
_MADE = {
    "output_dir", "add_version", "tuner_type", "per_device_train_batch_size",
    "gradient_accumulation_steps", "check_model", "use_hf", "model_type", "template", "use_cpu",
    "torch_dtype", "fp16", "bf16", "ddp_backend", "external_plugins",
}  # fmt: skip
_MADE_ENV = {
    "OMP_NUM_THREADS", "PYTHONUNBUFFERED", "OMP_WAIT_POLICY", "MALLOC_TRIM_THRESHOLD_",
    "MALLOC_MMAP_THRESHOLD_", "MALLOC_TOP_PAD_", "MASTER_PORT", "NPROC_PER_NODE",
}  # fmt: skip

Flags = dict[str, tuple[str, ...]]


def imported(script: str, *, modern: bool = False) -> Import:
    """What becomes of a script."""
    return import_text(script.encode(), "train.sh", SWIFT, modern=modern)


def command_of(config: str, folder: Path) -> tuple[Flags, dict[str, str]] | str:
    """Flags and environment of the process that `vlft train` would start, or why there is none."""
    file = folder / "config.yaml"
    file.write_text(config, encoding="utf-8")
    prepared = prepare(file, environ=ENVIRON, judge=False)
    if isinstance(prepared, Rejected):
        return "; ".join(one.message for one in prepared.findings) or "no plan"
    nodes = prepared.plan.world.nnodes > 1
    _, command = plan_command(prepared, run_id="run" if nodes else None)
    words = list(command.argv)
    first = next(
        index for index, word in enumerate(words)
        if word.endswith(("/sft.py", "/pt.py", "/rlhf.py")) or word in ("sft", "pt", "rlhf")
    )  # fmt: skip
    return flags_of(words[first + 1 :]), command.env


def flags_of(words: list[str]) -> Flags:
    """Words after the subcommand, as a set of flags with their values; the last one counts."""
    flags: dict[str, list[str]] = {}
    name = ""
    for word in words:
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            name = name.replace("-", "_")
            flags[name] = [value] if equals else []
        else:
            flags[name].append(word)
    return {name: tuple(values) or ("true",) for name, values in flags.items()}


def differences(
    given: Flags, env: dict[str, str], made: Flags, made_env: dict[str, str], folder: Path
) -> list[str]:
    """Where two commands differ beyond what vlft does on purpose: `_MADE`, `_MADE_ENV`."""
    found = []
    for name, values in given.items():
        if name in ("output_dir", "add_version", "use_cpu"):
            continue
        if name in ("max_steps", "save_total_limit") and float(values[0]) <= 0:
            continue
        if name == "split_dataset_ratio" and (float(values[0]) == 0 or "val_dataset" in given):
            continue
        back = made.get(name)
        if back is None:
            found.append(f"--{name} {' '.join(values)}: gone")
        elif not all(_same(name, a, b, folder) for a, b in zip(values, back, strict=False)) or (
            len(values) != len(back)
        ):
            found.append(f"--{name} {' '.join(values)}: came back as {' '.join(back)}")
    for name, value in env.items():
        if name in ("NODE_RANK", "USE_HF") or (name == "MASTER_PORT" and name not in made_env):
            continue
        if name == "NPROC_PER_NODE" and (value == "1" or "use_ray" in given):
            continue  # Ray starts the processes itself
        if made_env.get(name) != value:
            found.append(f"{name}={value}: came back as {made_env.get(name)}")
    found += [f"--{name} came of nothing" for name in made.keys() - given.keys() - _MADE]
    found += [f"{name} came of nothing" for name in made_env.keys() - env.keys() - _MADE_ENV]
    return found


def _same(name: str, given: str, back: str, folder: Path) -> bool:
    if given == back or (given.lower() in ("true", "false") and given.lower() == back):
        return True
    if name in _DATA and back in (f"ms::{given}", f"hf::{given}"):
        return True
    if name in _PATHS | _DATA:
        return back == str(Path(folder, given)) or Path(back) == Path(folder, given).resolve()
    return False


def round_trip(script: str, given: Flags, env: dict[str, str]) -> list[str]:
    """Differences of a script with one command; empty if it comes back as it was."""
    made = imported(script)
    if len(made.configs) != 1:
        return [f"{len(made.configs)} configs"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        back = command_of(made.configs[0].text, folder)
        if isinstance(back, str):
            return [back, made.configs[0].text]
        return differences(given, env, *back, folder)
