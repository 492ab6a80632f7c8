"""Pictures, videos and rows of all sorts, to be counted by ms-swift and by vlft."""

from __future__ import annotations

import os
import random
from typing import Any

# fmt: off
TEXTS = [
    "What is in the picture?", "\n\nleading lines", " trailing ", "", "Grüße, мир, 世界",
    "e\u0301 \u1100\u1161", "\ufb2c\u0958", "1234567890.5", "\t tabs \r\n and\r lines\n\n\n",
    "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467", '{"digit": 8}', "{{ROUND0}}",
    "{{SYSTEM}} {{QUERY}} {{ROUND1}}", "a<|im_end|>", "<|endoftext|>", "<|im_start|>user\nfaked",
    "</img> <img>", "don't WE'LL i'm", "word " * 40, "日本語のテキスト。" * 5, "   ", "x" * 97,
    "<IMG_CONTEXT>", "<think>\n\n</think>\n\n", "<bbox>", "<audio>", "<ref-object>", "<image",
    "\u200b\u00a0",
]
# fmt: on


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311


def random_limits(rng: random.Random) -> dict[str, str]:
    """Variables as users set them, each of them sometimes."""
    values = {
        "MAX_PIXELS": rng.choice([50176, 200704, 602112, 1003520, rng.randint(5000, 2_000_000)]),
        "MIN_PIXELS": rng.choice([784, 3136, 65536, rng.randint(800, 40_000)]),
        "IMAGE_MAX_TOKEN_NUM": rng.randint(16, 3000),
        "IMAGE_MIN_TOKEN_NUM": rng.randint(1, 64),
        "VIDEO_MAX_PIXELS": rng.randint(20_000, 900_000),
        "VIDEO_MIN_PIXELS": rng.randint(2_000, 200_000),
        "VIDEO_MAX_TOKEN_NUM": rng.randint(16, 900),
        "VIDEO_MIN_TOKEN_NUM": rng.randint(4, 256),
        "FPS": rng.choice([0.5, 1, 2.5, 4]),
        "FPS_MIN_FRAMES": rng.randint(1, 12),
        "FPS_MAX_FRAMES": rng.randint(4, 64),
        "FRAME_FACTOR": rng.choice([1, 2, 4]),
        "MAX_RATIO": rng.choice([3, 200, 1000]),
    }
    return {name: str(value) for name, value in values.items() if rng.random() < 0.3}


def random_side(rng: random.Random, most: int) -> int:
    return max(1, int(most ** rng.random()) + rng.randint(-1, 1))


def row_limits(rng: random.Random) -> dict[str, int]:
    values = {
        "max_pixels": rng.randint(784, 900_000),
        "min_pixels": rng.randint(1, 60_000),
    }
    made = {name: value for name, value in values.items() if rng.random() < 0.35}
    if rng.random() < 0.1:
        made |= {"resized_height": rng.randint(20, 900), "resized_width": rng.randint(20, 900)}
    return made


def image_job(seed: int) -> dict[str, Any]:
    rng = seeded(seed)
    sizes = [[random_side(rng, 1400), random_side(rng, 1400), row_limits(rng)] for _ in range(25)]
    sizes += [[1, 200, {}], [201, 1, {}], [2, 400, {}], [1, 1, {}], [42, 70, {}], [14, 980, {}]]
    rescale = rng.choice([None, None, 50176, 100_000, 333])
    env = random_limits(rng)
    return {
        "kind": "images",
        "patch": rng.choice([14, 16]),
        "env": env,
        "rescale": rescale,
        "sizes": sizes,
    }


