"""Says of `swift` commands whether ms-swift takes their arguments, on a machine without a GPU.

A program: `python judge.py` reads requests on stdin, a JSON object a line, and answers each
with one on stdout. It imports ms-swift once; each command is judged in a fork, so nothing
that one leaves behind (environment, patches, registries) reaches the next.

Request: `id`; `subcommand` (sft, pt, rlhf, infer, export); `argv`, the words after it; `env`;
`gpus`, how many are visible; `nproc` and `nnodes`; `torchrun`, whether it starts the processes
(default: where there are several); `bf16`, whether torch says that the GPUs have it (true, as
of all that emulate it); `without`, names of packages to hide; `cwd`; `want`, names of arguments
to tell the value of, dotted for what they hold (`training_args.eval_steps`); `row`, a row whose
image placeholders the command's own template is to count, as `placeholders` among the values;
`seconds`, the time that it may take (600).

Answer: `id`; `ok`; `error`, `Type: text`, or null; `values`.

What is done is what the subcommand does up to the end of its arguments' `__post_init__`
(swift/pipelines/base.py: _parse_args), as rank 0. GPUs, the process group and the network are
stand-ins: torch.cuda answers as if there were `gpus` of them, the group is torch's fake
backend, and opening a socket ends the judgement.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import io
import json
import os
import signal
import socket
import sys
from types import SimpleNamespace
from typing import Any

CLASSES = {
    "sft": "SftArguments",
    "pt": "PretrainArguments",
    "rlhf": "RLHFArguments",
    "infer": "InferArguments",
    "export": "ExportArguments",
}
# Imported before the first fork: what arguments of some commands import only then.
PRELOADED = (
    "swift.arguments",
    "swift.trainers",
    "swift.trainers.seq2seq_trainer",
    "swift.template",
    "transformers.integrations.deepspeed",
    "deepspeed",
    "deepspeed.comm",
    "accelerate.utils.deepspeed",
    "torch.testing._internal.distributed.fake_pg",
)
SHOWN = 4000
"""Characters of an error that are passed on."""


class NoNetworkError(BaseException):
    """A socket was to be opened; a BaseException, so that nobody tries again for 20 s."""


def main() -> None:
    """Answers requests until stdin ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what ms-swift prints is no answer
    os.environ |= {"HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1", "DS_ACCELERATOR": "cpu"}
    _forbid_network()
    for name in PRELOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for line in sys.stdin:
        if line.strip():
            request = json.loads(line)
            answers.write(json.dumps({"id": request["id"], **_forked(request)}) + "\n")
            answers.flush()


def _forked(request: dict[str, Any]) -> dict[str, Any]:
    """The judgement of a child of this process."""
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receiver)
        with contextlib.suppress(BaseException), os.fdopen(sender, "w") as pipe:
            json.dump(judge(request), pipe)
        os._exit(0)
    os.close(sender)
    with os.fdopen(receiver) as pipe:
        text = pipe.read()
    _, status = os.waitpid(child, 0)
    if text:
        answer: dict[str, Any] = json.loads(text)
        return answer
    return {"ok": False, "error": f"JudgeError: the fork ended with {status}", "values": {}}


def judge(request: dict[str, Any]) -> dict[str, Any]:
    """Parses one command as ms-swift does; to be called in a process of its own."""

    def too_late(*_: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, too_late)
    signal.alarm(int(request.get("seconds", 600)))
    os.chdir(request.get("cwd", "."))
    os.environ |= {str(name): str(value) for name, value in request.get("env", {}).items()}
    _pretend(request)
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            args = parse(request["subcommand"], request["argv"])
            values = {name: _plain(_value(args, name)) for name in request.get("want", ())}
            if "row" in request:
                values["placeholders"] = _placeholders(args, request["row"])
    except SystemExit:  # argparse
        lines = [line for line in said.getvalue().splitlines() if ": error: " in line]
        return _refused("SystemExit: " + "\n".join(lines or [said.getvalue()]))
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the answer
        return _refused(f"{type(error).__name__}: {error}")
    return {"ok": True, "error": None, "values": values}


def parse(subcommand: str, argv: list[str]) -> Any:
    """What swift.pipelines.base.SwiftPipeline._parse_args does."""
    import swift.arguments
    from swift.utils import parse_args

    args, remaining = parse_args(getattr(swift.arguments, CLASSES[subcommand]), argv)
    if remaining and not args.ignore_args_error:
        raise ValueError(f"remaining_argv: {remaining}")
    return args


