"""What stands around a command: its environment, its launcher, and the script's control flow."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from vlft.config.schema import ENVIRONMENT, NODE_ENVIRONMENT
from vlft.importer.draft import Draft, Entry, Form, Key
from vlft.importer.launchers import IMPORTED, Launch, find_launch
from vlft.importer.shell.state import Text, Variable
from vlft.importer.spans import Spot, finding, shown
from vlft.security.secrets import cover

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from vlft.findings import Finding
    from vlft.importer.flags import Flags
    from vlft.importer.shell.interpreter import Invocation
    from vlft.models import Family


_PATHS: Final = frozenset({
    "PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "LIBRARY_PATH", "CPATH", "LD_PRELOAD", "MANPATH",
    "PS1", "HOME",
})  # fmt: skip
LAUNCH: Final = {
    "NPROC_PER_NODE": "nproc_per_node", "NNODES": "nnodes", "MASTER_ADDR": "master_addr",
    "MASTER_PORT": "master_port",
}  # fmt: skip
"""Variable of the launcher → key of `launch:`."""

_SLURM: Final = re.compile(r"scontrol|SLURM")
_PER_GPU: Final = frozenset({"gpu", "auto"})


class Surroundings:
    """Places variables and launcher options in a draft.

    Args:
        draft: Takes the keys.
        family: Of the model; None if it is not known.
    """

    def __init__(self, draft: Draft, family: Family | None) -> None:
        self._draft = draft
        self._family = family

    def place(self, invocation: Invocation, launch: Launch) -> None:
        """Everything around the command's own flags.

        Args:
            invocation: The command.
            launch: What its launcher was told.
        """
        here = invocation.offset
        options = {name: Variable(text, here) for name, text in launch.options.items()}
        given = dict(invocation.env)
        for name in [name for name in options if name.startswith("env ")]:
            given[name.removeprefix("env ")] = options.pop(name)
        for name, key in LAUNCH.items():
            if name in given:
                options.setdefault(key, given[name])
        self._launch(options, given.get("CUDA_VISIBLE_DEVICES"), launch.launcher, here)
        for name, variable in given.items():
            if name not in LAUNCH and name != "CUDA_VISIBLE_DEVICES":
                self._variable(name, variable)

    def _launch(
        self,
        options: dict[str, Variable],
        devices: Variable | None,
        launcher: str | None,
        here: int,
    ) -> None:
        nproc = options.get("nproc_per_node")
        if nproc is None and "processes" in options:
            nproc = self._processes(options)
        if "include" in options or "gpu_ids" in options:
            named = options.get("gpu_ids") or options["include"]
            text = named.value.text.rpartition(":")[2]
            devices = Variable(Text(text, named.value.why), named.offset)
        if devices is not None:
            self._devices(devices)
        self._nproc(nproc, launcher, devices, here)
        if "master_port" in options and self._any_port(options):
            del options["master_port"]
        for key in ("nnodes", "master_addr", "master_port"):
            if key in options and not self._inherited(key, options[key].value):
                self._put(("launch", key), options[key], whole=key != "master_addr")
        if "hostfile" in options and "nnodes" not in options:
            why = f"the nodes stand in {shown(options['hostfile'].value.text)}"
            self._put(("launch", "nnodes"), Variable(Text("?", why), options["hostfile"].offset))
        if "node_rank" in options:
            rank = f"node rank {options['node_rank'].value.text}"
            self._leave(rank, NODE_ENVIRONMENT["NODE_RANK"])

    def _any_port(self, options: Mapping[str, Variable]) -> bool:
        """Whether the port is one by chance, on one node: vlft looks for a free one itself."""
        port = options["master_port"].value
        by_chance = port.why is not None and re.search(r"RANDOM|shuf", port.text) is not None
        if not by_chance or ("nnodes" in options and options["nnodes"].value.text != "1"):
            return False
        self._leave(f"MASTER_PORT={port.text}", "any port will do, and vlft takes a free one")
        return True

    def _processes(self, options: Mapping[str, Variable]) -> Variable:
        """What accelerate is told counts the processes of all nodes."""
        total = options["processes"]
        nodes = options["nnodes"].value if "nnodes" in options else Text("1")
        why = total.value.why or "it is for all nodes together"
        if all(one.why is None and one.text.isdecimal() for one in (total.value, nodes)):
            count, rest = divmod(int(total.value.text), max(1, int(nodes.text)))
            if not rest:
                return Variable(Text(str(count)), total.offset)
        return Variable(Text(total.value.text, why), total.offset)

    def _nproc(
        self,
        nproc: Variable | None,
        launcher: str | None,
        devices: Variable | None,
        here: int,
    ) -> None:
        key: Key = ("launch", "nproc_per_node")
        if nproc is not None and self._inherited("nproc_per_node", nproc.value):
            return
        if nproc is not None and nproc.value.text not in _PER_GPU:
            self._put(key, nproc, whole=True)
        elif nproc is None and launcher == "accelerate":
            why = "accelerate's own config file says how many processes there are"
            self._put(key, Variable(Text("?", why), here))
        elif nproc is None and launcher != "deepspeed" and not self._on_cpu():
            several = devices is None or "," in devices.value.text
            gpus = "all visible GPUs" if devices is None else "all these GPUs"
            note = f"no NPROC_PER_NODE: one process over {gpus}" if several else None
            self._draft.entries[key] = Entry((Text("1"),), comment=note)

    def _inherited(self, key: str, value: Text) -> bool:
        """Whether a value is the caller's own variable, which vlft reads as well."""
        name = key.upper()
        same = value.why is not None and value.text.strip("${}") == name
        if same:
            self._leave(
                f"{name}={value.text}", "vlft takes it from the environment it is started in"
            )
        return same

    def _on_cpu(self) -> bool:
        gpus = self._draft.entries.get(("launch", "gpus"))
        return gpus is not None and gpus.values[0].text == "none"

    def _devices(self, devices: Variable) -> None:
        key: Key = ("launch", "gpus")
        value = devices.value
        if value.why is not None:
            self._put(key, devices)
            return
        names = [name.strip() for name in value.text.split(",") if name.strip()]
        if not names or names == ["-1"]:
            self._draft.entries[key] = Entry((Text("none"),), comment="no GPU is visible")
        elif all(re.fullmatch(r"0|[1-9]\d{0,3}", name) for name in names):
            self._draft.entries[key] = Entry((Text(f"[{', '.join(names)}]"),), "raw")
        else:
            self._draft.entries[key] = Entry(tuple(map(Text, names)), "list")

    def _variable(self, name: str, variable: Variable) -> None:
        value, spot = variable.value, self._draft.spot_of(variable.offset)
        if name in NODE_ENVIRONMENT:
            self._leave(f"{name}={value.text}", NODE_ENVIRONMENT[name])
        elif not isinstance(held := cover(name, value.text), str):
            self._leave(
                f"{name}={held}", "a secret comes from the environment of whoever starts it"
            )
            message = f"`{name}` is left out: a secret does not belong into a config"
            hint = f"set {name} in the environment that vlft is started in"
            self._draft.find("import.secret", "warning", spot, message, hint)
        elif name == "USE_HF":
            if ("model", "hub") not in self._draft.entries and value.why is None:
                hub = "huggingface" if value.text.lower() in ("1", "true", "yes") else "modelscope"
                self._draft.entries["model", "hub"] = Entry((Text(hub),), comment="USE_HF")
        elif name in ENVIRONMENT:
            self._pixels(name, variable)
        elif _builds_on_caller(name, value):
            self._leave(f"{name}={value.text}", "it builds on the environment, which vlft hands on")
        elif value.why is not None:
            self._leave(f"{name}={value.text}", value.why)
            message = f"`{name}` can't be known without running the shell: {value.why}"
            hint = f"write it at `env.{name}` if the run needs it"
            self._draft.find("import.unknown-variable", "warning", spot, message, hint)
        else:
            self._put(("env", name), variable)

    def _pixels(self, name: str, variable: Variable) -> None:
        key = ENVIRONMENT[name]
        family = self._family
        if family is None or key.removeprefix("pixels.") in family.pixel_variables:
            self._put(tuple(key.split(".")), variable)
            return
        why = f"{family.title} reads no such variable"
        self._leave(f"{name}={variable.value.text}", why)
        spot = self._draft.spot_of(variable.offset)
        self._draft.find("import.dropped", "warning", spot, f"`{name}` is left out: {why}")

    def _put(self, key: Key, variable: Variable, *, whole: bool = False) -> None:
        value, spot = variable.value, self._draft.spot_of(variable.offset)
        if value.why is None and whole and not value.text.isdecimal():
            value = Text(value.text, f"{shown(value.text)} is no whole number")
        form: Form = "text" if key == ("launch", "master_addr") else "plain"
        self._draft.entries[key] = Entry((value,), form)
        if value.why is not None:
            dotted = ".".join(key)
            message = f"`{dotted}` can't be known without running the shell: {value.why}"
            hint = f"write its value at `{dotted}`, or set it in the script"
            if key == ("launch", "master_addr") and _SLURM.search(value.text):
                hint = "on Slurm write `launch.engine: slurm` instead: vlft asks Slurm for it"
            self._draft.find("import.asked", "error", spot, message, hint, dotted)
        for note in dict.fromkeys(value.notes):
            message = f"`{'.'.join(key)}`: {note}"[:200]
            self._draft.find("import.computed", "info", spot, message)

    def _leave(self, what: str, why: str) -> None:
        self._draft.left_out.append(f"{what}: {why}")


