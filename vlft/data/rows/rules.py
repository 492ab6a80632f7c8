"""What becomes of rows that were loaded: replaced by others, or trained on as something else."""

from __future__ import annotations

from vlft.data.outcomes import row_rule

_BASE = "swift/template/base.py"
_INPUTS = "swift/template/template_inputs.py"

TURNS = row_rule(
    "row.turns",
    "error",
    "replaced",
    "Questions and answers alternate, and a system message comes first or not at all.",
    f"{_BASE}: Template._swift_encode",
)
MEDIA_TWICE = row_rule(
    "row.media-twice",
    "error",
    "replaced",
    "Media stand in the messages or in a column of their own, not in both.",
    f"{_INPUTS}: StdTemplateInputs.from_dict",
)
MEDIA_FORM = row_rule(
    "row.media-form",
    "error",
    "replaced",
    "images, videos and audios are lists of paths.",
    f"{_BASE}: Template._load_image; {_INPUTS}: StdTemplateInputs.from_dict",
)
CONTENT_FORM = row_rule(
    "row.content-form",
    "error",
    "replaced",
    "The content of a message is a text or a list of parts.",
    f"{_INPUTS}: StdTemplateInputs.remove_messages_media",
)
PARTS = row_rule(
    "row.parts",
    "error",
    "replaced",
    "A part of a content has a type, and under that name its text or its path.",
    f"{_INPUTS}: StdTemplateInputs.remove_messages_media",
)
SYSTEM_FORM = row_rule(
    "row.system-form",
    "error",
    "replaced",
    "The system prompt is a text.",
    f"{_BASE}: Template._concat_context_list",
)
SYSTEM_UNREAD = row_rule(
    "row.system-unread",
    "error",
    "silently_wrong",
    "Without a chat template, as `swift pt` trains, no row has a system prompt: it is left out.",
    f"{_BASE}: Template._swift_encode",
)
TOOLS = row_rule(
    "row.tools",
    "error",
    "replaced",
    "Tools are objects, a tool_call is JSON with a name and arguments, and the model's template "
    "has an agent template to write them with.",
    "swift/agent_template/base.py: BaseAgentTemplate.wrap_tool, _parse_tool_call; "
    "swift/template/base.py: Template.agent_template",
)
UNENCODABLE = row_rule(
    "row.unencodable",
    "error",
    "replaced",
    "Every value has the form that ms-swift's template works with.",
    f"{_BASE}: Template.encode",
)
NO_ANSWER = row_rule(
    "row.no-answer",
    "error",
    "silently_wrong",
    "Every row has an answer to learn; without one it costs time and teaches nothing.",
    f"{_BASE}: Template._swift_encode",
)
EMPTY_ANSWER = row_rule(
    "row.empty-answer",
    "warning",
    "ok",
    "No answer is empty: of such a one the model learns to say nothing.",
    f"{_BASE}: Template._swift_encode",
)
EMPTY_QUESTION = row_rule(
    "row.empty-question",
    "warning",
    "ok",
    "An answer has a question before it; ms-swift puts an empty one where there is none.",
    f"{_BASE}: Template._get_std_messages",
)
UNANSWERED = row_rule(
    "row.unanswered",
    "warning",
    "ok",
    "The last message is an answer; a question after it is read but nothing is learnt from it.",
    f"{_BASE}: Template._get_std_messages",
)
GLUED = row_rule(
    "row.glued-turns",
    "error",
    "silently_wrong",
    "No two questions and no two answers follow each other: ms-swift joins them without even "
    "a space.",
    f"{_BASE}: Template._swift_prepare_inputs",
)
LOST_COLUMN = row_rule(
    "row.lost-column",
    "error",
    "silently_wrong",
    "What a row says stands in columns that ms-swift knows; all others vanish.",
    "swift/dataset/preprocessor/core.py: safe_rename_columns, remove_useless_columns",
)
SPECIAL_TOKEN = row_rule(
    "row.special-token",
    "error",
    "silently_wrong",
    "No text holds the model's control tokens: they end turns or count as pictures.",
    f"{_BASE}: Template._tokenize",
)
ROUND = row_rule(
    "row.round-mark",
    "error",
    "silently_wrong",
    "No question holds {{ROUND0}} or {{ROUND1}}, where the template writes numbers; no tool's "
    "answer holds these, {{SYSTEM}} or {{QUERY}}.",
    f"{_BASE}: Template._concat_context_list",
)
TAGS_MANY = row_rule(
    "row.tags-without-media",
    "error",
    "silently_wrong",
    "There are no more <image>, <video> and <audio> tags than media; a tag too many is "
    "trained as text.",
    f"{_BASE}: Template._pre_tokenize_images, _pre_tokenize",
)
TAGS_FEW = row_rule(
    "row.tags-missing",
    "error",
    "silently_wrong",
    "Every picture has its tag: for those without, ms-swift puts tags before the first "
    "message, and the others move on.",
    f"{_BASE}: Template._add_default_tags",
)
TAGS_NONE = row_rule(
    "row.no-tags",
    "warning",
    "ok",
    "Pictures have tags that say where they stand; without any they come first.",
    f"{_BASE}: Template._add_default_tags",
)
TAG_CASE = row_rule(
    "row.tag-case",
    "error",
    "silently_wrong",
    "Tags are written <image>, <video>, <audio>, <bbox>, <ref-object>, in lower case.",
    f"{_BASE}: Template.special_tokens",
)
INLINE = row_rule(
    "row.inline-image",
    "error",
    "silently_wrong",
    "<img>path</img> in a text names a file, in a row without an images column.",
    f"{_BASE}: Template._replace_image_tags",
)
NO_AUDIO = row_rule(
    "row.no-audio",
    "error",
    "replaced",
    "Rows with sounds are for models that hear.",
    "swift/template/templates/qwen.py: Qwen2VLTemplate.replace_tag",
)
TOO_LONG = row_rule(
    "row.too-long",
    "error",
    "replaced",
    "A row has at most max_length tokens; ms-swift replaces longer ones without a log line.",
    f"{_BASE}: Template._encode_truncated; swift/dataset/utils.py: LazyLLMDataset",
)
CUT = row_rule(
    "row.cut",
    "error",
    "silently_wrong",
    "A row has at most max_length tokens; of a longer one truncation_strategy cuts off the "
    "rest, and `split` its pictures.",
    f"{_BASE}: Template._truncate",
)
LENGTH_UNKNOWN = row_rule(
    "row.length-unknown",
    "info",
    "unknown",
    "Whether a long row fits takes a tokenizer to say.",
    f"{_BASE}: Template._encode_truncated",
)
