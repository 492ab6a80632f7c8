"""The environment as one report: what is installed, what works with it, and what does not.

Only files are read; no package is imported, and nothing is fetched.
"""

from __future__ import annotations

import platform
import shutil
from importlib import metadata
from typing import TYPE_CHECKING

from msgspec import Struct, to_builtins

from vlft import __version__
from vlft.environment import ENVIRON
from vlft.errors import VlftError
from vlft.models import FAMILIES
from vlft.probe.hardware import probe_hardware
from vlft.resolve.quantization import BITS, METHODS, Situation, lacks
from vlft.swift.interpreter import Interpreter, find_interpreter
from vlft.swift.probe import read_swift
from vlft.swift.versions import package_of, unmet, version_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


_SHOWN = (
    "ms-swift", "torch", "torchvision", "transformers", "tokenizers", "peft", "accelerate",
    "datasets", "trl", "deepspeed", "bitsandbytes", "flash-attn", "liger-kernel",
    "qwen-vl-utils", "decord", "torchcodec", "timm", "gptqmodel", "optimum", "autoawq", "vllm",
)  # fmt: skip
_TELLING = (
    "CUDA_", "NCCL_", "HF_", "MODELSCOPE_", "PYTORCH_", "SWIFT_", "OMP_", "NPROC_", "MASTER_",
)  # fmt: skip


class Exporter(Struct, frozen=True):
    """The interpreter of `export.python`.

    Attributes:
        python: Its path.
        packages: Those that matter, as installed there.
        quantization: `gptq 4` → why it can't be done there; None where it can.
    """

    python: str
    packages: Mapping[str, str]
    quantization: Mapping[str, str | None]


class Report(Struct, frozen=True):
    """What `vlft doctor` says.

    Attributes:
        versions: vlft, Python, system.
        python: The interpreter that trains; None if there is none with ms-swift.
        packages: Those that matter, as installed there.
        gpus: Names with their memory in bytes.
        attention: Implementation → why it can't be used; None where it can.
        quantization: `bnb 8` → why it can't be done; None where it can.
        families: Family → what ms-swift asks for and is not met.
        problems: Pairs of packages that are known not to work together, and what is missing.
        environment: Variables that change what ms-swift does, secrets masked.
        exporter: The interpreter that exports, if it is another one.
    """

    versions: Mapping[str, str]
    python: str | None
    packages: Mapping[str, str]
    gpus: tuple[tuple[str, int], ...]
    attention: Mapping[str, str | None]
    quantization: Mapping[str, str | None]
    families: Mapping[str, tuple[str, ...]]
    problems: tuple[str, ...]
    environment: Mapping[str, str]
    exporter: Exporter | None = None

    def to_json(self) -> dict[str, object]:
        """As plain data."""
        return {"version": 1, **to_builtins(self)}


