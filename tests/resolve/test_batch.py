"""The arithmetic of a batch, held against its definition."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlft.resolve.batch import Batch, Mismatch, divisors, solve

sizes = st.integers(1, 64)


@given(per_device=sizes, accumulation=sizes, replicas=sizes, group=st.integers(1, 4))
def test_any_two_give_the_third(
    per_device: int, accumulation: int, replicas: int, group: int
) -> None:
    world = replicas * group
    whole = Batch(per_device * accumulation * replicas, per_device, accumulation, world, group)
    given_two = [
        {"global_size": whole.global_size, "per_device": per_device, "accumulation": None},
        {"global_size": whole.global_size, "per_device": None, "accumulation": accumulation},
        {"global_size": None, "per_device": per_device, "accumulation": accumulation},
        {"global_size": whole.global_size, "per_device": per_device, "accumulation": accumulation},
    ]
    for known in given_two:
        assert solve(**known, world_size=world, sequence_parallel_size=group) == whole


@given(
    global_size=st.integers(1, 300),
    per_device=st.none() | sizes,
    accumulation=st.none() | sizes,
    world=sizes,
)
def test_a_batch_is_exact_or_refused(
    global_size: int, per_device: int | None, accumulation: int | None, world: int
) -> None:
    solved = solve(
        global_size=global_size,
        per_device=per_device,
        accumulation=accumulation,
        world_size=world,
    )
    if isinstance(solved, Mismatch):
        divisor = (per_device or (1 if accumulation is None else 0)) * world or world
        if accumulation is not None:
            divisor *= accumulation
        both = per_device is not None and accumulation is not None
        assert global_size != divisor if both else global_size % divisor
    else:
        assert solved.gradient_accumulation_steps is not None
        product = solved.per_device * solved.gradient_accumulation_steps * world
        assert product == solved.global_size == global_size
        assert per_device in (None, solved.per_device)
        assert accumulation in (None, solved.gradient_accumulation_steps)


@pytest.mark.parametrize(
    ("per_device", "world", "global_size"),
    [(2, 3, 18), (3, 1, 18), (4, 8, 32), (16, 4, 64), (5, 2, 20), (1, 1, 16), (1, 16, 16)],
)
def test_the_default_is_the_one_of_ms_swift(per_device: int, world: int, global_size: int) -> None:
    """Products that ms-swift 4.6 computed (facts: batch arithmetic, B1)."""
    solved = solve(global_size=None, per_device=per_device, accumulation=None, world_size=world)
    assert isinstance(solved, Batch)
    assert solved.global_size == global_size
    assert solved.gradient_accumulation_steps == max(1, math.ceil(16 / per_device / world))


NAMES = {
    "global_batch_size": "global_size",
    "per_device_train_batch_size": "per_device",
    "gradient_accumulation_steps": "accumulation",
}


def suggestions(hint: str) -> list[tuple[str, int]]:
    """`a that works: 6 or 9; or b: 1, 2` → (a, 6), (a, 9), (b, 1), (b, 2)."""
    return [
        (NAMES[name], int(number))
        for name, numbers in re.findall(r"(\w+_(?:size|steps))(?: that works)?: ([^;]+)", hint)
        for number in re.findall(r"\d+", numbers)
    ]


@given(
    global_size=st.integers(1, 300),
    per_device=st.none() | sizes,
    accumulation=st.none() | sizes,
    world=st.integers(1, 16),
)
def test_every_suggestion_works(
    global_size: int, per_device: int | None, accumulation: int | None, world: int
) -> None:
    asked = {"global_size": global_size, "per_device": per_device, "accumulation": accumulation}
    solved = solve(**asked, world_size=world)
    if isinstance(solved, Batch):
        return
    suggested = suggestions(solved.hint)
    assert suggested
    for name, number in suggested:
        assert isinstance(solve(**{**asked, name: number}, world_size=world), Batch), (name, number)
    if per_device is None or accumulation is None:
        step = (per_device or 1 if accumulation is None else accumulation) * world
        sizes_said = [number for name, number in suggested if name == "global_size"]
        below = global_size // step * step
        assert sizes_said == [size for size in (below, below + step) if size]


@pytest.mark.parametrize(
    ("asked", "message", "hint"),
    [
        (
            {"global_size": 128, "per_device": 12, "accumulation": None, "world_size": 4},
            (
                "global_batch_size 128 is not a multiple of 48 "
                "(per_device_train_batch_size 12 × 4 data-parallel processes)"
            ),
            "global_batch_size that works: 96 or 144; or per_device_train_batch_size: 4, 8, 16",
        ),
        (
            {"global_size": 60, "per_device": None, "accumulation": 8, "world_size": 4},
            (
                "global_batch_size 60 is not a multiple of 32 "
                "(gradient_accumulation_steps 8 × 4 data-parallel processes)"
            ),
            "global_batch_size that works: 32 or 64; or gradient_accumulation_steps: 1, 3, 5",
        ),
        (
            {"global_size": 7, "per_device": 2, "accumulation": None, "world_size": 1},
            (
                "global_batch_size 7 is not a multiple of 2 "
                "(per_device_train_batch_size 2 × 1 data-parallel process)"
            ),
            "global_batch_size that works: 6 or 8; or per_device_train_batch_size: 1, 7",
        ),
        (
            {"global_size": 24, "per_device": 4, "accumulation": 4, "world_size": 3},
            (
                "global_batch_size is 24, but per_device_train_batch_size 4 × "
                "gradient_accumulation_steps 4 × 3 data-parallel processes = 48"
            ),
            (
                "one of these works: global_batch_size: 48; gradient_accumulation_steps: 2; "
                "per_device_train_batch_size: 2"
            ),
        ),
        (
            {"global_size": 9, "per_device": 2, "accumulation": 3, "world_size": 1},
            (
                "global_batch_size is 9, but per_device_train_batch_size 2 × "
                "gradient_accumulation_steps 3 × 1 data-parallel process = 6"
            ),
            "one of these works: global_batch_size: 6; per_device_train_batch_size: 3",
        ),
    ],
)
def test_a_mismatch_in_full(asked: dict[str, int | None], message: str, hint: str) -> None:
    assert solve(**asked) == Mismatch(message, hint)


def test_one_process_is_no_group_of_two() -> None:
    solved = solve(
        global_size=8, per_device=1, accumulation=None, world_size=1, sequence_parallel_size=2
    )
    assert solved == Mismatch(
        "1 process can't be divided into groups of 2 that share a sequence",
        "sequence_parallel_size that works: 1",
        "sequence_parallel_size",
    )


def test_a_mismatch_names_what_works() -> None:
    solved = solve(global_size=128, per_device=16, accumulation=3, world_size=4)
    assert isinstance(solved, Mismatch)
    assert "16 × gradient_accumulation_steps 3 × 4 data-parallel processes = 192" in solved.message
    assert "global_batch_size: 192" in solved.hint
    assert "gradient_accumulation_steps: 2" in solved.hint


def test_a_batch_that_does_not_divide_names_its_neighbours() -> None:
    solved = solve(global_size=8, per_device=1, accumulation=None, world_size=3)
    assert isinstance(solved, Mismatch)
    assert "8 is not a multiple of 3" in solved.message
    assert "6 or 9" in solved.hint


def test_a_batch_smaller_than_the_processes_is_refused() -> None:
    solved = solve(global_size=2, per_device=None, accumulation=None, world_size=4)
    assert isinstance(solved, Mismatch)
    assert "global_batch_size that works: 4" in solved.hint


def test_other_sizes_are_offered_where_they_would_work() -> None:
    solved = solve(global_size=128, per_device=12, accumulation=None, world_size=4)
    assert isinstance(solved, Mismatch)
    assert "96 or 144" in solved.hint
    assert "per_device_train_batch_size: 4, 8, 16" in solved.hint


def test_groups_that_share_a_sequence_divide_the_processes() -> None:
    solved = solve(
        global_size=8, per_device=1, accumulation=None, world_size=6, sequence_parallel_size=4
    )
    assert isinstance(solved, Mismatch)
    assert solved.hint.endswith("1, 2, 3, 6")


def test_an_unknown_world_leaves_the_batch_open() -> None:
    solved = solve(global_size=64, per_device=2, accumulation=None, world_size=None)
    assert solved == Batch(None, 2, None, None)


@given(st.integers(1, 2000))
def test_divisors(number: int) -> None:
    assert divisors(number) == [n for n in range(1, number + 1) if number % n == 0]


def test_a_batch_shows_how_it_comes_about() -> None:
    assert Batch(18, 2, 3, 3).formula == "2 × 3 × 3"
    assert Batch(8, 1, 4, 4, 2).formula == "1 × 4 × 4 ÷ 2"
    assert Batch(None, 2, None, None).formula is None
    assert Batch(None, 2, 4, None).formula is None
