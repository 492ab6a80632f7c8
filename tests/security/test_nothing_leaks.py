"""Secrets in the environment and in a config are in no output of any command, and in no file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.standin_swift import standin_interpreter

MARK = "s3cret"
NAMES = [
    "HF_HUB_PASSWD", "SWIFT_PASSWORD", "MODELSCOPE_CREDENTIALS", "HF_TOKEN", "HF_TOKENS",
    "HF_TOKEN_2", "WANDB_API_KEY", "OPENAI_KEY", "PGPASSWORD", "MYSQL_PWD", "DB_PASS",
    "SSH_PASSPHRASE", "GITHUB_PAT", "NCCL_AUTH", "HTTP_AUTHORIZATION", "AWS_ACCESS_KEY_ID",
    "AZURE_CONNECTION_STRING", "SWIFT_COOKIE", "SENTRY_DSN", "hfToken",
]  # fmt: skip
URLS = {
    "HF_ENDPOINT": "https://me:{}@host/x",
    "HTTPS_PROXY": "http://{}@host:3128",
    "SWIFT_URL": "https://host/x?access_token={}",
    "SWIFT_BLOB": "https://host/x?se=1&sig={}",
    "MAX_ODD": '{{"api_key": "{}"}}',
}
CALLER = {name: f"{MARK}-caller-{name}" for name in NAMES} | {
    name: url.format(f"{MARK}-caller-{name}") for name, url in URLS.items()
}
IN_CONFIG = {name: f"{MARK}-config-{name}" for name in NAMES} | {
    name: url.format(f"{MARK}-config-{name}") for name, url in URLS.items()
}
SWIFT = {
    "hub_token": f"{MARK}-hub",
    "swanlab_token": f'-{MARK} \'of "odd" form',
    "swanlab_secret": f"{MARK}\nof two lines",
    "swanlab_webhook_url": f"https://host/{MARK}",
    "model_kwargs": {"api_key": f"{MARK}-kwargs"},
    "system": f"see https://me:{MARK}@host/x",
}

# Says what reached it in files beside it, fails, and tells all secrets in its last error.
TELLER = """
import json, os, sys
from pathlib import Path

Path(os.environ["TOLD"]).write_text(json.dumps({"argv": sys.argv[1:], "env": dict(os.environ)}))
raise ValueError("no access with " + os.environ["OPENAI_KEY"] + " at " + os.environ["HF_ENDPOINT"]
                 + " or HF_TOKEN=" + os.environ["HF_TOKEN"])
