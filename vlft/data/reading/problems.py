"""What makes ms-swift fail on a whole file, or read it otherwise than it looks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from vlft.data.outcomes import row_rule

if TYPE_CHECKING:
    from vlft.data.outcomes import RowProblem

Format = Literal["json", "csv", "parquet", "text", "other", "none"]

_FORMATS: Final[dict[str, Format]] = {
    "jsonl": "json",
    "json": "json",
    "csv": "csv",
    "parquet": "parquet",
    "txt": "text",
    "text": "text",
    "arrow": "other",
    "xml": "other",
    "pandas": "other",
    "webdataset": "other",
    "hdf5": "other",
}
"""Ending → format; `other` for those that ms-swift loads and vlft does not look into."""


def format_of(path: Path) -> Format:
    """The format; `none` where ms-swift looks for a data set of that name on the hub."""
    return _FORMATS.get(path.suffix.removeprefix("."), "none")


def format_hint(path: Path) -> str:
    """What to do about a file that ms-swift can't load."""
    ending = path.suffix.lower()
    if ending == ".gz":
        inner = Path(path.stem).suffix or ".jsonl"
        return f"rename it to end in {inner}: packed content is unpacked, the name decides"
    if ending.removeprefix(".") in _FORMATS:
        return f"write {ending} in lower case"
    if ending in {".ndjson", ".jl"}:
        return "rename it to end in .jsonl"
    if ending == ".tsv":
        return "write it as .csv, with commas"
    return "write JSON Lines, and a name that ends in .jsonl"


def no_reader(path: Path) -> RowProblem:
    """A name by which ms-swift finds no reader."""
    ending = path.suffix or "a name without an ending"
    message = f"ms-swift has no reader for {ending}, and asks the hub"
    return NO_READER.found(message, format_hint(path))


def missing(path: Path) -> RowProblem:
    """A file that is not there."""
    hint = "ms-swift takes a relative path that does not exist for a data set on the hub"
    return MISSING.found(f"there is no file {path}", hint)


_JSON = "datasets/packaged_modules/json/json.py: Json._generate_tables"
_LOADER = "swift/dataset/loader.py"

