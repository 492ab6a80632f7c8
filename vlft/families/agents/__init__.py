"""How ms-swift writes tools, their calls and their answers into a conversation."""

from vlft.families.agents.base import AgentError, AgentTemplate
from vlft.families.agents.hermes import Hermes
from vlft.families.agents.prompts import PROMPTS
from vlft.families.agents.react import React

__all__ = ["AgentError", "AgentTemplate", "agent_named"]

_KNOWN: dict[str, AgentTemplate] = {
    "hermes": Hermes(),
    **{name: React(prompt) for name, prompt in PROMPTS.items()},
}


def agent_named(name: str | None) -> AgentTemplate | None:
    """An agent template by the name that `--agent_template` takes; None if it is not known."""
    return None if name is None else _KNOWN.get(name)
