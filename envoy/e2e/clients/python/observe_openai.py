"""What the official OpenAI SDK observes, with either of its clients."""

import openai

from observe import CITY, HELLO, WEATHER, observe, setting, tool, usage, whole


def chat_of(answer):
    choice = answer.choices[0]
    return {"text": choice.message.content, "finish": choice.finish_reason,
            "tools": [tool(c.function.name, c.function.arguments) for c in choice.message.tool_calls or []],
            "usage": usage(answer.usage, "prompt_tokens", "completion_tokens"),
            "request_id": answer._request_id, "whole": whole(answer)}


def stream_of(stream):
    chunks = list(stream)
    deltas = [choice for c in chunks for choice in c.choices]
    calls = [c.function for d in deltas for c in d.delta.tool_calls or []]
    name = "".join(f.name or "" for f in calls)
    return {"text": "".join(d.delta.content or "" for d in deltas), "finish": deltas[-1].finish_reason,
            "tools": [tool(name, "".join(f.arguments or "" for f in calls))] if calls else [],
            "usage": usage(chunks[-1].usage, "prompt_tokens", "completion_tokens"), "whole": [whole(c) for c in chunks]}


def scenarios(client, model, embedding_model):
    """client makes a client, one a call: the fake sets a cookie, which clients keep."""
    create = lambda **request: client().chat.completions.create(**{"model": model, "messages": HELLO, **request})

    def tool_result():
        call = create(tools=WEATHER, messages=CITY).choices[0].message
        result = {"role": "tool", "tool_call_id": call.tool_calls[0].id, "content": "18 degrees"}
        return chat_of(create(tools=WEATHER, messages=[*CITY, call.model_dump(exclude_none=True), result]))

    def embeddings():
        answer = client().embeddings.create(model=embedding_model, input=["one two", "three"])
        return {"embeddings": [d.embedding for d in answer.data], "tokens": answer.usage.prompt_tokens, "whole": whole(answer)}

    def models():
        return {"models": [whole(m) for m in client().models.list()]}

    return {
        "chat": lambda: chat_of(create()),
        "stream": lambda: stream_of(create(stream=True)),
        "stream with usage": lambda: stream_of(create(stream=True, stream_options={"include_usage": True})),
        "stream cut at the maximum": lambda: stream_of(create(stream=True, max_completion_tokens=2)),
        "tool": lambda: chat_of(create(tools=WEATHER, messages=CITY)),
        "tool stream": lambda: stream_of(create(tools=WEATHER, messages=CITY, stream=True)),
        "tool result": tool_result,
        "embeddings": embeddings,
        "models": models,
        "error 400": lambda: chat_of(create(temperature=9)),
        "error 404": lambda: chat_of(create(model="no-such-model")),
        "error 429": lambda: chat_of(create(model="fake-429")),
        "error 429 to a stream": lambda: stream_of(create(model="fake-429", stream=True)),
        "error 500": lambda: chat_of(create(model="fake-500")),
    }


if __name__ == "__main__":
    observe(scenarios(lambda: openai.OpenAI(api_key=setting("OPENAI_KEY"), base_url=setting("OPENAI_URL"), max_retries=0, timeout=30),
                      "gpt-4o-mini", "text-embedding-3-small"))