MISSING = row_rule(
    "file.missing",
    "error",
    "load_fails",
    "Every data file exists; ms-swift takes a relative path that does not for the name of a "
    "data set on a hub.",
    "swift/dataset/dataset_syntax.py: DatasetSyntax.parse",
)
NO_READER = row_rule(
    "file.format",
    "error",
    "load_fails",
    "A file's name ends in .jsonl, .json, .csv, .parquet or .txt, in lower case: the ending "
    "alone chooses the reader.",
    f"{_LOADER}: DatasetLoader._load_dataset_path",
)
EMPTY = row_rule(
    "file.empty",
    "error",
    "load_fails",
    "A file has at least one row.",
    "swift/dataset/preprocessor/core.py; swift/dataset/utils.py: sample_dataset",
)
ALL_LOST = row_rule(
    "file.all-rows-lost",
    "error",
    "load_fails",
    "At least one row of a file can be loaded; else ms-swift divides by zero.",
    "swift/dataset/utils.py: sample_dataset",
)
NOT_JSON = row_rule(
    "file.not-json",
    "error",
    "load_fails",
    "Every line is JSON: one that is not makes the whole file fail to load.",
    _JSON,
)
DUPLICATE_KEY = row_rule(
    "file.duplicate-key",
    "error",
    "load_fails",
    "No object has a key twice.",
    "pyarrow.json.read_json",
)
ENCODING = row_rule(
    "file.encoding",
    "error",
    "load_fails",
    "A file is UTF-8 text throughout.",
    "pyarrow.json.read_json",
)
SURROGATE = row_rule(
    "file.surrogate",
    "error",
    "load_fails",
    "Escapes of surrogates, \\ud800 to \\udfff, come in pairs.",
    "pyarrow.json.read_json",
)
NOT_OBJECT = row_rule(
    "file.not-object",
    "error",
    "load_fails",
    "Every row is an object.",
    _JSON,
)
CLASH = row_rule(
    "file.column-clash",
    "error",
    "load_fails",
    "No two columns have one name, once they are renamed.",
    "swift/dataset/preprocessor/core.py: safe_rename_columns",
)
TYPES = row_rule(
    "file.mixed-types",
    "error",
    "load_fails",
    "Values of one column have one type, in a file with blank lines or rows of several lines.",
    "datasets/utils/json.py: json_encode_fields_in_json_lines",
)
SCHEMA = row_rule(
    "file.schema",
    "error",
    "load_fails",
    "The first 10 MiB of a file hold every column, every key and every type of the rest.",
    f"{_JSON}; datasets/table.py: table_cast",
)
QUOTED = row_rule(
    "file.quoted",
    "error",
    "silently_wrong",
    "A text stays a text beyond the first 10 MiB: one list or number in its place, and all "
    "texts of the column are JSON-quoted from there to the end of the file.",
    f"{_JSON}: json_encode_fields_in_json_lines",
)
IMAGES_MIXED = row_rule(
    "file.image-forms",
    "error",
    "load_fails",
    "Where one row names pictures as texts, no other row of the file has numbers or lists in "
    "their place.",
    "swift/dataset/preprocessor/core.py: RowPreprocessor._patch_arrow_writer",
)
UNDECODABLE = row_rule(
    "file.picture-decode",
    "error",
    "load_fails",
    "Pictures that `datasets` decodes itself can be decoded: those in lists, and in columns that "
    "ms-swift does not read, of a Parquet file that `datasets` wrote.",
    "datasets/features/image.py: Image.decode_example; "
    "swift/dataset/preprocessor/core.py: RowPreprocessor._cast_pil_image",
)
NULL_FIRST = row_rule(
    "file.null-first",
    "error",
    "load_fails",
    "No list begins with null before one like it has had a value, and no file with a null row: "
    "pyarrow miscounts, and most often ends the process.",
    "pyarrow 26: pyarrow.json.read_json",
)
NULL_NUMBER = row_rule(
    "row.null-first",
    "error",
    "silently_wrong",
    "No list of numbers begins with null before one like it has had a number: pyarrow "
    "miscounts, and hands out whatever lies in memory.",
    "pyarrow 26: pyarrow.json.read_json",
)
NEEDS_PYARROW = row_rule(
    "file.needs-pyarrow",
    "warning",
    "unknown",
    "Parquet takes pyarrow to read.",
    "vlft: pip install 'vlft[data]'",
)
HUB = row_rule(
    "file.hub",
    "info",
    "unknown",
    "Data sets on a hub are not checked; files are.",
    "swift/dataset/dataset_syntax.py: DatasetSyntax.parse",
)
REPEATS = row_rule(
    "file.repeats",
    "warning",
    "ok",
    "path#N asks for no more rows than the file has; else rows are trained on several times.",
    "swift/dataset/utils.py: sample_dataset",
)
TWO_COLUMNS = row_rule(
    "file.two-columns",
    "warning",
    "ok",
    "One column for one meaning: of two, ms-swift reads the one with its own name.",
    "swift/dataset/preprocessor/core.py: safe_rename_columns",
)
PACKED = row_rule(
    "file.compressed",
    "warning",
    "unknown",
    "A data file is not compressed; only gzip is looked into here.",
    "datasets/utils/extract.py: Extractor.infer_extractor_format",
)
UNPACKED_COPY = row_rule(
    "file.unpacked-copy",
    "warning",
    "ok",
    "A data file is not compressed: `datasets` keeps the unpacked rows by the file's path, and "
    "reads the old ones again when a new file has taken its place.",
    "datasets/utils/extract.py: ExtractManager.extract",
)
