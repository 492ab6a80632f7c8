"""One config over another: maps merge, lists and scalars replace, null removes.

Every value keeps the place and the text that it had in its own layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.config.source import Data, KeyPath, Place, Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def overlay(base: Source, top: Source, file: str) -> Source:
    """The keys of `top` over those of `base`, as a config of the name `file`."""
    draft = Draft(base)
    for key, value in top.data.items():
        draft.put((key,), value, top.keys, top.values, top.texts)
    return draft.finish(file, {**base.documents, **top.documents})


class Draft:
    """A copy of a source that can be changed."""

    def __init__(self, source: Source) -> None:
        self.data = {key: _copy(value) for key, value in source.data.items()}
        self.keys = dict(source.keys)
        self.values = dict(source.values)
        self.texts = dict(source.texts)

    def finish(self, file: str, documents: Mapping[str, str]) -> Source:
        """The source; the draft must not be changed afterwards."""
        return Source(file, self.data, self.keys, self.values, self.texts, documents)

    def at(self, path: KeyPath) -> Data:
        """The value there, which must exist."""
        value: Data = self.data
        for part in path:
            value = value[part]  # type: ignore[index]
        return value

    def put(
        self,
        path: KeyPath,
        value: Data,
        keys: Mapping[KeyPath, Place],
        values: Mapping[KeyPath, Place],
        texts: Mapping[KeyPath, str],
    ) -> None:
        """Sets, merges or, by null, removes; what holds the path must exist.

        Args:
            path: A key of a map, or an item of a list or the place after its last.
            value: In its layer at the same path.
            keys: Places of that layer.
            values: Places of that layer.
            texts: Texts of that layer.
        """
        parent, part = self.at(path[:-1]), path[-1]
        if isinstance(parent, list):
            assert isinstance(part, int)  # noqa: S101 - the caller's promise
            if part < len(parent):
                self.forget(path)
                parent[part] = _copy(value)
            else:
                parent.append(_copy(value))
        else:
            assert isinstance(parent, dict)  # noqa: S101
            assert isinstance(part, str)  # noqa: S101
            old = parent.get(part)
            if part in parent and value is None:
                self.forget(path)
                del parent[part]
                return
            if isinstance(old, dict) and isinstance(value, dict):
                self._place(path, keys, values, texts)
                for key, inner in value.items():
                    self.put((*path, key), inner, keys, values, texts)
                return
            self.forget(path)
            parent[part] = _copy(value)
        for inside in _paths(value, path):
            self._place(inside, keys, values, texts)

    def forget(self, path: KeyPath) -> None:
        """Drops places and texts of what is at the path, if anything is."""
        parent, part = self.at(path[:-1]), path[-1]
        if isinstance(parent, dict) and part not in parent:
            return
        for inside in _paths(parent[part], path):  # type: ignore[index]
            self.keys.pop(inside, None)
            self.values.pop(inside, None)
            self.texts.pop(inside, None)

    def _place(
        self,
        path: KeyPath,
        keys: Mapping[KeyPath, Place],
        values: Mapping[KeyPath, Place],
        texts: Mapping[KeyPath, str],
    ) -> None:
        if path in keys:
            self.keys[path] = keys[path]
        if path in values:
            self.values[path] = values[path]
        if path in texts:
            self.texts[path] = texts[path]


def without(source: Source, key: str) -> Source:
    """The source less one key of the root."""
    if key not in source.data:
        return source
    draft = Draft(source)
    draft.forget((key,))
    del draft.data[key]
    return draft.finish(source.file, source.documents)


def _copy(value: Data) -> Data:
    if isinstance(value, dict):
        return {key: _copy(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_copy(item) for item in value]
    return value


def _paths(value: Data, path: KeyPath) -> Iterator[KeyPath]:
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths(inner, (*path, key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _paths(item, (*path, i))
