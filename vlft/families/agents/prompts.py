"""System prompts for tools, word for word: models were trained on them.

swift/agent_template/react.py, qwen.py
"""

# ruff: noqa: RUF001 - these are the prompts' own characters

from __future__ import annotations

from typing import Final, Literal

from vlft.families.agents.react import KeyWords, ReactPrompt

_QWEN_WORDS: Final = KeyWords("✿FUNCTION✿:", "✿ARGS✿:", "✿RESULT✿:")

_REACT_EN: Final = ReactPrompt(
    "Answer the following questions as best you can. You have access to the following tools:\n\n",
    "{name}: Call this tool to interact with the {human} API. What is the {human} API useful for? "
    "{description} Parameters: {parameters} {form}",
    "\n\nUse the following format:\n\n"
    "Question: the input question you must answer\n"
    "Thought: you should always think about what to do\n"
    "Action: the action to take, should be one of [{}]\n"
    "Action Input: the input to the action\n"
    "Observation: the result of the action\n"
    "... (this Thought/Action/Action Input/Observation can be repeated zero or more times)\n"
    "Thought: I now know the final answer\n"
    "Final Answer: the final answer to the original input question\n\n"
    "Begin!\n",
    "en",
    takes_standalone=True,
)
_REACT_ZH: Final = ReactPrompt(
    "尽可能地回答以下问题。你可以使用以下工具:\n\n",
    "{name}: 调用此工具与 {human} API 进行交互。"
    "{human} 有什么用？{description} 输入参数：{parameters} {form}",
    "\n\n请按照以下格式进行:\n\n"
    "Question: 需要你回答的输入问题\n"
    "Thought: 你应该总是思考该做什么\n"
    "Action: 需要使用的工具，应该是[{}]中的一个\n"
    "Action Input: 传入工具的内容\n"
    "Observation: 行动的结果\n"
    "... (这个Thought/Action/Action Input/Observation可以重复N次)\n"
    "Thought: 我现在知道最后的答案\n"
    "Final Answer: 对原始输入问题的最终答案\n\n"
    "现在开始！\n",
    "zh",
    takes_standalone=True,
)


def _qwen(language: Literal["en", "zh"], after: str) -> ReactPrompt:
    if language == "en":
        before = "{}\n\n# Tools\n\n## You have access to the following tools:\n\n"
        end = "Reply based on tool results. Images need to be rendered as ![](url)"
        tool = "### {human}\n\n{name}: {description} Parameters: {parameters} {form}"
    else:
        before = "{}\n\n# 工具\n\n## 你拥有如下工具：\n\n"
        end = "根据工具结果进行回复，需将图片用![](url)渲染出来"
        tool = "### {human}\n\n{name}: {description} 输入参数：{parameters} {form}"
    return ReactPrompt(before, tool, f"\n\n## {after}✿RETURN✿: {end}", language, words=_QWEN_WORDS)


PROMPTS: Final = {
    "react_en": _REACT_EN,
    "react_zh": _REACT_ZH,
    "qwen_en": _qwen(
        "en",
        "When you need to call a tool, please insert the following command in your reply, "
        "which can be called zero or multiple times according to your needs:\n\n"
        "✿FUNCTION✿: The tool to use, should be one of [{}]\n"
        "✿ARGS✿: The input of the tool\n"
        "✿RESULT✿: Tool results\n",
    ),
    "qwen_zh": _qwen(
        "zh",
        "你可以在回复中插入零次、一次或多次以下命令以调用工具：\n\n"
        "✿FUNCTION✿: 工具名称，必须是[{}]之一。\n"
        "✿ARGS✿: 工具输入\n"
        "✿RESULT✿: 工具结果\n",
    ),
    "qwen_en_parallel": _qwen(
        "en",
        "Insert the following command in your reply when you need to call N tools in parallel:\n\n"
        "✿FUNCTION✿: The name of tool 1, should be one of [{}]\n"
        "✿ARGS✿: The input of tool 1\n"
        "✿FUNCTION✿: The name of tool 2\n"
        "✿ARGS✿: The input of tool 2\n...\n"
        "✿FUNCTION✿: The name of tool N\n"
        "✿ARGS✿: The input of tool N\n"
        "✿RESULT✿: The result of tool 1\n"
        "✿RESULT✿: The result of tool 2\n...\n"
        "✿RESULT✿: he result of tool N\n",
    ),
    "qwen_zh_parallel": _qwen(
        "zh",
        "你可以在回复中插入以下命令以并行调用N个工具：\n\n"
        "✿FUNCTION✿: 工具1的名称，必须是[{}]之一\n"
        "✿ARGS✿: 工具1的输入\n"
        "✿FUNCTION✿: 工具2的名称\n"
        "✿ARGS✿: 工具2的输入\n...\n"
        "✿FUNCTION✿: 工具N的名称\n"
        "✿ARGS✿: 工具N的输入\n"
        "✿RESULT✿: 工具1的结果\n"
        "✿RESULT✿: 工具2的结果\n...\n"
        "✿RESULT✿: 工具N的结果\n",
    ),
}
"""Name of the agent template → its prompt."""
