"""How to serve trained weights elsewhere, asked as they were trained.

What differs most often between training and serving: the pixel limits, the system prompt and
the chat template. All three are spelled out here for each server, from the run's record.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from vlft.environment import ENVIRON
from vlft.models import family_of, limits_from
from vlft.plan import render_tool
from vlft.probe.checkpoint import Checkpoint, read_checkpoint
from vlft.runs.inference_settings import (
    base_of,
    environment,
    interpreter_for,
    is_limit,
    patched,
    settings,
    weights,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.runs.target import Target

_VLLM_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""What `--max-lora-rank` can be: vllm/config/lora.py, MaxLoRARanks."""

_PROGRAM = """
{imports}
processor = AutoProcessor.from_pretrained({folder!r}{limits})
model = AutoModelForImageTextToText.from_pretrained({folder!r}, dtype="auto", device_map="auto")
{wrap}question = [{{"type": "image", "path": "picture.jpg"}}, {{"type": "text", "text": "…"}}]
messages = {first!r} + [{{"role": "user", "content": question}}]
inputs = processor.apply_chat_template(
    messages, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
).to(model.device)
made = model.generate(**inputs, max_new_tokens=512, do_sample=False)
answer = made[:, inputs["input_ids"].shape[1] :]
print(processor.batch_decode(answer, skip_special_tokens=True)[0])
"""


class Handover(Struct, frozen=True):
    """What to type, and what it must agree with: the documented object of `vlft handover`.

    Attributes:
        weights: Folder to serve.
        adapter: Adapter to put on it; None for whole weights.
        system: System prompt that the model was trained with; None for none.
        template: ms-swift's name of the chat template; None if it is not known.
        min_pixels: Of an image; None where the family has no such limit.
        max_pixels: Of an image, likewise.
        max_length: Tokens of a row in training; None if it was not limited.
        env: Variables that ms-swift needs.
        swift: `swift deploy`, one line for a shell.
        vllm: `vllm serve`, one line for a shell.
        transformers: A program.
        request: Body of a request to either server.
        notes: What does not carry over.
    """

    weights: str
    adapter: str | None
    system: str | None
    template: str | None
    min_pixels: int | None
    max_pixels: int | None
    max_length: int | None
    env: Mapping[str, str]
    swift: str
    vllm: str
    transformers: str
    request: Mapping[str, object]
    notes: tuple[str, ...]


def hand_over(target: Target, base: str | None = None) -> Handover:
    """Commands and environment to serve a target.

    Args:
        target: The weights and their run.
        base: The model under an adapter, if it moved.

    Raises:
        VlftError: If an adapter's base is not known, or there is no ms-swift.
    """
    checkpoint = target.checkpoint
    adapter = checkpoint.path if checkpoint.kind == "adapter" else None
    folder = base_of(target, base) if adapter else checkpoint.path
    model = read_checkpoint(folder) if Path(folder).is_dir() else None
    planned = settings(target, base)
    named = target.plan.model_type if target.plan else None
    family = family_of(named) or family_of(model.model_type if model else None)
    template = next(iter(planned.get("template", ())), family.template if family else None)
    chat = family.template_named(template) if family else None
    system = next(iter(planned.get("system", ())), chat.default_system if chat else None)
    env = {k: v for k, v in environment(target).items() if is_limit(k)}
    # In pixels, whole tokens as ms-swift counts them; none for tiles.
    pixels = family.vision.image_pixels(limits_from(env)) if family and family.vision else None
    arguments = target.plan.arguments if target.plan else {}
    length = next((int(n) for n in arguments.get("max_length", ()) if n.isdecimal()), None)
    name = Path(adapter or folder).name
    messages: list[dict[str, object]] = [{"role": "system", "content": system}] if system else []
    picture = {"type": "image_url", "image_url": {"url": "https://…/picture.jpg"}}
    messages += [{"role": "user", "content": [picture, {"type": "text", "text": "…"}]}]
    return Handover(
        weights=folder,
        adapter=adapter,
        system=system,
        template=template,
        min_pixels=pixels[0] if pixels else None,
        max_pixels=pixels[1] if pixels else None,
        max_length=length,
        env=env,
        swift=_swift(target, base, env, name),
        vllm=_vllm(target, folder, adapter, planned, pixels, length),
        transformers=_transformers(folder, adapter, system, pixels),
        request={"model": name, "messages": messages, "temperature": 0},
        notes=tuple(_notes(target, adapter, planned, model)),
    )


