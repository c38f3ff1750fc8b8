// What the AI SDK observes: package `ai` with its OpenAI provider, over chat
// completions and, as it does by default, over responses.
import { createOpenAI } from "@ai-sdk/openai";
import { embedMany, generateText, jsonSchema, streamText, tool } from "ai";
import { CITY, SCHEMA, TEXT, collect, observe, setting } from "./observe.mjs";

const server = createOpenAI({ apiKey: setting("OPENAI_KEY"), baseURL: setting("OPENAI_URL") });
const MODEL = "gpt-4o-mini";
const tools = { get_weather: tool({ description: "Weather of a city", inputSchema: jsonSchema(SCHEMA) }) };

const options = (more) => ({ model: server.chat(MODEL), prompt: TEXT, maxRetries: 0, ...more });

// resultOf takes what generateText and streamText have in common; the former's
// are values, the latter's are promises.
const resultOf = async (result) => {
  const { inputTokens, outputTokens } = await result.usage;
  const { id, modelId, timestamp } = await result.response;
  return {
    text: await result.text,
    finish: await result.finishReason,
    tools: (await result.toolCalls).map((c) => ({ name: c.toolName, arguments: c.input })),
    usage: { input: inputTokens, output: outputTokens },
    whole: { usage: await result.usage, response: { id, modelId, timestamp }, provider: await result.providerMetadata, warnings: await result.warnings },
  };
};

const generated = async (more) => resultOf(await generateText(options(more)));

const streamed = async (more) => {
  const result = streamText(options({ onError() {}, ...more }));
  const parts = await collect(result.fullStream);
  const failed = parts.find((part) => part.type === "error");
  if (failed) throw failed.error;
  const pieces = parts.filter((part) => part.type === "text-delta").map((part) => part.text);
  return { ...(await resultOf(result)), pieces, parts: parts.map((part) => part.type) };
};

const toolResult = async () => {
  const asked = [{ role: "user", content: CITY }];
  const first = await generateText(options({ prompt: asked, tools }));
  const [call] = first.toolCalls;
  const output = { type: "text", value: "18 degrees" };
  const result = { role: "tool", content: [{ type: "tool-result", toolCallId: call.toolCallId, toolName: call.toolName, output }] };
  return generated({ prompt: [...asked, ...first.response.messages, result], tools });
};

const scenarios = {
  chat: () => generated(),
  "stream with usage": () => streamed(), // it always asks for usage
  "stream cut at the maximum": () => streamed({ maxOutputTokens: 2 }),
  tool: () => generated({ prompt: CITY, tools }),
  "tool stream": () => streamed({ prompt: CITY, tools }),
  "tool result": toolResult,
  embeddings: async () => {
    const answer = await embedMany({ model: server.embedding("text-embedding-3-small"), values: ["one two", "three"], maxRetries: 0 });
    return { embeddings: answer.embeddings, tokens: answer.usage.tokens };
  },
  responses: () => generated({ model: server(MODEL) }),
  "responses stream": () => streamed({ model: server(MODEL) }),
  "error 400": () => generated({ temperature: 9 }),
  "error 404": () => generated({ model: server.chat("no-such-model") }),
  "error 429": () => generated({ model: server.chat("fake-429") }),
  "error 429 to a stream": () => streamed({ model: server.chat("fake-429") }),
  "error 500": () => generated({ model: server.chat("fake-500") }),
};

await observe(scenarios, (e) => ({
  class: e.name,
  status: e.statusCode,
  code: e.data?.error?.code,
  message: e.message,
  body: e.responseBody,
  retryable: e.isRetryable,
  retry_after: e.responseHeaders?.["retry-after"],
}));
