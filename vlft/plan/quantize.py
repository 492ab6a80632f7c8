"""Which quantisation does what is asked for, with what is at hand.

The matrix follows ms-swift 4.6 (swift/arguments/export_args.py, quant_args.py) and what the
packages behind it can do; ms-swift itself refuses some of it only after the model is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from vlft.errors import VlftError

if TYPE_CHECKING:
    from collections.abc import Mapping

Method = Literal["bnb", "gptq", "gptq_v2", "awq", "fp8"]
METHODS: tuple[Method, ...] = ("bnb", "gptq", "gptq_v2", "awq", "fp8")

# Method → bits that it can do; fp8 has no bits of its own.
_BITS: dict[str, tuple[int, ...]] = {
    "bnb": (4, 8),
    "gptq": (2, 3, 4, 8),
    "gptq_v2": (2, 3, 4, 8),
    "awq": (4,),
    "fp8": (),
}
# Method → packages that do the work, in the interpreter that exports.
_PACKAGES: dict[str, tuple[str, ...]] = {
    "bnb": ("bitsandbytes",),
    "gptq": ("gptqmodel", "optimum"),
    "gptq_v2": ("gptqmodel", "optimum"),
    "awq": ("autoawq",),
    "fp8": (),
}
_CALIBRATED = frozenset({"gptq", "gptq_v2", "awq"})
_INSTALL = {"bnb": "pip install 'vlft[quantize]'"}


@dataclass(frozen=True, slots=True)
class Quantization:
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


def choose(
    bits: int | None,
    method: str | None,
    packages: Mapping[str, str],
    *,
    calibration: bool,
    gpu: bool,
) -> Quantization:
    """The method for these bits, or the check of a named one.

    Args:
        bits: Asked for; None with fp8 alone.
        method: Asked for; None lets the choice be made.
        packages: Installed in the interpreter that exports: name → version.
        calibration: Whether there are rows to calibrate on.
        gpu: Whether a GPU is visible.

    Raises:
        VlftError: If it can't be done; the hint says what would work.
    """
    if method is not None:
        return _named(bits, method, packages, calibration=calibration, gpu=gpu)
    refusals = []
    for candidate in METHODS:
        if bits in _BITS[candidate]:
            refusal = _missing(candidate, packages, calibration=calibration, gpu=gpu)
            if refusal is None:
                return Quantization(candidate, bits, _reason(candidate, bits))
            refusals.append(f"{candidate}: {refusal}")
    if refusals:
        raise VlftError(f"nothing here can quantise to {bits} bits", "; ".join(refusals))
    legal = sorted({number for numbers in _BITS.values() for number in numbers})
    raise VlftError(
        f"no method quantises to {bits} bits",
        "--quant-bits " + ", ".join(map(str, legal)) + ", or --quant-method fp8 without bits",
    )


def _named(
    bits: int | None, method: str, packages: Mapping[str, str], *, calibration: bool, gpu: bool
) -> Quantization:
    known = next((name for name in METHODS if name == method), None)
    if known is None:
        raise VlftError(
            f"there is no quantisation method `{method}`", "one of " + ", ".join(METHODS)
        )
    legal = _BITS[known]
    if bits is None and legal:
        raise VlftError(
            f"{known} needs a number of bits",
            " or ".join(f"--quant-bits {number}" for number in legal),
        )
    if bits is not None and bits not in legal:
        raise VlftError(f"{known} can't quantise to {bits} bits", _what_works(known, bits))
    refusal = _missing(known, packages, calibration=calibration, gpu=gpu)
    if refusal is not None:
        raise VlftError(f"{known} can't be used here: {refusal}", _alternative(bits, packages))
    return Quantization(known, bits, "asked for")


def _what_works(method: str, bits: int) -> str:
    """Other methods for these bits, and other bits for this method."""
    able = [name for name in METHODS if bits in _BITS[name]]
    hints = [f"{bits} bits: --quant-method {' or '.join(able)}"] if able else []
    own = " or ".join(map(str, _BITS[method]))
    hints.append(f"{method}: --quant-bits {own}" if own else f"{method} goes without bits")
    return "; ".join(hints)


def _missing(
    method: str, packages: Mapping[str, str], *, calibration: bool, gpu: bool
) -> str | None:
    """What a method lacks; None if it can be used."""
    absent = [name for name in _PACKAGES[method] if name not in packages]
    if absent:
        how = _INSTALL.get(method, "they need an environment of their own beside ms-swift")
        return f"{' and '.join(absent)} not installed ({how})"
    if method in _CALIBRATED and not calibration:
        return "it calibrates on data, and there is none at hand"
    if method == "fp8" and not gpu:
        return "it needs a GPU"
    return None


def _alternative(bits: int | None, packages: Mapping[str, str]) -> str:
    if bits in _BITS["bnb"] and "bitsandbytes" in packages:
        return f"--quant-method bnb does {bits} bits here"
    return "vlft merge without --quant-bits writes the merged weights as they are"


def _reason(method: str, bits: int | None) -> str:
    if method == "bnb":
        return f"bnb quantises to {bits} bits without calibration data"
    return f"{method} quantises to {bits} bits, calibrated on the run's own rows"
