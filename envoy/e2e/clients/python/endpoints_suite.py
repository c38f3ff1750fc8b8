"""The official OpenAI SDK beyond chat: responses, images, audio, files, and the
other providers that it speaks to: Azure, vLLM, DeepInfra."""

import io

import openai

from suite import case, equal, main, raises, setting

KEY = setting("OPENAI_KEY")
HELLO = [{"role": "user", "content": "hello there gateway"}]
WAV = (b"RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80\x3e\x00\x00\x00\x7d\x00\x00\x02\x00\x10\x00data\x00\x7d\x00\x00"
       + b"\x00\x01" * 16000)
PNG = b"\x89PNG\r\n\x1a\n\x00\x00"


def client(url=setting("OPENAI_URL"), key=KEY):
    return openai.OpenAI(api_key=key, base_url=url, max_retries=0, timeout=30)


def azure(version="2024-10-21", **more):
    return openai.AzureOpenAI(azure_endpoint=setting("AZURE_URL"), api_key=setting("AZURE_KEY"), api_version=version,
                              max_retries=0, timeout=30, **more)


@case
def responses_json():
    answer = client().responses.create(model="gpt-4o-mini", input="hello there gateway")
    equal(answer.output_text, "You said: hello there gateway")
    equal((answer.status, answer.usage.input_tokens, answer.usage.output_tokens), ("completed", 6, 5))


@case
def responses_stream():
    events = list(client().responses.create(model="gpt-4o-mini", input="hello there gateway", stream=True))
    equal("".join(e.delta for e in events if e.type == "response.output_text.delta"), "You said: hello there gateway")
    equal((events[-1].type, events[-1].response.usage.output_tokens), ("response.completed", 5))


@case
def responses_kept():
    answer = client().responses.create(model="gpt-4o-mini", input="hello", background=True)
    equal((answer.status, answer.usage), ("queued", None))
    equal(client().responses.retrieve("resp_1").id, "resp_1")
    equal(client().responses.cancel("resp_1").id, "resp_1")
    equal(len(client().responses.input_items.list("resp_1").data), 1)
    client().responses.delete("resp_1")
    equal(client().responses.input_tokens.count(model="gpt-4o-mini", input="hello").input_tokens, 4)


@case
def completions():
    ask = lambda **more: client().completions.create(model="gpt-3.5-turbo-instruct", prompt="hello there gateway", **more)
    equal(ask().choices[0].text, "You said: hello there gateway")
    chunks = list(ask(stream=True))
    equal("".join(c.choices[0].text for c in chunks), "You said: hello there gateway")
    equal([c.usage for c in chunks], [None] * len(chunks))


@case
def moderations():
    equal(client().moderations.create(input="hello").results[0].flagged, False)


@case
def images():
    made = client().images.generate(model="gpt-image-1", prompt="a red fox", n=2, quality="low", size="1024x1024")
    equal((len(made.data), made.usage.output_tokens, made.usage.input_tokens_details.text_tokens), (2, 200, 3))
    edited = client().images.edit(model="gpt-image-1", prompt="a red fox", image=[("a.png", PNG), ("b.png", PNG)])
    equal((len(edited.data), edited.usage.input_tokens_details.image_tokens), (1, 170))
    varied = client().images.create_variation(model="gpt-image-1", image=("a.png", PNG), n=1)
    equal(len(varied.data), 1)
    events = list(client().images.generate(model="gpt-image-1", prompt="a red fox", stream=True, partial_images=1))
    equal([e.type for e in events], ["image_generation.partial_image", "image_generation.completed"])


@case
def speech():
    sound = client().audio.speech.create(model="tts-1", voice="alloy", input="hello").read()
    equal((sound[:3], b"not an event" in sound), (b"ID3", True))


@case
def transcriptions():
    ask = lambda **more: client().audio.transcriptions.create(file=("a.wav", WAV), **{"model": "whisper-1", **more})
    equal(ask().text, "so it was")
    equal(ask(response_format="verbose_json").duration, 8.47)
    equal(ask(response_format="text"), "so it was\n")
    events = list(ask(model="gpt-4o-transcribe", stream=True))
    equal((events[-1].type, events[-1].text), ("transcript.text.done", "so it was"))
    equal(client().audio.translations.create(file=("a.wav", WAV), model="whisper-1").text, "so it was")