def _placeholders(args: Any, row: dict[str, Any]) -> int:
    """Tokens of the images of a row, as the command would train on it."""
    _, processor = args.get_model_processor(load_model=False)
    template = args.get_template(processor)
    template.set_mode("train")
    ids: list[int] = template.encode(row)["input_ids"]
    return ids.count(template.image_token_id)


def _refused(error: str) -> dict[str, Any]:
    return {"ok": False, "error": error[:SHOWN], "values": {}}


def _value(args: Any, name: str) -> Any:
    for part in name.split("."):
        args = args.get(part) if isinstance(args, dict) else getattr(args, part, None)
    return args


def _plain(value: Any) -> Any:
    """A value as JSON holds it; enums as their value, what has no form as its text."""
    value = getattr(value, "value", value)
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return str(value)
    return value


def _pretend(request: dict[str, Any]) -> None:
    """Makes this process look like rank 0 on a machine with the GPUs of the request."""
    gpus, nproc, nnodes = (int(request.get(key, 1)) for key in ("gpus", "nproc", "nnodes"))
    world = nproc * nnodes
    if request.get("torchrun", world > 1):
        os.environ |= {
            "RANK": "0",
            "LOCAL_RANK": "0",
            "GROUP_RANK": "0",
            "WORLD_SIZE": str(world),
            "LOCAL_WORLD_SIZE": str(nproc),
        }
        os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
        os.environ.setdefault("MASTER_PORT", "29500")
    _hide(frozenset(request.get("without", ())))
    _pretend_gpus(gpus, bf16=bool(request.get("bf16", True)))
    _pretend_group(world)


def _hide(packages: frozenset[str]) -> None:
    """Makes packages look as if they were not installed; their modules bear the same names."""
    real = importlib.metadata.version

    def version(name: str) -> str:
        if name in packages:
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    importlib.metadata.version = version
    modules = {name.replace("-", "_") for name in packages}
    for name in list(sys.modules):
        if name.partition(".")[0] in modules:
            del sys.modules[name]
    for name in modules:
        sys.modules[name] = None  # type: ignore[assignment]


def _pretend_gpus(count: int, *, bf16: bool) -> None:
    import torch
    from transformers.utils import import_utils

    version = (8, 0) if bf16 else (7, 0)
    properties = SimpleNamespace(
        name="GPU", major=version[0], minor=version[1], total_memory=80 << 30, uuid="GPU-0"
    )
    stand_ins: dict[str, Any] = {
        "is_available": lambda: count > 0,
        "is_initialized": lambda: False,
        "device_count": lambda: count,
        "current_device": lambda: 0,
        "set_device": lambda _device: None,
        "is_bf16_supported": lambda **_: bf16,
        "get_device_capability": lambda _device=None: version,
        "get_device_properties": lambda _device=None: properties,
        "get_device_name": lambda _device=None: properties.name,
        "mem_get_info": lambda _device=None: (80 << 30, 80 << 30),
        "empty_cache": lambda: None,
        "synchronize": lambda _device=None: None,
    }
    for name, stand_in in stand_ins.items():
        setattr(torch.cuda, name, stand_in)
    if torch.version.cuda is None:
        torch.version.cuda = "12.8"  # else transformers says that there is no TF32
    # These functions are imported by name all over ms-swift, and remember their answer.
    for function in vars(import_utils).values():
        clear = getattr(function, "cache_clear", None)
        if clear is not None:
            clear()


def _pretend_group(world: int) -> None:
    """A process group of `world` whose other members never speak."""
    import torch.distributed as dist
    from torch.testing._internal.distributed.fake_pg import FakeStore

    real = dist.init_process_group

    def init(*_: object, **__: object) -> None:
        if not dist.is_initialized():
            real("fake", rank=0, world_size=world, store=FakeStore())

    dist.init_process_group = dist.distributed_c10d.init_process_group = init
    dist.is_nccl_available = lambda: True
    with contextlib.suppress(ImportError):
        import deepspeed.comm

        deepspeed.comm.init_distributed = init


def _forbid_network() -> None:
    def refuse(*_: object, **__: object) -> Any:
        raise NoNetworkError("the judge has no network")

    socket.socket.connect = socket.socket.connect_ex = refuse  # type: ignore[method-assign]
    socket.getaddrinfo = socket.create_connection = refuse


if __name__ == "__main__":
    main()
