"""Examples of the rules `pixels.*`."""

from __future__ import annotations

from examples.base import Example

EXAMPLES = {
    "pixels.no-effect": Example(["pixels.tiles=6"], ["pixels.max=256*28*28"]),
    "pixels.min-max": Example(["pixels.min=200", "pixels.max=100"], ["pixels.min=100"]),
    "pixels.no-video-reader": Example(
        ["pixels.video.fps=1", "launch.python=swift-only/bin/python"], ["pixels.video.fps=1"]
    ),
    "pixels.two-limits": Example(
        ["pixels.max=200704", "swift.max_pixels=200704"], ["swift.max_pixels=200704"]
    ),
}
