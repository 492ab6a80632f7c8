"""Quantisation of the frozen base while training (QLoRA)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.rules.base import Problem, not_installed, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.resolve.run import RunSpec

_BITS = {"bnb": (4, 8), "quanto": (2, 4, 8), "hqq": (1, 2, 3, 4, 8), "eetq": (8,)}


@rule(
    "quant.bits",
    "error",
    "swift/arguments/base_args/quant_args.py: get_quantization_config",
    effect="aborts",
    says="bnb not support quant_bits: 2",
)
def method_has_the_bits(run: RunSpec) -> Iterator[Problem]:
    """The method of quantisation has a form of that many bits."""
    quant = run.config.quant
    if quant is not None and quant.bits not in _BITS[quant.method]:
        others = [method for method, bits in _BITS.items() if quant.bits in bits]
        yield Problem(
            ("quant", "bits"),
            f"{quant.method} has no form of {quant.bits} bits",
            f"{quant.method} has {', '.join(map(str, _BITS[quant.method]))}; "
            f"{quant.bits} bits: {', '.join(others)}",
        )


# What each method needs, as the name of its package; those of `_ASKED` are asked for at once.
_PACKAGES = {"bnb": "bitsandbytes", "hqq": "hqq", "quanto": "optimum-quanto", "eetq": "kernels"}
_ASKED = (("bnb", 4), *(("hqq", bits) for bits in _BITS["hqq"]))


def _missing_package(run: RunSpec) -> Problem | None:
    quant, interpreter = run.config.quant, run.facts.interpreter
    if quant is None or interpreter is None or interpreter.swift_dir is None:
        return None
    return next(not_installed(run, _PACKAGES[quant.method], ("quant", "method")), None)


@rule(
    "quant.package",
    "error",
    "transformers/utils/quantization_config.py: HqqConfig, BitsAndBytesConfig",
    effect="aborts",
    says="A valid HQQ version",
)
def method_is_installed(run: RunSpec) -> Iterator[Problem]:
    """The package of a method that is looked for with the arguments is installed."""
    problem, quant = _missing_package(run), run.config.quant
    if problem is not None and quant is not None and (quant.method, quant.bits) in _ASKED:
        yield problem


@rule(
    "quant.package-late",
    "error",
    "transformers/quantizers: validate_environment",
    effect="late",
)
def method_is_installed_for_loading(run: RunSpec) -> Iterator[Problem]:
    """The package of a method that is looked for with the weights is installed."""
    problem, quant = _missing_package(run), run.config.quant
    if problem is not None and quant is not None and (quant.method, quant.bits) not in _ASKED:
        yield problem


@rule(
    "quant.full-tuner",
    "error",
    "swift/pipelines/train/tuner.py: requires_grad_(True)",
    effect="late",
    says="only Tensors of floating point dtype can require gradients",
)
def quantised_weights_stay_frozen(run: RunSpec) -> Iterator[Problem]:
    """Quantised weights are trained through an adapter."""
    if run.config.tuner == "full" and run.config.quant is not None:
        yield Problem(
            ("tuner",),
            f"`tuner: full` trains the weights, which {run.config.quant.method} makes integers",
            "`tuner: lora`, or leave `quant` out",
        )


@rule(
    "quant.eetq-cpu",
    "error",
    "transformers/quantizers/quantizer_eetq.py: validate_environment",
    "hardware",
    effect="late",
)
def eetq_has_a_gpu(run: RunSpec) -> Iterator[Problem]:
    """The kernels of eetq have a GPU."""
    quant = run.config.quant
    if run.world.cpu and quant is not None and quant.method == "eetq":
        yield Problem(
            ("quant", "method"), "eetq runs on a GPU only", "on a CPU: bnb with 4 or 8 bits"
        )
