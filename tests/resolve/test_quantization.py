"""The whole matrix: every request is done, or refused with something that would work."""

from __future__ import annotations

from itertools import product

import pytest

from vlft.errors import VlftError
from vlft.resolve.quantization import BITS, METHODS, Situation, choose

BNB = {"bitsandbytes": "0.50.2"}
GPTQ = {"gptqmodel": "7.7", "optimum": "2.0"}
AWQ = {"autoawq": "0.2.9", "transformers": "4.51.3"}
PACKAGES = ({}, BNB, GPTQ, AWQ, {**BNB, **GPTQ, **AWQ}, {**BNB, "transformers": "5.19.0"})
FAMILIES = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "internvl", None)


@pytest.mark.parametrize("packages", PACKAGES)
@pytest.mark.parametrize("calibration", [False, True])
@pytest.mark.parametrize("gpu", [False, True])
def test_every_request_has_an_answer(
    packages: dict[str, str], calibration: bool, gpu: bool
) -> None:
    methods = (*METHODS, None, "int8")
    usable = {
        "bnb": "bitsandbytes" in packages,
        "gptq": calibration and "gptqmodel" in packages,
        "gptq_v2": calibration and "gptqmodel" in packages,
        "awq": calibration and "autoawq" in packages,
        "fp8": gpu,
    }
    chosen, hints = set(), []
    for bits, method, family, layers, fp8 in product(
        (None, 1, 2, 3, 4, 5, 8), methods, FAMILIES, (2, 28, None), (False, None)
    ):
        if bits is None and method is None:
            continue
        situation = Situation(packages, gpu, fp8, calibration, family, layers)
        try:
            done = choose(bits, method, situation)
        except VlftError as refusal:
            hints.append(refusal.hint)
            continue
        possible = {
            "bnb": bits in BITS["bnb"],
            "gptq": bits in BITS["gptq"] and layers != 2,
            "gptq_v2": bits in BITS["gptq_v2"] and layers != 2,
            "awq": bits in BITS["awq"] and family not in ("qwen3_vl", "internvl"),
            "fp8": bits is None and fp8 is not False,
        }
        assert possible[done.method], done
        assert done.bits == bits
        assert method in (None, done.method)
        chosen.add(done.method)
    assert chosen == {name for name, is_usable in usable.items() if is_usable}
    assert hints
    assert all(hints), "a refusal says what would work"


@pytest.mark.parametrize(
    ("bits", "packages", "method"),
    [
        (8, BNB, "bnb"),
        (8, GPTQ, "gptq"),
        (8, {**BNB, **GPTQ}, "bnb"),
        (4, {**GPTQ, **AWQ}, "gptq"),
        (4, AWQ, "awq"),
        (3, {**BNB, **GPTQ}, "gptq"),
        (2, GPTQ, "gptq"),
    ],
)
def test_the_method_follows_bits_and_packages(
    bits: int, packages: dict[str, str], method: str
) -> None:
    situation = Situation(packages, True, None, True, "qwen2_vl", 28)
    found = choose(bits, None, situation)
    assert (found.method, found.bits) == (method, bits)
    assert found.suffix == f"{method}-int{bits}"


@pytest.mark.parametrize(
    ("bits", "method", "packages", "said", "works"),
    [
        (4, "gptq", BNB, "gptqmodel and optimum not installed", "--quant-method bnb"),
        (4, "awq", {**AWQ, "transformers": "5.19.0"}, "with transformers 5.19.0: 4.51", "merged"),
        (4, "awq", {**AWQ, "transformers": "4.56.2"}, "with transformers 4.56.2: 4.51", "merged"),
        (None, "fp8", BNB, "compute capability 8.9", "merged"),
        (3, None, BNB, "nothing here", "export.python"),
        (8, "awq", BNB, "awq can't quantise to 8", "bnb or gptq or gptq_v2"),
    ],
)
def test_a_refusal_says_what_would_work(
    bits: int | None, method: str | None, packages: dict[str, str], said: str, works: str
) -> None:
    with pytest.raises(VlftError) as refused:
        choose(bits, method, Situation(packages, calibration=True))
    assert said in refused.value.message
    assert works in (refused.value.hint or "")


def test_a_gpu_without_fp8_is_told_so() -> None:
    with pytest.raises(VlftError, match="no FP8"):
        choose(None, "fp8", Situation(gpu=True, fp8=False))
    assert choose(None, "fp8", Situation(gpu=True)).suffix == "fp8"
