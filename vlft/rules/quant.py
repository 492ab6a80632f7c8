"""Quantisation of the frozen base while training (QLoRA)."""

from __future__ import annotations

from vlft.rules.base import Problem, Problems, RunSpec, not_installed, rule

_BITS = {"bnb": (4, 8), "quanto": (2, 4, 8), "hqq": (1, 2, 3, 4, 8), "eetq": (8,)}


@rule("error", "aborts", says="bnb not support quant_bits: 2")
def bits(run: RunSpec) -> Problems:
    """The method of quantisation has a form of that many bits.

    Source: swift/arguments/base_args/quant_args.py: get_quantization_config
    """
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


def _missing_package(run: RunSpec, *, at_once: bool) -> Problems:
    quant, interpreter = run.config.quant, run.facts.interpreter
    if quant is None or interpreter is None or interpreter.swift_dir is None:
        return
    if ((quant.method, quant.bits) in _ASKED) is at_once:
        yield from not_installed(run, _PACKAGES[quant.method], ("quant", "method"))


@rule("error", "aborts", says="A valid HQQ version")
def package(run: RunSpec) -> Problems:
    """The package of a method that is looked for with the arguments is installed.

    Source: transformers/utils/quantization_config.py: HqqConfig, BitsAndBytesConfig
    """
    yield from _missing_package(run, at_once=True)


@rule("error", "late")
def package_late(run: RunSpec) -> Problems:
    """The package of a method that is looked for with the weights is installed.

    Source: transformers/quantizers: validate_environment
    """
    yield from _missing_package(run, at_once=False)


@rule("error", "late", says="only Tensors of floating point dtype can require gradients")
def full_tuner(run: RunSpec) -> Problems:
    """Quantised weights are trained through an adapter.

    Source: swift/pipelines/train/tuner.py: requires_grad_(True)
    """
    if run.config.tuner == "full" and run.config.quant is not None:
        yield Problem(
            ("tuner",),
            f"`tuner: full` trains the weights, which {run.config.quant.method} makes integers",
            "`tuner: lora`, or leave `quant` out",
        )


@rule("error", "late", "hardware")
def eetq_cpu(run: RunSpec) -> Problems:
    """The kernels of eetq have a GPU.

    Source: transformers/quantizers/quantizer_eetq.py: validate_environment
    """
    quant = run.config.quant
    if run.world.cpu and quant is not None and quant.method == "eetq":
        hint = "on a CPU: bnb with 4 or 8 bits"
        yield Problem(("quant", "method"), "eetq runs on a GPU only", hint)
