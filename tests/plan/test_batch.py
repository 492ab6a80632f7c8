"""The arithmetic of a batch, held against its definition."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlft.plan.batch import Batch, Mismatch, divisors, solve

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
