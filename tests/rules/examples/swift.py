"""Examples of the rules `swift.*`."""

from __future__ import annotations

from examples.base import Example

EXAMPLES = {
    "swift.interpreter": Example(["launch.python=nowhere"], []),
    "swift.owned": Example(["swift.learning_rate=1e-4"], ["train.learning_rate=1e-4"]),
    "swift.secret-logged": Example(["swift.swanlab_secret=x"], ["swift.report_to=[none]"]),
    "swift.secret-visible": Example(["swift.swanlab_token=x"], ["env.SWANLAB_API_KEY=x"]),
    "swift.unknown-argument": Example(["swift.max_len=100"], ["swift.warmup_ratio=0.1"]),
    "swift.mapping": Example(["swift.model_kwargs=fps"], ["swift.model_kwargs={nframes: 8}"]),
    "swift.mapping-repaired": Example(
        ["swift.model_kwargs=\"{'nframes': 1}\""], ["swift.model_kwargs='{\"nframes\": 1}'"]
    ),
    "swift.accelerator-keys": Example(
        ["swift.accelerator_config={split: true}"],
        ["swift.accelerator_config={split_batches: true}"],
    ),
    "swift.mrl-dims": Example(["swift.mrl_dims={small: 1.0}"], ['swift.mrl_dims={"256": 1.0}']),
    "swift.file-missing": Example(
        ["swift.external_plugins=[nowhere.py]"], ["swift.external_plugins=[plugin.py]"]
    ),
    "swift.positive": Example(
        ["swift.torch_empty_cache_steps=0"], ["swift.torch_empty_cache_steps=1"]
    ),
    "swift.range": Example(["swift.adam_beta2=95"], ["swift.adam_beta2=0.95"]),
    "swift.none-is-text": Example(["swift.system=None"], ["swift.system=You answer."]),
    "swift.value": Example(["swift.logging_steps=often"], ["swift.logging_steps=5"]),
}
