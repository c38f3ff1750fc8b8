"""What the official Anthropic SDK observes."""

import anthropic

from observe import CITY, HELLO, SCHEMA, observe, setting, tool, usage, whole

MODEL = "claude-haiku-4-5"
WEATHER = [{"name": "get_weather", "description": "Weather of a city", "input_schema": SCHEMA}]


def client():
    return anthropic.Anthropic(api_key=setting("ANTHROPIC_KEY"), base_url=setting("ANTHROPIC_URL"), max_retries=0, timeout=30)


def create(**request):
    return client().messages.create(**{"model": MODEL, "max_tokens": 64, "messages": HELLO, **request})


def message_of(message):
    return {"text": "".join(b.text for b in message.content if b.type == "text"), "finish": message.stop_reason,
            "tools": [tool(b.name, b.input) for b in message.content if b.type == "tool_use"],
            "usage": usage(message.usage, "input_tokens", "output_tokens"), "whole": whole(message)}


def helper(**request):
    """The SDK's stream that gathers a message: the message, and the kinds of event on the way."""
    with client().messages.stream(**{"model": MODEL, "max_tokens": 64, "messages": HELLO, **request}) as stream:
        kinds = [e.type for e in stream]
        return {**message_of(stream.get_final_message()), "events": kinds}


def events(**request):
    events = list(create(stream=True, **request))
    return {"text": "".join(getattr(e.delta, "text", "") for e in events if e.type == "content_block_delta"),
            "finish": next(e.delta.stop_reason for e in events if e.type == "message_delta"),
            "whole": [whole(e) for e in events]}


def tool_result():
    call = create(tools=WEATHER, messages=CITY).content[0]
    return message_of(create(tools=WEATHER, messages=[
        *CITY, {"role": "assistant", "content": [{"type": "tool_use", "id": call.id, "name": call.name, "input": call.input}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "18 degrees"}]}]))


observe({
    "chat": lambda: message_of(create(system="be kind")),
    "stream": events,
    "stream with usage": helper,
    "stream cut at the maximum": lambda: helper(max_tokens=2),
    "tool": lambda: message_of(create(tools=WEATHER, messages=CITY)),
    "tool stream": lambda: helper(tools=WEATHER, messages=CITY),
    "tool result": tool_result,
    "count tokens": lambda: {"tokens": client().messages.count_tokens(model=MODEL, messages=HELLO).input_tokens},
    "models": lambda: {"models": [whole(m) for m in client().models.list()]},
    "error 400": lambda: message_of(create(messages=[])),
    "error 404": lambda: message_of(create(model="no-such-model")),
    "error 429": lambda: message_of(create(model="fake-429")),
    "error 429 to a stream": lambda: events(model="fake-429"),
    "error 500": lambda: message_of(create(model="fake-500")),
})
