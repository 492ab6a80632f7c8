"""The types that a run computes in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.probe.gpus import BFLOAT16
from vlft.rules.base import Problem, Problems, RunSpec, gpu_before, rule

if TYPE_CHECKING:
    from vlft.config.entry import KeyPath


@rule("error", "aborts", "hardware", says="At most one of fp16 and bf16 can be True, but not both")
def two_types(run: RunSpec) -> Problems:
    """Mixed precision is fp16 or bf16, not both: each follows from torch_dtype if not given.

    Source: transformers/training_args.py: __post_init__
    """
    precision = run.precision
    if not (precision.fp16 and precision.bf16):
        return
    given = [name for name in ("fp16", "bf16") if run.args.given(name, bool)]
    if len(given) == 2:  # noqa: PLR2004 - both
        yield Problem(("swift", "bf16"), "fp16 and bf16 are both asked for", "keep one of them")
        return
    other = "bf16" if given == ["fp16"] else "fp16"
    dtype = "float16" if given == ["fp16"] else "bfloat16"
    yield Problem(
        ("swift", given[0]),
        f"`{given[0]}` beside {precision.weights} weights, from which {other} follows",
        f"leave `{given[0]}` out, or write `model: {{torch_dtype: {dtype}}}`"
        + (f", or `{other}: false` beside it" if precision.weights == "float32" else ""),
    )


@rule("warning", "silent", "hardware")
def mixed_unsaid(run: RunSpec) -> Problems:
    """On a GPU, float32 weights come with a word on mixed precision, for ms-swift takes fp16.

    Source: swift/arguments/base_args/model_args.py: _init_mixed_precision
    """
    precision = run.precision
    if run.world.cpu or precision.weights != "float32":
        return
    if not run.args.is_given("fp16") and not run.args.given("bf16", bool):
        yield Problem(
            _dtype_key(run),
            "float32 weights are trained in fp16 mixed precision, which can overflow",
            "`swift: {fp16: false, bf16: true}` for bf16, "
            "`swift: {fp16: false}` for float32 throughout, `swift: {fp16: true}` if it is meant",
        )


@rule("error", "late", "hardware", says="Attempting to unscale FP16 gradients")
def unscaled_gradients(run: RunSpec) -> Problems:
    """Weights that are trained themselves are not float16, unless DeepSpeed or FSDP keeps them.

    Source: torch/amp/grad_scaler.py: unscale_; swift/pipelines/train/tuner.py casts adapters only
    """
    config, precision = run.config, run.precision
    sharded = run.sharding.is_sharded
    if config.tuner != "full" or run.world.cpu or sharded:
        return  # on a CPU no loss is scaled
    if precision.weights != "float16" or not precision.fp16:
        return
    message = "`tuner: full` on float16 weights: the gradients of fp16 can't be unscaled"
    hint = "torch_dtype: bfloat16, or float32 (then computed in fp16), or `tuner: lora`"
    yield Problem(_dtype_key(run), message, hint)


@rule("warning", "silent", "hardware")
def emulated(run: RunSpec) -> Problems:
    """bfloat16 is computed on GPUs that have it, those of compute capability 8 and above.

    Source: torch/cuda: is_bf16_supported counts emulation
    """
    old = gpu_before(run, BFLOAT16) if run.precision.bf16 else None
    if old is not None:
        full = run.config.tuner == "full"
        yield Problem(
            _dtype_key(run),
            f"a {old} has no bfloat16: torch emulates it, many times slower",
            f"write `model: {{torch_dtype: {'float32' if full else 'float16'}}}`"
            + (" and `swift: {fp16: true}`" if full else ""),
        )


@rule("error", "aborts", "hardware", says="--tf32 requires Ampere or a newer GPU arch")
def tensor_float(run: RunSpec) -> Problems:
    """TF32 is asked for where a GPU has it, which is one of compute capability 8 and above.

    Source: transformers/training_args.py: __post_init__
    """
    if not run.args.flag("tf32"):
        return
    old = gpu_before(run, BFLOAT16)
    if run.world.cpu or old is not None:
        what = "a CPU" if old is None else f"a {old}"
        yield Problem(("swift", "tf32"), f"{what} has no TF32", "leave it out", at_key=True)


def _dtype_key(run: RunSpec) -> KeyPath:
    """Where the type comes from: a key of the config, else the checkpoint."""
    if run.config.model.torch_dtype is not None:
        return ("model", "torch_dtype")
    return ("model", "path")
