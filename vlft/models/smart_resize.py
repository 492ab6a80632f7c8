"""The rules by which pictures are resized. They differ, and each is the original's to the bit.

Sizes are (height, width) in pixels. Python's `round` takes halves to the even neighbour, as in
the originals: 42 pixels are 1.5 squares of 28 and become 2, 70 are 2.5 and become 2 as well.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vlft.models.vision import SizeError

if TYPE_CHECKING:
    from vlft.models.limits import Number

HF_MAX_RATIO = 200


def hf_smart_resize(
    height: int, width: int, factor: int, min_pixels: Number, max_pixels: Number
) -> tuple[int, int]:
    """The rule of transformers' processors.

    From transformers/models/qwen2_vl/image_processing_qwen2_vl.py; ms-swift does not use it.

    Raises:
        SizeError: If a side is more than 200 times the other, or nothing is left of one.
    """
    _check_ratio(height, width, HF_MAX_RATIO)
    new_height = round(height / factor) * factor
    new_width = round(width / factor) * factor
    if new_height * new_width > max_pixels:
        _check_limit(max_pixels)
        beta = math.sqrt((height * width) / max_pixels)
        new_height = max(factor, math.floor(height / beta / factor) * factor)
        new_width = max(factor, math.floor(width / beta / factor) * factor)
    elif new_height * new_width < min_pixels:
        beta = math.sqrt(min_pixels / (height * width))
        new_height = math.ceil(height * beta / factor) * factor
        new_width = math.ceil(width * beta / factor) * factor
    return _something(new_height, new_width)


def qwen_vl_utils_smart_resize(
    height: int,
    width: int,
    factor: int,
    min_pixels: Number,
    max_pixels: Number,
    max_ratio: int = 200,
) -> tuple[int, int]:
    """The rule of qwen_vl_utils 0.0.14, by which ms-swift resizes images and frames.

    From qwen_vl_utils/vision_process.py. A side has at least `factor` pixels at first, but not
    where the picture is shrunk: a long one under a small limit ends with a side of zero.

    Raises:
        SizeError: If the limits contradict each other, the ratio is too large, or a side is
            left with nothing.
    """
    if max_pixels < min_pixels:
        raise SizeError(f"at most {max_pixels:g} pixels, but at least {min_pixels:g}")
    _check_ratio(height, width, max_ratio)
    new_height = max(factor, round(height / factor) * factor)
    new_width = max(factor, round(width / factor) * factor)
    if new_height * new_width > max_pixels:
        _check_limit(max_pixels)
        beta = math.sqrt((height * width) / max_pixels)
        new_height = math.floor(height / beta / factor) * factor
        new_width = math.floor(width / beta / factor) * factor
    elif new_height * new_width < min_pixels:
        beta = math.sqrt(min_pixels / (height * width))
        new_height = math.ceil(height * beta / factor) * factor
        new_width = math.ceil(width * beta / factor) * factor
    return _something(new_height, new_width)


def swift_rescale(height: int, width: int, max_pixels: Number | None) -> tuple[int, int]:
    """The rule of ms-swift's `--max_pixels`: no multiples, both sides cut down to integers.

    From swift/template/vision_utils.py: rescale_image.

    Raises:
        SizeError: If nothing is left of a side.
    """
    if max_pixels is None or max_pixels <= 0 or width * height <= max_pixels:
        return height, width
    ratio = width / height
    new_height = math.sqrt(max_pixels / ratio)
    return _something(int(new_height), int(new_height * ratio))


def _check_ratio(height: int, width: int, most: int) -> None:
    if not min(abs(height), abs(width)) > 0:  # 0 or NaN, which a row can ask for
        raise SizeError(f"a size of {width}×{height} pixels is asked for")
    ratio = max(height, width) / min(height, width)
    if ratio > most:
        raise SizeError(f"one side is {ratio:.2f} times the other; at most {most} times is allowed")


def _check_limit(max_pixels: Number) -> None:
    if max_pixels <= 0:
        raise SizeError("the limit leaves no pixel")


def _something(height: int, width: int) -> tuple[int, int]:
    if height <= 0 or width <= 0:
        raise SizeError(f"resized to {height}×{width} (height × width): nothing is left")
    return height, width
