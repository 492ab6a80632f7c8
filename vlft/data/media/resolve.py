"""References of rows, looked up as the trainer will."""

from __future__ import annotations

import base64
import os
import re
import time
from collections import deque
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import xxhash

from vlft.data.media import problems
from vlft.data.media.headers import presence, probe_bytes, probe_picture
from vlft.data.media.pillow import without_idle_alpha
from vlft.data.media.problems import (
    HEAD_BYTES,
    MediaProblem,
    Picture,
    Unopened,
    shortened,
)
from vlft.data.media.video import Film, VideoReader, look_at_film

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import ThreadPoolExecutor
    from pathlib import Path


KEPT = 120_000
"""References whose verdicts are remembered; with pictures they take about 60 MB."""
LONGEST_KEPT = 1024
"""Characters; longer references are pictures themselves, and would fill the memory."""
_LONGEST_PATH = 2000  # what is longer is never looked up as a path
_DATA_URI = re.compile(r"data:(.+?);base64,(.+)")
_SHORTEST_PICTURE = 64  # base64 characters; shorter ones are names of files
_ALPHABET = re.compile(r"[A-Za-z0-9+/=\s]+")


def is_url(reference: str) -> bool:
    """Whether ms-swift fetches it: anything that begins with these four letters."""
    return reference.startswith("http")


def may_be_path(reference: str) -> bool:
    """Whether ms-swift looks for a file of that name at all."""
    return len(reference) <= _LONGEST_PATH


def first_place(reference: str, cwd: str) -> str:
    """Where it is looked for first; empty for an empty reference."""
    if not reference or reference[0] == "/":
        return reference
    return f"{cwd}/{reference}"


def second_place(reference: str, cwd: str, root: str | None) -> str:
    """Where it is looked for if it is not there.

    `~` means the home folder here, and only without ROOT_IMAGE_DIR: what is expanded is the
    joined path.
    """
    joined = reference if root is None else os.path.join(root, reference)  # noqa: PTH118
    # os.path.expanduser leaves `~somebody` as it is where there is no such user.
    return os.path.normpath(os.path.join(cwd, os.path.expanduser(joined)))  # noqa: PTH111, PTH118


def decoded(reference: str) -> bytes | None:
    """The bytes that ms-swift makes of a reference that is no file; None if it can't.

    Plain base64 is decoded as loosely as Python does it: characters outside the alphabet are
    dropped, so that about one missing path in four passes for base64.
    """
    text = reference
    if reference.startswith("data:"):
        match = _DATA_URI.match(reference)
        if match is None:
            return None
        text = match[2]
    try:
        return base64.b64decode(text)
    except ValueError:  # wrong padding, or not ASCII
        return None


def meant_as_base64(reference: str) -> bool:
    """Whether a reference that is neither file nor picture was meant as base64."""
    if reference.startswith("data:") or len(reference) > _LONGEST_PATH:
        return True
    return len(reference) >= _SHORTEST_PICTURE and _ALPHABET.fullmatch(reference) is not None


_BLOCK = 1 << 20


def _whole_hash(path: str) -> int:
    state = xxhash.xxh3_64()
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - called for every duplicate
            while block := file.read(_BLOCK):
                state.update(block)
    except OSError:
        return xxhash.xxh3_64_intdigest(path.encode(errors="surrogateescape"))
    return state.intdigest()


THREADS = 16
_SAMPLE = 16  # files whose time tells whether the disk is cold
_COLD = 40e-6  # seconds a file; a warm one takes 5


