"""The official OpenAI SDK: JSON, streams, tools, images, embeddings, errors."""

import json

import openai

from suite import case, equal, main, raises, setting

URL, KEY = setting("OPENAI_URL"), setting("OPENAI_KEY")
MODEL, DATED = "gpt-4o-mini", "gpt-4o-mini-2024-07-18"
HELLO = [{"role": "user", "content": "hello there gateway"}]
WEATHER = [{"type": "function", "function": {
    "name": "get_weather", "description": "Weather of a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]
PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def client(key=KEY):
    return openai.OpenAI(api_key=key, base_url=URL, max_retries=0, timeout=30)


def chat(key=KEY, **request):
    return client(key).chat.completions.create(**{"model": MODEL, "messages": HELLO, **request})


def text_of(stream):
    return "".join(c.choices[0].delta.content or "" for c in stream if c.choices)


@case
def chat_json():
    answer = chat()
    equal(answer.choices[0].message.content, "You said: hello there gateway")
    equal(answer.choices[0].finish_reason, "stop")
    equal(answer.model, DATED)
    equal((answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens), (10, 5, 15))
    equal(answer.usage.prompt_tokens_details.cached_tokens, 0)


@case
def chat_several_choices_and_an_output_maximum():
    answer = chat(n=2, max_completion_tokens=2)
    equal([c.message.content for c in answer.choices], ["You said:"] * 2)
    equal({c.finish_reason for c in answer.choices}, {"length"})
    equal(answer.usage.completion_tokens, 4)


@case
def chat_stream_without_usage():
    chunks = list(chat(stream=True))
    equal(text_of(chunks), "You said: hello there gateway")
    equal(chunks[-1].choices[0].finish_reason, "stop")
    for chunk in chunks:
        equal(len(chunk.choices), 1)  # no usage chunk that nobody asked for
        equal(chunk.usage, None)
        equal("usage" in chunk.model_fields_set, False)


@case
def chat_stream_with_usage():
    chunks = list(chat(stream=True, stream_options={"include_usage": True}))
    equal(text_of(chunks), "You said: hello there gateway")
    equal(chunks[-1].choices, [])
    equal((chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens), (10, 5))
    equal([c.usage for c in chunks[:-1]], [None] * (len(chunks) - 1))


@case
def chat_stream_helper():
    with client().chat.completions.stream(model=MODEL, messages=HELLO) as stream:
        for _ in stream:
            pass
        equal(stream.get_final_completion().choices[0].message.content, "You said: hello there gateway")


@case
def chat_stream_in_odd_pieces():
    chunks = chat(stream=True, extra_headers={"x-fake-split": "1,7,2,31", "x-fake-newline": "crlf", "x-fake-comments": "yes"})
    equal(text_of(chunks), "You said: hello there gateway")


@case
def tool_call_and_its_result():
    answer = chat(tools=WEATHER, messages=[{"role": "user", "content": "Paris"}])
    message = answer.choices[0].message
    equal(answer.choices[0].finish_reason, "tool_calls")
    equal(message.tool_calls[0].function.name, "get_weather")
    equal(json.loads(message.tool_calls[0].function.arguments), {"city": "Paris"})
    after = chat(tools=WEATHER, messages=[
        {"role": "user", "content": "Paris"}, message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "18 degrees"}])
    equal(after.choices[0].message.content, "The tool said: 18 degrees")


@case
def tool_call_streamed():
    name, arguments = "", ""
    for chunk in chat(tools=WEATHER, messages=[{"role": "user", "content": "New York"}], stream=True):
        for call in chunk.choices[0].delta.tool_calls or []:
            name += call.function.name or ""
            arguments += call.function.arguments or ""
    equal((name, json.loads(arguments)), ("get_weather", {"city": "New York"}))


@case
def image_in_a_content_part():
    answer = chat(messages=[{"role": "user", "content": [
        {"type": "text", "text": "what is this"}, {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}}]}])
    equal(answer.choices[0].message.content, "You said: what is this")
    equal(answer.usage.prompt_tokens, 3 + 4 + 3 + 85)


@case
def text_beyond_ascii():
    said = 'Zürich — 東京 🚀 "quoted" \\ <b>&'
    equal(chat(messages=[{"role": "user", "content": said}]).choices[0].message.content, "You said: " + said)


@case
def embeddings_as_the_sdk_asks_and_as_floats():
    for extra in ({}, {"encoding_format": "float"}):
        answer = client().embeddings.create(model="text-embedding-3-small", input=["one two", "three"], **extra)
        equal(len(answer.data), 2)
        equal(len(answer.data[0].embedding), 8)
        equal(round(answer.data[0].embedding[0], 4), 0.9093)
        equal(answer.usage.prompt_tokens, 3)


@case
def models():
    equal(MODEL in [m.id for m in client().models.list()], True)
    equal(client().models.retrieve(MODEL).owned_by, "system")
    raises(openai.NotFoundError, 404, lambda: client().models.retrieve("no-such-model"))


@case
def async_client():
    import asyncio

    async def run():
        async with openai.AsyncOpenAI(api_key=KEY, base_url=URL, max_retries=0) as c:
            answers = await asyncio.gather(*(c.chat.completions.create(model=MODEL, messages=HELLO) for _ in range(8)))
            return {a.choices[0].message.content for a in answers}

    equal(asyncio.run(run()), {"You said: hello there gateway"})


@case
def authentication_error():
    e = raises(openai.AuthenticationError, 401, lambda: chat(key="no-such-key-0123456789"))
    equal(e.code, "invalid_api_key")
    raises(openai.AuthenticationError, 401, lambda: chat(key="no-such-key-0123456789", stream=True))


@case
def permission_denied_error():
    raises(openai.PermissionDeniedError, 403, lambda: chat(key=setting("FORBIDDEN_KEY", KEY), model=setting("FORBIDDEN_MODEL")))


@case
def rate_limit_error():
    e = raises(openai.RateLimitError, 429, lambda: chat(key=setting("LIMITED_KEY", KEY), model=setting("LIMITED_MODEL")))
    equal(int(e.response.headers["retry-after"]) > 0, True)
    equal(e.code, "rate_limit_exceeded")


@case
def not_found_error():
    raises(openai.NotFoundError, 404, lambda: chat(model="no-such-model"))


@case
def bad_request_error():
    raises(openai.BadRequestError, 400, lambda: chat(extra_body={"stream": "yes"}))
    raises(openai.BadRequestError, 400, lambda: chat(extra_body={"temperature": "hot"}))
    raises(openai.BadRequestError, 400, lambda: chat(messages=[]))


@case
def internal_server_error_passes():
    raises(openai.InternalServerError, 500, lambda: chat(model="fake-500"))


@case
def cut_stream_is_an_error():
    try:
        text_of(chat(stream=True, extra_headers={"x-fake-cut": "700", "x-fake-pace": "20ms"}))
    except Exception as e:  # the SDK hands through what its HTTP library raises
        equal("incomplete" in str(e) or "closed" in str(e), True)
        return
    raise AssertionError("a cut stream ended like a whole one")


main()
