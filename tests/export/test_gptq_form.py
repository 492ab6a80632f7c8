"""The form of GPTQ's zero points is told from the weights, and config.json made to say it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.weight_files import write_model

from vlft.export.verify import correct_form, stored_form
from vlft.probe.checkpoint import read_checkpoint

# Zero points of symmetric weights, as they were seen in files of gptqmodel 7.7.
OLDER = {2: 0x55555555, 4: 0x77777777, 8: 0x7F7F7F7F}
NEWER = {2: 0xAAAAAAAA, 4: 0x88888888, 8: 0x80808080}


def folder(where: Path, word: int, bits: int, *, sym: bool = True, form: str = "gptq_v2") -> Path:
    signed = word - (1 << 32) if word >= 1 << 31 else word
    tensors = {
        "model.norm.weight": ("F32", (2,), [1.0, 2.0]),
        "model.layers.0.mlp.up_proj.qzeros": ("I32", (1, 2), [signed, signed]),
    }
    said = {"quant_method": "gptq", "bits": bits, "sym": sym, "format": form}
    return write_model(where, tensors, {"quantization_config": said})


def said_in(where: Path) -> object:
    return json.loads((where / "config.json").read_text())["quantization_config"]["format"]


@pytest.mark.parametrize("bits", OLDER)
def test_a_config_that_says_the_other_form_is_corrected(bits: int, tmp_path: Path) -> None:
    made = folder(tmp_path / "older", OLDER[bits], bits)
    corrected = correct_form(read_checkpoint(made))
    assert corrected is not None
    assert "said gptq_v2 of zero points in the form gptq" in corrected
    assert said_in(made) == "gptq"
    assert correct_form(read_checkpoint(made)) is None, "right from now on"

    made = folder(tmp_path / "newer", NEWER[bits], bits, form="gptq")
    assert correct_form(read_checkpoint(made)) is not None
    assert said_in(made) == "gptq_v2"


@pytest.mark.parametrize("bits", OLDER)
def test_a_config_that_is_right_is_left_alone(bits: int, tmp_path: Path) -> None:
    made = folder(tmp_path, NEWER[bits], bits)
    before = (made / "config.json").read_bytes()
    assert correct_form(read_checkpoint(made)) is None
    assert (made / "config.json").read_bytes() == before


def test_zero_points_that_are_not_in_the_middle_tell_nothing(tmp_path: Path) -> None:
    free = folder(tmp_path / "free", OLDER[4], 4, sym=False)
    odd = folder(tmp_path / "odd", 0x33333333, 4)
    plain = write_model(tmp_path / "plain", {"model.norm.weight": ("F32", (2,), [1.0, 2.0])})
    for made in (free, odd, plain):
        assert stored_form(read_checkpoint(made)) is None
        assert correct_form(read_checkpoint(made)) is None
