"""What becomes of rows with pictures that are not what they should be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.data.outcomes import RowRule, row_rule

if TYPE_CHECKING:
    from vlft.data.media import MediaKind

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
        "Videos are whole: decord, which is given them as bytes for InternVL, may end the process "
        "at an AVI file that breaks off.",
        "decord 0.6: VideoReader",
    ),
    "short_video": row_rule(
        "row.video-short",
        "error",
        "silently_wrong",
        "Videos are whole: of one that breaks off, what is there is trained on.",
        "decord 0.6: VideoReader",
    ),
    "video_unreadable": row_rule(
        "row.video-unreadable",
        "error",
        "replaced",
        "The package that reads videos reads this one: decord has no AV1, no GIF and no recording "
        "of a live stream; transformers, for `-hf` checkpoints, neither MKV nor WebM.",
        "decord 0.6: VideoReader; transformers/video_utils.py: read_video_pyav",
    ),
    "no_video_reader": row_rule(
        "row.video-reader",
        "error",
        "replaced",
        "For rows with videos, the trainer has a package that reads them.",
        "qwen_vl_utils/vision_process.py: fetch_video; swift/template/vision_utils.py: "
        "load_video_internvl",
    ),
    "video_unjudged": row_rule(
        "row.video-unjudged",
        "info",
        "unknown",
        "MP4, MKV, WebM and AVI files with one track of pictures are followed where PyAV is "
        "installed; of other videos the frames are not counted.",
        "vlft: pip install 'vlft[data]'",
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
VIDEO_SIZE = row_rule(
    "row.video-size",
    "error",
    "replaced",
    "A video has as many frames as are taken of it, at least two for Qwen-VL, and a size that "
    "its limits allow.",
    "qwen_vl_utils/vision_process.py: smart_nframes, fetch_video",
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
