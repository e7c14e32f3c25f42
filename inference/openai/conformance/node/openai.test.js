// The OpenAI SDK for Node: plain, streaming, helpers, tool runner, errors.

import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";

const model = "tiny";
const client = new OpenAI({ baseURL: process.env.CONFORMANCE_SERVER + "/v1", apiKey: "x", maxRetries: 0 });
const podTool = {
  type: "function",
  function: { name: "get_pods", description: "list pods", parameters: { type: "object", properties: { namespace: { type: "string" } }, required: ["namespace"] } },
};
const ask = (content, more = {}) => client.chat.completions.create({ model, messages: [{ role: "user", content }], temperature: 0, ...more });

test("models are listed", async () => {
  const names = [];
  for await (const entry of client.models.list()) names.push(entry.id);
  assert.ok(names.includes(model));
});

test("an answer ends by itself", async () => {
  const answer = await ask("Say hello.");
  assert.equal(answer.choices[0].message.content, "Hello there!");
  assert.equal(answer.choices[0].finish_reason, "stop");
});

test("a stream has the same text", async () => {
  let text = "";
  for await (const chunk of await ask("Say hello.", { stream: true })) text += chunk.choices[0]?.delta.content ?? "";
  assert.equal(text, "Hello there!");
});

test("the stream helper adds calls up", async () => {
  const stream = client.chat.completions.stream({ model, messages: [{ role: "user", content: "Which pods are failing?" }], tools: [podTool], temperature: 0 });
  const message = await stream.finalMessage();
  assert.deepEqual(JSON.parse(message.tool_calls[0].function.arguments), { namespace: "shop" });
  assert.equal((await stream.finalChatCompletion()).choices[0].finish_reason, "tool_calls");
});

test("the tool runner goes round", async () => {
  const asked = [];
  const runner = client.chat.completions.runTools({
    model,
    temperature: 0,
    messages: [{ role: "user", content: "Which pods are failing?" }],
    tools: [{ type: "function", function: { ...podTool.function, parse: JSON.parse, function: ({ namespace }) => (asked.push(namespace), "a pod") } }],
  });
  assert.equal(await runner.finalContent(), "The pod ads-1 is out of memory.");
  assert.deepEqual(asked, ["shop"]);
});

test("a schema is held to", async () => {
  const schema = { type: "object", properties: { name: { type: "string" }, age: { type: "integer" } }, required: ["name", "age"], additionalProperties: false };
  const answer = await client.chat.completions.parse({ model, messages: [{ role: "user", content: "Extract: Ann is 30 years old." }], temperature: 0, response_format: { type: "json_schema", json_schema: { name: "person", strict: true, schema } } });
  assert.deepEqual(JSON.parse(answer.choices[0].message.content), { name: "Ann", age: 30 });
});

test("errors are of their class", async () => {
  await assert.rejects(client.chat.completions.create({ model: "none", messages: [{ role: "user", content: "x" }] }), OpenAI.NotFoundError);
  await assert.rejects(ask("pod ".repeat(9000)), (error) => error instanceof OpenAI.BadRequestError && error.code === "context_length_exceeded");
});

test("a stream may be left early", async () => {
  const stream = await ask("Count to nine.", { stream: true });
  for await (const _ of stream) break;
  assert.equal((await ask("Say hello.")).choices[0].message.content, "Hello there!");
});
