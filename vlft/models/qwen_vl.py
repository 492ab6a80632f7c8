"""Qwen-VL of the first generation: its code is in the checkpoint, and every image is 256 tokens.

vlft has no arithmetic for it, only what its code needs on newer releases of transformers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.models.remote_code import CodePatch, RemoteCode

if TYPE_CHECKING:
    from vlft.models.architecture import Config


def is_qwen_vl(config: Config) -> bool:
    """Whether a config.json is of this family; Qwen's language models have the same class."""
    names = config.get("architectures")
    first = names[0] if isinstance(names, list) and names else None
    return first == "QWenLMHeadModel" and isinstance(config.get("visual"), dict)


REMOTE_CODE = RemoteCode(
    "qwen_vl",
    is_qwen_vl,
    (
        CodePatch("buffers", since=(5, 0)),
        CodePatch("heads", since=(5, 0)),
        CodePatch("caches", since=(4, 50)),
        CodePatch("bnb-tower", bnb=True),
    ),
)
