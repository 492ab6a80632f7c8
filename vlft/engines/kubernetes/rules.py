"""TrainJobs of Kubeflow Trainer: what a manifest can hold, and what a pod can see."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from vlft.engines.kubernetes.section import Kubernetes
from vlft.resolve.model import PLUGIN
from vlft.rules.base import Problem, Problems, RunSpec, rule
from vlft.security.masking import places_of_secrets
from vlft.security.secrets import mask_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.config.entry import KeyPath


# kubernetes.io/docs/concepts/overview/working-with-objects/names: RFC 1123.
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_QUANTITY = re.compile(r"\d+(\.\d+)?([numkMGTPE]|[KMGTPE]i)?|\d+(\.\d+)?[eE]\d+")


def _section(run: RunSpec) -> Kubernetes | None:
    return run.config.engine_section(Kubernetes)


@rule("error", "late")
def gpus(run: RunSpec) -> Problems:
    """How many GPUs a pod gets is known when the manifest is written.

    Source: resources of a pod are numbers
    """
    if run.world.gpus_per_node is None:
        yield Problem(
            ("launch", "gpus"),
            "`gpus: auto` is not known before a pod runs: what is visible here says nothing",
            "write the number of GPUs of a pod: `launch: {gpus: 8}`",
        )


@rule("error", "silent")
def python(run: RunSpec) -> Problems:
    """`launch.python` is for runs outside of an image.

    Source: vlft: the image's `swift` trains
    """
    if run.config.launch.python:
        yield Problem(
            ("launch", "python"),
            "in a pod the image's own `swift` trains: this Python is not used",
            "leave it out",
            at_key=True,
        )


@rule("error", "aborts")
def name(run: RunSpec) -> Problems:
    """Names of other objects are lower case letters, digits, dashes and dots.

    Source: kubernetes: names are RFC 1123 subdomains
    """
    section = _section(run)
    if section is None:
        return
    names: list[tuple[KeyPath, str | None]] = [
        (("kubernetes", key), getattr(section, key))
        for key in ("namespace", "runtime", "service_account")
    ]
    names += [
        (("kubernetes", "volumes", index, "claim"), volume.claim)
        for index, volume in enumerate(section.volumes)
    ]
    names += [
        (("kubernetes", "image_pull_secrets", index), name)
        for index, name in enumerate(section.image_pull_secrets)
    ]
    for path, name in names:
        if name is not None and not _NAME.fullmatch(name):
            yield Problem(path, f"`{name}` can't be a name", "lower case letters, digits and `-`")


@rule("error", "aborts")
def quantity(run: RunSpec) -> Problems:
    """Resources are amounts such as 8, 500m, 64Gi, and GPUs come from `launch.gpus`.

    Source: kubernetes: resource.Quantity
    """
    section = _section(run)
    if section is None:
        return
    amounts: dict[KeyPath, object] = {
        ("kubernetes", "resources", name): value for name, value in section.resources.items()
    }
    if section.shared_memory is not None:
        amounts["kubernetes", "shared_memory"] = section.shared_memory
    for path, value in amounts.items():
        if not _QUANTITY.fullmatch(str(value)):
            yield Problem(path, f"`{value}` is no amount", "write 8, 500m or 64Gi")
    if section.gpu_resource in section.resources:
        yield Problem(
            ("kubernetes", "resources", section.gpu_resource),
            f"`{section.gpu_resource}` is decided by `launch.gpus`",
            "write `launch.gpus`",
            at_key=True,
        )


@rule("error", "late")
def volumes(run: RunSpec) -> Problems:
    """A volume is one claim or one folder of the host, at an absolute path of its own.

    Source: a pod sees its image and its volumes
    """
    section = _section(run)
    seen: set[str] = set()
    for index, volume in enumerate(section.volumes if section is not None else ()):
        path = ("kubernetes", "volumes", index)
        if (volume.claim is None) == (volume.host_path is None):
            yield Problem(path, "a volume is a claim or a host_path", "write one of the two")
        if not volume.mount.startswith("/"):
            yield Problem((*path, "mount"), f"`{volume.mount}` is not absolute", "begin with `/`")
        if volume.mount in seen:
            yield Problem((*path, "mount"), f"`{volume.mount}` is mounted twice", "mount it once")
        seen.add(volume.mount)


@rule("warning", "late")
def unmounted(run: RunSpec) -> Problems:
    """Model, data and output lie in volumes, unless the image holds them.

    Source: a pod sees its image and its volumes
    """
    section = _section(run)
    if section is None:
        return
    mounts = [PurePosixPath(volume.mount) for volume in section.volumes]
    for path, file in _files(run):
        if not any(PurePosixPath(file).is_relative_to(mount) for mount in mounts):
            yield Problem(
                path,
                f"no volume holds {file}: a pod sees it only if the image has it",
                "mount the folder at the same path: kubernetes.volumes",
            )


def _files(run: RunSpec) -> Iterator[tuple[KeyPath, str]]:
    facts = run.facts
    if facts.model.argument.startswith("/"):
        yield ("model", "path"), facts.model.argument
    for key, entries in (("train", facts.train), ("val", facts.val)):
        for index, entry in enumerate(entries):
            if entry.path is not None:
                yield ("data", key, index), str(entry.path)
    yield ("output_dir",), str(run.output_dir)
    if facts.deepspeed_file is not None:
        yield ("deepspeed",), facts.deepspeed_file


@rule("error", "silent")
def secret(run: RunSpec) -> Problems:
    """Secrets are named under `kubernetes.secrets`, as SECRET/KEY, and written nowhere.

    Source: a manifest is read by everybody
    """
    section = _section(run)
    if section is None:
        return
    for place in ("env", "swift"):
        for name, value in getattr(run.config, place).items():
            if value is not None and mask_value(name, str(value)) != str(value):
                hint = "name it under kubernetes.secrets: `VARIABLE: SECRET/KEY`"
                yield Problem((place, name), f"`{name}` would stand in the manifest", hint)
    for path in places_of_secrets(section.model_dump(exclude={"secrets"}), ("kubernetes",)):
        yield Problem(
            path,
            "this text holds a secret, which the manifest exposes",
            "remove it; use kubernetes.image_pull_secrets for the password of a registry",
        )
    for name, reference in section.secrets.items():
        secret, slash, key = reference.partition("/")
        path = ("kubernetes", "secrets", name)
        if not (slash and _NAME.fullmatch(secret) and _KEY.fullmatch(key)):
            yield Problem(path, f"`{reference}` names no secret", "write SECRET/KEY")
        if not _VARIABLE.fullmatch(name):
            yield Problem(path, f"`{name}` is no variable", "letters, digits, `_`", at_key=True)
        elif name in run.config.env:
            yield Problem(path, f"`{name}` stands under `env` too", "leave one out", at_key=True)


@rule("error", "late", rule_id="code.pod")
def pod(run: RunSpec) -> Problems:
    """Own code that needs patches is trained where the patch files are.

    Source: swift/utils/utils.py: import_external_file
    """
    if not run.patches:
        return
    folder = PLUGIN.parent
    section = _section(run)
    mounts = [Path(volume.mount) for volume in section.volumes] if section is not None else []
    if not any(mount == folder or mount in folder.parents for mount in mounts):
        yield Problem(
            ("model", "path"),
            "the checkpoint's own code needs vlft's mends, and the pods don't have their files",
            "mount the folder that vlft is installed in, under the same path (kubernetes.volumes), "
            "or take the `-hf` form of the model",
        )
