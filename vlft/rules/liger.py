"""Liger's kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.resolve.batch import Batch
from vlft.rules.base import Problem, not_installed, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.resolve.run import RunSpec


@rule(
    "tuner.liger-installed",
    "error",
    "swift/trainers/arguments.py: _init_liger",
    effect="aborts",
    says="use_liger_kernel requires liger_kernels",
)
def liger_is_installed(run: RunSpec) -> Iterator[Problem]:
    """The interpreter that trains has liger-kernel if the config asks for it."""
    if run.args.flag("use_liger_kernel"):
        path = ("swift", "use_liger_kernel")
        yield from not_installed(run, "liger-kernel", path, at_key=True)


@rule(
    "tuner.liger-model",
    "warning",
    "liger_kernel/transformers/monkey_patch.py: _apply_liger_kernel_to_instance",
    effect="silent",
    says="There are currently no Liger kernels supported for model type",
)
def liger_knows_the_model(run: RunSpec) -> Iterator[Problem]:
    """Liger kernels are asked for with a model that there are some for."""
    family = run.family
    if family is None or family.liger is not None:
        return
    if run.args.flag("use_liger_kernel"):
        yield Problem(
            ("swift", "use_liger_kernel"),
            f"there are no Liger kernels for {family.title}: `use_liger_kernel` has no effect",
            "leave it out, or take the model in transformers' own form (…-hf)",
            at_key=True,
        )


@rule(
    "tuner.liger-logits",
    "error",
    "liger_kernel/transformers/model/loss_utils.py: LigerForCausalLMLoss",
    effect="late",
    says="view size is not compatible with input tensor's size and stride",
)
def liger_gets_rows_whole(run: RunSpec) -> Iterator[Problem]:
    """With Liger kernels, several rows a step are not cut to the logits that the loss needs."""
    _config, batch = run.config, run.batch
    if not run.args.flag("use_liger_kernel") or not isinstance(batch, Batch):
        return
    if batch.per_device == 1 or run.args.flag("packing") or run.args.flag("padding_free"):
        return
    # Imported here: only a config with Liger needs them.
    from vlft.estimate.memory.from_config import keeps_few_logits  # noqa: PLC0415
    from vlft.estimate.memory.liger import liger_keeps_few_logits  # noqa: PLC0415

    kind = (run.facts.model.sizes or {}).get("model_type")
    if liger_keeps_few_logits(kind) and keeps_few_logits(run, batch):
        yield Problem(
            ("swift", "use_liger_kernel"),
            f"Liger's loss can't take {batch.per_device} rows whose first tokens ms-swift leaves "
            "out (use_logits_to_keep)",
            "write `swift: {use_logits_to_keep: false}`; Liger computes no logits anyway",
            at_key=True,
        )
