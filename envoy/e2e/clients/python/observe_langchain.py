"""What LangChain's OpenAI package observes."""

import openai
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

from observe import SCHEMA, observe, setting, tool

SAID = [HumanMessage("hello there gateway")]
CITY = [HumanMessage("New York")]
WEATHER = [{"type": "function", "function": {"name": "get_weather", "description": "Weather of a city", "parameters": SCHEMA}}]


def server():
    """A connection of its own: the fake sets a cookie, which clients keep."""
    return {"api_key": setting("OPENAI_KEY"), "base_url": setting("OPENAI_URL"), "max_retries": 0, "timeout": 30,
            "http_client": openai.DefaultHttpxClient()}


def chat(model="gpt-4o-mini", **more):
    return ChatOpenAI(model=model, **server(), **more)


def message_of(message):
    known = message.usage_metadata
    dump = message.model_dump(mode="json", exclude_unset=True, warnings=False)
    del dump["id"]  # LangChain's own, of a run
    return {"text": message.text, "tools": [tool(c["name"], c["args"]) for c in message.tool_calls],
            "finish": message.response_metadata.get("finish_reason"),
            "usage": known and {"input": known["input_tokens"], "output": known["output_tokens"]}, "whole": dump}


def stream_of(model, messages):
    """The chunks added up, and each one's text."""
    chunks = list(model.stream(messages))
    total = chunks[0]
    for chunk in chunks[1:]:
        total += chunk
    return {**message_of(total), "pieces": [c.text for c in chunks]}


def tool_result():
    asked = chat().bind_tools(WEATHER).invoke(CITY)
    result = ToolMessage("18 degrees", tool_call_id=asked.tool_calls[0]["id"])
    return message_of(chat().bind_tools(WEATHER).invoke([*CITY, asked, result]))


def embeddings():
    # Texts, not token ids: those need a vocabulary that is fetched from the network.
    model = OpenAIEmbeddings(model="text-embedding-3-small", check_embedding_ctx_length=False, **server())
    return {"embeddings": model.embed_documents(["one two", "three"])}


observe({
    "chat": lambda: message_of(chat().invoke(SAID)),
    "stream": lambda: stream_of(chat(stream_usage=False), SAID),
    "stream with usage": lambda: stream_of(chat(stream_usage=True), SAID),
    "stream cut at the maximum": lambda: stream_of(chat(max_completion_tokens=2, stream_usage=False), SAID),
    "tool": lambda: message_of(chat().bind_tools(WEATHER).invoke(CITY)),
    "tool stream": lambda: stream_of(chat(stream_usage=True).bind_tools(WEATHER), CITY),
    "tool result": tool_result,
    "embeddings": embeddings,
    "error 400": lambda: message_of(chat(temperature=9).invoke(SAID)),
    "error 404": lambda: message_of(chat("no-such-model").invoke(SAID)),
    "error 429": lambda: message_of(chat("fake-429").invoke(SAID)),
    "error 429 to a stream": lambda: stream_of(chat("fake-429"), SAID),
    "error 500": lambda: message_of(chat("fake-500").invoke(SAID)),
})
