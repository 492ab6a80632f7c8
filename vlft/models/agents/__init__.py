"""How ms-swift writes tools, their calls and their answers into a conversation."""

from functools import lru_cache

from vlft.models.agents.base import AgentError, AgentTemplate, UntoldError

__all__ = ["AgentError", "AgentTemplate", "UntoldError", "agent_named"]


@lru_cache
def agent_named(name: str | None, swift_dir: str | None) -> AgentTemplate | None:
    """An agent template; None if it is not known.

    Args:
        name: As `--agent_template` takes it.
        swift_dir: Folder of the trainer's package `swift`, whose words it takes; None if there is
            none, and then it knows no system prompt.
    """
    # Only rows with tools ask for it.
    from vlft.models.agents.styles import PROMPTS, Hermes, React
    from vlft.models.agents.wording import wording

    if name == "hermes":
        return Hermes(wording(name, swift_dir))
    if name in PROMPTS:
        return React(PROMPTS[name], wording(name, swift_dir))
    return None
