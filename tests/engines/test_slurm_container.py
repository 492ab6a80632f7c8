"""What reaches srun for a container, read as pyxis documents its options."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ODD = "registry#team/vlft:1 'a' \"b\" $HOME `id` é, #x"
MOUNTS = ["/data:/data", "./here:/there:ro+rprivate", "tmpfs:/scratch", "/alone", "/$HOME:/'q'"]
SRUN = '#!/bin/sh\nfor word in "$@"; do printf "%s\\0" "$word"; done > srun.words\n'


def parsed_mounts(text: str) -> list[tuple[str, str, list[str]]]:
    """SOURCE[:TARGET[:FLAG+FLAG]], parted by commas; a source alone is its own target."""
    mounts = []
    for entry in text.split(","):
        source, _, rest = entry.partition(":")
        target, _, flags = rest.partition(":")
        mounts.append((source, target or source, flags.split("+") if flags else []))
    return mounts


@pytest.fixture
def bin_folder(tmp_path: Path) -> Path:
    """An sbatch that takes everything, and an srun that tells what it was given."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in {"sbatch": "#!/bin/sh\necho 7\n", "srun": SRUN}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


@pytest.mark.parametrize("requeue", [False, True])
def test_srun_gets_what_pyxis_reads(
    requeue: bool, vlft: Any, write_config: Any, bin_folder: Path, tmp_path: Path
) -> None:
    container = {
        "image": ODD,
        "mounts": MOUNTS,
        "flags": ["--no-container-mount-home", "--container-workdir=/a b", "--container-env=A,B"],
    }
    section = {"container": container, "requeue": requeue}
    config = write_config(
        f"launch: {{engine: slurm, gpus: none}}\n{yaml.safe_dump({'slurm': section})}"
    )
    path = f"{bin_folder}{os.pathsep}{os.environ['PATH']}"
    done = vlft("train", str(config), "--no-validate", "--run-id", "job", PATH=path)
    assert done.code == 0, done.err
    run = tmp_path / "output" / "job"
    subprocess.run(
        ["bash", str(run / "job.sbatch")],
        env=os.environ | {"PATH": path, "SLURM_JOB_ID": "7"},
        check=False,
        cwd=tmp_path,
    )
    words = (tmp_path / "srun.words").read_text().split("\0")
    assert f"--container-image={ODD}" in words
    assert set(container["flags"]) <= set(words)
    (mounts,) = (word.partition("=")[2] for word in words if word.startswith("--container-mounts="))
    own, *others = parsed_mounts(mounts)
    assert own == (str(run), str(run), [])
    if requeue:  # the callback that saves on the signal lies outside of the image
        source, target, flags = others.pop(0)
        assert (Path(source, "save_and_end.py").is_file(), target, flags) == (True, source, ["ro"])
    assert others == [
        ("/data", "/data", []),
        ("./here", "/there", ["ro", "rprivate"]),
        ("tmpfs", "/scratch", []),
        ("/alone", "/alone", []),
        ("/$HOME", "/'q'", []),
    ]
    # The image's own `swift`, with variables set inside: those of an image come before srun's.
    assert words.index("env") < words.index("swift") < words.index("sft")


@pytest.mark.parametrize(
    "mount", ["", "data:/d", "/a:", ":/a", "/a,/b", "/a b:/a", "/a:/b:ro,rw", "/a:b", "tmpfs"]
)
def test_what_pyxis_would_refuse_or_part_is_refused(
    mount: str, vlft: Any, write_config: Any
) -> None:
    section = {"container": {"image": "a", "mounts": [mount]}}
    config = write_config(
        f"launch: {{engine: slurm, gpus: none}}\n{yaml.safe_dump({'slurm': section})}"
    )
    done = vlft("validate", str(config))
    assert (done.code, "[slurm.container-mounts]" in done.err + done.out) == (1, True), done


def test_a_run_folder_that_cant_be_mounted_is_refused(vlft: Any, write_config: Any) -> None:
    config = write_config(
        "launch: {engine: slurm, gpus: none}\nslurm: {container: {image: a}}\noutput_dir: 'a, b'\n"
    )
    done = vlft("validate", str(config))
    assert (done.code, "can't be mounted" in done.err + done.out) == (1, True)
