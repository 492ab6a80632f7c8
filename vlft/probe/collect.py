"""All facts about one config, read once."""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct

from vlft.config.source import absolute
from vlft.engines.traits import traits_of
from vlft.environment import Environment, environment_of
from vlft.errors import VlftError
from vlft.probe.checkpoint import Checkpoint, read_checkpoint
from vlft.probe.data_entries import DataEntry, count_rows, parse_entry
from vlft.probe.deepspeed import Deepspeed, preset, read_deepspeed
from vlft.probe.hardware import Hardware, free_bytes, visible_gpus
from vlft.probe.trainer_checkpoint import ResumeFacts, read_resume
from vlft.swift.interpreter import Interpreter, find_interpreter
from vlft.swift.probe import read_swift

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from vlft.config.reader import LoadedConfig
    from vlft.swift.release import SwiftFacts

EngineFacts = TypeVar("EngineFacts")
Read = TypeVar("Read")


class ModelFacts(Struct, frozen=True):
    """What `model.path` turned out to be.

    Attributes:
        argument: What ms-swift is given: an absolute folder or a hub id.
        checkpoint: The folder's content; None for a hub id or a folder that can't be read.
        problem: Why it can't be used; None if it can.
    """

    argument: str
    checkpoint: Checkpoint | None
    problem: VlftError | None

    @property
    def sizes(self) -> Mapping[str, Any] | None:
        """config.json: the folder's own, or what is known of the hub id; None if neither."""
        return known_config(self.argument) if self.checkpoint is None else self.checkpoint.config


class Facts(Struct, frozen=True):
    """What the probes read about a config's surroundings.

    Attributes:
        environ: The caller's environment.
        interpreter: The Python that will train; None if ms-swift was not found.
        interpreter_problem: Why `launch.python` can't be used; None if it can.
        swift: Arguments and models of the installed ms-swift (of the newest supported one
            where none is installed).
        model: The model folder or hub id.
        train: Training data, in the config's order.
        val: Validation files; empty if a share or nothing was asked for.
        deepspeed_file: Absolute path if `deepspeed` names an existing file.
        deepspeed: Settings of the preset or the file; None without either.
        output_dir: Absolute folder that the runs' folders are made in.
        resume: The checkpoint to go on from; None if there is none.
        passed_files: Texts under `swift:` that are files, from the working directory, which is
            where ms-swift looks for them.
        hardware: The machine; None if it is not to be judged.
        visible_gpus: Ids of the visible GPUs, as CUDA_VISIBLE_DEVICES takes them; None
            if the machine is not to be judged.
        disk_free: Bytes free where checkpoints go; None if that is not this machine.
        engine: What the probe of the run's engine found; see `of_engine`.
    """

    environ: Environment
    interpreter: Interpreter | None
    interpreter_problem: VlftError | None
    swift: SwiftFacts
    model: ModelFacts
    train: tuple[DataEntry, ...]
    val: tuple[DataEntry, ...]
    deepspeed_file: str | None
    deepspeed: Deepspeed | None
    output_dir: Path
    resume: ResumeFacts | None
    passed_files: frozenset[str]
    hardware: Hardware | None
    visible_gpus: tuple[str, ...] | None
    disk_free: int | None = None
    engine: object | None = None

    @property
    def gpu_count(self) -> int:
        """GPUs in the machine, visible or not; 0 if it was not looked at."""
        return len(self.hardware.gpus) if self.hardware else 0

    def of_engine(self, kind: type[EngineFacts]) -> EngineFacts | None:
        """What the engine's probe found, if it is of this kind."""
        return self.engine if isinstance(self.engine, kind) else None


_MOST_EQUAL = 8


class FactCache:
    """What was read in one call of vlft, so that a thousand configs read a model folder once.

    It keeps what functions returned, or the VlftError they raised.
    """

    def __init__(self) -> None:
        self._kept: dict[Hashable, Any] = {}
        self._equal: list[tuple[tuple[Any, ...], Any]] = []

    def once(self, read: Callable[..., Read], *key: Hashable, **more: Any) -> Read:
        """`read(*key, **more)`; the first result for the same function and key.

        Args:
            read: Reads files; raises VlftError where it can't.
            key: What it reads.
            more: Arguments that are the same in every call, such as the environment.
        """
        whole = (read, *key)
        if whole not in self._kept:
            try:
                self._kept[whole] = read(*key, **more)
            except VlftError as problem:
                self._kept[whole] = problem
        kept = self._kept[whole]
        if isinstance(kept, VlftError):
            raise kept
        return kept  # type: ignore[no-any-return]

    def once_equal(self, read: Callable[..., Read], *key: Any) -> Read:
        """`read(*key)` for a key without a hash; it is kept for the last few keys."""
        for known, kept in self._equal:
            if known == (read, *key):
                return kept  # type: ignore[no-any-return]
        found = read(*key)
        self._equal = [((read, *key), found), *self._equal[:_MOST_EQUAL]]
        return found


