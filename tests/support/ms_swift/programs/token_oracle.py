"""What the real ms-swift, qwen_vl_utils and transformers make of pictures and rows.

A program: reads one JSON document of jobs from the file named first, writes one of results to the
file named second. Importing ms-swift takes seconds, so one process answers everything.
"""

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path
from typing import Any

VARIABLES = ("PIXELS", "TOKEN_NUM", "FPS", "FRAMES", "MAX_NUM", "SEGMENTS", "INPUT_SIZE")
VARIABLES += ("FRAME_FACTOR", "MAX_RATIO")


_MORE_DEFAULTS = {"FPS_MAX_FRAMES": 768, "FRAME_FACTOR": 2, "MAX_RATIO": 200}


def set_environment(values: dict[str, str], patch: int) -> None:
    """As a fresh process with these variables: ms-swift patches qwen_vl_utils once."""
    from qwen_vl_utils import vision_process
    from swift.model.models import qwen

    for name in [name for name in os.environ if name.endswith(VARIABLES)]:
        del os.environ[name]
    defaults = {"IMAGE_MIN_TOKEN_NUM": 4, "IMAGE_MAX_TOKEN_NUM": 16384, "VIDEO_MIN_TOKEN_NUM": 128}
    defaults |= {"VIDEO_MAX_TOKEN_NUM": 768, "FPS": 2.0, "FPS_MIN_FRAMES": 4}
    for name, value in (defaults | _MORE_DEFAULTS).items():
        setattr(vision_process, name, value)
    os.environ.update(values)
    if hasattr(vision_process, "_patch"):
        del vision_process._patch
    qwen.compat_qwen_vl_utils(patch)
    qwen.patch_qwen_vl_utils(vision_process)


def picture(size: list[int]) -> Any:
    from PIL import Image

    return Image.new("RGB", (size[0], size[1]), (200, 120, 40))


def images(job: dict[str, Any]) -> list[Any]:
    """[resized height, width] of each [width, height, row limits], or None where it fails."""
    from qwen_vl_utils import fetch_image
    from swift.template.vision_utils import rescale_image

    set_environment(job["env"], job["patch"])
    results: list[Any] = []
    for width, height, row in job["sizes"]:
        try:
            shrunk = rescale_image(picture([width, height]), job.get("rescale"))
            done = fetch_image({"image": shrunk, **row}, image_patch_size=job["patch"])
            results.append([done.height, done.width])
        except (ValueError, AssertionError, ZeroDivisionError):
            results.append(None)
    return results


def rules(job: dict[str, Any]) -> list[Any]:
    """Both rules on [height, width, factor, min, max]."""
    from qwen_vl_utils.vision_process import smart_resize as own
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize as hf

    set_environment({}, 14)
    results = []
    for height, width, factor, low, high in job["sizes"]:
        row: list[Any] = []
        for rule in (own, hf):
            try:
                size = rule(height, width, factor, min_pixels=low, max_pixels=high)
                row.append(list(size) if min(size) > 0 else None)
            except (ValueError, AssertionError, ZeroDivisionError):
                row.append(None)
        results.append(row)
    return results


def tiles(job: dict[str, Any]) -> list[Any]:
    """[columns, rows] by transformers and tiles by ms-swift of [width, height, most, side]."""
    from PIL import Image
    from swift.template.vision_utils import _dynamic_preprocess
    from transformers.models.got_ocr2.image_processing_got_ocr2 import get_optimal_tiled_canvas

    results = []
    for width, height, most, side, real in job["sizes"]:
        grid = get_optimal_tiled_canvas((height, width), (side, side), 1, most)
        count = None
        if real:
            small = Image.new("L", (width, height))
            count = len(_dynamic_preprocess(small, 1, most, side, use_thumbnail=True))
        results.append([list(grid), count])
    return results


def videos(job: dict[str, Any]) -> list[Any]:
    """Frames, size and frame numbers that fetch_video takes; the pixels are never allocated."""
    import torch
    from qwen_vl_utils import vision_process

    def read(asked: dict[str, Any]) -> Any:
        width, height, frames, fps = map(float, asked["video"].split())
        first, last, count = vision_process.calculate_video_frame_range(asked, int(frames), fps)
        taken = vision_process.smart_nframes(asked, total_frames=count, video_fps=fps)
        index = torch.linspace(first, last, taken).round().long().tolist()
        film = torch.empty((taken, 3, int(height), int(width)), device="meta", dtype=torch.uint8)
        return film, {"fps": fps, "frames_indices": index}, 1.0

    results: list[Any] = []
    for case in job["cases"]:
        set_environment(case["env"], case["patch"])
        for name in vision_process.VIDEO_READER_BACKENDS:
            vision_process.VIDEO_READER_BACKENDS[name] = read
        asked = {"video": " ".join(map(str, case["video"])), **case["row"]}
        try:
            film, about = vision_process.fetch_video(
                asked, image_patch_size=case["patch"], return_video_metadata=True
            )
            results.append([*film.shape[::2], film.shape[3], about["frames_indices"]])
        except Exception as error:  # noqa: BLE001 - what it fails with is the answer
            results.append(type(error).__name__)
    return results


def film(file: Path, frames: int, width: int, height: int, rate: int) -> str:
    import av
    import numpy as np

    with av.open(str(file), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(frames):
            pixels = np.full((height, width, 3), number * 3 % 255, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return str(file)


def rows(job: dict[str, Any]) -> list[Any]:
    """Length of each row after ms-swift's own encoding for training; text where it fails."""
    from swift.model import MODEL_MAPPING, get_processor
    from swift.template import get_template

    patch = 16 if "Qwen3" in job["model"] else 14
    set_environment(job["env"], patch)
    processor = get_processor(job["model"])
    if job["template"] in {"internvl2_5", "internvl3_5", "internvl2"}:
        # Their code is inside the checkpoints: the tokenizer is the processor.
        info = processor.model_info
        processor = processor.tokenizer
        processor.model_info, processor.model_meta = info, MODEL_MAPPING["internvl_chat"]
    template = get_template(
        processor, template_type=job["template"], max_length=10**7, **job["arguments"]
    )
    template.set_mode("train")
    folder = Path(job["films"])
    results: list[Any] = []
    for row in job["rows"]:
        row["images"] = [picture(size) for size in row.get("images", [])]
        row["videos"] = [
            made
            if isinstance(made, str)
            else film(folder / f"{'-'.join(map(str, made))}.mp4", *made)
            if isinstance(made[0], int)
            else [picture(size) for size in made]
            for made in row.get("videos", [])
        ]
        try:
            encoded = template.encode(row, return_length=True)
            assert encoded["lengths"] == [len(encoded["input_ids"])]
            results.append(encoded["lengths"][0])
        except Exception as error:  # noqa: BLE001 - what it fails with is the answer
            results.append(f"{type(error).__name__}: {error}")
    return results


def main() -> None:
    import torch

    torch.set_num_threads(1)
    random.seed(0)
    jobs = json.loads(Path(sys.argv[1]).read_text())
    kinds = {"images": images, "rules": rules, "tiles": tiles, "videos": videos, "rows": rows}
    results = {name: kinds[job["kind"]](job) for name, job in jobs.items()}
    Path(sys.argv[2]).write_text(json.dumps(results))


if __name__ == "__main__":
    main()
