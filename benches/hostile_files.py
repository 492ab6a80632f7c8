"""Configs that are made to keep a reader busy: `vlft validate` refuses each of them at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_ALIASES = b"k0: &k0 [x]\n" + b"".join(
    b"k%d: &k%d [%s]\n" % (level, level, b", ".join([b"*k%d" % (level - 1)] * 10))
    for level in range(1, 12)
)


def hostile_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Writes the files; yields what each is, and its path."""
    texts = {
        "100 MB": b"model: {path: x}\n# " + b"x" * 100_000_000,
        "10^11 aliases": _ALIASES,
        "10,000 lists": b"model: " + b"[" * 10_000 + b"]" * 10_000,
        "10,000 maps": b"a: {" * 10_000,
        "10,000 indents": b"".join(b" " * depth + b"k:\n" for depth in range(10_000)),
        "a long number": b"a: " + b"1_" * 500_000,
    }
    for number, (name, text) in enumerate(texts.items()):
        file = folder / f"hostile-{number}.yaml"
        file.write_bytes(text)
        yield name, file
