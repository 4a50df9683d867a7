"""The SDKs' APIs that are tested, each with what it can ask for: docs/sdk-compatibility.md has them as a table."""

import dataclasses

# A call of sdk/*.mjs, and the column of the table that it is in.
COLUMNS = {
    "unary": "whole answer", "stream": "stream", "tools": "tool", "streamed_tools": "tool, streamed",
    "conversation": "tool result", "json": "JSON mode", "schema": "JSON by schema", "image": "image", "models": "models",
}
TEXT = ("unary", "stream")
MORE = ("tools", "streamed_tools", "conversation", "schema", "image")


@dataclasses.dataclass(frozen=True)
class Row:
    sdk: str      # in sdk/*.mjs
    package: str  # of npm
    api: str
    calls: tuple
    finish: str   # the service's own word for an answer that is complete
    # llmload's provider for the same API: its name, the path of its URL, variables. Empty: it has none.
    provider: tuple = ()
    model: str = "m"
    prefix: str = ""  # of the model, which tells the fake server the API


OPENAI = ("openai", "/v1", {})
ANTHROPIC = ("anthropic", "", {})
CONVERSE = ("bedrock", "", {"LLMLOAD_BEDROCK_API": "converse"})
INVOKE = ("bedrock", "", {"LLMLOAD_BEDROCK_API": "invoke"})

ROWS = (
    Row("openai/chat", "openai", "Chat Completions", (*TEXT, *MORE, "json", "models"), "stop", OPENAI),
    Row("openai/responses", "openai", "Responses", (*TEXT, *MORE, "json"), "completed"),
    Row("openai/azure", "openai", "Azure OpenAI", (*TEXT, *MORE, "json"), "stop", ("azure", "", {})),
    Row("anthropic/messages", "@anthropic-ai/sdk", "Messages", (*TEXT, *MORE), "end_turn", ANTHROPIC),
    Row("bedrock/converse", "@aws-sdk/client-bedrock-runtime", "Converse", (*TEXT, *MORE), "end_turn", CONVERSE),
    Row("bedrock/invoke", "@aws-sdk/client-bedrock-runtime", "InvokeModel, Claude", TEXT, "end_turn", INVOKE,
        prefix="anthropic."),
    Row("bedrock/titan", "@aws-sdk/client-bedrock-runtime", "InvokeModel, Titan", TEXT, "FINISH", INVOKE,
        prefix="amazon.titan-text-"),
    Row("ollama/chat", "ollama", "chat", (*TEXT, *MORE, "json", "models"), "stop", ("ollama", "", {})),
    Row("ollama/generate", "ollama", "generate", (*TEXT, "json", "schema", "image"), "stop"),
    Row("ai/openai_chat", "ai, @ai-sdk/openai", "Chat Completions", (*TEXT, *MORE), "stop", OPENAI),
    Row("ai/openai_responses", "ai, @ai-sdk/openai", "Responses", (*TEXT, *MORE), "stop"),
    Row("ai/anthropic", "ai, @ai-sdk/anthropic", "Messages", (*TEXT, *MORE), "end_turn", ANTHROPIC),
    Row("ai/bedrock", "ai, @ai-sdk/amazon-bedrock", "Converse", (*TEXT, *MORE), "end_turn", CONVERSE),
    Row("ai/compatible", "ai, @ai-sdk/openai-compatible", "Chat Completions", (*TEXT, *MORE), "stop", OPENAI),
)


def table():
    """The table of the documentation, as its lines."""
    lines = ["| package | API | " + " | ".join(COLUMNS.values()) + " | faults |", "| --- " * (len(COLUMNS) + 3) + "|"]
    for row in ROWS:
        cells = ["yes" if call in row.calls else "" for call in COLUMNS]
        lines.append(f"| `{'`, `'.join(row.package.split(', '))}` | {row.api} | " + " | ".join([*cells, "yes"]) + " |")
    return [line.replace("|  |", "| |").replace("|  |", "| |") for line in lines]