def _builds_on_caller(name: str, value: Text) -> bool:
    """Whether a variable adds to what whoever starts it has set: `PATH=/opt/bin:$PATH`."""
    if value.why is None:
        return name in _PATHS and any(f"`{name}`" in note for note in value.notes)
    return name in _PATHS or f"${name}" in value.text or f"${{{name}" in value.text


_BLOCKS = {
    "for": "loop", "while": "loop", "until": "loop", "function": "function",
    "branch": "group after && or ||",
}  # fmt: skip


def tell_surroundings(
    draft: Draft,
    invocation: Invocation,
    launch: Launch,
    read: Flags,
) -> None:
    """What the script around the command does to it."""
    head = draft.head
    for block in invocation.blocks:
        what = _BLOCKS.get(block.kind, f"`{block.kind}`")
        message = f"the command stands in a {what}: whether and how often it runs is not imported"
        draft.find("import.control-flow", "warning", draft.spot_of(block.offset), message)
        head.append(
            f"It stands in a {what} ({draft.spot_of(block.offset)}), which is not imported."
        )
    if invocation.passes:
        values = ", ".join(f"{name}={value}" for name, value in invocation.passes)
        head.append(f"It is the pass {values} of a loop; each pass has a config of its own."[:160])
    _tell_aside(draft, invocation)
    _tell_mended(draft, invocation)
    if invocation.folder is not None and invocation.folder.text not in (".", ""):
        message = f"the script works in {shown(invocation.folder.text)}"
        hint = "a relative path starts from the config's folder: put the config there"
        draft.find("import.folder", "info", draft.spot_of(invocation.offset), message, hint)
        head.append(f"Relative paths start from {invocation.folder.text} (cd): put it there.")
    if launch.unread:
        words = " ".join(launch.unread)
        message = f"not imported, in front of the command: {shown(words)}"
        draft.find("import.launcher", "warning", draft.spot_of(invocation.offset), message)
        draft.left_out.append(f"{words}: in front of the command")
    for word, spot in read.stray:
        if word.why is not None:
            message = f"{shown(word.text)} may be further flags: {word.why}"
        else:
            message = f"{shown(word.text)} belongs to no flag"
        draft.find("import.stray", "warning", spot, message)
        why = word.why or "it belongs to no flag that is known"
        draft.left_out.append(f"{word.text} ({spot}): {why}")


