"""Steps per epoch, in total and of warmup, as the real Trainer counts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

from vlft.probe.data_entries import DataEntry, count_rows, parse_entry
from vlft.resolve.batch import Batch
from vlft.resolve.steps import Steps, count_steps, interval, rows_of


def batch(per_device: int = 1, accumulation: int = 1, world: int = 1, shared: int = 1) -> Batch:
    return Batch(
        per_device * accumulation * world // shared, per_device, accumulation, world, shared
    )


def test_steps_of_three_epochs_by_default() -> None:
    steps = count_steps(1497, batch(per_device=4, accumulation=4), warmup=0.03)
    assert steps == Steps(rows=1497, passes=375, per_epoch=94, total=282, warmup=9)


def test_each_process_leaves_out_what_does_not_divide() -> None:
    assert count_steps(11, batch(world=4)).passes == 2
    assert count_steps(3, batch(world=4)).passes == 0


def test_processes_that_share_a_sequence_round_up() -> None:
    assert count_steps(11, batch(world=4, shared=2)).passes == 6


def test_an_incomplete_pass_can_be_left_out() -> None:
    assert count_steps(11, batch(per_device=4)).passes == 3
    assert count_steps(11, batch(per_device=4), drop_last=True).passes == 2


def test_max_steps_hold_where_the_rows_are_unknown() -> None:
    assert count_steps(None, batch(), max_steps=50, warmup=0.1) == Steps(None, None, None, 50, 5)
    assert count_steps(None, batch(), epochs=2, warmup=0.1) == Steps(None, None, None, None, None)


def test_max_steps_come_before_epochs() -> None:
    assert count_steps(10, batch(), epochs=2, max_steps=7).total == 7


def test_nothing_is_known_without_the_processes() -> None:
    unknown = Batch(None, 1, None, None)
    assert count_steps(10, unknown) == Steps(10, None, None, None, None)


@pytest.mark.parametrize(
    ("value", "total", "steps"),
    [(500, None, 500), (2.0, 10, 2), (1, 10, 1), (0.25, 10, 3), (0.25, None, None), (0, 10, 0)],
)
def test_an_interval_below_one_is_a_share(value: float, total: int | None, steps: int) -> None:
    assert interval(value, total) == steps


@pytest.mark.parametrize(
    ("rows", "sample", "share", "left"),
    [
        (100, None, 0, 100),
        (100, 30, 0, 30),
        (100, 300, 0, 300),
        (None, 30, 0, 30),
        (None, None, 0, None),
        (None, 30, 0.1, None),
        (100, None, 0.15, 85),
        (100, 30, 0.1, 27),
        (100, 300, 0.1, 290),
        (100, None, 0.001, 99),
        (1, None, 0.001, 0),
    ],
)
def test_rows_that_are_trained_on(
    rows: int | None, sample: int | None, share: float, left: int | None
) -> None:
    entry = DataEntry("a", "file", "a", Path("a"), sample=sample, rows=rows)
    assert rows_of(entry, share) == left


def test_rows_are_lines_that_are_not_blank(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n\n{"a": 2}\n  \n{"a": 3}')
    (tmp_path / "a.json").write_text("[]")
    entries = [parse_entry(text, tmp_path) for text in ("a.jsonl#2", "a.json", "hf::b#5", "none")]
    counted = count_rows(entries)
    assert [(entry.sample, entry.rows) for entry in counted] == [
        (2, 3),
        (None, None),
        (5, None),
        (None, None),
    ]
    assert [entry.rows for entry in count_rows(entries, limit=10)] == [None] * 4


def test_rows_are_counted_again_where_a_file_of_the_same_size_has_changed(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    for number, (text, rows) in enumerate([("{}\n{}\n", 2), ("[1234]", 1)]):
        file.write_text(text)
        os.utime(file, ns=(number, number))
        (counted,) = count_rows([parse_entry(str(file), tmp_path)])
        assert (counted.size, counted.rows) == (6, rows)


REAL = """
import json, sys
from types import SimpleNamespace
from swift.dataloader import BatchSamplerShard
from transformers import Trainer
from transformers.trainer_callback import TrainerState
from transformers.training_args import TrainingArguments

answers = []
for rows, per_device, accumulation, world, drop, epochs, max_steps, warmup in json.load(sys.stdin):
    class Shard(BatchSamplerShard):
        world_size = world
    loader = Shard(rows, per_device, True, drop, 42)
    stub = SimpleNamespace(
        get_total_train_batch_size=lambda args: 1, get_sp_size=lambda: 1,
        num_examples=lambda loader: rows)
    args = SimpleNamespace(max_steps=max_steps or -1, num_train_epochs=epochs,
        gradient_accumulation_steps=accumulation, warmup_steps=warmup,
        logging_steps=1, eval_steps=warmup or 1, save_steps=warmup or 1)
    _, per_epoch, _, _, _, passes, total = Trainer.set_initial_training_values(stub, args, loader)
    state = TrainerState()
    state.compute_steps(args, total)
    warm = TrainingArguments.get_warmup_steps(args, total)
    answers.append([passes, per_epoch, total, warm, state.save_steps])
print(json.dumps(answers))
"""


@pytest.mark.swift
def test_the_real_trainer_counts_the_same() -> None:
    cases = [
        case
        for case in product(
            (5, 16, 97), (1, 3), (1, 4), (1, 2, 5), (False, True), (1, 2.5), (None, 7), (0, 0.15, 3)
        )
        if case[0] // case[3] // case[1] > 0  # an empty loader fails there
    ]
    done = subprocess.run(
        [sys.executable, "-c", REAL],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        check=True,
    )
    answers = json.loads(done.stdout.splitlines()[-1])
    assert len(answers) == len(cases) > 400
    for case, answer in zip(cases, answers, strict=True):
        rows, per_device, accumulation, world, drop, epochs, max_steps, warmup = case
        steps = count_steps(
            rows,
            batch(per_device, accumulation, world),
            epochs=epochs,
            max_steps=max_steps,
            warmup=warmup,
            drop_last=drop,
        )
        every = interval(warmup or 1, steps.total)
        assert [steps.passes, steps.per_epoch, steps.total, steps.warmup, every] == answer, case