@case
def files_and_uploads():
    made = client().files.create(file=("a.jsonl", io.BytesIO(b"{}\n" * 1000)), purpose="batch")
    equal((made.bytes, made.purpose), (3000, "batch"))
    equal(client().files.retrieve("file-1").id, "file-1")
    equal(len(client().files.content("file-1").read()), 240_000)
    equal(len(client().files.list().data), 1)
    client().files.delete("file-1")
    upload = client().uploads.create(filename="a", purpose="batch", bytes=3, mime_type="text/plain")
    client().uploads.parts.create(upload.id, data=("p", b"abc"))
    client().uploads.complete(upload.id, part_ids=["part-1"])
    client().uploads.cancel(upload.id)


@case
def batches_and_vector_stores():
    batch = client().batches.create(input_file_id="f", endpoint="/v1/chat/completions", completion_window="24h")
    equal(client().batches.cancel(batch.id).id, batch.id)
    store = client().vector_stores.create(name="n")
    equal(client().vector_stores.files.create(store.id, file_id="f").object, "vector_store.file")
    client().vector_stores.delete(store.id)


@case
def assistants():
    c = client  # one a call: the fake sets a cookie, which clients keep
    assistant = c().beta.assistants.create(model="gpt-4o-mini", name="n")
    thread = c().beta.threads.create()
    c().beta.threads.messages.create(thread.id, role="user", content="hello")
    equal(c().beta.threads.runs.create(thread.id, assistant_id=assistant.id).status, "queued")
    events = [e.event for e in c().beta.threads.runs.create(thread.id, assistant_id=assistant.id, stream=True)]
    equal(events[-1], "thread.run.completed")


@case
def azure_deployment():
    answer = azure().chat.completions.create(model="my-deployment", messages=HELLO)
    equal((answer.choices[0].message.content, answer.model), ("You said: hello there gateway", "gpt-4o-mini-2024-07-18"))
    chunks = list(azure().chat.completions.create(model="my-deployment", messages=HELLO, stream=True))
    equal("".join(c.choices[0].delta.content or "" for c in chunks if c.choices), "You said: hello there gateway")
    equal([c.usage for c in chunks], [None] * len(chunks))
    old = azure("2024-02-01").chat.completions.create(model="my-deployment", messages=HELLO, stream=True)
    equal("".join(c.choices[0].delta.content or "" for c in old if c.choices), "You said: hello there gateway")
    equal(len(azure().embeddings.create(model="my-deployment", input=["a", "b"]).data), 2)
    equal(azure().responses.create(model="my-deployment", input="hello there gateway").output_text, "You said: hello there gateway")
    equal(len(azure().files.list().data), 1)


@case
def azure_v1():
    answer = client(setting("AZURE_URL") + "/openai/v1", setting("AZURE_TOKEN")).chat.completions.create(model="gpt-4o-mini", messages=HELLO)
    equal(answer.choices[0].message.content, "You said: hello there gateway")


@case
def azure_errors():
    raises(openai.InternalServerError, 500, lambda: azure().chat.completions.create(model="my-deployment", messages=HELLO, extra_headers={"x-fake-status": "500"}))
    raises(openai.NotFoundError, 404, lambda: azure().chat.completions.create(model="no-such-deployment", messages=HELLO))


@case
def vllm():
    c = lambda: client(setting("VLLM_URL"))
    equal(c().chat.completions.create(model="fake-own", messages=HELLO).choices[0].message.content, "You said: hello there gateway")
    equal(len(c().embeddings.create(model="fake-own", input=["a", "b"]).data), 2)
    equal(c().completions.create(model="fake-own", prompt="hello").choices[0].text, "You said: hello")
    equal(len(list(c().models.list())) > 1, True)


@case
def deepinfra():
    c = lambda: client(setting("DEEPINFRA_URL"))
    answer = c().chat.completions.create(model="meta-llama/Meta-Llama-3.1-8B-Instruct", messages=HELLO)
    equal(answer.choices[0].message.content, "You said: hello there gateway")
    equal(len(c().embeddings.create(model="meta-llama/Meta-Llama-3.1-8B-Instruct", input="a").data), 1)


main()
