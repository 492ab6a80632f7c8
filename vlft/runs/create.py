"""A new run's folder, with everything known before the trainer starts."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from msgspec import to_builtins

from vlft import __version__
from vlft.config.masking import mask_document
from vlft.environment import ENVIRON
from vlft.errors import UsageError, VlftError
from vlft.files import write_json, write_text
from vlft.resolve.model import PATCHES_VERSION, is_patched
from vlft.runs.attempts import write_launcher
from vlft.runs.exports import mark_weights
from vlft.runs.record import RUN_FILE, fingerprint, new_run_id, utc_now
from vlft.security.masking import mask_data, mask_text, secret_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlft.plan import MaskedCommand, Plan
    from vlft.probe.collect import Facts
    from vlft.resolve.run import RunSpec

_FIRST = "config.yaml"

# What a result depends on.
_PACKAGES = (
    "ms-swift",
    "torch",
    "torchvision",
    "transformers",
    "tokenizers",
    "peft",
    "accelerate",
    "datasets",
    "deepspeed",
    "bitsandbytes",
    "flash-attn",
    "liger-kernel",
    "qwen-vl-utils",
    "safetensors",
    "timm",
)


def run_folder(run: RunSpec, run_id: str | None = None) -> Path:
    """The folder that a run started now would get, or the one of that id.

    Raises:
        VlftError: If the number of processes is not known yet.
        UsageError: If the id can't be a folder's name.
    """
    if run.world.world_size is None:
        raise VlftError(
            "the number of GPUs is not known, so there is no command yet",
            "say what machine it is for: --hardware 4xA100-80G, or write launch.nproc_per_node",
        )
    if run_id is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", run_id):
        raise UsageError(f"`{run_id}` can't be a run's id", "letters, digits, dots and dashes")
    return run.output_dir / (run_id or new_run_id(Path(run.loaded.source.file).stem, utc_now()))


def create_run(
    folder: Path, run: RunSpec, plan: Plan, command: MaskedCommand, overrides: Sequence[str]
) -> None:
    """Makes the folder and writes the record.

    Raises:
        VlftError: If the folder holds a run already.
        OSError: If it can't be written; a folder that was made for it is gone again.
    """
    new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        (folder / _FIRST).touch(exist_ok=False)  # of two vlft at once, one makes it
        _write(folder, run, plan, command, overrides)
    except FileExistsError:
        raise VlftError(f"{folder} holds a run already", "choose another --run-id") from None
    except OSError:
        if new:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _write(
    folder: Path, run: RunSpec, plan: Plan, command: MaskedCommand, overrides: Sequence[str]
) -> None:
    loaded, facts = run.loaded, run.facts
    hidden = secret_values(loaded.source.data)
    config = Path(loaded.source.file).absolute()
    files = [entry.path for entry in (*facts.train, *facts.val) if entry.path is not None]
    for index, (file, text) in enumerate(loaded.source.documents.items()):
        name = _FIRST if index == 0 else f"config.extends-{index}-{Path(file).name}"
        write_text(folder / name, mask_document(text, hidden))
    resolved = yaml.safe_dump(mask_data(loaded.source.data), allow_unicode=True, sort_keys=False)
    write_text(folder / "config.resolved.yaml", mask_document(resolved, hidden))
    write_json(folder / "plan.json", mask_data(plan.to_json()))
    write_launcher(folder)
    write_json(
        folder / RUN_FILE,
        {
            "version": 1,
            "id": folder.name,
            "name": config.stem,
            "config": str(config),
            "overrides": [mask_text(text, hidden) for text in overrides],
            "started": utc_now().isoformat(timespec="seconds"),
            "host": platform.node(),
            "cwd": str(Path.cwd()),  # relative paths in data rows start from it
            "argv": command.argv,
            "env": command.env,
            # Variables of the caller that change what ms-swift does.
            "inherited": mask_data(dict(run.inherited_variables)),
            "versions": _versions(facts, plan),
            "git_commit": _git_commit(config.parent),
            "data": [
                to_builtins(fingerprint(path)) for path in dict.fromkeys(files) if path.is_file()
            ],
            "base": _base(facts),
        },
    )


def _versions(facts: Facts, plan: Plan) -> dict[str, str]:
    interpreter = facts.interpreter
    versions = {"vlft": __version__, "python": platform.python_version()}
    if is_patched(plan.arguments):
        versions["own-code-mends"] = PATCHES_VERSION
    if interpreter is not None:
        versions |= {"trainer_python": interpreter.python_version or "unknown"}
        installed = interpreter.packages
        versions |= {name: installed[name] for name in _PACKAGES if name in installed}
    return versions


def _base(facts: Facts) -> dict[str, str]:
    """Weight file of the model → size and hash of its first and last MiB; {} if unreadable."""
    try:
        return {} if facts.model.checkpoint is None else mark_weights(facts.model.checkpoint)
    except OSError:
        return {}


def _git_commit(folder: Path) -> str | None:
    """The commit that the config's repository is at, `+` behind it: with changes; else None."""
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return None
    return commit + ("+" if _git(folder, "status", "--porcelain", "--untracked-files=no") else "")


def _git(folder: Path, *words: str) -> str:
    """What git prints; nothing if it fails, or is not there."""
    try:
        return subprocess.run(
            [shutil.which("git") or "git", "-C", str(folder), *words],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
            env=ENVIRON.for_process({"GIT_OPTIONAL_LOCKS": "0"}),
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
