"""What makes ms-swift delete a row when it loads the file, with at most ten tracebacks."""

from __future__ import annotations

from vlft.data.outcomes import row_rule

_SOURCE = "swift/dataset/preprocessor/core.py"

NO_MESSAGES = row_rule(
    "row.no-messages",
    "error",
    "dropped",
    "Every row of a file that has a messages column has messages; ms-swift chooses one reader "
    "for a whole file, and rows in another form vanish without a word.",
    f"{_SOURCE}: AutoPreprocessor, MessagesPreprocessor.preprocess",
)
MESSAGES_FORM = row_rule(
    "row.messages-form",
    "error",
    "dropped",
    "Messages are a list of objects, each with a role and a content.",
    f"{_SOURCE}: MessagesPreprocessor.preprocess",
)
ROLE = row_rule(
    "row.role",
    "error",
    "dropped",
    "A role is system, user, assistant, tool_call, tool_response, tool, or an alias of these.",
    f"{_SOURCE}: MessagesPreprocessor.to_std_messages, RowPreprocessor._check_messages",
)
NULL_CONTENT = row_rule(
    "row.null-content",
    "error",
    "dropped",
    "No message has null for its content.",
    f"{_SOURCE}: RowPreprocessor._check_messages",
)
NO_TEXT = row_rule(
    "row.no-text",
    "error",
    "dropped",
    "A row has a question or an answer under a name that ms-swift knows.",
    f"{_SOURCE}: ResponsePreprocessor.preprocess, RowPreprocessor._check_messages",
)
ANSWER_LIST = row_rule(
    "row.answer-list",
    "error",
    "dropped",
    "A list of answers holds at least one; the first is taken.",
    f"{_SOURCE}: ResponsePreprocessor.preprocess",
)
HISTORY = row_rule(
    "row.history",
    "error",
    "dropped",
    "A history is a list of [question, answer] pairs, or such a list as Python writes it.",
    "swift/template/utils.py: history_to_messages",
)
ALPACA = row_rule(
    "row.instruction",
    "error",
    "dropped",
    "In a file with instruction and input columns, one of the two is a text in every row.",
    f"{_SOURCE}: AlpacaPreprocessor.concat_inst_input",
)
OBJECTS_FORM = row_rule(
    "row.objects-form",
    "error",
    "dropped",
    "`objects` is an object with a bbox list, or is absent.",
    f"{_SOURCE}: RowPreprocessor._check_objects",
)
BOX_LENGTH = row_rule(
    "row.box-length",
    "error",
    "dropped",
    "A box has four numbers, a point has two.",
    f"{_SOURCE}: RowPreprocessor._check_objects",
)
REJECTED = row_rule(
    "row.rejected",
    "error",
    "dropped",
    "A rejected_response is there, and differs from the answer.",
    f"{_SOURCE}: RowPreprocessor._check_rejected_response",
)
BLOCKS = row_rule(
    "row.blocks",
    "error",
    "dropped",
    "Content in blocks of Anthropic's form holds text, image, tool_use and tool_result only.",
    f"{_SOURCE}: MessagesPreprocessor.anthropic_to_messages",
)
UNREADABLE = row_rule(
    "row.unreadable",
    "error",
    "dropped",
    "Every value has the form that ms-swift's reader works with.",
    f"{_SOURCE}: RowPreprocessor.batched_preprocess",
)
