# ruff: noqa: RUF012
"""A tiny tower, a projector and a language model, under the names that ms-swift looks for."""

from torch import nn
from transformers import Qwen2ForCausalLM
from transformers.modeling_utils import PreTrainedModel

from .configuration_tiny import InternVLChatConfig, TowerConfig
from .modeling_tiny_speaker import SpeakerForCausalLM

LANGUAGE_MODELS = {"Qwen2ForCausalLM": Qwen2ForCausalLM, "SpeakerForCausalLM": SpeakerForCausalLM}


class Tower(PreTrainedModel):
    config_class = TowerConfig
    main_input_name = "pixel_values"

    def __init__(self, config):
        super().__init__(config)
        side = config.patch_size
        self.patches = nn.Conv2d(3, config.hidden_size, side, side)
        self.mix = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, pixel_values):
        states = self.patches(pixel_values).flatten(2).transpose(1, 2)
        return states + self.mix(states).tanh()


class InternVLChatModel(PreTrainedModel):
    config_class = InternVLChatConfig
    main_input_name = "pixel_values"
    base_model_prefix = "language_model"
    supports_gradient_checkpointing = True
    _no_split_modules = ["Tower", "Block"]

    def __init__(self, config):
        super().__init__(config)
        self.downsample_ratio = config.downsample_ratio
        wide = config.vision_config.hidden_size * int(1 / config.downsample_ratio) ** 2
        self.vision_model = Tower(config.vision_config)
        kind = LANGUAGE_MODELS[config.llm_config.architectures[0]]
        self.language_model = kind(config.llm_config)
        self.mlp1 = nn.Sequential(
            nn.LayerNorm(wide), nn.Linear(wide, config.llm_config.hidden_size)
        )

    def extract_feature(self, pixel_values):
        states = self.vision_model(pixel_values)
        side, fold = int(states.shape[1] ** 0.5), int(1 / self.downsample_ratio)
        grid = states.view(len(states), side // fold, fold, side // fold, fold, -1)
        joined = grid.transpose(2, 3).reshape(len(states), (side // fold) ** 2, -1)
        return self.mlp1(joined)

    def forward(self, pixel_values=None, input_ids=None, **kwargs):
        raise NotImplementedError("ms-swift calls the language model")

    def generate(self, pixel_values=None, input_ids=None, **kwargs):
        raise NotImplementedError("ms-swift calls the language model")

    def get_input_embeddings(self):
        return self.language_model.get_input_embeddings()

    def get_output_embeddings(self):
        return self.language_model.get_output_embeddings()
