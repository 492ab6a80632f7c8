"""What a run's settings decide about how conversations are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.models.agents import agent_named

if TYPE_CHECKING:
    from vlft.data.settings import CheckSettings
    from vlft.models.agents import AgentTemplate
    from vlft.models.chat import ChatTemplate


def chat_template(settings: CheckSettings) -> ChatTemplate | None:
    """The model's chat template, as the run has it; None if it is not known."""
    if settings.family is None:
        return None
    found = settings.family.template_named(settings.template)
    chat = settings.swift.get("use_chat_template", settings.task != "pt")
    return found if found is None or chat else found.without_chat()


def agent_of(settings: CheckSettings) -> AgentTemplate | None:
    """What writes tools down; None if there is none, or one that is not known here."""
    template, named = chat_template(settings), settings.swift.get("agent_template")
    if template is None:
        return None
    return agent_named(str(named) if named else template.agent, settings.swift_dir)


def learns_all(settings: CheckSettings) -> bool:
    """Whether questions are learnt like answers: `loss_scale: all`, as in `swift pt`."""
    told = settings.swift.get("loss_scale")
    return settings.task == "pt" if told is None else str(told).startswith("all")
