"""Which quantisation does what is asked for, with what is at hand.

The matrix follows ms-swift 4.6 (swift/arguments/export_args.py, quant_args.py) and what the
packages behind it can do; ms-swift itself refuses some of it only after the model is loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct, field

from vlft.errors import VlftError
from vlft.models import family_of
from vlft.swift.versions import release

if TYPE_CHECKING:
    from collections.abc import Mapping

Method = Literal["bnb", "gptq", "gptq_v2", "awq", "fp8"]
METHODS: tuple[Method, ...] = ("bnb", "gptq", "gptq_v2", "awq", "fp8")

BITS: dict[str, tuple[int, ...]] = {
    "bnb": (4, 8),
    "gptq": (2, 3, 4, 8),
    "gptq_v2": (2, 3, 4, 8),
    "awq": (4,),
    "fp8": (),
}
"""Method → bits that it can do; fp8 has no bits of its own."""

CALIBRATED = frozenset({"gptq", "gptq_v2", "awq"})
"""Methods that look at rows while they round."""

# Method → packages that do the work, in the interpreter that exports.
_PACKAGES: dict[str, tuple[str, ...]] = {
    "bnb": ("bitsandbytes",),
    "gptq": ("gptqmodel", "optimum"),
    "gptq_v2": ("gptqmodel", "optimum"),
    "awq": ("autoawq",),
    "fp8": (),
}
# What config.json calls a method → packages that load such weights.
_LOADED_BY: dict[str, tuple[str, ...]] = {
    "bitsandbytes": _PACKAGES["bnb"],
    "gptq": _PACKAGES["gptq"],
    "gptqmodel": _PACKAGES["gptq"],
}
_INSTALL = {"bnb": "pip install 'vlft[quantize]'"}
_ELSEWHERE = "an environment of their own beside ms-swift, named by export.python"

# autoawq is no longer made. 0.2.9 knows few families (awq/models/auto.py; `Family.awq`), and looks
# for the layers of a Qwen2-VL where transformers had them up to 4.51: later ones end in "no
# attribute 'layers'", and from 4.57 on it can't be imported. Seen with 4.51.3 and 4.56.2, on a CPU:
# the weights can be made without a GPU, and not be used without one.
_AWQ_TRANSFORMERS = (4, 51)
# The smallest model that GPTQ went through: seen with gptqmodel 7.7.
_GPTQ_LAYERS = 10


class Situation(Struct, frozen=True):
    """What is at hand.

    Attributes:
        packages: Installed in the interpreter that exports: name → version.
        gpu: Whether a GPU is visible.
        fp8: Whether it computes in FP8; None if that is not known.
        calibration: Whether there are rows to calibrate on.
        family: ms-swift's model_type; None if it is none that vlft knows.
        layers: Of the language model; None if it is not known.
    """

    packages: Mapping[str, str] = field(default_factory=dict)
    gpu: bool = False
    fp8: bool | None = None
    calibration: bool = False
    family: str | None = None
    layers: int | None = None


class Quantization(Struct, frozen=True):
    """What will be done.

    Attributes:
        method: As `--quant_method` takes it.
        bits: None for fp8.
        reason: Why this method, in a sentence.
    """

    method: Method
    bits: int | None
    reason: str

    @property
    def suffix(self) -> str:
        """The end of the folder's name, as ms-swift writes it: bnb-int8."""
        return self.method if self.bits is None else f"{self.method}-int{self.bits}"

    @property
    def calibrated(self) -> bool:
        """Whether it needs rows."""
        return self.method in CALIBRATED


def choose(bits: int | None, method: str | None, situation: Situation) -> Quantization:
    """The method for these bits, or the check of a named one.

    Args:
        bits: Asked for; None with fp8 alone.
        method: Asked for; None lets the choice be made.
        situation: What is at hand.

    Raises:
        VlftError: If it can't be done; the hint says what would work.
    """
    if method is not None:
        return _named(bits, method, situation)
    refusals = []
    for candidate in METHODS:
        if bits in BITS[candidate]:
            refusal = lacks(candidate, situation)
            if refusal is None:
                return Quantization(candidate, bits, _reason(candidate, bits))
            refusals.append(f"{candidate}: {refusal}")
    if refusals:
        raise VlftError(f"nothing here can quantise to {bits} bits", "; ".join(refusals))
    legal = sorted({number for numbers in BITS.values() for number in numbers})
    hint = f"--quant-bits {', '.join(map(str, legal))}, or --quant-method fp8 without bits"
    raise VlftError(f"no method quantises to {bits} bits", hint)


