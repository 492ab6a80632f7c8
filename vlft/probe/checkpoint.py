"""A model or adapter folder, read without loading it; its Python files as text, never run."""

from __future__ import annotations

import ast
import math
import os
import sys
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from vlft.errors import VlftError
from vlft.files import load_json
from vlft.probe.safetensors import Tensors, pickle_files, read_headers, weight_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_TEXT_CONFIGS = ("text_config", "llm_config", "language_config")
# Files in which `auto_map` makes transformers import code from the folder.
_CODE_NAMING_FILES = (
    "config.json",
    "tokenizer_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "video_preprocessor_config.json",
)
# A processor makes AutoProcessor of ms-swift's AutoTokenizer (swift/model/register.py).
_PROCESSOR_FILES = ("preprocessor_config.json", "processor_config.json")
_VOCABULARIES = ("tokenizer.json", "vocab.json", "vocab.txt", "tekken.json")
# A tokenizer and a processor are named by files of their own, which also carry an auto_map.
_PREFIXES = ("tokenization_", "processing_", "image_processing_", "video_processing_")
_JSON_FILES = (*_CODE_NAMING_FILES, "adapter_config.json", "args.json")


class OwnCode(Struct, frozen=True):
    """What the code that transformers would import says.

    Attributes:
        imports: Modules that have to be installed, by their first name. What is imported inside
            `try:` is not asked for (transformers/dynamic_module_utils.py: get_imports).
        bare_config: Whether its config, made without arguments, lacks what it asks its parts
            for: an empty mapping stands in for the language model's.
    """

    imports: frozenset[str]
    bare_config: bool


