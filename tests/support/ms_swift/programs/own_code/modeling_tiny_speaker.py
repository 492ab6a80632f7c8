# ruff: noqa: RUF012
"""A small decoder from before caches were objects, and before models were made on no device."""

import torch
from torch import nn
from transformers.modeling_outputs import CausalLMOutputWithPast
from transformers.modeling_utils import PreTrainedModel

from .configuration_tiny import SpeakerConfig


class Turning(nn.Module):
    """Tables of rotary positions: computed here, stored nowhere."""

    def __init__(self, width, length=2048):
        super().__init__()
        speeds = 10000.0 ** (-torch.arange(0, width, 2).float() / width)
        angles = torch.outer(torch.arange(length).float(), speeds)
        self.register_buffer("cosines", torch.cat((angles, angles), -1).cos(), persistent=False)
        self.register_buffer("sines", torch.cat((angles, angles), -1).sin(), persistent=False)

    def forward(self, states, positions):
        cosines, sines = self.cosines[positions][:, None], self.sines[positions][:, None]
        first, second = states.chunk(2, -1)
        return states * cosines + torch.cat((-second, first), -1) * sines


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        wide, self.heads = config.hidden_size, config.heads
        self.before = nn.LayerNorm(wide)
        self.qkv = nn.Linear(wide, 3 * wide, bias=False)
        self.out = nn.Linear(wide, wide, bias=False)
        self.turning = Turning(wide // config.heads)
        self.between = nn.LayerNorm(wide)
        self.up = nn.Linear(wide, 2 * wide)
        self.down = nn.Linear(2 * wide, wide)

    def forward(self, states, mask, positions, past):
        rows, length, wide = states.shape
        packed = self.qkv(self.before(states)).view(rows, length, 3, self.heads, -1)
        query, key, value = packed.permute(2, 0, 3, 1, 4)
        query, key = self.turning(query, positions), self.turning(key, positions)
        if past is not None:
            key, value = torch.cat((past[0], key), 2), torch.cat((past[1], value), 2)
        scores = query @ key.transpose(2, 3) / query.shape[-1] ** 0.5 + mask
        mixed = (scores.softmax(-1) @ value).transpose(1, 2).reshape(rows, length, wide)
        states = states + self.out(mixed)
        return states + self.down(self.up(self.between(states)).relu()), (key, value)


class SpeakerModel(PreTrainedModel):
    config_class = SpeakerConfig
    base_model_prefix = "model"
    supports_gradient_checkpointing = True
    _no_split_modules = ["Block"]

    def _init_weights(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            module.weight.data.normal_(std=0.1)


class SpeakerTrunk(SpeakerModel):
    def __init__(self, config):
        super().__init__(config)
        self.words = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.num_hidden_layers))
        self.norm = nn.LayerNorm(config.hidden_size)
        self.gradient_checkpointing = False
        self.post_init()

    def get_input_embeddings(self):
        return self.words

    def forward(self, input_ids, inputs_embeds, attention_mask, position_ids, past_key_values):
        states = self.words(input_ids) if inputs_embeds is None else inputs_embeds
        heads = self.get_head_mask(None, len(self.layers))
        rows, length, _ = states.shape
        known = past_key_values[0][0].shape[2] if past_key_values is not None else 0
        if position_ids is None:
            position_ids = torch.arange(known, known + length, device=states.device)[None]
        if attention_mask is None:
            attention_mask = states.new_ones(rows, known + length)
        seen = torch.ones(length, known + length, device=states.device).tril(known).bool()
        seen = seen & attention_mask[:, None, None, :].bool()
        mask = torch.zeros_like(seen, dtype=states.dtype).masked_fill(~seen, -1e9)
        pairs = ()
        for index, layer in enumerate(self.layers):
            past = past_key_values[index] if past_key_values is not None else None
            hidden = 0 if heads[index] is None else heads[index]
            states, pair = layer(states, mask + hidden, position_ids, past)
            pairs += (pair,)
        return self.norm(states), pairs


class SpeakerForCausalLM(SpeakerModel):
    _tied_weights_keys = ["output.weight"]

    def __init__(self, config):
        super().__init__(config)
        self.model = SpeakerTrunk(config)
        self.output = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def get_input_embeddings(self):
        return self.model.words

    def get_output_embeddings(self):
        return self.output

    def forward(
        self,
        input_ids=None,
        attention_mask=None,
        position_ids=None,
        past_key_values=None,
        inputs_embeds=None,
        labels=None,
        use_cache=None,
        output_attentions=None,
        output_hidden_states=None,
        return_dict=None,
    ):
        states, pairs = self.model(
            input_ids, inputs_embeds, attention_mask, position_ids, past_key_values
        )
        logits, loss = self.output(states).float(), None
        if labels is not None:
            ahead = logits[:, :-1].reshape(-1, logits.shape[-1])
            loss = nn.functional.cross_entropy(ahead, labels[:, 1:].reshape(-1))
        pairs = pairs if use_cache else None
        return CausalLMOutputWithPast(loss=loss, logits=logits, past_key_values=pairs)

    def prepare_inputs_for_generation(
        self, input_ids, past_key_values=None, attention_mask=None, inputs_embeds=None, **kwargs
    ):
        positions = kwargs.get("position_ids")
        if past_key_values is not None:
            known = past_key_values[0][0].shape[2]
            input_ids = input_ids[:, known if input_ids.shape[1] > known else -1 :]
        if attention_mask is not None and positions is None:
            positions = (attention_mask.long().cumsum(-1) - 1).clamp(min=0)
            positions = positions[:, -input_ids.shape[1] :] if past_key_values else positions
        start = inputs_embeds is not None and past_key_values is None
        return {
            **({"inputs_embeds": inputs_embeds} if start else {"input_ids": input_ids}),
            "position_ids": positions,
            "past_key_values": past_key_values,
            "use_cache": kwargs.get("use_cache"),
            "attention_mask": attention_mask,
        }

    @staticmethod
    def _reorder_cache(past_key_values, beam_idx):
        return tuple(
            tuple(states.index_select(0, beam_idx) for states in pair) for pair in past_key_values
        )
