"""What an agent template is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlft.models.chat import ChatTemplate


class AgentError(Exception):
    """ms-swift fails on the row."""


class UntoldError(Exception):
    """The words that ms-swift writes are not known."""


class Call(NamedTuple):
    """A call of a tool."""

    name: Any
    arguments: Any


class Answered(NamedTuple):
    """What tools' answers after an assistant's message make of the two.

    Attributes:
        before: That message's text.
        prompt: Everything between it and the next message, as it stands in the text.
    """

    before: str
    prompt: str


class AgentTemplate(Protocol):
    """One entry of ms-swift's agent templates (swift/agent_template)."""

    def system(self, tools: Sequence[dict[str, Any]], system: str | None) -> str:
        """The system prompt that names the tools.

        Args:
            tools: Each with `type` and `function`, or the one that the row has.
            system: The row's own prompt, or the template's.

        Raises:
            AgentError: If a tool can't be described.
            UntoldError: If the words of the prompt are not known.
        """

    def calls(self, calls: Sequence[Call]) -> str:
        """The assistant's message that makes these calls."""

    def answers(
        self, before: str, answers: Sequence[str], template: ChatTemplate, *, alone: bool
    ) -> Answered:
        """Answers that follow an assistant's message.

        Args:
            before: The message; its last part, if it was made of several.
            answers: Texts of the tools.
            template: Of the chat.
            alone: Whether the message is one by itself.

        Raises:
            AgentError: If the chat's template has no way to write them.
        """

    def standalone(self, answers: Sequence[str], template: ChatTemplate) -> str:
        """What answers that follow a question add to it.

        Raises:
            AgentError: If the agent template has no way to write them.
        """
