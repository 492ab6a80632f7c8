"""Examples of the rules `pixels.*`."""

from __future__ import annotations

from examples.base import Example

ROW = "data.max_length=4096"

EXAMPLES = {
    "pixels.no-effect": Example(["pixels.tiles=6"], ["pixels.max=256*28*28"]),
    "pixels.number": Example(["env.SPATIAL_MERGE_SIZE=two"], ["env.SPATIAL_MERGE_SIZE=2"]),
    "pixels.min-max": Example(["pixels.min=200", "pixels.max=100"], ["pixels.min=100"]),
    "pixels.no-video-reader": Example(
        ["pixels.video.fps=1", "launch.python=swift-only/bin/python"], ["pixels.video.fps=1"]
    ),
    "pixels.two-limits": Example(
        ["pixels.max=200704", "swift.max_pixels=200704"], ["swift.max_pixels=200704"]
    ),
    "pixels.no-limit": Example([ROW], [ROW, "pixels.max=1024*28*28"]),
    "pixels.over-length": Example([ROW, "pixels.max=4095*28*28"], [ROW, "pixels.max=4094*28*28"]),
    "pixels.below-default": Example(["pixels.max=3135"], ["pixels.max=4*28*28"]),
    "pixels.frame-floor": Example(
        ["pixels.video.max=64*28*28"], ["pixels.video.max=64*28*28", "pixels.video.min=4*28*28"]
    ),
    "pixels.token-variable": Example(
        ["pixels.max=256*28*28", "env.IMAGE_MAX_TOKEN_NUM=256"], ["env.IMAGE_MAX_TOKEN_NUM=256"]
    ),
}