def _swift(target: Target, base: str | None, env: Mapping[str, str], name: str) -> str:
    interpreter = interpreter_for(target)
    arguments = weights(target, base) | settings(target, base)
    family = family_of(target.plan.model_type if target.plan else None)
    if family is not None and family.template is not None:
        # By name: a folder of another name would be guessed at.
        named = {"model_type": (family.swift_model_type,), "template": (family.template,)}
        arguments = named | arguments
    wanted = patched(arguments, target, interpreter, base)
    command = render_tool(interpreter, "deploy", wanted, env)
    # Without a name it serves an adapter under that of the base.
    argv = (*command.argv, "--served_model_name", name)
    return replace(command, argv=argv, unset=()).shell_line(ENVIRON)


def _vllm(
    target: Target,
    folder: str,
    adapter: str | None,
    planned: Mapping[str, tuple[str, ...]],
    pixels: tuple[int, int] | None,
    length: int | None,
) -> str:
    words = ["vllm", "serve", folder, "--served-model-name", Path(adapter or folder).name]
    for dtype in planned.get("torch_dtype", ()):
        words += ["--dtype", dtype]
    if length is not None:
        words += ["--max-model-len", str(length)]
    if pixels is not None:
        limits = dict(zip(("min_pixels", "max_pixels"), pixels, strict=True))
        words += ["--mm-processor-kwargs", json.dumps(limits)]
    if adapter is not None:
        words += ["--enable-lora", "--max-lora-rank", str(server_rank(target.checkpoint))]
        words += ["--lora-modules", f"{Path(adapter).name}={adapter}"]
        words[words.index("--served-model-name") + 1] = "base"
    return shlex.join(words)


def server_rank(adapter: Checkpoint) -> int:
    """What vLLM is told of an adapter's rank: the next that it takes, its largest at most."""
    config = adapter.adapter or {}
    patterns = config.get("rank_pattern")
    ranks = [config.get("r"), *(patterns.values() if isinstance(patterns, dict) else ())]
    largest = max((rank for rank in ranks if isinstance(rank, int)), default=8)
    return next((rank for rank in _VLLM_RANKS if rank >= largest), _VLLM_RANKS[-1])


def _transformers(
    folder: str, adapter: str | None, system: str | None, pixels: tuple[int, int] | None
) -> str:
    limits = ""
    if pixels is not None:
        limits = f', size={{"shortest_edge": {pixels[0]}, "longest_edge": {pixels[1]}}}'
    imports = "from transformers import AutoModelForImageTextToText, AutoProcessor\n"
    wrap = ""
    if adapter is not None:
        imports = f"from peft import PeftModel\n{imports}"
        wrap = f"model = PeftModel.from_pretrained(model, {adapter!r})\n"
    first = [{"role": "system", "content": [{"type": "text", "text": system}]}] if system else []
    return _PROGRAM.format(
        imports=imports, folder=folder, limits=limits, wrap=wrap, first=first
    ).strip()


def _notes(
    target: Target,
    adapter: str | None,
    planned: Mapping[str, tuple[str, ...]],
    model: Checkpoint | None,
) -> list[str]:
    notes = []
    if target.plan is None:
        notes.append("no run's record was found: limits and prompts are the family's defaults")
    if adapter is not None:
        notes.append(
            "vLLM puts LoRA on the language model only: `vlft merge` first if the vision tower"
            " or the projector was trained"
        )
    if "max_pixels" in planned:
        notes.append(
            f"--max_pixels {planned['max_pixels'][0]} shrinks pictures before the template; only"
            " `swift deploy` does so too"
        )
    if model is not None and model.quantization is not None:
        notes.append("the weights are quantised: the server needs the same package")
    return notes