class Checkpoint(Struct, frozen=True, dict=True):
    """What the files of a checkpoint say.

    Attributes:
        path: Absolute folder; symlinks are kept, for ms-swift goes by its name.
        kind: adapter if there is an adapter_config.json.
        config: config.json; empty in an adapter without one.
        preprocessor: The image processor's settings; empty if there are none.
        code_files: Names of *.py in the folder.
        has_auto_map: Whether a config tells transformers to import code.
        tokenizer_files: Names of the files that a vocabulary may be in.
        has_processor: Whether there are settings of an image processor.
        weight_files: Names of the files that the weights are loaded from, there or not.
        weight_bytes: Size of those that are there.
        pickle_files: Names of weights in pickle form (.bin, .pt), loaded or not.
        adapter: adapter_config.json; None in a model.
        args: args.json, what ms-swift trained it with; None if there is none.
    """

    path: str
    kind: Literal["model", "adapter"]
    config: Mapping[str, Any]
    preprocessor: Mapping[str, Any]
    code_files: tuple[str, ...]
    has_auto_map: bool
    tokenizer_files: tuple[str, ...]
    has_processor: bool
    weight_files: tuple[str, ...]
    weight_bytes: int
    pickle_files: tuple[str, ...]
    adapter: Mapping[str, Any] | None
    args: Mapping[str, Any] | None

    @property
    def model_type(self) -> str | None:
        """The name in config.json; ms-swift's own may be another."""
        return _text(self.config.get("model_type"))

    @property
    def architectures(self) -> tuple[str, ...]:
        """Class names in config.json."""
        names = self.config.get("architectures")
        return tuple(str(name) for name in names) if isinstance(names, list) else ()

    @property
    def torch_dtype(self) -> str | None:
        """`bfloat16`: of the model, else of its language model; None if neither says."""
        for config in self._configs():
            for key in ("dtype", "torch_dtype"):  # the name since transformers 4.56; before
                if (name := _text(config.get(key))) is not None:
                    return name.removeprefix("torch.")
        return None

    @property
    def tied_embeddings(self) -> bool | None:
        """Whether the output layer shares the input embedding; None if it is not said."""
        for config in self._configs():
            if isinstance(value := config.get("tie_word_embeddings"), bool):
                return value
        return None

    @property
    def quantization(self) -> Mapping[str, Any] | None:
        """`quantization_config`; None if the weights are not quantised."""
        for config in self._configs():
            if isinstance(value := config.get("quantization_config"), dict):
                return value
        return None

    @property
    def base_model(self) -> str | None:
        """The model that an adapter belongs to, as it was named at the time."""
        return _text(self.adapter.get("base_model_name_or_path")) if self.adapter else None

    @property
    def problems(self) -> Mapping[str, str]:
        """Weight file that is absent, cut short or broken → what is wrong, to end a sentence."""
        return self._weights[1]

    @cached_property
    def own_code(self) -> OwnCode:
        """What its Python files say; read at the first call."""
        return read_own_code(Path(self.path), self.code_files, self.config)

    def tensors(self) -> Tensors:
        """Name → (safetensors type such as BF16, shape); read at the first call.

        Pickles are not opened, and broken files left out: their tensors are not in here.
        """
        return self._weights[0]

    @property
    def carried_code(self) -> str | None:
        """Why Python would run when ms-swift loads it, as a sentence; None if none would."""
        if not (self.has_auto_map or self.code_files):
            return None
        files = ", ".join(self.code_files) or "named by auto_map"
        return f"`{self.path}` carries Python code that ms-swift would run: {files}"

    @property
    def stored_parameters(self) -> int | None:
        """Of the model that the weight files hold, a shared output layer counted once.

        None if they are not all there, not all safetensors, or quantised.
        """
        plain = all(name.endswith(".safetensors") for name in self.weight_files)
        if not self.weight_files or not plain or self.problems or self.quantization is not None:
            return None
        return sum(
            math.prod(shape)
            for name, (_, shape) in self.tensors().items()
            if not (self.tied_embeddings and name.endswith("lm_head.weight"))
        )

    @cached_property
    def _weights(self) -> tuple[Tensors, dict[str, str]]:
        return read_headers(Path(self.path), self.weight_files)

    def _configs(self) -> Iterator[Mapping[str, Any]]:
        """config.json, then the part of it for the language model."""
        yield self.config
        for key in _TEXT_CONFIGS:
            if isinstance(value := self.config.get(key), dict):
                yield value


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Reads the configs of a model or adapter folder; weights are only counted.

    Raises:
        VlftError: If it is no folder with a config.json or adapter_config.json, or one of
            its JSON files is broken.
    """
    folder = Path(os.path.abspath(path))  # noqa: PTH100  the name of a symlink counts
    names = _names(folder)
    files = {name: load_json(folder / name) for name in _JSON_FILES if name in names}
    config, adapter = files.get("config.json"), files.get("adapter_config.json")
    if adapter is None and config is None:
        raise VlftError(
            f"`{folder}` has no config.json and no adapter_config.json", _nearby(folder, names)
        )
    weights = weight_files(folder, names, "model" if adapter is None else "adapter_model")
    return Checkpoint(
        path=str(folder),
        kind="model" if adapter is None else "adapter",
        config=config or {},
        preprocessor=_preprocessor(files),
        code_files=tuple(name for name in names if name.endswith(".py")),
        has_auto_map=any(any(_auto_maps(files.get(name, {}))) for name in _CODE_NAMING_FILES),
        tokenizer_files=tuple(name for name in names if _is_vocabulary(name)),
        has_processor=any(name in names for name in _PROCESSOR_FILES),
        weight_files=weights,
        weight_bytes=sum(_size(folder / name) for name in weights if name in names),
        pickle_files=pickle_files(names),
        adapter=adapter,
        args=files.get("args.json"),
    )


def _is_vocabulary(name: str) -> bool:
    # tokenizer.model, spiece.model, qwen.tiktoken; a tokenizer with code of its own may read more.
    return name in _VOCABULARIES or name.endswith((".model", ".tiktoken"))


def _names(folder: Path) -> list[str]:
    """Names in the folder, sorted."""
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208  names are enough
    except FileNotFoundError:
        raise VlftError(f"there is no folder `{folder}`", "check the path") from None
    except NotADirectoryError:
        hint = f"name the folder: `{folder.parent}`"
        raise VlftError(f"`{folder}` is a file, not a model folder", hint) from None
    except OSError as error:
        raise VlftError(f"`{folder}` can't be read: {error.strerror}") from None
    except ValueError:
        raise VlftError(f"{str(folder)!r} is no path: it has a zero byte") from None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # a symlink into a cache that was emptied; `problems` tells


def _nearby(folder: Path, names: list[str]) -> str:
    """Where the checkpoint probably is: one level down, as in a run's output folder."""
    inside = [name for name in names if _is_checkpoint(folder / name)]
    if inside:
        # checkpoint-9 comes before checkpoint-10
        last = max(inside, key=lambda name: (len(name), name))
        return f"did you mean `{folder / last}`?"
    return "name the folder that holds the config and the weights"


