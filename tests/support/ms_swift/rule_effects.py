"""What is known of rules beyond "ms-swift refuses it"; docs/judge.md is written from it."""

from __future__ import annotations

EFFECTS: dict[str, dict[str, object]] = {
    "batch.default-accumulation": {"training_args.gradient_accumulation_steps": 3},
    "deepspeed.no-effect": {"training_args.deepspeed": None},
    "evaluation.data-unused": {"split_dataset_ratio": 0.0},
    "evaluation.early-stop": {"training_args.eval_strategy": "no"},
    "evaluation.no-data": {"training_args.eval_strategy": "no"},
    "packing.streaming-share": {"training_args.eval_strategy": "no"},
    "precision.emulated": {"bf16": True},
    "precision.mixed-unsaid": {"training_args.fp16": True},
    "swift.none-is-text": {"system": "None"},
    "template.dummy": {"template": "dummy"},
    "template.family": {"template": "qwen2_5"},
}
"""Rule that is not about a refusal → arguments that ms-swift has after its failing example, and
has otherwise after its passing one."""

NOT_JUDGED: dict[str, str] = {
    "kubernetes.name": "the cluster refuses it, not ms-swift",
    "kubernetes.quantity": "the cluster refuses it, not ms-swift",
    "slurm.refused": "sbatch refuses it: tests/slurm",
    "slurm.time": "sbatch refuses it: tests/slurm",
}
"""Rule of effect `aborts` → why its failing example can't be judged."""

INSTEAD: dict[str, list[str]] = {
    # The example is a start of a name, which argparse completes: it is refused by vlft alone.
    "swift.unknown-argument": ["swift.max_lenght=100"],
}
"""Rule of effect `aborts` → overrides that break it where its example is not refused itself."""

WORDS: dict[str, str] = {"swift.value": "invalid"}
"""Rule whose words differ by value → a part that they share."""

FETCHED = ("model.hub-local", "model.revision-local")
"""Rules whose passing example is fetched from a hub, which the judge can't."""

NEEDS_GPU: dict[str, str] = {
    "deepspeed.device-map": "ZeRO-3 does not run on a CPU",
    "launch.gpus-distinct": "CUDA reads the list",
    "launch.model-split": "the weights are spread over GPUs",
    "launch.no-gpu": "CUDA counts them",
    "packages.flash-attention": "its kernels have no CPU",
    "parallel.sequence-heads": "the attention of several ranks runs on GPUs",
    "precision.emulated": "that ms-swift takes it is judged, how slow it is is not",
    "precision.unscaled-gradients": "fp16 has a gradient scaler on a GPU alone",
    "quant.eetq-cpu": "that it works on a GPU",
}
"""Rule → what of it needs a GPU to be seen."""

KNOWN_GAPS: dict[str, str] = {}
"""Words of ms-swift about a config that vlft lets through → why there is no rule."""

TOO_STRICT: dict[str, str] = {
    "swift.mapping": "a number or a list is JSON as well, and fails where it is read",
}
"""Rule of effect `aborts` → why ms-swift takes some of what it refuses."""

REFUSED_ANYWAY: dict[str, str] = {
    "model.is-adapter": "a folder without config.json has no model_type",
    "model.not-found": "an absolute path is not taken for a hub id",
    "tuner.liger-model": "its example has no liger-kernel, so that the answer is the same anywhere",
    "model.type-family": "two templates fit the type of the example; others are silent",
}
"""Rule of another effect → why ms-swift refuses its failing example."""
