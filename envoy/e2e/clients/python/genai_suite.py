"""LangChain's OpenAI package against the GenAI entry, as its users wire it."""

import openai
from langchain_openai import ChatOpenAI, OpenAI

from suite import case, equal, main, setting

config = {"api_key": setting("GENAI_KEY")}


@case
def completion():
    client = OpenAI(
        openai_api_base=setting("GENAI_URL"),
        openai_api_key=config["api_key"],
        model_name="gpt-3.5-turbo-instruct",
        logit_bias=None,
        default_headers={"user": "user1"},
    )
    equal(bool(client.invoke("hello there gateway")), True)


def chat(user, base=""):
    return ChatOpenAI(
        openai_api_base=setting("GENAI_URL") + base,
        openai_api_key=config["api_key"],
        model_name="gpt-4o",
        default_headers={"user": user},
        max_retries=0,
    )


@case
def chat_completion():
    message = chat("user2").invoke("hello there gateway")
    equal(message.usage_metadata["input_tokens"] > 0, True)


@case
def chat_stream_at_v1():
    text = "".join(chunk.text for chunk in chat("user3", "/v1").stream("hello there gateway"))
    equal(bool(text), True)


def raises(kind, status, call):
    """Expect call to raise the SDK's error kind, of which LangChain's are."""
    try:
        call()
    except kind as e:
        equal(e.status_code, status)
        return e
    raise AssertionError(f"no {kind.__name__}")


@case
def over_the_limit():
    client = chat("user4")

    def until_refused():
        for _ in range(50):
            client.invoke("hello there gateway")

    error = raises(openai.RateLimitError, 429, until_refused)
    equal(error.code, "rate_limit_exceeded")
    equal(bool(chat("user5").invoke("hello there gateway").text), True)


@case
def wrong_key():
    client = ChatOpenAI(openai_api_base=setting("GENAI_URL"), openai_api_key="sk-wrong", model_name="gpt-4o", max_retries=0)
    raises(openai.AuthenticationError, 401, lambda: client.invoke("hello"))


main()
