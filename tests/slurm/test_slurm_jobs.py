"""What a user does with jobs, on a real Slurm, with a trainer that only tells what reached it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from slurm_cluster import Cluster, job_of

Write = Callable[..., Path]

ODD = "a,b 'single' \"double\" $HOME `id` $(id) \\back #no % ! é 日本\nnext line\r\n\ttab "
SECRET = "hf_0123456789abcdef"


def told(run: Path, rank: int = 0) -> Any:
    return json.loads((run / f"told-{rank}.json").read_text())


def start(cluster: Cluster, cwd: Path, *words: str | Path, **env: str) -> list[Path]:
    # The stand-in lacks the packages that the rules look for.
    return cluster.train(cwd, *words, "--no-validate", **env)


def test_values_arrive_as_they_are_written_and_secrets_stay_out_of_the_script(
    cluster: Cluster, telling_config: Write, tmp_path: Path
) -> None:
    (tmp_path / "secret.env").write_text("FROM_FILE='of the file'\n")
    (tmp_path / "secret.env").chmod(0o600)
    config = telling_config(
        f"env: {{ODD: {json.dumps(ODD)}, MY_TOKEN: {SECRET}}}\n"
        f"swift: {{system: {json.dumps(ODD)}, swanlab_token: {SECRET}}}\n"
        f"output_dir: {json.dumps('out put, 100% $HOME é')}\n",
        slurm=", env_file: secret.env, comment: 'a \"b\" $HOME, é \\c',"
        " setup: ['export FROM_SETUP=\"$((40 + 2))\"']",
    )
    (run,) = start(cluster, tmp_path, config, CALLERS=ODD, RANK="7")
    shown = cluster.end(run)
    assert (shown["status"], shown["exit_code"]) == ("finished", 0)
    argv, env = told(run)["argv"], told(run)["env"]
    assert argv[argv.index("--system") + 1] == ODD
    assert argv[argv.index("--swanlab_token") + 1] == SECRET
    assert (env["ODD"], env["CALLERS"], env["MY_TOKEN"]) == (ODD, ODD, SECRET)
    assert (env["FROM_FILE"], env["FROM_SETUP"]) == ("of the file", "42")
    assert env["CUDA_VISIBLE_DEVICES"] == ""
    assert "RANK" not in env
    assert told(run)["cwd"] == str(tmp_path)
    records = [path for path in run.rglob("*") if path.is_file() and "told" not in path.name]
    assert {"job.sbatch", "run.json", f"slurm-{job_of(run)}.out"} <= {p.name for p in records}
    assert not [path for path in records if SECRET.encode() in path.read_bytes()]
    script = (run / "job.sbatch").read_text()
    assert '#SBATCH --comment="a \\"b\\" $HOME, é \\\\c"' in script


def test_the_usual_options_reach_the_cluster(
    cluster: Cluster, telling_config: Write, tmp_path: Path
) -> None:
    (first,) = start(cluster, tmp_path, telling_config(slurm=", extra: ['--hold']"))
    made = cluster.run(
        *("scontrol", "create", "reservation", "ReservationName=ours", "StartTime=now"),
        *("Duration=60", "Users=root", "Nodes=n1"),
    )
    assert made.code == 0, made.err
    try:
        config = telling_config(
            slurm=", account: vision, qos: high, constraint: fast, exclude: n2, mem: 100M,"
            f" cpus_per_task: 2, gres: 'gpu:1', dependency: 'afterany:{job_of(first)}',"
            " reservation: ours, comment: 'a \"b\"', extra: ['--nice=7']",
            name="options.yaml",
        )
        (run,) = start(cluster, tmp_path, config)
        shown = cluster.run("scontrol", "show", "job", job_of(run)).out
        for field in (
            *("Partition=main", "Account=vision", "TimeLimit=00:05:00", "Requeue=0"),
            *("Features=fast", "ExcNodeList=n2", "MinMemoryNode=100M", "CPUs/Task=2", "Nice=7"),
            *("Reservation=ours", 'Comment=a "b"', f"JobName={run.name}", f"StdOut={run}/slurm-"),
            *(f"Dependency=afterany:{job_of(first)}", "gres:gpu:1", "OverSubscribe="),
        ):
            assert field in shown, shown
        # Without accounting, Slurm forgets it.
        assert "#SBATCH --qos=high\n" in (run / "job.sbatch").read_text()
        cluster.run("scancel", job_of(first))
        assert cluster.end(run)["status"] == "finished"
        assert told(run)["env"]["SLURM_JOB_NODELIST"] == "n1"
    finally:
        cluster.run("scancel", "--user=root")
        cluster.run("scontrol", "delete", "ReservationName=ours")


def test_a_failing_trainer_is_told_with_its_last_error(
    cluster: Cluster, telling_config: Write, tmp_path: Path
) -> None:
    (run,) = start(cluster, tmp_path, telling_config("env: {TELLER: fail}\n"))
    shown = cluster.end(run)
    assert (shown["status"], shown["exit_code"]) == ("failed", 1)
    assert shown["outcome"]["error"] == "ValueError: there are no rows"


def test_a_running_job_is_listed_followed_and_stopped(
    cluster: Cluster, telling_config: Write, tmp_path: Path
) -> None:
    (run,) = start(cluster, tmp_path, telling_config("env: {TELLER: wait}\n"))
    cluster.wait_for((run / "told-0.json").exists, "the trainer", run)
    (row,) = json.loads(cluster.vlft(tmp_path, "runs", "list", "--format", "json").out)
    assert (row["id"], row["status"], row["ended"]) == (run.name, "running", None)
    log = lambda: cluster.vlft(tmp_path, "runs", "logs", run.name).out  # noqa: E731
    cluster.wait_for(lambda: "the trainer is here" in log(), "its words", run)
    stopped = cluster.vlft(tmp_path, "runs", "stop", run.name, "--wait", "600")
    assert (stopped.code, stopped.out) == (0, f"{run.name}  stopped\n"), stopped.err
    assert cluster.run("squeue", "--noheader", "--jobs", job_of(run)).out == ""
    followed = cluster.vlft(tmp_path, "runs", "logs", "--follow", run.name)
    assert "the trainer is here" in followed.out
    again = cluster.vlft(tmp_path, "runs", "stop", run.name)
    assert (again.code, "does not run" in again.err) == (1, True)


def test_a_job_that_waits_for_its_turn_can_be_stopped(
    cluster: Cluster, telling_config: Write, tmp_path: Path
) -> None:
    config = telling_config(slurm=", extra: ['--hold']")
    (run,) = start(cluster, tmp_path, config)
    assert cluster.show(run)["status"] == "starting"
    stopped = cluster.vlft(tmp_path, "runs", "stop", run.name, "--wait", "600")
    assert stopped.out == f"{run.name}  stopped\n", stopped.err
    assert not (run / "told-0.json").exists()


def test_a_job_that_vanishes_was_killed(
    cluster: Cluster, telling_config: Write, tmp_path: Path
) -> None:
    config = telling_config("env: {TELLER: wait}\n", slurm=", setup: ['echo $$ > batch.pid']")
    (run,) = start(cluster, tmp_path, config)
    cluster.wait_for((run / "told-0.json").exists, "the trainer", run)
    os.kill(int((tmp_path / "batch.pid").read_text()), signal.SIGKILL)
    assert cluster.end(run)["status"] == "killed"


def test_a_trainer_that_does_not_obey_is_ended_and_the_job_begins_again(
    cluster: Cluster, telling_config: Write, tmp_path: Path
) -> None:
    config = telling_config(
        "env: {TELLER: wait-once}\n", slurm=", requeue: true, signal_seconds: 2"
    )
    (run,) = start(cluster, tmp_path, config)
    cluster.wait_for((run / "told-0.json").exists, "the trainer", run)
    assert "SLURM_RESTART_COUNT" not in told(run)["env"]
    cluster.run("scancel", "--batch", "--signal=USR1", job_of(run))
    assert cluster.end(run)["status"] == "finished"
    assert told(run)["env"]["SLURM_RESTART_COUNT"] == "1"
    assert "--resume_from_checkpoint" not in told(run)["argv"], "nothing had been saved"


def test_a_training_that_is_over_when_the_signal_comes_is_finished(
    cluster: Cluster, telling_config: Write, tmp_path: Path
) -> None:
    config = telling_config("env: {TELLER: end-when-asked}\n", slurm=", requeue: true")
    (run,) = start(cluster, tmp_path, config)
    cluster.wait_for((run / "told-0.json").exists, "the trainer", run)
    cluster.run("scancel", "--batch", "--signal=USR1", job_of(run))
    assert cluster.end(run)["status"] == "finished"
    assert "Restarts=0 " in cluster.run("scontrol", "show", "job", job_of(run)).out


def test_a_job_that_is_cancelled_after_the_signal_does_not_begin_again(
    cluster: Cluster, telling_config: Write, tmp_path: Path
) -> None:
    config = telling_config("env: {TELLER: wait}\n", slurm=", requeue: true, signal_seconds: 600")
    (run,) = start(cluster, tmp_path, config)
    cluster.wait_for((run / "told-0.json").exists, "the trainer", run)
    cluster.run("scancel", "--batch", "--signal=USR1", job_of(run))
    cluster.wait_for((run / "save-and-end").exists, "the request", run)
    stopped = cluster.vlft(tmp_path, "runs", "stop", run.name, "--wait", "600")
    assert stopped.out == f"{run.name}  stopped\n", stopped.err


def test_three_configs_are_one_array_with_a_run_each(
    cluster: Cluster, telling_config: Write, tmp_path: Path
) -> None:
    configs = [telling_config(f"env: {{WHICH: {name}}}\n", name=f"{name}.yaml") for name in "abc"]
    runs = start(cluster, tmp_path, *configs)
    assert [run.name[0] for run in runs] == ["a", "b", "c"]
    assert len({job_of(run).partition("_")[0] for run in runs}) == 1
    for run, name in zip(runs, "abc", strict=True):
        assert cluster.end(run)["status"] == "finished"
        assert told(run)["env"]["WHICH"] == name
        (log,) = run.glob("slurm-*.out")
        assert "the trainer is here" in log.read_text()


def test_an_array_asks_for_one_thing(
    cluster: Cluster, telling_config: Write, tmp_path: Path
) -> None:
    first = telling_config(name="first.yaml")
    second = telling_config(name="second.yaml", slurm=", mem: 1G")
    refused = cluster.vlft(tmp_path, "train", first, second, "--no-validate")
    assert (refused.code, "differ in --mem=1G" in refused.err) == (1, True), refused.err
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize(
    ("change", "place", "words"),
    [
        ("slurm.partition=nope", "slurm.partition", "invalid partition"),
        ("slurm.constraint=blue", "slurm.constraint", "feature"),
        ("launch.nnodes=3", "launch.nnodes", "node count"),
        ("slurm.time=9-0", "slurm.time", "time limit"),
    ],
)
def test_what_the_cluster_would_refuse_is_an_error_before_anything_is_submitted(
    cluster: Cluster, real_config: Write, tmp_path: Path, change: str, place: str, words: str
) -> None:
    config = real_config(steps=4, save_steps=2)
    done = cluster.vlft(tmp_path, "validate", config, "--set", change, "--format", "json")
    findings = json.loads(done.out)["files"][0]["findings"]
    (found,) = [finding for finding in findings if finding["rule"] == "slurm.refused"]
    assert done.code == 1
    assert words in found["message"].lower()
    assert place in found["path"]
    before = cluster.run("squeue", "--noheader", "--states=all").out
    refused = cluster.vlft(tmp_path, "train", config, "--set", change)
    assert (refused.code, "[slurm.refused]" in refused.err) == (1, True)
    assert cluster.run("squeue", "--noheader", "--states=all").out == before
    assert not (tmp_path / "output").exists()


def test_what_is_refused_at_submission_is_told_and_recorded(
    cluster: Cluster, telling_config: Write, tmp_path: Path
) -> None:
    config = telling_config()
    words = ("--no-validate", "--set", "slurm.partition=nope")
    refused = cluster.vlft(tmp_path, "train", config, *words)
    assert (refused.code, "invalid partition" in refused.err) == (1, True)
    (row,) = json.loads(cluster.vlft(tmp_path, "runs", "list", "--format", "json").out)
    assert row["status"] == "failed"


def test_the_script_is_submitted_by_hand_as_well(
    cluster: Cluster, telling_config: Write, tmp_path: Path
) -> None:
    dry = cluster.vlft(tmp_path, "train", telling_config(), "--no-validate", "--dry-run")
    assert dry.code == 0, dry.err
    (run,) = start(cluster, tmp_path, telling_config(slurm=", extra: ['--hold']"))
    cluster.run("scancel", job_of(run))
    (run / "told-0.json").unlink(missing_ok=True)
    text = (run / "job.sbatch").read_text().replace("#SBATCH --hold\n", "")
    (run / "job.sbatch").write_text(text)
    (run / "job.json").unlink()
    number = cluster.run("sbatch", "--parsable", run / "job.sbatch").out.strip()
    cluster.wait_for((run / "outcome.json").exists, "the end", run)
    assert job_of(run) == number
    assert cluster.show(run)["status"] == "finished"
