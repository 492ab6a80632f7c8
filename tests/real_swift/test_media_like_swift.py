"""References, looked up by vlft and opened by ms-swift's own load_image."""

from __future__ import annotations

import base64
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlft.data.media.problems import Picture
from vlft.data.media.resolve import MediaProbe


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory, a ROOT_IMAGE_DIR and a home with pictures and traps."""
    from PIL import Image

    base = tmp_path_factory.mktemp("media")
    for place, width in (("work", 11), ("work/images", 12), ("root", 21), ("home", 31)):
        (base / place).mkdir(exist_ok=True)
        for name in (f"{place[0]}.jpg", "all.png", "abcd"):
            form = "PNG" if name.endswith("png") else "JPEG"
            Image.new("RGB", (width, 9), "teal").save(base / place / name, form)
    (base / "work" / "folder.jpg").mkdir()
    (base / "work" / "empty.jpg").touch()
    (base / "work" / "words.jpg").write_text("words")
    return base


def swift_size(reference: str | bytes) -> tuple[int, int] | None:
    """What ms-swift opens; None where it fails."""
    from swift.template.vision_utils import load_image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            picture = load_image(reference)
            picture.load()  # an RGB one is decoded when the processor resizes it
            size: tuple[int, int] = picture.size
        except Exception:  # noqa: BLE001 - whatever it is, the row is lost
            return None
        return size


def compare(reference: str | bytes, probe: MediaProbe) -> None:
    found = probe.look(reference)
    size = (found.width, found.height) if isinstance(found, Picture) else None
    assert size == swift_size(reference), found


@pytest.mark.parametrize("with_root", [False, True])
def test_references(folder: Path, monkeypatch: pytest.MonkeyPatch, with_root: bool) -> None:
    monkeypatch.chdir(folder / "work")
    monkeypatch.setenv("HOME", str(folder / "home"))
    if with_root:
        monkeypatch.setenv("ROOT_IMAGE_DIR", str(folder / "root"))
    probe = MediaProbe(folder / "work", folder / "root" if with_root else None)
    jpeg = (folder / "work" / "w.jpg").read_bytes()
    text = base64.b64encode(jpeg).decode()
    fixed: list[str | bytes] = [
        *("w.jpg", " w.jpg\n", "./w.jpg", "../work/w.jpg", "images/w.jpg", "r.jpg", "h.jpg"),
        *("~/h.jpg", "~/all.png", "all.png", "abcd", "gone.jpg", "folder.jpg", "empty.jpg"),
        *("words.jpg", "", "images", "w.jpg/x", "x" * 2001, "A" * 2001, "é.jpg", "a\0b"),
        *(text, f"data:image/jpeg;base64,{text}", f"data:;base64,{text}", "data:x", jpeg),
        *(f"data:image/jpeg;base64,{text[:-8]}", text[:40], f"DATA:image/jpeg;base64,{text}"),
        *(str(folder / "root" / "r.jpg"), f"file://{folder}/root/r.jpg", b"", b"words"),
    ]
    for reference in fixed:
        compare(reference, probe)

    @settings(max_examples=200)
    @given(st.text("./~abcdwrhjpngl ", max_size=12))
    def any_reference(reference: str) -> None:
        compare(reference, probe)

    any_reference()


def test_the_limit_of_pillow_is_not_lifted() -> None:
    import swift.template.vision_utils  # noqa: F401
    from PIL import Image

    from vlft.data.media.problems import PILLOW_LIMIT

    assert Image.MAX_IMAGE_PIXELS is not None
    assert Image.MAX_IMAGE_PIXELS * 2 == PILLOW_LIMIT
