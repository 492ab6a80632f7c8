"""Examples of the rules `tuner.*`."""

from __future__ import annotations

from examples.base import Example

LIGER = [
    "model.path=third/Qwen3-VL-2B-Instruct",
    "swift.use_liger_kernel=true",
    "launch.python=ligered/bin/python",
    "train.per_device_train_batch_size=2",
]

EXAMPLES = {
    "tuner.lora-with-full": Example(["tuner=full", "lora.rank=8"], ["tuner=full"]),
    "tuner.unknown": Example(["tuner=qlora"], ["tuner=adalora"]),
    "tuner.package": Example(["tuner=bone"], ["tuner=lora"]),
    "tuner.llama-only": Example(["tuner=longlora"], ["tuner=lora"]),
    "tuner.lisa": Example(
        ["swift.lisa_activated_layers=2"], ["tuner=full", "swift.lisa_activated_layers=2"]
    ),
    "tuner.liger-installed": Example(
        ["swift.use_liger_kernel=true", "launch.python=swift-only/bin/python"],
        ["swift.use_liger_kernel=false"],
    ),
    "tuner.liger-model": Example(
        [
            "model.path=InternVL2-2B",
            "swift.use_liger_kernel=true",
            "launch.python=swift-only/bin/python",
        ],
        ["swift.use_liger_kernel=false"],
    ),
    "tuner.liger-logits": Example(LIGER, [*LIGER, "swift.use_logits_to_keep=false"]),
    "tuner.one-adapter": Example(
        ["swift.adapters=[adapter, adapter]"], ["swift.adapters=[adapter]"]
    ),
    "tuner.adapter-with-full": Example(
        ["tuner=full", "swift.adapters=[adapter]"], ["swift.adapters=[adapter]"]
    ),
    "tuner.parameters-ignored": Example(
        ["swift.trainable_parameters=[lm_head]"],
        ["tuner=full", "swift.trainable_parameters=[lm_head]"],
    ),
    "tuner.all-frozen": Example(
        ["model.freeze_llm=true"], ["model.freeze_llm=true", "model.freeze_aligner=false"]
    ),
    "tuner.freeze-ignored": Example(
        ["model.freeze_vit=false", "lora.target_modules=[lm_head]"],
        ["model.freeze_vit=false", "lora.target_modules=[all-linear]"],
    ),
    "tuner.tower-trained": Example(
        ["model.path=towered", "lora.target_modules=[q_proj, up_proj]"],
        ["model.path=towered", "lora.target_modules=[q_proj]"],
    ),
    "tuner.target-modules": Example(
        ["lora.target_modules=[ALL]"], ["lora.target_modules=[lm_head]"]
    ),
    "tuner.target-module-missing": Example(
        ["lora.target_modules=[lm_head, q_porj]"], ["lora.target_modules=[lm_head]"]
    ),
    "tuner.all-linear-alone": Example(
        ["lora.target_modules=[all-linear, lm_head]"],
        ["lora.target_modules=[all-linear, all-embedding]"],
    ),
    "tuner.target-regex": Example(
        ["lora.target_modules=[lm_head]", "swift.target_regex=lm_head"],
        ["swift.target_regex=lm_head"],
    ),
    "tuner.frozen-rate": Example(
        ["swift.vit_lr=1e-5"], ["swift.vit_lr=1e-5", "model.freeze_vit=false"]
    ),
}