def _is_checkpoint(folder: Path) -> bool:
    try:
        return any((folder / name).is_file() for name in ("config.json", "adapter_config.json"))
    except OSError:
        return False


def _preprocessor(files: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """The image processor: its part of processor_config.json goes first in transformers 5."""
    nested = files.get("processor_config.json", {}).get("image_processor")
    return nested if isinstance(nested, dict) else files.get("preprocessor_config.json", {})


def _auto_maps(config: Mapping[str, Any]) -> Iterator[Any]:
    """Every `auto_map`, in the configs of parts as well."""
    parts = [config]
    while parts:
        for key, item in parts.pop().items():
            if key == "auto_map":
                yield item
            elif isinstance(item, dict):
                parts.append(item)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def read_own_code(folder: Path, names: Iterable[str], config: Mapping[str, Any]) -> OwnCode:
    """Reads the files that `auto_map` leads to, and those that they import.

    Args:
        folder: The checkpoint.
        names: Of the Python files in it.
        config: config.json.
    """
    there = {name.removesuffix(".py") for name in names}
    waiting = [*_mapped(config), *(name for name in sorted(there) if name.startswith(_PREFIXES))]
    seen: set[str] = set()
    imports: set[str] = set()
    bare = False
    while waiting:
        name = waiting.pop()
        if name in seen or name not in there:
            continue
        seen.add(name)
        for node in _statements(_parse(folder / f"{name}.py")):
            if isinstance(node, ast.Import):
                imports |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level:
                waiting += [node.module] if node.module else [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                imports.add(node.module.partition(".")[0])
            elif isinstance(node, ast.Assign):
                bare = bare or _is_bare(node)
    return OwnCode(frozenset(imports - sys.stdlib_module_names), bare)


def is_installed(module: str, site_packages: Iterable[str]) -> bool:
    """Whether a module can be imported from one of the folders."""
    return any(
        Path(folder, module).is_dir()
        or Path(folder, f"{module}.py").is_file()
        or any(Path(folder).glob(f"{module}.*.so"))
        for folder in site_packages
    )


def _mapped(config: Mapping[str, Any]) -> Iterator[str]:
    """Modules that an `auto_map` names."""
    for auto_map in _auto_maps(config):
        for target in auto_map.values() if isinstance(auto_map, dict) else ():
            for one in target if isinstance(target, list) else [target]:
                # `repository--module.Class` where the code lies elsewhere
                yield str(one).rpartition("--")[2].partition(".")[0]


def _parse(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return ast.Module([], [])


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Everything outside of `try:` and of questions for flash attention."""
    for node in ast.iter_child_nodes(tree):
        asked = isinstance(node, ast.If) and "flash_attn" in ast.dump(node.test)
        if not isinstance(node, ast.Try) and not asked:
            yield node
            yield from _statements(node)


def _is_bare(node: ast.Assign) -> bool:
    """`llm_config = {}`."""
    names = {target.id for target in node.targets if isinstance(target, ast.Name)}
    return "llm_config" in names and isinstance(node.value, ast.Dict) and not node.value.keys