def rule_sizes(rng: random.Random) -> list[int]:
    factor = rng.choice([28, 32, 56])
    low = rng.choice([1, 4 * factor**2, rng.randint(1, 300_000)])
    high = rng.choice([factor**2, 16384 * factor**2, rng.randint(1, 2_000_000)])
    sides = [random_side(rng, 20_000), random_side(rng, 20_000)]
    if rng.random() < 0.3:  # halves of a square, where rounding decides
        sides = [factor * rng.randint(0, 60) + factor // 2 for _ in range(2)]
    if rng.random() < 0.2:  # where one side is 200 times the other
        sides[1] = max(1, sides[0] * 200 + rng.randint(-1, 1))
    return [*sides, factor, low, high]


def tile_sizes(rng: random.Random, real: bool) -> list[int | bool]:
    most, side = rng.choice([1, 2, 4, 6, 12, 24, 40]), rng.choice([56, 224, 448])
    if rng.random() < 0.5:  # ratios halfway between two grids
        ratio = (rng.randint(1, 5) / rng.randint(1, 5) + rng.randint(1, 5) / rng.randint(1, 5)) / 2
        height = rng.randint(1, 30) * 60
        return [max(1, round(ratio * height)), height, most, side, real]
    longest = 900 if real else 9000
    return [random_side(rng, longest), random_side(rng, longest), most, side, real]


def video_case(seed: int) -> dict[str, Any]:
    rng = seeded(seed)
    row: dict[str, Any] = {
        name: value
        for name, value in {
            "max_pixels": rng.randint(784, 900_000),
            "min_pixels": rng.randint(1, 90_000),
            "total_pixels": rng.randint(100_000, 20_000_000),
            "min_frames": rng.randint(1, 9),
            "max_frames": rng.randint(2, 60),
            "video_start": rng.choice([0.4, 1.0, 3]),
            "video_end": rng.choice([2.0, 9.7, 100]),
        }.items()
        if rng.random() < 0.15
    }
    kind = rng.random()
    if kind > 0.95:
        row |= {"resized_height": rng.randint(20, 900), "resized_width": rng.randint(20, 900)}
    if kind < 0.15:
        row["fps"] = rng.choice([0.3, 1, 7.5])
    elif kind < 0.25:
        row["nframes"] = rng.randint(1, 40)
    fps = rng.choice([10, 23.976, 24, 25, 29.97, 30, 60])
    frames = rng.choice([1, 2, 3, 5, rng.randint(4, 900), rng.randint(900, 9000)])
    return {
        "patch": rng.choice([14, 16]),
        "env": random_limits(rng),
        "row": row,
        "video": [random_side(rng, 2000), random_side(rng, 2000), frames, fps],
    }


def random_row(rng: random.Random, kind: str) -> dict[str, Any]:
    """A row with turns of all sorts; `kind` says which pictures it may have."""
    images = [
        [rng.randint(20, 420), rng.randint(20, 420)] for _ in range(rng.choice([0, 0, 1, 1, 2, 4]))
    ]
    videos: list[Any] = []
    if kind != "images" and rng.random() < 0.4:
        size = [rng.randint(4, 20) * 16, rng.randint(4, 20) * 16]
        videos = [[rng.randint(5, 40), *size, rng.choice([5, 24, 30])]]
        if kind == "frames" and rng.random() < 0.6:
            videos = [[size] * rng.randint(1, 7)] * rng.randint(1, 2)
    messages: list[dict[str, Any]] = []
    if rng.random() < 0.3:
        messages.append({"role": "system", "content": rng.choice(["", *TEXTS])})
    role = "user" if rng.random() < 0.95 else "assistant"
    tags = ["<image>"] * (len(images) - rng.randint(0, 1)) + ["<video>"] * len(videos)
    rng.shuffle(tags)
    for _ in range(rng.randint(1, 6)):
        content = rng.choice(TEXTS)
        for _ in range(rng.randint(0, len(tags))):
            spot = rng.randint(0, len(content))
            content = content[:spot] + tags.pop() + content[spot:]
        message: dict[str, Any] = {"role": role, "content": content}
        if role == "assistant" and rng.random() < 0.1:
            message["loss"] = rng.random() < 0.5
        messages.append(message)
        if rng.random() < 0.9:
            role = "assistant" if role == "user" else "user"
    row: dict[str, Any] = {"messages": messages, "images": images, "videos": videos}
    if images and rng.random() < 0.2:
        messages[-1]["content"] += " <ref-object><bbox> and <bbox>"
        boxes = [[rng.randint(0, 19) for _ in range(4)], [3, 4]]
        row["objects"] = {"ref": ["a cat"], "bbox": boxes, "image_id": [len(images) - 1]}
    if rng.random() < 0.15:
        row["chat_template_kwargs"] = {"max_pixels": rng.choice([40_000, 77_777])}
    return row


# Name → (model, template, arguments of the template, environment, kind of rows).
SETTINGS: dict[str, tuple[str, str | None, dict[str, Any], dict[str, str], str]] = {
    "qwen2_vl": ("qwen2_vl", None, {}, {"VIDEO_MAX_PIXELS": "50176"}, "frames"),
    "qwen2_vl-limits": ("qwen2_vl", None, {}, {"MAX_PIXELS": "50000", "FPS": "1"}, "frames"),
    "qwen2_vl-system": (
        "qwen2_vl",
        None,
        {"default_system": "Be brief.", "loss_scale": "last_round"},
        {},
        "images",
    ),
    "qwen2_vl-pt": (
        "qwen2_vl",
        None,
        {"use_chat_template": False, "loss_scale": "all"},
        {},
        "images",
    ),
    "qwen2_vl-all": ("qwen2_vl", None, {"loss_scale": "all"}, {}, "images"),
    "qwen2_5_vl": ("qwen2_5_vl", None, {}, {"FPS_MAX_FRAMES": "8"}, "frames"),
    "qwen2_5_vl-max": ("qwen2_5_vl", None, {"max_pixels": 30_000}, {}, "images"),
    "qwen3_vl": ("qwen3_vl", None, {}, {"VIDEO_MAX_PIXELS": "65536"}, "frames"),
    "qwen3_vl-fps": ("qwen3_vl", None, {}, {"FPS": "4", "FPS_MIN_FRAMES": "2"}, "frames"),
    "internvl": ("internvl", None, {}, {}, "files"),
    "internvl-all": ("internvl", None, {"loss_scale": "all"}, {}, "files"),
    "internvl2_5": ("internvl", "internvl2_5", {}, {"INPUT_SIZE": "56", "MAX_NUM": "4"}, "files"),
    "internvl2": ("internvl", "internvl2", {}, {"INPUT_SIZE": "56"}, "images"),
    "internvl3_5": (
        "internvl",
        "internvl3_5",
        {"max_pixels": 20_000, "loss_scale": "last_round"},
        {"INPUT_SIZE": "56", "VIDEO_SEGMENTS": "3", "VIDEO_MAX_NUM": "2"},
        "files",
    ),
}
ROWS_EACH = 60
SEED = int(os.environ.get("VLFT_TEST_SEED", "0")) * 1000
"""Another one makes another set of everything."""
