"""A merge is compared with its base and adapter: what is right passes, what is wrong does not."""

from __future__ import annotations

import contextlib
import io
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from support.weight_files import (
    Matrix,
    Tensor,
    bf16,
    from_bf16,
    matrix,
    product,
    tensor,
    write_adapter,
    write_model,
)

from vlft.errors import TrainerError, VlftError
from vlft.export import base as base_of_merge
from vlft.export.adapter import refuse_broken
from vlft.export.base import read_base
from vlft.export.verify import verify_merge
from vlft.probe.checkpoint import read_checkpoint
from vlft.swift.interpreter import find_interpreter, interpreter_at

pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def _one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing torch takes seconds: the program runs here, as it would in a process of its own."""
    monkeypatch.setattr(base_of_merge, "run_worker", run_here)


def run_here(_: object, program: str, *words: str) -> str:
    from vlft.trainer_side import verify_merge

    out, err = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patch.setattr(sys, "argv", [program, *words])
        code = verify_merge.main()
    if code:
        raise TrainerError(err.getvalue().splitlines()[-1])
    return out.getvalue()


ROWS, COLUMNS, RANK = 24, 16, 4
Q = "layers.0.self_attn.q_proj"
UP = "layers.0.mlp.up_proj"


@dataclass
class Case:
    """A base, an adapter and a merge, as tensors that a test may spoil."""

    folder: Path
    dtype: str = "F32"
    config: dict[str, Any] = field(default_factory=dict)
    base: dict[str, Tensor] = field(default_factory=dict)
    adapter: dict[str, Tensor] = field(default_factory=dict)
    merged: dict[str, Tensor] = field(default_factory=dict)
    merged_config: dict[str, Any] = field(default_factory=dict)

    def verify(self) -> Mapping[str, Any]:
        base = write_model(self.folder / "base", self.base)
        source = write_adapter(self.folder / "adapter", base, self.adapter, **self.config)
        made = write_model(self.folder / "made", self.merged, self.merged_config)
        interpreter = find_interpreter(None) or interpreter_at(sys.executable)
        under = read_base(read_checkpoint(base), interpreter)
        return verify_merge(read_checkpoint(source), under, made, self.folder, interpreter)


def scaled(values: Matrix, factor: float) -> Matrix:
    return [[value * factor for value in row] for row in values]


def added(left: Matrix, right: Matrix) -> Matrix:
    return [[x + y for x, y in zip(a, b, strict=True)] for a, b in zip(left, right, strict=True)]


def stored(values: Matrix, dtype: str) -> Matrix:
    """Values as they are after storing them."""
    if dtype != "BF16":
        return values
    return [[from_bf16(bf16(value)) for value in row] for row in values]


def make(folder: Path, dtype: str = "F32", *, scaling: float = 2.0, **config: Any) -> Case:
    """A base under older names, two changed layers, one that stays."""
    case = Case(folder, dtype, config)
    for index, module in enumerate((Q, UP)):
        weight = stored(matrix(ROWS, COLUMNS, index + 1), dtype)
        a, b = matrix(RANK, COLUMNS, index + 11, 0.3), matrix(ROWS, RANK, index + 21, 0.3)
        loaded = f"base_model.model.model.language_model.{module}"
        case.adapter[f"{loaded}.lora_A.weight"] = tensor(a)
        case.adapter[f"{loaded}.lora_B.weight"] = tensor(b)
        case.base[f"model.{module}.weight"] = tensor(weight, dtype)
        change = scaled(product(b, a), scaling)
        case.merged[f"model.language_model.{module}.weight"] = tensor(added(weight, change), dtype)
    same = tensor(stored(matrix(8, 8, 5), dtype), dtype)
    case.base["visual.patch_embed.proj.weight"] = same
    case.merged["model.visual.patch_embed.proj.weight"] = same
    return case


@pytest.mark.parametrize("dtype", ["F32", "BF16"])
def test_what_is_right_passes_whatever_the_names(dtype: str, tmp_path: Path) -> None:
    found = make(tmp_path, dtype).verify()
    assert (found["tensors"], found["sampled_layers"]) == (3, 2)
    assert found["max_abs_error"] <= {"F32": 1e-6, "BF16": 0.02}[dtype]


@pytest.mark.parametrize(
    ("config", "scaling"),
    [
        ({"use_rslora": True}, 8 / math.sqrt(RANK)),
        ({"lora_alpha": 16}, 4.0),
        ({"alpha_pattern": {"q_proj": 8, "layers.0.mlp.up_proj": 8}, "lora_alpha": 64}, 2.0),
        ({"r": 32, "rank_pattern": {".*proj": RANK}}, 2.0),
    ],
)
def test_the_scaling_follows_the_config(config: Any, scaling: float, tmp_path: Path) -> None:
    make(tmp_path, scaling=scaling, **config).verify()
    wrong = make(tmp_path / "wrong", scaling=scaling * 1.5, **config)
    with pytest.raises(TrainerError, match="is off by up to"):
        wrong.verify()


def test_in_16_bits_a_change_left_out_is_seen_though_it_is_below_the_rounding(
    tmp_path: Path,
) -> None:
    case = make(tmp_path, "BF16")
    # Every weight lies between 1 and 2, and moves by three quarters of a unit in its last place.
    weight = [[1 + abs(value) * 0.9 for value in row] for row in matrix(ROWS, COLUMNS, 1)]
    case.base[f"model.{Q}.weight"] = tensor(stored(weight, "BF16"), "BF16")
    first = [[0.1] * COLUMNS, *[[0.0] * COLUMNS] * (RANK - 1)]
    loaded = f"base_model.model.model.language_model.{Q}"
    case.adapter[f"{loaded}.lora_A.weight"] = tensor(first)
    case.adapter[f"{loaded}.lora_B.weight"] = tensor([[0.03, 0.0, 0.0, 0.0]] * ROWS)
    moved = added(stored(weight, "BF16"), [[0.006] * COLUMNS] * ROWS)
    merged = f"model.language_model.{Q}.weight"
    case.merged[merged] = tensor(moved, "BF16")
    case.verify()
    case.merged[merged] = case.base[f"model.{Q}.weight"]
    with pytest.raises(TrainerError, match=r"q_proj\.weight` has 0\.00 of the adapter"):
        case.verify()


def test_dora_scales_every_row_to_its_magnitude(tmp_path: Path) -> None:
    case = make(tmp_path, use_dora=True)
    for index, module in enumerate((Q, UP)):
        name = f"model.language_model.{module}.weight"
        rows = [case.merged[name][2][i * COLUMNS : (i + 1) * COLUMNS] for i in range(ROWS)]
        magnitude = [value[0] + 3 for value in matrix(ROWS, 1, index + 40)]
        norms = [math.sqrt(sum(value * value for value in row)) for row in rows]
        whole = [
            [value * m / norm for value in row]
            for row, m, norm in zip(rows, magnitude, norms, strict=True)
        ]
        case.merged[name] = tensor(whole)
        vector = f"base_model.model.model.language_model.{module}.lora_magnitude_vector"
        case.adapter[vector] = ("F32", (ROWS,), magnitude)
    assert case.verify()["sampled_layers"] == 2
    case.merged[f"model.language_model.{Q}.weight"] = make(tmp_path / "x").merged[
        f"model.language_model.{Q}.weight"
    ]
    with pytest.raises(TrainerError, match="q_proj"):
        case.verify()


def test_fan_in_fan_out_and_embeddings_are_transposed(tmp_path: Path) -> None:
    case = Case(tmp_path, config={"fan_in_fan_out": True})
    weight = matrix(COLUMNS, ROWS, 1)
    a, b = matrix(RANK, COLUMNS, 2), matrix(ROWS, RANK, 3)
    change = [list(row) for row in zip(*scaled(product(b, a), 2), strict=True)]
    case.base = {"model.c_attn.weight": tensor(weight)}
    case.merged = {"model.c_attn.weight": tensor(added(weight, change))}
    prefix = "base_model.model.model.c_attn"
    case.adapter = {f"{prefix}.lora_A.weight": tensor(a), f"{prefix}.lora_B.weight": tensor(b)}
    case.verify()

    case = Case(tmp_path / "embedding")
    case.folder.mkdir()
    case.base = {"model.embed_tokens.weight": tensor(weight)}
    case.merged = {"model.embed_tokens.weight": tensor(added(weight, change))}
    prefix = "base_model.model.model.language_model.embed_tokens"
    case.adapter = {
        f"{prefix}.lora_embedding_A": tensor(a),
        f"{prefix}.lora_embedding_B": tensor(b),
    }
    assert case.verify()["sampled_layers"] == 1


def test_what_the_adapter_saved_whole_replaces_the_base(tmp_path: Path) -> None:
    case = make(tmp_path, modules_to_save=["lm_head", "merger"])
    head, merger = tensor(matrix(12, 8, 71)), tensor(matrix(4, 4, 72))
    case.adapter["base_model.model.lm_head.weight"] = head
    case.adapter["base_model.model.model.visual.merger.weight"] = merger
    case.base["visual.merger.weight"] = tensor(matrix(4, 4, 73))
    case.merged["model.visual.merger.weight"] = merger
    case.merged["lm_head.weight"] = head  # tied in the base, untied by the merge
    assert case.verify()["tensors"] == 5
    case.merged["model.visual.merger.weight"] = case.base["visual.merger.weight"]
    with pytest.raises(TrainerError, match=r"merger\.weight` differs from what the adapter saved"):
        case.verify()


def nudge(values: Tensor) -> Tensor:
    return values[0], values[1], [values[2][0] + 1e-3, *values[2][1:]]


def drop(case: Case) -> None:
    del case.merged["model.visual.patch_embed.proj.weight"]


def extra(case: Case) -> None:
    case.merged["model.unknown.weight"] = tensor(matrix(2, 2, 9))


def other_shape(case: Case) -> None:
    case.merged["model.visual.patch_embed.proj.weight"] = tensor(matrix(4, 16, 5))


def touched(case: Case) -> None:
    name = "model.visual.patch_embed.proj.weight"
    case.merged[name] = nudge(case.merged[name])


def unchanged(case: Case) -> None:
    case.merged[f"model.language_model.{UP}.weight"] = case.base[f"model.{UP}.weight"]


def swapped(case: Case) -> None:
    names = [f"model.language_model.{module}.weight" for module in (Q, UP)]
    first, second = (case.merged[name] for name in names)
    case.merged |= {names[0]: second, names[1]: first}


def not_a_number(case: Case) -> None:
    name = f"model.language_model.{Q}.weight"
    kind, shape, values = case.merged[name]
    case.merged[name] = (kind, shape, [math.nan, *values[1:]])


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (drop, "`visual.patch_embed.proj.weight` of the base is missing"),
        (extra, "`model.unknown.weight` is neither in the base nor in the adapter"),
        (other_shape, r"is \[4, 16\], in the base \[8, 8\]"),
        (touched, "`model.visual.patch_embed.proj.weight` differs from the base"),
        (unchanged, "up_proj.weight` is off by up to"),
        (swapped, "q_proj.weight` is off by up to"),
        (not_a_number, "no numbers"),
    ],
)
def test_what_is_wrong_is_named(spoil: Callable[[Case], None], said: str, tmp_path: Path) -> None:
    case = make(tmp_path)
    case.verify()
    spoil(case)
    with pytest.raises(TrainerError, match=said) as failure:
        case.verify()
    assert failure.value.hint


def test_a_merge_into_another_type_is_rounded_once(tmp_path: Path) -> None:
    case = make(tmp_path)  # a base in float32, merged into bfloat16
    case.merged = {
        name: ("BF16", shape, values) for name, (_, shape, values) in case.merged.items()
    }
    case.verify()
    name = "model.visual.patch_embed.proj.weight"
    case.merged[name] = ("BF16", *case.merged[name][1:2], [v * 1.02 for v in case.merged[name][2]])
    with pytest.raises(TrainerError, match="differs from the base, rounded to BF16"):
        case.verify()


def test_an_adapter_of_another_rank_than_its_config_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainerError, match=r"rank 4, adapter_config\.json says 8"):
        make(tmp_path, r=8).verify()


@pytest.mark.parametrize("where", ["base", "adapter"])
def test_files_cut_short_are_no_crash(where: str, tmp_path: Path) -> None:
    case = make(tmp_path)
    case.verify()
    stem = "model" if where == "base" else "adapter_model"
    file = tmp_path / where / f"{stem}.safetensors"
    file.write_bytes(file.read_bytes()[:-40])
    made = read_checkpoint(tmp_path / where)
    with pytest.raises(VlftError, match="cut short"):
        refuse_broken(made)


def test_a_pickle_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    base = write_model(tmp_path, {})
    (base / "model.safetensors").unlink()
    (base / "pytorch_model.bin").write_bytes(b"no pickle")
    with pytest.raises(VlftError, match="can't be read: ") as refused:
        read_base(read_checkpoint(base), find_interpreter(None) or interpreter_at(sys.executable))
    assert "as safetensors" in (refused.value.hint or "")
