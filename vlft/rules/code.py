"""Checkpoints that bring modelling code of their own."""

from __future__ import annotations

from vlft.probe.remote_code import is_installed
from vlft.resolve.model import WHY, code_of_hub_id, in_image
from vlft.rules.base import Problem, Problems, RunSpec, rule


@rule(
    "error", "late", says="requires the following packages that were not found in your environment"
)
def not_installed(run: RunSpec) -> Problems:
    """What a checkpoint's own code imports is installed in the interpreter that trains.

    Source: transformers/dynamic_module_utils.py: check_imports
    """
    missing = missing_modules(run)
    if missing and run.facts.interpreter is not None:
        # The names of modules and packages agree for all that such code was seen to import.
        yield Problem(
            ("model", "path"),
            f"the checkpoint's own code imports {', '.join(missing)}; not installed in "
            f"{run.facts.interpreter.python}",
            f"{run.facts.interpreter.python} -m pip install {' '.join(missing)}",
        )


@rule("info", "late", says="has no attribute")
def mended(run: RunSpec) -> Problems:
    """A checkpoint's own code runs on the installed transformers without patches.

    Source: transformers/modeling_utils.py: from_pretrained
    """
    patches = run.patches
    if not patches:
        return
    interpreter = None if in_image(run.config) else run.facts.interpreter
    version = interpreter.packages.get("transformers") if interpreter else None
    known = run.facts.model.checkpoint is not None
    does = "does not run" if known else "may not run"
    yield Problem(
        ("model", "path"),
        f"the checkpoint's own code {does} on transformers {version or '5'} as it is, and vlft "
        f"mends {'it' if known else 'what it finds'} in the trainer: "
        + "; ".join(WHY[patch] for patch in patches),
        "nothing is to be done: train, merge, infer and eval pass the plug-in by themselves",
    )


@rule("error", "silent")
def hub_consent(run: RunSpec) -> Problems:
    """A model that brings Python code from a hub is only loaded with consent.

    Source: swift/model/register.py: trust_remote_code=True always
    """
    code = code_of_hub_id(run.model)
    if code is not None and not run.config.model.trust_remote_code:
        yield Problem(
            ("model", "path"),
            f"`{run.facts.model.argument}` ({code.swift_model_type}) brings Python "
            "code that ms-swift would run",
            "read it on the hub, then write `model: {trust_remote_code: true}`",
        )


def missing_modules(run: RunSpec) -> list[str]:
    """What the checkpoint's own code imports and the interpreter that trains does not have."""
    checkpoint, interpreter = run.facts.model.checkpoint, run.facts.interpreter
    if checkpoint is None or interpreter is None or interpreter.swift_dir is None:
        return []
    if not checkpoint.has_auto_map or in_image(run.config):
        return []
    imports = sorted(checkpoint.own_code.imports)
    return [
        name
        for name in imports
        if name.replace("_", "-").lower() not in interpreter.packages
        and not is_installed(name, interpreter.site_packages)
    ]
