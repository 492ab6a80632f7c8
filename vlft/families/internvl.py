"""InternVL: images cut into tiles of fixed size."""

from vlft.families.base import Family

INTERNVL_HF = Family(
    title="InternVL (transformers' own form)",
    hf_model_type="internvl",
    swift_model_type="internvl",
    template="internvl_hf",
    pixel_hint="ms-swift has no pixel limit for this form; `swift.max_pixels` shrinks the "
    "images first, the number of tokens stays what the processor makes of them",
)

# Read by ms-swift's InternVL template (template/templates/internvl.py). Which of its
# templates applies differs by release, and ms-swift finds it by the folder's name.
INTERNVL_CHAT = Family(
    title="InternVL (code inside the checkpoint)",
    hf_model_type="internvl_chat",
    swift_model_type="internvl_chat",
    template=None,
    pixel_variables={"tiles": "MAX_NUM", "video.tiles": "VIDEO_MAX_NUM"},
    pixel_hint="InternVL counts tiles: write `pixels.tiles` (or `pixels.video.tiles`)",
)
