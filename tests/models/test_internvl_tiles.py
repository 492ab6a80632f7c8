"""Tiles of an original InternVL: the side that its checkpoint says, where nobody says another."""

from __future__ import annotations

from typing import Any

import pytest

from vlft.models import checkpoint_variables, family_of, limits_from

CHAT = family_of("internvl_chat")


@pytest.mark.parametrize(
    ("config", "side"),
    [
        ({"force_image_size": 224, "vision_config": {"image_size": 448}}, 224),
        ({"force_image_size": None, "vision_config": {"image_size": 336}}, 336),
        ({"vision_config": {}}, None),
        ({"force_image_size": "224"}, None),
    ],
)
def test_the_side_of_a_tile_is_the_checkpoints(config: dict[str, Any], side: int | None) -> None:
    assert CHAT is not None
    assert CHAT.vision is not None
    vision = CHAT.vision.of_checkpoint(config)
    tokens = ((side or 448) // 14) ** 2 // 4
    assert vision.image_tokens(300, 300, limits_from({"MAX_NUM": "1"})) == tokens
    said = limits_from({"MAX_NUM": "1", "INPUT_SIZE": "112"})
    assert vision.image_tokens(300, 300, said) == 16, "INPUT_SIZE goes first"
    expected = {} if side is None else {"INPUT_SIZE": str(side)}
    assert checkpoint_variables(CHAT, config) == expected


def test_nothing_is_set_where_ms_swift_is_right_or_does_not_ask() -> None:
    assert checkpoint_variables(CHAT, {"force_image_size": 448}) == {}
    assert checkpoint_variables(CHAT, None) == {}
    assert checkpoint_variables(family_of("internvl"), {"force_image_size": 224}) == {}
