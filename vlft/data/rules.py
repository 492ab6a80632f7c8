"""The table of rules: everything that can be wrong with a row or a file of rows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from vlft.data.findings import Fate, RowRule

if TYPE_CHECKING:
    from vlft.data.media.problems import MediaKind
    from vlft.findings import Severity

ROW_RULES: Final[dict[str, RowRule]] = {}
"""All of them by their ids."""


def _rule(severity: Severity, fate: Fate, rule_id: str, sentence: str, source: str) -> RowRule:
    if rule_id in ROW_RULES:
        message = f"two rules are called {rule_id}"
        raise ValueError(message)
    rule = ROW_RULES[rule_id] = RowRule(rule_id, severity, fate, sentence, source)
    return rule


_load_fails = partial(_rule, "error", "load_fails")
_dropped = partial(_rule, "error", "dropped")
_replaced = partial(_rule, "error", "replaced")
_silently_wrong = partial(_rule, "error", "silently_wrong")
_warning = partial(_rule, "warning", "ok")
_doubt = partial(_rule, "warning", "unknown")
_note = partial(_rule, "info", "unknown")

_BASE = "swift/template/base.py"
_CORE = "swift/dataset/preprocessor/core.py"
_INPUTS = "swift/template/template_inputs.py"
_JSON = "datasets/packaged_modules/json/json.py: Json._generate_tables"
_LOAD = "swift/template/vision_utils.py: load_file, load_image"
_LOADER = "swift/dataset/loader.py"
_VISION = "swift/template/vision_utils.py"

_ARROW = "pyarrow.json.read_json"
_ARROW_26 = "pyarrow 26: pyarrow.json.read_json"
_BOXES = f"{_BASE}: Template.normalize_bbox"
_ENCODE = f"{_BASE}: Template._swift_encode"
_TAGS = f"{_BASE}: Template._pre_tokenize"
_COLORS = f"{_VISION}: load_image"
_EXTRA = "vlft: pip install 'vlft[data]'"
_OBJECTS = f"{_CORE}: RowPreprocessor._check_objects"
_SYNTAX = "swift/dataset/dataset_syntax.py: DatasetSyntax.parse"
_SAMPLE = "swift/dataset/utils.py: sample_dataset"
_RENAME = f"{_CORE}: safe_rename_columns"
_CONTENT = f"{_INPUTS}: StdTemplateInputs.remove_messages_media"
_CONTEXT = f"{_BASE}: Template._concat_context_list"
_STD_MESSAGES = f"{_BASE}: Template._get_std_messages"
_DEFAULT_TAGS = f"{_BASE}: Template._add_default_tags"
_DECORD = "decord 0.6: VideoReader"
_RLHF = "swift/template/base.py: Template._rlhf_encode"
_ROW_HASH = "vlft: 64-bit xxh3 of every row"

# Files.
MISSING = _load_fails(
    "file.missing",
    "Every data file exists; ms-swift takes a relative path that does not for the name of a "
    "data set on a hub.",
    _SYNTAX,
)
NO_READER = _load_fails(
    "file.format",
    "A file's name ends in .jsonl, .json, .csv, .parquet or .txt, in lower case: the ending "
    "alone chooses the reader.",
    f"{_LOADER}: DatasetLoader._load_dataset_path",
)
EMPTY = _load_fails(
    "file.empty",
    "A file has at least one row.",
    "swift/dataset/preprocessor/core.py; swift/dataset/utils.py: sample_dataset",
)
ALL_LOST = _load_fails(
    "file.all-rows-lost",
    "At least one row of a file can be loaded; else ms-swift divides by zero.",
    _SAMPLE,
)
NOT_JSON = _load_fails(
    "file.not-json", "Every line is JSON: one that is not makes the whole file fail to load.", _JSON
)
DUPLICATE_KEY = _load_fails("file.duplicate-key", "No object has a key twice.", _ARROW)
ENCODING = _load_fails("file.encoding", "A file is UTF-8 text throughout.", _ARROW)
SURROGATE = _load_fails(
    "file.surrogate", "Escapes of surrogates, \\ud800 to \\udfff, come in pairs.", _ARROW
)
NOT_OBJECT = _load_fails("file.not-object", "Every row is an object.", _JSON)
CLASH = _load_fails(
    "file.column-clash", "No two columns have one name, once they are renamed.", _RENAME
)
TYPES = _load_fails(
    "file.mixed-types",
    "Values of one column have one type, in a file with blank lines or rows of several lines.",
    "datasets/utils/json.py: json_encode_fields_in_json_lines",
)
SCHEMA = _load_fails(
    "file.schema",
    "The first 10 MiB of a file hold every column, every key and every type of the rest.",
    f"{_JSON}; datasets/table.py: table_cast",
)
QUOTED = _silently_wrong(
    "file.quoted",
    "A text stays a text beyond the first 10 MiB: one list or number in its place, and all "
    "texts of the column are JSON-quoted from there to the end of the file.",
    f"{_JSON}: json_encode_fields_in_json_lines",
)
IMAGES_MIXED = _load_fails(
    "file.image-forms",
    "Where one row names pictures as texts, no other row of the file has numbers or lists in "
    "their place.",
    f"{_CORE}: RowPreprocessor._patch_arrow_writer",
)
UNDECODABLE = _load_fails(
    "file.picture-decode",
    "Pictures that `datasets` decodes itself can be decoded: those in lists, and in columns that "
    "ms-swift does not read, of a Parquet file that `datasets` wrote.",
    f"datasets/features/image.py: Image.decode_example; {_CORE}: RowPreprocessor._cast_pil_image",
)
NULL_FIRST = _load_fails(
    "file.null-first",
    "No list begins with null before one like it has had a value, and no file with a null row: "
    "pyarrow miscounts, and most often ends the process.",
    _ARROW_26,
)
NULL_NUMBER = _silently_wrong(
    "row.null-first",
    "No list of numbers begins with null before one like it has had a number: pyarrow "
    "miscounts, and hands out whatever lies in memory.",
    _ARROW_26,
)
NEEDS_PYARROW = _doubt("file.needs-pyarrow", "Parquet takes pyarrow to read.", _EXTRA)
HUB = _note("file.hub", "Data sets on a hub are not checked; files are.", _SYNTAX)
REPEATS = _warning(
    "file.repeats",
    "path#N asks for no more rows than the file has; else rows are trained on several times.",
    _SAMPLE,
)
TWO_COLUMNS = _warning(
    "file.two-columns",
    "One column for one meaning: of two, ms-swift reads the one with its own name.",
    _RENAME,
)
PACKED = _doubt(
    "file.compressed",
    "A data file is not compressed; only gzip is looked into here.",
    "datasets/utils/extract.py: Extractor.infer_extractor_format",
)
UNPACKED_COPY = _warning(
    "file.unpacked-copy",
    "A data file is not compressed: `datasets` keeps the unpacked rows by the file's path, and "
    "reads the old ones again when a new file has taken its place.",
    "datasets/utils/extract.py: ExtractManager.extract",
)

# Files under ZeRO-3.
MIXED = _warning(
    "file.zero3-mixed",
    "Under ZeRO-3 either all rows have pictures or none has: a rank without any skips the "
    "vision tower, and the others wait for it for ever.",
    "github.com/modelscope/ms-swift/issues/6795",
)
BLANK = _rule(
    "info",
    "ok",
    "file.zero3-blank",
    "Under ZeRO-3, batches without a picture cost a blank one: Qwen-VL and InternVL send it "
    "through the vision tower, so that no rank waits for another.",
    f"{_BASE}: Template._get_inputs_embeds_hf; "
    f"swift/template/templates/internvl.py: InternvlTemplate._post_encode",
)

# Rows that the reader deletes.
NO_MESSAGES = _dropped(
    "row.no-messages",
    "Every row of a file that has a messages column has messages; ms-swift chooses one reader "
    "for a whole file, and rows in another form vanish without a word.",
    f"{_CORE}: AutoPreprocessor, MessagesPreprocessor.preprocess",
)
MESSAGES_FORM = _dropped(
    "row.messages-form",
    "Messages are a list of objects, each with a role and a content.",
    f"{_CORE}: MessagesPreprocessor.preprocess",
)
ROLE = _dropped(
    "row.role",
    "A role is system, user, assistant, tool_call, tool_response, tool, or an alias of these.",
    f"{_CORE}: MessagesPreprocessor.to_std_messages, RowPreprocessor._check_messages",
)
NULL_CONTENT = _dropped(
    "row.null-content",
    "No message has null for its content.",
    f"{_CORE}: RowPreprocessor._check_messages",
)
NO_TEXT = _dropped(
    "row.no-text",
    "A row has a question or an answer under a name that ms-swift knows.",
    f"{_CORE}: ResponsePreprocessor.preprocess, RowPreprocessor._check_messages",
)
ANSWER_LIST = _dropped(
    "row.answer-list",
    "A list of answers holds at least one; the first is taken.",
    f"{_CORE}: ResponsePreprocessor.preprocess",
)
HISTORY = _dropped(
    "row.history",
    "A history is a list of [question, answer] pairs, or such a list as Python writes it.",
    "swift/template/utils.py: history_to_messages",
)
ALPACA = _dropped(
    "row.instruction",
    "In a file with instruction and input columns, one of the two is a text in every row.",
    f"{_CORE}: AlpacaPreprocessor.concat_inst_input",
)
OBJECTS_FORM = _dropped(
    "row.objects-form", "`objects` is an object with a bbox list, or is absent.", _OBJECTS
)
BOX_LENGTH = _dropped("row.box-length", "A box has four numbers, a point has two.", _OBJECTS)
REJECTED = _dropped(
    "row.rejected",
    "A rejected_response is there, and differs from the answer.",
    f"{_CORE}: RowPreprocessor._check_rejected_response",
)
BLOCKS = _dropped(
    "row.blocks",
    "Content in blocks of Anthropic's form holds text, image, tool_use and tool_result only.",
    f"{_CORE}: MessagesPreprocessor.anthropic_to_messages",
)
UNREADABLE = _dropped(
    "row.unreadable",
    "Every value has the form that ms-swift's reader works with.",
    f"{_CORE}: RowPreprocessor.batched_preprocess",
)

# Messages, tags and lengths.
TURNS = _replaced(
    "row.turns",
    "Questions and answers alternate, and a system message comes first or not at all.",
    _ENCODE,
)
MEDIA_TWICE = _replaced(
    "row.media-twice",
    "Media are given in the messages or in separate columns, not in both.",
    f"{_INPUTS}: StdTemplateInputs.from_dict",
)
MEDIA_FORM = _replaced(
    "row.media-form",
    "images, videos and audios are lists of paths.",
    f"{_BASE}: Template._load_image; {_INPUTS}: StdTemplateInputs.from_dict",
)
CONTENT_FORM = _replaced(
    "row.content-form", "The content of a message is a text or a list of parts.", _CONTENT
)
PARTS = _replaced(
    "row.parts",
    "A part of a content has a type, and under that name its text or its path.",
    _CONTENT,
)
SYSTEM_FORM = _replaced("row.system-form", "The system prompt is a text.", _CONTEXT)
SYSTEM_UNREAD = _silently_wrong(
    "row.system-unread",
    "Without a chat template, as `swift pt` trains, no row has a system prompt: it is left out.",
    _ENCODE,
)
TOOLS = _replaced(
    "row.tools",
    "Tools are objects, a tool_call is JSON with a name and arguments, and the model's template "
    "has an agent template to write them with.",
    "swift/agent_template/base.py: BaseAgentTemplate.wrap_tool, _parse_tool_call; "
    "swift/template/base.py: Template.agent_template",
)
UNENCODABLE = _replaced(
    "row.unencodable",
    "Every value has the form that ms-swift's template works with.",
    f"{_BASE}: Template.encode",
)
NO_ANSWER = _silently_wrong(
    "row.no-answer",
    "Every row has an answer to learn; without one it costs time and teaches nothing.",
    _ENCODE,
)
EMPTY_ANSWER = _warning(
    "row.empty-answer", "No answer is empty: the model would learn to answer with nothing.", _ENCODE
)
EMPTY_QUESTION = _warning(
    "row.empty-question",
    "An answer has a question before it; ms-swift puts an empty one where there is none.",
    _STD_MESSAGES,
)
UNANSWERED = _warning(
    "row.unanswered",
    "The last message is an answer; a question after it is read but nothing is learnt from it.",
    _STD_MESSAGES,
)
GLUED = _silently_wrong(
    "row.glued-turns",
    "No two questions and no two answers follow each other: ms-swift joins them without even "
    "a space.",
    f"{_BASE}: Template._swift_prepare_inputs",
)
LOST_COLUMN = _silently_wrong(
    "row.lost-column",
    "A row uses the columns that ms-swift knows; it drops all others.",
    f"{_CORE}: safe_rename_columns, remove_useless_columns",
)
SPECIAL_TOKEN = _silently_wrong(
    "row.special-token",
    "No text holds the model's control tokens: they end turns or count as pictures.",
    f"{_BASE}: Template._tokenize",
)
ROUND = _silently_wrong(
    "row.round-mark",
    "No question holds {{ROUND0}} or {{ROUND1}}, where the template writes numbers; no tool's "
    "answer holds these, {{SYSTEM}} or {{QUERY}}.",
    _CONTEXT,
)
TAGS_MANY = _silently_wrong(
    "row.tags-without-media",
    "There are no more <image>, <video> and <audio> tags than media; a tag too many is "
    "trained as text.",
    f"{_BASE}: Template._pre_tokenize_images, _pre_tokenize",
)
TAGS_FEW = _silently_wrong(
    "row.tags-missing",
    "Every picture has its tag: for those without, ms-swift puts tags before the first "
    "message, and the others move on.",
    _DEFAULT_TAGS,
)
TAGS_NONE = _warning(
    "row.no-tags",
    "Pictures have tags that say where they stand; without any they come first.",
    _DEFAULT_TAGS,
)
TAG_CASE = _silently_wrong(
    "row.tag-case",
    "Tags are written <image>, <video>, <audio>, <bbox>, <ref-object>, in lower case.",
    f"{_BASE}: Template.special_tokens",
)
INLINE = _silently_wrong(
    "row.inline-image",
    "<img>path</img> in a text names a file, in a row without an images column.",
    f"{_BASE}: Template._replace_image_tags",
)
NO_AUDIO = _replaced(
    "row.no-audio",
    "Rows with sounds are for models that hear.",
    "swift/template/templates/qwen.py: Qwen2VLTemplate.replace_tag",
)
TOO_LONG = _replaced(
    "row.too-long",
    "A row has at most max_length tokens; ms-swift replaces longer ones without a log line.",
    f"{_BASE}: Template._encode_truncated; swift/dataset/utils.py: LazyLLMDataset",
)
CUT = _silently_wrong(
    "row.cut",
    "A row has at most max_length tokens; of a longer one truncation_strategy cuts off the "
    "rest, and `split` its pictures.",
    f"{_BASE}: Template._truncate",
)
LENGTH_UNKNOWN = _note(
    "row.length-unknown",
    "Whether a long row fits takes a tokenizer to say.",
    f"{_BASE}: Template._encode_truncated",
)

# Texts in mixed columns.
RESHAPED = _silently_wrong(
    "row.reshaped",
    "In a column that holds texts and other things, no text is JSON itself: it is read back as "
    "what it says.",
    "datasets/utils/json.py: json_encode_field",
)

# Boxes.
BOX_TAGS_MANY = _silently_wrong(
    "row.box-tags",
    "There are as many <bbox> tags as boxes: a tag too many stays as text, a box too many "
    "is left out.",
    _TAGS,
)
REF_TAGS_MANY = _silently_wrong(
    "row.ref-tags",
    "There are no more <ref-object> tags than refs; a tag too many stays as text.",
    _TAGS,
)
REFS_UNUSED = _warning(
    "row.refs-unused", "Every ref has a <ref-object> tag; the others are left out.", _TAGS
)
REF_FORM = _silently_wrong(
    "row.ref-form", "Refs are a list of texts.", f"{_BASE}: Template.replace_ref"
)
BOX_NUMBERS = _replaced(
    "row.box-numbers", "Boxes hold numbers: no texts, no null, no NaN, no Infinity.", _BOXES
)
BOX_RANGE = _silently_wrong(
    "row.box-range",
    "Boxes lie within their picture, in its pixels, or within 0 to 1 with bbox_type norm1.",
    _BOXES,
)
BOX_INVERTED = _warning(
    "row.box-inverted",
    "A box is [x1, y1, x2, y2] with x1 <= x2 and y1 <= y2; ms-swift swaps them otherwise.",
    _OBJECTS,
)
BOX_TYPE = _silently_wrong(
    "row.box-type", "bbox_type is real or norm1; anything else is taken for pixels.", _BOXES
)
BOX_ALONE = _silently_wrong(
    "row.box-without-image",
    "Boxes come with a picture; without one they are written as they stand.",
    _TAGS,
)
BOX_IMAGE = _replaced(
    "row.box-image-id", "image_id is a list of positions in images, from 0.", _BOXES
)
BOX_IMAGE_BEHIND = _silently_wrong(
    "row.box-image-negative",
    "An image_id is not negative: it would count from the last picture.",
    _BOXES,
)

# Pictures and videos.
BY_MEDIA_KIND: Final[dict[MediaKind, RowRule]] = {
    "missing": _replaced("row.media-missing", "Files that a row names exist.", _LOAD),
    "folder": _replaced("row.media-folder", "A row names files, not folders.", _LOAD),
    "empty": _replaced("row.media-empty", "Files that a row names are not empty.", _LOAD),
    "truncated": _replaced("row.media-truncated", "Pictures are whole.", _LOAD),
    "not_an_image": _replaced("row.not-an-image", "What a row names as a picture is one.", _LOAD),
    "too_large": _replaced(
        "row.media-too-large", "Pictures are no larger than Pillow opens.", _LOAD
    ),
    "unreadable": _replaced("row.media-unreadable", "Files that a row names can be read.", _LOAD),
    "not_a_video": _replaced("row.not-a-video", "What a row names as a video is one.", _LOAD),
    "cut_video": _load_fails(
        "row.video-cut",
        "Videos are whole: decord, which is given them as bytes for InternVL, may end the process "
        "at an AVI file that breaks off.",
        _DECORD,
    ),
    "short_video": _silently_wrong(
        "row.video-short",
        "Videos are whole: of one that breaks off, what is there is trained on.",
        _DECORD,
    ),
    "video_unreadable": _replaced(
        "row.video-unreadable",
        "The package that reads videos reads this one: decord has no AV1, no GIF and no recording "
        "of a live stream; transformers, for `-hf` checkpoints, neither MKV nor WebM.",
        "decord 0.6: VideoReader; transformers/video_utils.py: read_video_pyav",
    ),
    "no_video_reader": _replaced(
        "row.video-reader",
        "For rows with videos, the trainer has a package that reads them.",
        "qwen_vl_utils/vision_process.py: fetch_video; swift/template/vision_utils.py: "
        "load_video_internvl",
    ),
    "video_unjudged": _note(
        "row.video-unjudged",
        "MP4, MKV, WebM and AVI files with one track of pictures are followed where PyAV is "
        "installed; of other videos the frames are not counted.",
        _EXTRA,
    ),
    "base64": _replaced("row.media-base64", "Base64 text in place of a path is a picture.", _LOAD),
    "url": _doubt(
        "row.media-url",
        "Pictures are files: those with a URL are fetched again for every visit of the row.",
        _LOAD,
    ),
}
RATIO = _replaced(
    "row.image-ratio",
    "No picture's longer side is more than 200 times its shorter one.",
    "qwen_vl_utils/vision_process.py: smart_resize",
)
VIDEO_SIZE = _replaced(
    "row.video-size",
    "A video has as many frames as are taken of it, at least two for Qwen-VL, and a size that "
    "its limits allow.",
    "qwen_vl_utils/vision_process.py: smart_nframes, fetch_video",
)
TRANSPARENT = _rule(
    "warning",
    "silently_wrong",
    "row.transparent",
    "Pictures have no transparency: ms-swift drops it, and what was hidden comes out.",
    _COLORS,
)
DEEP = _silently_wrong(
    "row.deep-bits",
    "Pictures have eight bits a channel: deeper grey comes out nearly white.",
    _COLORS,
)
ROTATED = _warning(
    "row.rotated",
    "Pictures stand upright as they are stored: ms-swift does not turn them as EXIF says.",
    _COLORS,
)
ROTATED_BOXES = _silently_wrong(
    "row.rotated-boxes", "Boxes lie on pictures that stand upright as they are stored.", _COLORS
)
UNJUDGED = _note(
    "row.media-unjudged", "Formats other than JPEG, PNG and WebP take Pillow to judge.", _EXTRA
)

# Preferences: task rlhf.
NO_REJECTED = _replaced(
    "row.no-rejected",
    "A row for dpo, cpo, simpo, orpo or rm has a worse answer beside its own: "
    "rejected_response, or rejected_messages.",
    _RLHF,
)
REJECTED_FORM = _replaced(
    "row.rejected-form",
    "rejected_response is a text or a list of messages without a question, and differs from "
    "the answer.",
    "swift/template/template_inputs.py: TemplateInputs._compat_rejected_response",
)
REJECTED_SAME = _silently_wrong(
    "row.rejected-same",
    "No row lacks its own worse answer in a file where others have one in rejected_messages: "
    "ms-swift takes the answer itself for it, and there is nothing to prefer.",
    "swift/template/template_inputs.py: TemplateInputs.from_dict",
)
MARGIN = _replaced("row.margin", "A margin is a number, or a text that is one.", _RLHF)
KTO_LABEL = _load_fails(
    "row.kto-label",
    "Every row for kto has a label, true or false: the run counts them before it begins.",
    "swift/pipelines/train/kto.py: prepare_kto_dataset",
)
KTO_ANSWER = _load_fails(
    "row.kto-answer",
    "The last message of every row for kto is an answer.",
    "swift/pipelines/train/kto.py: KTOPreprocessor.batched_preprocess",
)

# Embeddings and rerankers.
NO_POSITIVE = _replaced(
    "row.no-positive",
    "A row for an embedding has positive_messages, and one for a reranker these or "
    "negative_messages; in a file where one row has such a column, no row leaves it out.",
    "swift/template/base.py: Template._embedding_encode, _reranker_encode; "
    "swift/template/template_inputs.py: TemplateInputs.__post_init__",
)
CANDIDATES = _replaced(
    "row.candidates-form",
    "positive_messages and negative_messages are lists of conversations, each a list of messages "
    "with ms-swift's own roles; the columns beside them have an entry for each.",
    "swift/template/template_inputs.py: TemplateInputs.__post_init__",
)
LABEL = _replaced(
    "row.embedding-label",
    "The label of a row for an embedding is a number.",
    "swift/template/base.py: Template._embedding_encode",
)

# Rows that stand twice.
DUPLICATE = _warning(
    "row.duplicate", "No row stands twice in the training data, byte for byte.", _ROW_HASH
)
LEAK = _warning(
    "row.leak",
    "No row of the validation data is also in the training data, byte for byte.",
    _ROW_HASH,
)
LEAKED_PICTURE = _warning(
    "row.leaked-picture",
    "No picture of the validation data is also in the training data, whatever its name.",
    "vlft: size and xxh3 of every picture",
)
