"""Code that never calls `post_init()`.

Since transformers 5 that call collects what the parts of a model say of themselves, which weights
are tied among it; without it loading fails: `'…' object has no attribute 'all_tied_weights_keys'`.
An empty mapping in its place would load, with tied embeddings that are no longer tied: the output
layer, which such checkpoints don't store, would be left random, and nothing would say so.
"""

from __future__ import annotations

from functools import wraps
from typing import Any

from .own_code_classes import IS_TRANSFORMERS_5, note

_BUSY = "_vlft_in_init"


def mend(kind: type[Any]) -> None:
    """Makes a class finish its `__init__` as transformers expects it."""
    if not IS_TRANSFORMERS_5 or "__init__" not in vars(kind):
        return
    original = kind.__init__

    @wraps(original)
    def initialise(self: Any, *args: Any, **options: Any) -> None:
        outermost = _BUSY not in self.__dict__  # a base class of the same code is mended too
        self.__dict__[_BUSY] = True
        original(self, *args, **options)
        if outermost:
            del self.__dict__[_BUSY]
            if not hasattr(self, "all_tied_weights_keys"):
                note(
                    type(self),
                    f"{type(self).__name__} does not call post_init(), so it is called after it",
                )
                self.post_init()

    kind.__init__ = initialise