class MediaProbe:
    """Looks references up, each once.

    Args:
        cwd: Working directory of the trainer.
        root_image_dir: Its ROOT_IMAGE_DIR, if set.
        fetch: Whether to fetch URLs; otherwise they are problems of kind `url`.
        allow_private: Whether to fetch from addresses that are not public.
        check_end: Whether to look at the end of each picture file too.
        open_files: Whether to look into files at all, and not only for them.
        video_reader: What the trainer reads videos with.
    """

    def __init__(
        self,
        cwd: Path,
        root_image_dir: Path | str | None,
        *,
        fetch: bool = False,
        allow_private: bool = False,
        check_end: bool = True,
        open_files: bool = True,
        video_reader: VideoReader = "decord",
    ) -> None:
        self._cwd = str(cwd)
        self._root = None if root_image_dir is None else str(root_image_dir)
        self._fetch = fetch
        self._allow_private = allow_private
        self._check_end = check_end
        self._open_files = open_files
        self._kept = lru_cache(KEPT)(self._look)
        self._firsts: dict[tuple[int, int], str] = {}
        self._whole_hash = cache(_whole_hash)
        self.video_reader = video_reader
        self._film = lru_cache(KEPT)(self._read_film)
        self._pool: ThreadPoolExecutor | None = None

    def look(self, reference: str | bytes) -> Picture | MediaProblem | Unopened:
        """What a reference of `images` is.

        Args:
            reference: A path, URL, data URI or base64; or the bytes of a file.
        """
        if len(reference) > LONGEST_KEPT:
            return self._look(reference)
        return self._kept(reference)

    def look_many(self, references: Sequence[str]) -> list[Picture | MediaProblem | Unopened]:
        """The same for many: with many threads where the disk turns out to be slow."""
        names = list(dict.fromkeys(references))
        began = time.perf_counter()
        for name in names[:_SAMPLE]:
            self.look(name)
        rest = names[_SAMPLE:]
        if rest and time.perf_counter() - began > _COLD * _SAMPLE:
            if self._pool is None:
                from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - 3 ms

                self._pool = ThreadPoolExecutor(THREADS, "media")
            deque(self._pool.map(self.look, rest), maxlen=0)
        return [self.look(name) for name in references]

    def look_video(self, reference: str) -> Film:
        """What a reference of `videos` is.

        ms-swift gives videos to their reader as they are, without looking for `~`, unless
        ROOT_IMAGE_DIR is set or the reader is given bytes.
        """
        name = reference.strip()
        if is_url(name):
            return Film(problem=problems.not_fetched(name))
        if not may_be_path(name) or name.startswith("data:"):
            if self.video_reader != "decord_bytes":
                return Film(problem=problems.in_the_row(name))
            if not decoded(name):
                return Film(problem=problems.bad_base64(name))
            return Film(problem=problems.unjudged_video(name, "it stands in the row itself"))
        places = [first_place(name, self._cwd)]
        if self._root is not None or self.video_reader == "decord_bytes":
            places.append(second_place(name, self._cwd, self._root))
        for place in places:
            if place and os.path.exists(place):  # noqa: PTH110 - as ms-swift, never raises
                return self._film(place, name)
        return Film(problem=problems.missing(name, self._cwd, self._root))

    def _read_film(self, place: str, name: str) -> Film:
        if os.path.isdir(place):  # noqa: PTH112
            return Film(problem=problems.folder(name))
        if not os.path.getsize(place):  # noqa: PTH202
            return Film(problem=problems.empty(name))
        if not self._open_files:
            return Film()
        try:
            return look_at_film(place, name, self.video_reader)
        except OSError as error:
            return Film(problem=problems.unreadable(name, error.strerror or str(error)))

    def content_key(self, picture: Picture) -> tuple[int, int, int]:
        """Equal for pictures whose files are equal byte for byte, and only for those.

        Size and head tell contents apart; a whole file is read only where that is not enough. A
        file that can't be read any more counts as a content of its own. Pictures inside a row
        have no file to compare, so theirs is known by size and head alone.
        """
        group = (picture.size, picture.head_hash)
        if picture.size <= HEAD_BYTES or not picture.path:
            return (*group, 0)
        first = self._firsts.setdefault(group, picture.path)
        if first == picture.path:
            return (*group, 0)
        whole = self._whole_hash(picture.path)
        return (*group, 0 if whole == self._whole_hash(first) else whole)

    def close(self) -> None:
        """Ends the threads, if there are any."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def _look(self, reference: str | bytes) -> Picture | MediaProblem | Unopened:
        if isinstance(reference, bytes):
            found = probe_bytes(reference, f"a picture of {len(reference)} bytes")
            return without_idle_alpha(found, reference)
        name = reference.strip()
        if is_url(name):
            return self._fetched(name)
        if not may_be_path(name):
            return self._inside(name)
        place = first_place(name, self._cwd)
        there = self._file(place) if place else None
        if there is None:  # it is asked for by its second name, then as base64
            there = self._file(second_place(name, self._cwd, self._root))
        return self._inside(name) if there is None else there

    def _file(self, place: str) -> Picture | MediaProblem | Unopened | None:
        """What a file is; None if there is none."""
        if not self._open_files:
            there = presence(place)
            return None if _is_missing(there) else there
        found = probe_picture(place, check_end=self._check_end)
        return None if _is_missing(found) else without_idle_alpha(found)

    def _inside(self, name: str) -> Picture | MediaProblem:
        """A picture that stands in the row itself; or a file that is not there."""
        content = decoded(name)
        found = probe_bytes(content, shortened(name)) if content else None
        if isinstance(found, Picture):
            return without_idle_alpha(found, content)
        if not meant_as_base64(name):
            return problems.missing(name, self._cwd, self._root, decodes=content is not None)
        damaged = found is not None and found.kind in {"truncated", "too_large"}
        return found if damaged and found is not None else problems.bad_base64(name)

    def _fetched(self, url: str) -> Picture | MediaProblem:
        if not self._fetch:
            return problems.not_fetched(url)
        from vlft.data.media.fetch import fetch  # noqa: PLC0415

        content = fetch(url, allow_private=self._allow_private)
        if isinstance(content, MediaProblem):
            return content
        return without_idle_alpha(probe_bytes(content, shortened(url)), content)


def _is_missing(found: Picture | MediaProblem | Unopened) -> bool:
    return isinstance(found, MediaProblem) and found.kind == "missing"