def _tell_mended(draft: Draft, invocation: Invocation) -> None:
    """Flags that bash would not take for the command's own."""
    head = draft.head
    for offset in invocation.cuts:
        message = "blanks after a backslash: to bash the command ends here"
        hint = "the lines below are taken for its own, as they are meant; remove the blanks"
        draft.find("import.mended", "warning", draft.spot_of(offset), message, hint)
    for offset in invocation.glued:
        message = "no blank before the backslash: to bash the next line is part of this word"
        hint = "two words are imported, as they are meant; write a blank"
        draft.find("import.mended", "warning", draft.spot_of(offset), message, hint)
    for offset in invocation.mended:
        message = "to bash the command has ended, and this line is another: `--…: not found`"
        hint = "its flags are imported, as they are meant; no blank line and no comment between"
        draft.find("import.mended", "warning", draft.spot_of(offset), message, hint)
    if invocation.cuts or invocation.mended:
        head.append("To bash the command ends before its last flags; they are all here.")


def tell_unused(
    unused: Sequence[tuple[Invocation, str]], spot_of: Callable[[int], Spot]
) -> list[Finding]:
    """Commands of ms-swift that a script, as it stands, never comes to."""
    found = []
    for one, why in unused:
        launch = find_launch(one.fields)
        if launch is not None and launch.subcommand in IMPORTED:
            message = f"`swift {launch.subcommand}` is not imported: {why}"
            started = "import it as it is started: `vlft import NAME=value train.sh word`"
            hint = started if why.startswith("started") else None
            spot = spot_of(one.offset)
            found.append(finding("import.control-flow", "warning", spot, message, hint))
    return found


def _tell_aside(draft: Draft, invocation: Invocation) -> None:
    """`CUDA_VISIBLE_DEVICES=0` in a line of its own: the shell keeps it to itself."""
    words = " ".join(one.raw for one in invocation.fields)
    for name, variable in invocation.aside.items():
        known = name in ENVIRONMENT or name in NODE_ENVIRONMENT or name in LAUNCH
        if not known or name in invocation.env or re.search(rf"\$\{{?{name}\b", words):
            continue
        text = f"{name}={variable.value.text}"
        message = f"{shown(text)} stands in a line of its own and is not exported: ms-swift "
        message += "never sees it"
        hint = "it is left out, as it is for bash; write it into the config if it is meant"
        spot = draft.spot_of(variable.offset)
        draft.find("import.not-exported", "warning", spot, message, hint)
        draft.left_out.append(f"{text} ({spot}): it is not exported")
