"""Products of integers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlft.config.schema import parse_product


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1024*28*28", 802816),
        ("4 * 28 * 28", 3136),
        (" 4*28 ", 112),
        ("1024", 1024),
        ("0*5", 0),
        ("999999999999*0*999999999999", 0),
        ("922337203685*10000000", 9223372036850000000),
    ],
)
def test_a_product_is_computed(text, value):
    assert parse_product(text) == value


@pytest.mark.parametrize(
    "text",
    ["", "*", "28*", "*28", "28**2", "-4*28", "+4", "1_000*2", "010*28", "1.5*2", "1e3", "0x10",
     "4*28+1", "(4)*28", "4x28", "__import__('os')", "1234567890123", "\u0664*2", "4\n*28", "²*2",
     "4 8*2", "999999999999*999999999999", "4294967296*2147483648"],
)  # fmt: skip
def test_anything_else_is_none(text):
    assert parse_product(text) is None


def test_a_long_product_is_refused():
    assert parse_product("*".join(["9"] * 200_000)) is None


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=4))
def test_any_small_product(factors):
    expected = 1
    for factor in factors:
        expected *= factor
    assert parse_product(" * ".join(map(str, factors))) == expected


@given(st.text(max_size=20))
def test_any_text_is_answered(text):
    value = parse_product(text)
    assert value is None or 0 <= value < 2**63
