// The official OpenAI SDK for Node: JSON, streams, tools, images, sound, files,
// embeddings, errors. See ../README.md for its settings.
import assert from "node:assert/strict";
import OpenAI, { toFile } from "openai";

const setting = (name, fallback) => {
  const value = process.env["SUITE_" + name] ?? fallback;
  if (value === undefined) throw new Error(`SUITE_${name} is not set`);
  return value;
};
const KEY = setting("OPENAI_KEY");
const MODEL = "gpt-4o-mini";
const HELLO = [{ role: "user", content: "hello there gateway" }];
const SAID = "You said: hello there gateway";
const PIXEL =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const WEATHER = [
  {
    type: "function",
    function: {
      name: "get_weather",
      parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    },
  },
];

const client = (apiKey = KEY) => new OpenAI({ apiKey, baseURL: setting("OPENAI_URL"), maxRetries: 0, timeout: 30_000 });
const chat = ({ key, headers, ...request } = {}) =>
  client(key).chat.completions.create({ model: MODEL, messages: HELLO, ...request }, { headers });
const collect = async (stream) => {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
};
const textOf = (chunks) => chunks.map((c) => c.choices[0]?.delta.content ?? "").join("");

async function raises(kind, status, call) {
  try {
    await call();
  } catch (e) {
    assert.equal(e.constructor, kind, `got ${e.constructor.name}: ${e.message}`);
    assert.equal(e.status, status);
    return e;
  }
  assert.fail(`no ${kind.name}`);
}

const cases = {
  async chatJSON() {
    const answer = await chat();
    assert.equal(answer.choices[0].message.content, SAID);
    assert.equal(answer.usage.prompt_tokens, 10);
    assert.equal(answer.usage.completion_tokens, 5);
  },
  async chatStreamWithoutUsage() {
    const chunks = await collect(await chat({ stream: true }));
    assert.equal(textOf(chunks), SAID);
    for (const chunk of chunks) {
      assert.equal(chunk.choices.length, 1);
      assert.equal("usage" in chunk, false);
    }
  },
  async chatStreamWithUsage() {
    const chunks = await collect(await chat({ stream: true, stream_options: { include_usage: true } }));
    assert.equal(textOf(chunks), SAID);
    assert.equal(chunks.at(-1).usage.total_tokens, 15);
    assert.equal(chunks[0].usage, null);
  },
  async chatStreamInOddPieces() {
    const headers = { "x-fake-split": "1,7,2,31", "x-fake-newline": "crlf", "x-fake-comments": "yes" };
    assert.equal(textOf(await collect(await chat({ stream: true, headers }))), SAID);
  },
  async toolCallStreamedAndItsResult() {
    const question = { role: "user", content: "New York" };
    const stream = client().chat.completions.stream({ model: MODEL, messages: [question], tools: WEATHER });
    const { message } = (await stream.finalChatCompletion()).choices[0];
    assert.deepEqual(JSON.parse(message.tool_calls[0].function.arguments), { city: "New York" });
    const result = { role: "tool", tool_call_id: message.tool_calls[0].id, content: "18 degrees" };
    const after = await chat({ tools: WEATHER, messages: [question, message, result] });
    assert.equal(after.choices[0].message.content, "The tool said: 18 degrees");
  },
  async imageInAContentPart() {
    const content = [
      { type: "text", text: "what is this" },
      { type: "image_url", image_url: { url: PIXEL } },
    ];
    const answer = await chat({ messages: [{ role: "user", content }] });
    assert.equal(answer.choices[0].message.content, "You said: what is this");
  },
  async embeddings() {
    const answer = await client().embeddings.create({ model: "text-embedding-3-small", input: ["one two", "three"] });
    assert.equal(answer.data.length, 2);
    assert.equal(answer.data[0].embedding.length, 8);
  },
  async models() {
    const ids = [];
    for await (const model of client().models.list()) ids.push(model.id);
    assert.ok(ids.includes(MODEL));
    assert.equal((await client().models.retrieve(MODEL)).id, MODEL);
  },
  async authenticationError() {
    const e = await raises(OpenAI.AuthenticationError, 401, () => chat({ key: "no-such-key-0123456789" }));
    assert.equal(e.code, "invalid_api_key");
  },
  async permissionDeniedError() {
    await raises(OpenAI.PermissionDeniedError, 403, () =>
      chat({ key: setting("FORBIDDEN_KEY", KEY), model: setting("FORBIDDEN_MODEL") }),
    );
  },
  async responses() {
    const ask = (more) => client().responses.create({ model: MODEL, input: "hello there gateway", ...more });
    const answer = await ask();
    assert.equal(answer.output_text, SAID);
    assert.equal(answer.usage.output_tokens, 5);
    const events = await collect(await ask({ stream: true }));
    assert.equal(events.at(-1).type, "response.completed");
    assert.equal(events.at(-1).response.usage.input_tokens, 6);
  },
  async imagesAndSound() {
    const file = (name) => toFile(Buffer.from("\x89PNG\x00\x00"), name);
    const edited = await client().images.edit({ model: "gpt-image-1", prompt: "a red fox", image: [await file("a.png"), await file("b.png")] });
    assert.equal(edited.usage.input_tokens_details.image_tokens, 170);
    const speech = await client().audio.speech.create({ model: "tts-1", voice: "alloy", input: "hello" });
    assert.equal(Buffer.from(await speech.arrayBuffer()).subarray(0, 3).toString(), "ID3");
    const heard = await client().audio.transcriptions.create({ model: "whisper-1", file: await file("a.mp3") });
    assert.equal(heard.text, "so it was");
  },
  async files() {
    const made = await client().files.create({ purpose: "batch", file: await toFile(Buffer.alloc(3000, "{}"), "a.jsonl") });
    assert.equal(made.bytes, 3000);
    const content = await client().files.content("file-1");
    assert.equal((await content.arrayBuffer()).byteLength, 240_000);
    await client().files.delete("file-1");
  },
  async rateLimitError() {
    const e = await raises(OpenAI.RateLimitError, 429, () =>
      chat({ key: setting("LIMITED_KEY", KEY), model: setting("LIMITED_MODEL") }),
    );
    assert.ok(Number(e.headers.get("retry-after")) > 0);
  },
  async notFoundError() {
    await raises(OpenAI.NotFoundError, 404, () => chat({ model: "no-such-model" }));
  },
  async badRequestError() {
    await raises(OpenAI.BadRequestError, 400, () => chat({ temperature: "hot" }));
    await raises(OpenAI.BadRequestError, 400, () => chat({ messages: [] }));
  },
  async internalServerErrorPasses() {
    await raises(OpenAI.InternalServerError, 500, () => chat({ model: "fake-500" }));
  },
};

let failed = 0;
for (const [name, run] of Object.entries(cases)) {
  try {
    await run();
  } catch (e) {
    failed++;
    console.log(`FAIL ${name}\n${e.stack}`);
  }
}
console.log(`${Object.keys(cases).length - failed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
