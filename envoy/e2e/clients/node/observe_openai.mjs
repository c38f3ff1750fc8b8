// What the official OpenAI SDK for Node observes.
import OpenAI from "openai";
import { CITY, SCHEMA, TEXT, collect, observe, setting } from "./observe.mjs";

const MODEL = "gpt-4o-mini";
const asked = [{ role: "user", content: CITY }];
const tools = [{ type: "function", function: { name: "get_weather", description: "Weather of a city", parameters: SCHEMA } }];

const client = () => new OpenAI({ apiKey: setting("OPENAI_KEY"), baseURL: setting("OPENAI_URL"), maxRetries: 0, timeout: 30_000 });
const create = (request) => client().chat.completions.create({ model: MODEL, messages: [{ role: "user", content: TEXT }], ...request });
const usageOf = (usage) => usage && { input: usage.prompt_tokens, output: usage.completion_tokens };

const chatOf = (answer) => {
  const [{ message, finish_reason }] = answer.choices;
  const calls = message.tool_calls ?? [];
  return {
    text: message.content,
    finish: finish_reason,
    tools: calls.map(({ function: f }) => ({ name: f.name, arguments: JSON.parse(f.arguments) })),
    usage: usageOf(answer.usage),
    request_id: answer._request_id,
    whole: answer,
  };
};

const streamOf = async (stream) => {
  const chunks = await collect(await stream);
  const deltas = chunks.flatMap((c) => c.choices);
  const calls = deltas.flatMap((d) => d.delta.tool_calls ?? []).map((c) => c.function);
  const joined = (field) => calls.map((f) => f[field] ?? "").join("");
  return {
    text: deltas.map((d) => d.delta.content ?? "").join(""),
    finish: deltas.at(-1).finish_reason,
    tools: calls.length ? [{ name: joined("name"), arguments: JSON.parse(joined("arguments")) }] : [],
    usage: usageOf(chunks.at(-1).usage),
    whole: chunks,
  };
};

const scenarios = {
  chat: async () => chatOf(await create()),
  stream: () => streamOf(create({ stream: true })),
  "stream with usage": () => streamOf(create({ stream: true, stream_options: { include_usage: true } })),
  "stream cut at the maximum": () => streamOf(create({ stream: true, max_completion_tokens: 2 })),
  tool: async () => chatOf(await create({ tools, messages: asked })),
  "tool stream": () => streamOf(create({ tools, messages: asked, stream: true })),
  "tool result": async () => {
    const { message } = (await create({ tools, messages: asked })).choices[0];
    const result = { role: "tool", tool_call_id: message.tool_calls[0].id, content: "18 degrees" };
    return chatOf(await create({ tools, messages: [...asked, message, result] }));
  },
  embeddings: async () => {
    const answer = await client().embeddings.create({ model: "text-embedding-3-small", input: ["one two", "three"] });
    return { embeddings: answer.data.map((d) => d.embedding), tokens: answer.usage.prompt_tokens, whole: answer };
  },
  models: async () => ({ models: await collect(client().models.list()) }),
  "error 400": () => create({ temperature: 9 }),
  "error 404": () => create({ model: "no-such-model" }),
  "error 429": () => create({ model: "fake-429" }),
  "error 429 to a stream": () => streamOf(create({ model: "fake-429", stream: true })),
  "error 500": () => create({ model: "fake-500" }),
};

await observe(scenarios, (e) => ({
  class: e.constructor.name,
  status: e.status,
  code: e.code,
  message: e.message,
  body: e.error,
  retry_after: e.headers?.get("retry-after"),
}));
