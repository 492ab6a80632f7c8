"""What becomes of rows with pictures that are not what they should be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.dataset.fates import RowRule, row_rule

if TYPE_CHECKING:
    from vlft.dataset.media import MediaKind

_VISION = "swift/template/vision_utils.py"
_LOAD = f"{_VISION}: load_file, load_image"


def _lost(rule_id: str, sentence: str) -> RowRule:
    return row_rule(rule_id, "error", "replaced", sentence, _LOAD)


BY_KIND: dict[MediaKind, RowRule] = {
    "missing": _lost("row.media-missing", "Files that a row names exist."),
    "folder": _lost("row.media-folder", "A row names files, not folders."),
    "empty": _lost("row.media-empty", "Files that a row names are not empty."),
    "truncated": _lost("row.media-truncated", "Pictures are whole."),
    "not_an_image": _lost("row.not-an-image", "What a row names as a picture is one."),
    "too_large": _lost("row.media-too-large", "Pictures are no larger than Pillow opens."),
    "unreadable": _lost("row.media-unreadable", "Files that a row names can be read."),
    "not_a_video": _lost("row.not-a-video", "What a row names as a video is one."),
    "cut_video": row_rule(
        "row.video-cut",
        "error",
        "load_fails",
        "Videos are whole: decord, which reads them, ends the process at an AVI file that "
        "breaks off.",
        "decord 0.6: VideoReader",
    ),
    "base64": _lost("row.media-base64", "Base64 text in place of a path is a picture."),
    "url": row_rule(
        "row.media-url",
        "warning",
        "unknown",
        "Pictures are files: those with a URL are fetched again for every visit of the row.",
        _LOAD,
    ),
}
RATIO = row_rule(
    "row.image-ratio",
    "error",
    "replaced",
    "No picture's longer side is more than 200 times its shorter one.",
    "qwen_vl_utils/vision_process.py: smart_resize",
)
TRANSPARENT = row_rule(
    "row.transparent",
    "warning",
    "silently_wrong",
    "Pictures have no transparency: ms-swift drops it, and what was hidden comes out.",
    f"{_VISION}: load_image",
)
DEEP = row_rule(
    "row.deep-bits",
    "error",
    "silently_wrong",
    "Pictures have eight bits a channel: deeper grey comes out nearly white.",
    f"{_VISION}: load_image",
)
ROTATED = row_rule(
    "row.rotated",
    "warning",
    "ok",
    "Pictures stand upright as they are stored: ms-swift does not turn them as EXIF says.",
    f"{_VISION}: load_image",
)
ROTATED_BOXES = row_rule(
    "row.rotated-boxes",
    "error",
    "silently_wrong",
    "Boxes lie on pictures that stand upright as they are stored.",
    f"{_VISION}: load_image",
)
