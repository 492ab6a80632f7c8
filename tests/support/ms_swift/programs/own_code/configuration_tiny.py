"""Configs of a tiny chat model that carries its own code, as such checkpoints wrote them."""

from transformers import PretrainedConfig, Qwen2Config


class TowerConfig(PretrainedConfig):
    model_type = "tiny_tower"

    def __init__(self, hidden_size=32, image_size=56, patch_size=14, **kwargs):
        super().__init__(**kwargs)
        self.hidden_size = hidden_size
        self.image_size = image_size
        self.patch_size = patch_size


class SpeakerConfig(PretrainedConfig):
    model_type = "tiny_speaker"

    def __init__(self, vocab_size=64, hidden_size=64, num_hidden_layers=2, heads=4, **kwargs):
        super().__init__(**kwargs)
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.num_hidden_layers = num_hidden_layers
        self.heads = heads


LANGUAGE_CONFIGS = {"Qwen2ForCausalLM": Qwen2Config, "SpeakerForCausalLM": SpeakerConfig}


class InternVLChatConfig(PretrainedConfig):
    model_type = "internvl_chat"

    def __init__(
        self,
        vision_config=None,
        llm_config=None,
        force_image_size=None,
        downsample_ratio=0.5,
        **rest,
    ):
        super().__init__(**rest)
        if llm_config is None:
            llm_config = {"architectures": ["Qwen2ForCausalLM"]}
        self.vision_config = TowerConfig(**(vision_config or {}))
        self.llm_config = LANGUAGE_CONFIGS[llm_config["architectures"][0]](**llm_config)
        self.force_image_size = force_image_size
        self.downsample_ratio = downsample_ratio
        self.tie_word_embeddings = self.llm_config.tie_word_embeddings

    def to_dict(self):
        written = dict(self.__dict__)
        written["vision_config"] = self.vision_config.to_dict()
        written["llm_config"] = self.llm_config.to_dict()
        written["model_type"] = self.model_type
        return written