def examine(python: str | None, exporter: str | None = None) -> Report:
    """Looks at the interpreter that would train, at the one that exports, and at this machine.

    Args:
        python: Path of the first; found as for a config if absent.
        exporter: Path of the second; None if it is the same.

    Raises:
        VlftError: If one of them is no interpreter.
    """
    interpreter = find_interpreter(python)
    packages = interpreter.packages if interpreter is not None else {}
    gpus = probe_hardware().gpus
    gpu = bool(gpus)
    other = find_interpreter(exporter) if exporter is not None else None
    return Report(
        versions={
            "vlft": __version__,
            "python": (interpreter and interpreter.python_version) or platform.python_version(),
            "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        },
        python=interpreter.python if interpreter is not None else None,
        packages=_shown(packages),
        gpus=tuple((gpu.name, gpu.memory_bytes) for gpu in gpus),
        attention=dict(_attention(packages, gpu=gpu)),
        quantization=dict(_quantization(packages, gpu=gpu)),
        families=_families(interpreter),
        problems=(*_problems(packages, gpu=gpu), *_unmet_by_swift(interpreter)),
        environment={
            name: value for name, value in sorted(ENVIRON.items()) if name.startswith(_TELLING)
        },
        exporter=None if other is None else _exporter(other, gpu=gpu),
    )


def _exporter(found: Interpreter, *, gpu: bool) -> Exporter:
    quantization = dict(_quantization(found.packages, gpu=gpu))
    return Exporter(found.python, _shown(found.packages), quantization)


def _shown(packages: Mapping[str, str]) -> dict[str, str]:
    return {name: packages[name] for name in _SHOWN if name in packages}


def _attention(packages: Mapping[str, str], *, gpu: bool) -> Iterator[tuple[str, str | None]]:
    yield "sdpa", None
    yield "eager", None
    if "flash-attn" not in packages:
        yield "flash_attn", "flash-attn is not installed"
    else:
        yield "flash_attn", None if gpu else "it needs a GPU"


def _quantization(packages: Mapping[str, str], *, gpu: bool) -> Iterator[tuple[str, str | None]]:
    """What each method lacks here; data to calibrate on is taken to be at hand."""
    situation = Situation(packages, gpu, calibration=True)
    for method in METHODS:
        for bits in BITS[method] or (None,):
            yield method if bits is None else f"{method} {bits}", lacks(method, situation)


def _families(interpreter: Interpreter | None) -> dict[str, tuple[str, ...]]:
    """What ms-swift asks for by family and the interpreter lacks, where that can be told."""
    if interpreter is None or interpreter.swift_dir is None:
        return {}
    try:
        models = read_swift(interpreter).models()
    except VlftError:
        return {}
    lacking = {}
    for family in FAMILIES:
        entry = models.get(family.swift_model_type)
        if entry is not None:
            lacking[family.title] = tuple(
                requirement
                for requirement in entry.requires
                if _is_unmet(requirement, interpreter.packages)
            )
    return lacking


def _is_unmet(requirement: str, packages: Mapping[str, str]) -> bool:
    installed = packages.get(package_of(requirement))
    return installed is None or unmet(requirement, installed) is not None


def _problems(packages: Mapping[str, str], *, gpu: bool) -> Iterator[str]:
    """Pairs that fail, by what was seen of them (docs/rules.md says more of each)."""
    if "ms-swift" not in packages:
        yield "ms-swift is not installed: pip install 'vlft[train]'"
        return
    if "torch" not in packages:
        yield "torch is not installed: pip install torch torchvision"
    if "torchvision" not in packages:
        yield "torchvision is not installed: Qwen-VL's templates import it"
    if "qwen-vl-utils" not in packages:
        yield "qwen-vl-utils is not installed: Qwen-VL's templates import it"
    if not {"decord", "torchcodec"} & packages.keys():
        yield (
            "neither decord nor torchcodec is installed: rows with a video file are replaced "
            "in training without a word"
        )
    transformers = version_key(packages.get("transformers", ""))
    if "autoawq" in packages and transformers >= version_key("4.52"):
        yield "autoawq does not work with transformers from 4.52 on"
    if "deepspeed" in packages and shutil.which("nvcc") is None and gpu:
        yield "there is no nvcc: DeepSpeed can't build the kernels that an offload needs"


def _unmet_by_swift(interpreter: Interpreter | None) -> Iterator[str]:
    """What ms-swift's own metadata ask for, and something else is installed."""
    if interpreter is None or "ms-swift" not in interpreter.packages:
        return
    version, packages = interpreter.packages["ms-swift"], interpreter.packages
    found = metadata.distributions(name="ms-swift", path=list(interpreter.site_packages))
    for requirement in next((one.requires or [] for one in found), []):
        installed = packages.get(package_of(requirement))
        unconditional = ";" not in requirement
        if unconditional and installed is not None and unmet(requirement, installed) is not None:
            asked = requirement.replace(" ", "")
            yield f"ms-swift {version} asks for {asked}, and {installed} is installed"
