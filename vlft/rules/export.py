"""What `export:` asks for, known before the training rather than after it."""

from __future__ import annotations

from vlft.resolve.quantization import BITS, CALIBRATED, what_works
from vlft.rules.base import Problem, Problems, RunSpec, rule

# swift/arguments/base_args/base_args.py: those that --merge_lora takes.
_MERGEABLE = frozenset({"lora", "longlora", "llamapro", "adalora", "full"})


@rule("error", "late")
def bits(run: RunSpec) -> Problems:
    """The method that will quantise has a form of as many bits as asked for.

    Source: swift/arguments/export_args.py: __post_init__; quant_args.py
    """
    export = run.config.export
    bits, method = export.quant_bits, export.quant_method
    if method is None:
        return
    if bits is None and BITS[method]:
        hint = "export.quant_bits: " + " or ".join(map(str, BITS[method]))
        yield Problem(("export", "quant_method"), f"{method} needs a number of bits", hint)
    elif bits is not None and bits not in BITS[method]:
        hint = what_works(method, bits).replace("--quant-", "quant_").replace("quant_bits", "bits")
        yield Problem(("export", "quant_bits"), f"{method} can't quantise to {bits} bits", hint)


@rule("warning", "silent")
def no_effect(run: RunSpec) -> Problems:
    """Calibration rows are named for a method that looks at them.

    Source: swift/pipelines/export/quant.py: _get_quant_dataset
    """
    export = run.config.export
    method, bits = export.quant_method, export.quant_bits
    asked = method is not None or bits is not None
    if method in CALIBRATED:
        return
    if method is None and bits is not None and bits not in BITS["bnb"]:
        return  # the method is chosen later, among those that calibrate
    for key in ("dataset", "rows"):
        if getattr(export, key) is not None:
            what = f"{method or 'bnb'} looks at no rows" if asked else "nothing is quantised"
            hint = "export.quant_method: gptq or awq calibrate"
            yield Problem.ignored(("export", key), what, hint)


@rule("warning", "late")
def not_mergeable(run: RunSpec) -> Problems:
    """A tuner that ms-swift can merge comes before a quantisation.

    Source: swift/arguments/base_args/base_args.py: _init_adapter
    """
    config = run.config
    asked = config.export.quant_bits is not None or config.export.quant_method is not None
    if asked and config.tuner not in _MERGEABLE:
        message = f"`tuner: {config.tuner}` can't be merged, and only merged weights are quantised"
        yield Problem(("tuner",), message, "tuner: lora; or leave export.quant_bits out")
