"""Examples of the rules `schedule.*`, `evaluation.*` and `resume.*`."""

from __future__ import annotations

from examples.base import Example

PLAIN = "train.resume_from_checkpoint=resume-plain"
WEIGHTS = "train.resume_from_checkpoint=resume-weights"
ZERO = ["deepspeed=zero2", "launch.gpus=2", "train.resume_from_checkpoint=resume-zero2"]
LONG = ["train.max_steps=1000000000", "train.save_steps=1"]

EXAMPLES = {
    "schedule.no-batch": Example(
        ["data.train=[train.jsonl#3]", "launch.nproc_per_node=4"],
        ["data.train=[train.jsonl#4]", "launch.nproc_per_node=4"],
    ),
    "schedule.rows-below-batch": Example(
        ["train.global_batch_size=65"], ["train.global_batch_size=64"]
    ),
    "schedule.two-lengths": Example(
        ["train.max_steps=10", "train.num_train_epochs=2"], ["train.num_train_epochs=2"]
    ),
    "schedule.two-warmups": Example(
        ["swift.warmup_ratio=0.1", "swift.warmup_steps=2"], ["swift.warmup_ratio=0.1"]
    ),
    "schedule.warmup-range": Example(["swift.warmup_ratio=5"], ["swift.warmup_steps=5"]),
    # 64 rows, 16 a step, 3 epochs
    "schedule.warmup-too-long": Example(["swift.warmup_steps=12"], ["swift.warmup_steps=11"]),
    "schedule.whole-steps": Example(["train.save_steps=2.5"], ["train.save_steps=0.25"]),
    "schedule.never-saved": Example(["train.save_steps=13"], ["train.save_steps=12"]),
    "schedule.scheduler": Example(
        ["swift.lr_scheduler_type=cosin"], ["swift.lr_scheduler_type=cosine"]
    ),
    "schedule.logging-steps": Example(["swift.logging_steps=0"], ["swift.logging_steps=1"]),
    "schedule.disk": Example(
        ["tuner=full", "train.max_steps=1000000000000", "train.save_steps=1"],
        ["tuner=full", "train.max_steps=1000000000000", "train.save_total_limit=2"],
    ),
    "schedule.disk-full": Example(
        [*LONG, "model.path=sized/Qwen2-VL-7B-Instruct"],
        [*LONG, "model.path=sized/Qwen2-VL-7B-Instruct", "train.save_total_limit=2"],
        hardware="here",
    ),
    "schedule.zero-weights-only": Example(
        ["deepspeed=zero2", "swift.save_only_model=true"], ["swift.save_only_model=true"]
    ),
    "evaluation.no-data": Example(["train.eval_steps=5"], ["train.eval_steps=5", "data.val=0.1"]),
    "evaluation.data-unused": Example(
        ["data.val=0.1", 'swift.eval_strategy="no"'], ["data.val=0.1", "swift.eval_strategy=epoch"]
    ),
    "evaluation.strategy": Example(
        ["data.val=0.1", "swift.eval_strategy=often"], ["data.val=0.1", "swift.eval_strategy=epoch"]
    ),
    "evaluation.best-model": Example(
        [
            "swift.load_best_model_at_end=true",
            "data.val=0.1",
            "train.save_steps=10",
            "train.eval_steps=4",
        ],
        [
            "swift.load_best_model_at_end=true",
            "data.val=0.1",
            "train.save_steps=10",
            "train.eval_steps=5",
        ],
    ),
    "evaluation.early-stop": Example(
        ["swift.early_stop_interval=3"], ["swift.early_stop_interval=3", "data.val=0.1"]
    ),
    "evaluation.plateau": Example(
        ["swift.lr_scheduler_type=reduce_lr_on_plateau"],
        ["swift.lr_scheduler_type=reduce_lr_on_plateau", "data.val=0.1"],
    ),
    "evaluation.symlink": Example(
        ["swift.create_checkpoint_symlink=true"],
        ["swift.create_checkpoint_symlink=true", "data.val=0.1"],
    ),
    "evaluation.jieba": Example(
        ["swift.predict_with_generate=true", "launch.python=swift-only/bin/python"],
        ["swift.predict_with_generate=false"],
    ),
    "evaluation.evalscope": Example(
        ["swift.eval_use_evalscope=true", "launch.python=swift-only/bin/python"],
        ["swift.eval_use_evalscope=false"],
    ),
    "evaluation.reporter": Example(
        ["swift.report_to=[wandb]", "launch.python=swift-only/bin/python"],
        ["swift.report_to=[tensorboard]"],
    ),
    "evaluation.reporter-unknown": Example(
        ["swift.report_to=[tensorbord]"], ["swift.report_to=[none]"]
    ),
    "resume.not-found": Example(["train.resume_from_checkpoint=nowhere"], [PLAIN]),
    "resume.no-checkpoint": Example(["train.resume_from_checkpoint=adapter"], [PLAIN]),
    "resume.other-tuner": Example(["tuner=full", PLAIN], [PLAIN]),
    "resume.zero-state": Example(["deepspeed=zero2", PLAIN], ZERO),
    "resume.zero-processes": Example([*ZERO, "launch.gpus=4"], [*ZERO, "launch.gpus=2"]),
    "resume.no-optimizer": Example([WEIGHTS], [WEIGHTS, "swift.resume_only_model=true"]),
    "resume.finished": Example([PLAIN, "train.max_steps=10"], [PLAIN, "train.max_steps=11"]),
}