"""


@pytest.fixture
def config(tmp_path: Path, write_config: Any) -> Any:
    """Writes a config with a secret of every name, and a base whose secrets it overrides."""
    standin_interpreter(tmp_path / "standin")
    (site,) = (tmp_path / "standin").glob("lib/python3.*/site-packages")
    (site / "swift" / "cli" / "sft.py").write_text(TELLER)
    base = {"env": {"HF_TOKEN": f"{MARK}-of-a-base"}, "swift": {"hub_token": f"{MARK}-of-a-base"}}
    (tmp_path / "base.yaml").write_text(json.dumps(base))

    def write(launch: str = "gpus: none", more: str = "") -> str:
        path: Path = write_config(
            f"extends: base.yaml\nlaunch: {{{launch}, python: standin/bin/python}}\n"
            f"env: {json.dumps(IN_CONFIG)}\nswift: {json.dumps(SWIFT)}\n{more}"
        )
        return str(path)

    return write


def leaks(done: Any) -> list[str]:
    """The lines with a secret."""
    return [line for line in (done.out + done.err).splitlines() if MARK in line]


@pytest.mark.parametrize("form", ["text", "json"])
def test_doctor(vlft: Any, config: Any, form: str) -> None:
    for words in (["doctor"], ["doctor", config()]):
        done = vlft(*words, "--format", form, **CALLER)
        assert leaks(done) == []
        assert "HF_HUB_PASSWD" in done.out
        assert "https://me:***@host/x" in done.out


@pytest.mark.parametrize("form", ["text", "json", "github", "sarif"])
def test_validate(vlft: Any, config: Any, form: str) -> None:
    done = vlft("validate", config(), "--format", form, "--hardware", "none", **CALLER)
    assert leaks(done) == []
    assert "swift.secret-visible" in done.out
    assert "env.differs" in done.out


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize(
    ("launch", "more", "flags"),
    [
        ("gpus: none", "", ["--dry-run"]),
        ("gpus: none", "", ["--dry-run", "--set", f"env.OTHER_TOKEN={MARK}-of-a-flag"]),
        ("gpus: none, engine: slurm", "", ["--dry-run"]),
        (
            "gpus: none, engine: kubernetes",
            "kubernetes: {image: i, secrets: {A_TOKEN: hub/token}}\n",
            ["--dry-run"],
        ),
        ("gpus: none, nnodes: 2, master_addr: n1", "", ["--print-node-commands"]),
    ],
)
def test_train_that_starts_nothing(
    vlft: Any, config: Any, launch: str, more: str, flags: list[str], form: str
) -> None:
    words = ["train", config(launch, more), "--no-validate", "--format", form, *flags]
    done = vlft(*words, **CALLER)
    assert leaks(done) == []
    assert done.code == ("kubernetes" in launch), done.err  # a manifest would hold them


@pytest.mark.parametrize("form", ["text", "json"])
def test_plan(vlft: Any, config: Any, form: str) -> None:
    assert leaks(vlft("plan", config(), "--format", form, **CALLER)) == []


def test_an_error_beside_a_secret(vlft: Any, write_config: Any) -> None:
    """The line of a finding is shown, and a secret in it is not."""
    texts = [
        f"swift: {{hub_token: {MARK}-1, nonsense_argument: 1}}\n",
        f"swift:\n  hub_token: {{a: {MARK}-1}}\n",
        f"swift:\n  hub_token: [{MARK}-1, {MARK}-2]\n",
        f"env:\n  HF_TOKEN: [{MARK}-1]\n",
        f"hub_token: {MARK}-1\n",
        f"train:\n  hub_token: {MARK}-1 two\n",
        f"env:\n  HF_TOKEN: '{MARK}-1\n",
        f"env:\n  HF_TOKEN: {MARK}-1: 2\n",
        f"env:\n  HF_TOKEN: >-\n    {MARK}-1\n    {MARK}-2\n  HF_TOKEN: 5\n",
        f"env: {{HF_TOKEN: \"s3\\x63ret\", HF_TOKEN: '{MARK}-1'}}\n",
        f"model_path: https://me:{MARK}@host/x\n",
        f"output_dir: [https://{MARK}@host/x]\n",
    ]
    for text in texts:
        config = write_config(text)
        for form in ("text", "json"):
            done = vlft("validate", str(config), "--format", form)
            assert leaks(done) == [], text
            assert "config.yaml" in done.out, text


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize(
    "override",
    [f"swift.hub_token=[{MARK}-1", f"env.HF_TOKEN={{a: {MARK}-1}}", f"train.x_token={MARK}-1"],
)
def test_a_flag_that_is_wrong(vlft: Any, write_config: Any, override: str, form: str) -> None:
    words = ["train", str(write_config()), "--dry-run", "--set", override, "--format", form]
    done = vlft(*words)
    assert (done.code, leaks(done)) == (1, [])


SCRIPT = f"""\
export HF_TOKEN={MARK}-1
export HTTPS_PROXY=http://me:{MARK}-2@host:3128
OPENAI_KEY='{MARK}-3' NCCL_DEBUG=INFO swift sft --model Qwen/Qwen2-VL-2B-Instruct \\
    --dataset https://me:{MARK}-4@host/a.jsonl --hub_token {MARK}-5 --swanlab_token={MARK}-6 \\
    --model_kwargs '{{"api_key": "{MARK}-7"}}' --nonsense 1
"""


@pytest.mark.parametrize("form", ["text", "json"])
def test_import(vlft: Any, tmp_path: Path, form: str) -> None:
    (tmp_path / "train.sh").write_text(SCRIPT)
    assert leaks(vlft("import", "train.sh", "--format", form)) == []
    done = vlft("import", "train.sh", "--output", "made", "--format", form)
    assert leaks(done) == []
    assert [file for file in (tmp_path / "made").iterdir() if MARK in file.read_text()] == []
    words = ["swift", "sft", "--model", "m", "--dataset", "d.jsonl", "--hub_token", f"{MARK}-1"]
    assert leaks(vlft("import", "--format", form, *words)) == []


def test_a_run_and_its_record(vlft: Any, config: Any, tmp_path: Path) -> None:
    done = vlft("train", config(), "--no-validate", TOLD=str(tmp_path / "told"), **CALLER)
    assert (done.code, leaks(done)) == (3, []), done.err
    assert "no access with *** at https://me:***@host/x or HF_TOKEN=***" in done.err
    told = json.loads((tmp_path / "told").read_text())
    assert IN_CONFIG.items() <= told["env"].items()
    for name in ("hub_token", "swanlab_secret", "swanlab_webhook_url"):
        assert told["argv"][told["argv"].index(f"--{name}") + 1] == SWIFT[name]
    assert f"--swanlab_token={SWIFT['swanlab_token']}" in told["argv"]
    assert (
        json.loads(told["argv"][told["argv"].index("--model_kwargs") + 1]) == SWIFT["model_kwargs"]
    )
    (run,) = (tmp_path / "output").iterdir()
    files = [path for path in run.rglob("*") if path.is_file()]
    own = [path for path in files if path.name not in ("stderr.log", "stdout.log")]
    assert {"run.json", "config.yaml", "plan.json", "outcome.json"} <= {path.name for path in own}
    assert [path.name for path in own if MARK.encode() in path.read_bytes()] == []
    for words in (["show"], ["show", "--format", "json"], ["logs"]):
        shown = vlft("runs", words[0], run.name, *words[1:], **CALLER)
        assert (shown.code, leaks(shown)) == (0, []), words
    assert leaks(vlft("runs", "resume", run.name, **CALLER)) == []
