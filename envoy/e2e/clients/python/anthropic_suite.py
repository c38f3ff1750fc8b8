"""The official Anthropic SDK, either generation: JSON, streams, tools, images, errors."""

import anthropic

from suite import case, equal, main, raises, setting

URL, KEY = setting("ANTHROPIC_URL"), setting("ANTHROPIC_KEY")
MODEL, DATED = "claude-haiku-4-5", "claude-haiku-4-5-20251001"
HELLO = [{"role": "user", "content": "hello there gateway"}]
WEATHER = [{"name": "get_weather", "description": "Weather of a city",
            "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def client(key=KEY):
    return anthropic.Anthropic(api_key=key, base_url=URL, max_retries=0, timeout=30)


def message(key=KEY, **request):
    return client(key).messages.create(**{"model": MODEL, "max_tokens": 64, "messages": HELLO, **request})


@case
def message_json():
    answer = message(system="be kind")
    equal(answer.content[0].text, "You said: hello there gateway")
    equal(answer.stop_reason, "end_turn")
    equal(answer.model, DATED)
    equal((answer.usage.input_tokens, answer.usage.output_tokens), (3 + 4 + 2 + 4 + 3, 5))


@case
def cached_input():
    answer = message(extra_headers={"x-fake-cached-tokens": "20", "x-fake-cache-write-tokens": "7"})
    equal((answer.usage.input_tokens, answer.usage.cache_read_input_tokens, answer.usage.cache_creation_input_tokens), (10, 20, 7))


@case
def output_maximum():
    answer = message(max_tokens=2)
    equal((answer.content[0].text, answer.stop_reason), ("You said:", "max_tokens"))


@case
def message_stream_events():
    events = list(message(stream=True))
    equal(events[0].type, "message_start")
    equal(events[-1].type, "message_stop")
    equal("".join(e.delta.text for e in events if e.type == "content_block_delta"), "You said: hello there gateway")
    equal([e.usage.output_tokens for e in events if e.type == "message_delta"], [5])


@case
def message_stream_helper():
    with client().messages.stream(model=MODEL, max_tokens=64, messages=HELLO) as stream:
        equal("".join(stream.text_stream), "You said: hello there gateway")
        final = stream.get_final_message()
    equal((final.usage.input_tokens, final.usage.output_tokens), (10, 5))


@case
def message_stream_in_odd_pieces():
    with client().messages.stream(model=MODEL, max_tokens=64, messages=HELLO,
                                  extra_headers={"x-fake-split": "1,7,2,31", "x-fake-newline": "crlf"}) as stream:
        equal("".join(stream.text_stream), "You said: hello there gateway")


@case
def tool_use_and_its_result():
    answer = message(tools=WEATHER, messages=[{"role": "user", "content": "Paris"}])
    use = answer.content[0]
    equal((answer.stop_reason, use.name, use.input), ("tool_use", "get_weather", {"city": "Paris"}))
    after = message(tools=WEATHER, messages=[
        {"role": "user", "content": "Paris"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": use.id, "name": use.name, "input": use.input}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use.id, "content": "18 degrees"}]}])
    equal(after.content[0].text, "The tool said: 18 degrees")


@case
def tool_use_streamed():
    with client().messages.stream(model=MODEL, max_tokens=64, tools=WEATHER, messages=[{"role": "user", "content": "New York"}]) as stream:
        equal(stream.get_final_message().content[0].input, {"city": "New York"})


@case
def image_in_a_content_block():
    answer = message(messages=[{"role": "user", "content": [
        {"type": "text", "text": "what is this"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}]}])
    equal(answer.content[0].text, "You said: what is this")
    equal(answer.usage.input_tokens, 3 + 4 + 3 + 85)


@case
def count_tokens():
    equal(client().messages.count_tokens(model=MODEL, messages=HELLO).input_tokens, 10)


@case
def models():
    equal(MODEL in [m.id for m in client().models.list()], True)
    equal(client().models.retrieve(MODEL).id, MODEL)
    raises(anthropic.NotFoundError, 404, lambda: client().models.retrieve("no-such-model"))


@case
def authentication_error():
    e = raises(anthropic.AuthenticationError, 401, lambda: message(key="no-such-key-0123456789"))
    equal(e.body["error"]["type"], "authentication_error")
    raises(anthropic.AuthenticationError, 401, lambda: message(key="no-such-key-0123456789", stream=True))


@case
def permission_denied_error():
    raises(anthropic.PermissionDeniedError, 403, lambda: message(key=setting("FORBIDDEN_KEY", KEY), model=setting("FORBIDDEN_CLAUDE")))


@case
def rate_limit_error():
    e = raises(anthropic.RateLimitError, 429, lambda: message(key=setting("LIMITED_KEY", KEY), model=setting("LIMITED_CLAUDE")))
    equal(int(e.response.headers["retry-after"]) > 0, True)
    equal(e.body["error"]["type"], "rate_limit_error")


@case
def not_found_error():
    e = raises(anthropic.NotFoundError, 404, lambda: message(model="no-such-model"))
    equal(e.body["error"]["type"], "not_found_error")


@case
def bad_request_error():
    e = raises(anthropic.BadRequestError, 400, lambda: message(extra_body={"stream": "yes"}))
    equal(e.body["error"]["type"], "invalid_request_error")
    raises(anthropic.BadRequestError, 400, lambda: message(messages=[]))


@case
def internal_server_error_passes():
    raises(anthropic.InternalServerError, 500, lambda: message(model="fake-500"))


@case
def error_event_in_a_stream_passes():
    try:
        for _ in message(stream=True, extra_headers={"x-fake-error-after": "4"}):
            pass
    except anthropic.APIStatusError as e:
        equal(e.body["error"]["type"], "overloaded_error")
        return
    raise AssertionError("the error event did not come through")


main()
