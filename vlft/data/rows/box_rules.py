"""What becomes of boxes and of what they refer to."""

from __future__ import annotations

from vlft.data.outcomes import row_rule

_BASE = "swift/template/base.py"

BOX_TAGS_MANY = row_rule(
    "row.box-tags",
    "error",
    "silently_wrong",
    "There are as many <bbox> tags as boxes: a tag too many stays as text, a box too many "
    "is left out.",
    f"{_BASE}: Template._pre_tokenize",
)
REF_TAGS_MANY = row_rule(
    "row.ref-tags",
    "error",
    "silently_wrong",
    "There are no more <ref-object> tags than refs; a tag too many stays as text.",
    f"{_BASE}: Template._pre_tokenize",
)
REFS_UNUSED = row_rule(
    "row.refs-unused",
    "warning",
    "ok",
    "Every ref has a <ref-object> tag; the others are left out.",
    f"{_BASE}: Template._pre_tokenize",
)
REF_FORM = row_rule(
    "row.ref-form",
    "error",
    "silently_wrong",
    "Refs are a list of texts.",
    f"{_BASE}: Template.replace_ref",
)
BOX_NUMBERS = row_rule(
    "row.box-numbers",
    "error",
    "replaced",
    "Boxes hold numbers: no texts, no null, no NaN, no Infinity.",
    f"{_BASE}: Template.normalize_bbox",
)
BOX_RANGE = row_rule(
    "row.box-range",
    "error",
    "silently_wrong",
    "Boxes lie within their picture, in its pixels, or within 0 to 1 with bbox_type norm1.",
    f"{_BASE}: Template.normalize_bbox",
)
BOX_INVERTED = row_rule(
    "row.box-inverted",
    "warning",
    "ok",
    "A box is [x1, y1, x2, y2] with x1 <= x2 and y1 <= y2; ms-swift swaps them otherwise.",
    "swift/dataset/preprocessor/core.py: RowPreprocessor._check_objects",
)
BOX_TYPE = row_rule(
    "row.box-type",
    "error",
    "silently_wrong",
    "bbox_type is real or norm1; anything else is taken for pixels.",
    f"{_BASE}: Template.normalize_bbox",
)
BOX_ALONE = row_rule(
    "row.box-without-image",
    "error",
    "silently_wrong",
    "Boxes come with a picture; without one they are written as they stand.",
    f"{_BASE}: Template._pre_tokenize",
)
BOX_IMAGE = row_rule(
    "row.box-image-id",
    "error",
    "replaced",
    "image_id is a list of positions in images, from 0.",
    f"{_BASE}: Template.normalize_bbox",
)
BOX_IMAGE_BEHIND = row_rule(
    "row.box-image-negative",
    "error",
    "silently_wrong",
    "An image_id is not negative: it would count from the last picture.",
    f"{_BASE}: Template.normalize_bbox",
)