def gather_facts(
    loaded: LoadedConfig,
    hardware: Hardware | None,
    environ: Mapping[str, str],
    cache: FactCache | None = None,
) -> Facts:
    """Reads everything that rules and plan need to know about this config.

    Args:
        loaded: The config.
        hardware: The machine; None if it is not to be judged.
        environ: The caller's environment; the same for all uses of a cache.
        cache: What other configs of the same call have read already.
    """
    config, source = loaded.config, loaded.source
    cache, environ = cache or FactCache(), environment_of(environ)
    engine = traits_of(config.launch.engine)
    if not engine.shares_machine and hardware is not None and hardware.cores:
        hardware = None  # this machine, which is not where it will run
    python = source.absolute(config.launch.python, ("launch", "python"))
    interpreter, interpreter_problem, swift = cache.once(
        _interpreter_and_swift, None if python is None else str(python), environ=environ
    )
    train, val = (
        tuple(
            parse_entry(text, source.base_dir(("data", key, index)))
            for index, text in enumerate(texts if isinstance(texts, list) else ())
        )
        for key, texts in (("train", config.data.train), ("val", config.data.val))
    )
    visible = None if hardware is None else _visible(hardware, environ)
    counted = count_rows((*train, *val))
    resume = source.absolute(
        config.train.resume_from_checkpoint, ("train", "resume_from_checkpoint")
    )
    output_dir = absolute(config.output_dir, source.base_dir(("output_dir",)))
    deepspeed, deepspeed_path = loaded.deepspeed
    deepspeed_file = deepspeed_path if deepspeed_path and _is_file(deepspeed_path) else None
    is_here = hardware is not None and hardware.cores
    return Facts(
        environ=environ,
        interpreter=interpreter,
        interpreter_problem=interpreter_problem,
        swift=swift,
        model=_model(loaded, swift, cache),
        train=counted[: len(train)],
        val=counted[len(train) :],
        deepspeed_file=None if deepspeed_file is None else str(deepspeed_file),
        deepspeed=preset(deepspeed)
        or (None if deepspeed_file is None else cache.once(read_deepspeed, deepspeed_file)),
        output_dir=output_dir,
        resume=None if resume is None else cache.once(read_resume, str(resume)),
        passed_files=frozenset(filter(_is_file, loaded.passed_texts)),
        hardware=hardware,
        visible_gpus=visible,
        disk_free=free_bytes(output_dir) if is_here else None,
        engine=engine.probe(loaded, visible, environ),
    )


def _visible(hardware: Hardware, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Ids of the visible GPUs in the caller's own terms: its list, else the indices.

    A described machine is not this one: what is visible here says nothing about it.
    """
    described = all(gpu.uuid is None for gpu in hardware.gpus)
    names = "" if described else environ.get("CUDA_VISIBLE_DEVICES", "")
    gpus = visible_gpus(hardware, {} if described else environ)
    if not names:
        return tuple(str(gpu.index) for gpu in gpus)
    return tuple(name.strip() for name in names.split(",")[: len(gpus)])


def _interpreter_and_swift(
    configured: str | None, environ: Mapping[str, str]
) -> tuple[Interpreter | None, VlftError | None, SwiftFacts]:
    """Both, and why the interpreter can't be used; None if it can."""
    interpreter: Interpreter | None = None
    try:
        interpreter = find_interpreter(configured, environ=environ)
        return interpreter, None, read_swift(interpreter)
    except VlftError as problem:  # judge the rest by the newest supported release
        return interpreter, problem, read_swift(None)
    except OSError as error:  # a name that no file can have
        shown = f"`{(configured or '')[:60]}…` can't be used: {error.strerror}"
        return None, VlftError(shown, "name a Python interpreter"), read_swift(None)


def _model(loaded: LoadedConfig, swift: SwiftFacts, cache: FactCache) -> ModelFacts:
    text, has_hub = loaded.config.model.path, loaded.config.model.hub is not None
    folder = absolute(text, loaded.source.base_dir(("model", "path")))
    # os.path: False for a name that no file can have, where Path raises.
    if os.path.exists(folder):  # noqa: PTH110
        try:
            return ModelFacts(str(folder), cache.once(read_checkpoint, folder), None)
        except VlftError as problem:
            return ModelFacts(str(folder), None, problem)
    if _is_hub_id(text, swift, has_hub=has_hub):
        return ModelFacts(text, None, None)
    hint = "a relative path starts from the config file's folder; a hub id has the form org/name"
    return ModelFacts(str(folder), None, VlftError(f"there is no folder `{folder}`", hint))


def _is_hub_id(text: str, swift: SwiftFacts, *, has_hub: bool) -> bool:
    """`org/name`, with `model.hub` or known to ms-swift by that id."""
    organisation, _, name = text.partition("/")
    if not organisation or not name or "/" in name or text.startswith((".", "~")):
        return False
    return has_hub or any(text in entry.hub_ids for entry in swift.models().values())


def _is_file(path: str | Path) -> bool:
    """False also for a name that no file can have."""
    return os.path.isfile(path)  # noqa: PTH113


def known_config(hub_id: str) -> dict[str, Any] | None:
    """What decides the size of this model, as in its config.json; None if it is not known."""
    return _known_models().get(hub_id)


@functools.cache
def _known_models() -> dict[str, dict[str, Any]]:
    text = Path(__file__).with_name("known_models.json").read_text(encoding="utf-8")
    found: dict[str, dict[str, Any]] = json.loads(text)
    return found
