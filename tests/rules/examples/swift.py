"""Examples of the rules `swift.*`."""

from __future__ import annotations

from examples.base import Example

EXAMPLES = {
    "swift.interpreter": Example(["launch.python=nowhere"], []),
    "swift.owned": Example(["swift.learning_rate=1e-4"], ["train.learning_rate=1e-4"]),
    "swift.secret-logged": Example(["swift.swanlab_secret=x"], ["swift.report_to=[none]"]),
    "swift.secret-visible": Example(["swift.swanlab_token=x"], ["env.SWANLAB_API_KEY=x"]),
    "swift.unknown-argument": Example(["swift.max_len=100"], ["swift.warmup_ratio=0.1"]),
    "swift.model-kwargs": Example(["swift.model_kwargs=fps"], ["swift.model_kwargs={nframes: 8}"]),
    "swift.none-is-text": Example(["swift.system=None"], ["swift.system=You answer."]),
    "swift.value": Example(["swift.logging_steps=often"], ["swift.logging_steps=5"]),
}
