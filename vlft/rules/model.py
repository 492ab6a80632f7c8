"""The model folder and what ms-swift makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.rules.base import Context, Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator


@rule("model.not-found", "error", "swift/model/model_meta.py: asks the hub instead", effect="late")
def model_can_be_read(context: Context) -> Iterator[Problem]:
    """The model's folder exists and holds a readable model, or it is a hub id."""
    problem = context.facts.model.problem
    if problem is not None:
        yield Problem(("model", "path"), problem.message, problem.hint)


@rule("model.is-adapter", "error", "swift/model/model_meta.py: no config.json", effect="late")
def model_is_no_adapter(context: Context) -> Iterator[Problem]:
    """The folder holds a whole model, not a LoRA adapter."""
    checkpoint = context.facts.model.checkpoint
    if checkpoint is not None and checkpoint.kind == "adapter":
        yield Problem(
            ("model", "path"),
            f"`{checkpoint.path}` is a LoRA adapter, not a model",
            f"write its base, `{checkpoint.base_model}`"
            if checkpoint.base_model
            else "write the base model that the adapter was trained on",
        )


@rule(
    "model.custom-code",
    "error",
    "swift/model/register.py: trust_remote_code=True always",
    effect="silent",
)
def custom_code_needs_consent(context: Context) -> Iterator[Problem]:
    """A checkpoint that carries Python code is only loaded with consent."""
    checkpoint = context.facts.model.checkpoint
    if checkpoint is None or context.config.model.trust_remote_code:
        return
    if checkpoint.has_auto_map or checkpoint.code_files:
        files = ", ".join(checkpoint.code_files) or "named by auto_map"
        yield Problem(
            ("model", "path"),
            f"`{checkpoint.path}` carries Python code that ms-swift would run: {files}",
            "read it, then write `model: {trust_remote_code: true}`",
        )


@rule(
    "model.type-unknown",
    "error",
    "swift/model/model_meta.py: _get_model_info",
    effect="aborts",
    says="model_type",
)
def type_is_registered(context: Context) -> Iterator[Problem]:
    """`model.type` is a model_type of the installed ms-swift."""
    name = context.config.model.type
    if name is not None and name not in context.facts.swift.models():
        from vlft.config.suggest import nearest  # noqa: PLC0415 - difflib, only on an error

        close = nearest(name, context.facts.swift.models())
        yield Problem(
            ("model", "type"),
            f"ms-swift {context.facts.swift.version} has no model_type `{name}`",
            f"did you mean `{close}`?" if close else "leave it out: the checkpoint says it",
        )