def lacks(method: str, situation: Situation) -> str | None:
    """What a method lacks, as a clause with what would help; None if it can be used."""
    absent = [name for name in _PACKAGES[method] if name not in situation.packages]
    if absent:
        return f"{' and '.join(absent)} not installed ({_INSTALL.get(method, _ELSEWHERE)})"
    if method in ("gptq", "gptq_v2") and 0 < (situation.layers or 0) < _GPTQ_LAYERS:
        return f"it needs {_GPTQ_LAYERS} layers or more, and the model has {situation.layers}"
    if method in CALIBRATED and not situation.calibration:
        return "it calibrates on data, and there is none at hand (export.dataset, or --calibrate)"
    if method == "awq":
        return _awq(situation)
    return _fp8(situation) if method == "fp8" else None


def lacks_to_load(config: Mapping[str, Any] | None, packages: Mapping[str, str]) -> str | None:
    """What an interpreter lacks to load weights, as a clause; None if nothing is known to be.

    Args:
        config: `quantization_config` of the weights; None if they are not quantised.
        packages: Installed there: name → version.
    """
    method = str((config or {}).get("quant_method", "")).lower()
    absent = [name for name in _LOADED_BY.get(method, ()) if name not in packages]
    return f"{method} weights take {' and '.join(absent)}" if absent else None


def _awq(situation: Situation) -> str | None:
    transformers = situation.packages.get("transformers", "")
    if release(transformers)[:2] > _AWQ_TRANSFORMERS:
        needed = f"4.51 or older ({_ELSEWHERE})"
        return f"autoawq does not work with transformers {transformers}: {needed}"
    family = family_of(situation.family)
    if family is not None and not family.awq:
        return f"autoawq does not know {situation.family}"
    return None


def _fp8(situation: Situation) -> str | None:
    if not situation.gpu:
        return "it needs a GPU (of compute capability 8.9: Ada, Hopper or later)"
    if situation.fp8 is False:
        return "the GPU has no FP8, which came with compute capability 8.9"
    return None


def _named(bits: int | None, method: str, situation: Situation) -> Quantization:
    known = next((name for name in METHODS if name == method), None)
    if known is None:
        hint = "one of " + ", ".join(METHODS)
        raise VlftError(f"there is no quantisation method `{method}`", hint)
    legal = BITS[known]
    if bits is None and legal:
        hint = " or ".join(f"--quant-bits {number}" for number in legal)
        raise VlftError(f"{known} needs a number of bits", hint)
    if bits is not None and bits not in legal:
        raise VlftError(f"{known} can't quantise to {bits} bits", what_works(known, bits))
    refusal = lacks(known, situation)
    if refusal is not None:
        raise VlftError(f"{known} can't be used here: {refusal}", _alternative(bits, situation))
    return Quantization(known, bits, "asked for")


def what_works(method: str, bits: int) -> str:
    """Other methods for these bits, and other bits for this method."""
    others = [name for name in METHODS if bits in BITS[name]]
    hints = [f"{bits} bits: --quant-method {' or '.join(others)}"] if others else []
    own = " or ".join(map(str, BITS[method]))
    hints.append(f"{method}: --quant-bits {own}" if own else f"{method} goes without bits")
    return "; ".join(hints)


def _alternative(bits: int | None, situation: Situation) -> str:
    for name in METHODS:
        if bits in BITS[name] and lacks(name, situation) is None:
            return f"--quant-method {name} does {bits} bits here"
    return "vlft merge without --quant-bits writes the merged weights as they are"


def _reason(method: str, bits: int | None) -> str:
    if method == "bnb":
        return f"bnb quantises to {bits} bits without calibration data"
    return f"{method} quantises to {bits} bits, calibrated on the run's own rows"
