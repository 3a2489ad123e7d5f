// The `openai` package as people use it; only the base URL is ours. The user is the body's `user`.

import assert from "node:assert/strict";
import OpenAI from "openai";
import * as story from "./checks.mjs";
import { check, expectAnswer, model } from "./checks.mjs";

const client = new OpenAI({ baseURL: story.baseURL, apiKey: story.apiKey, maxRetries: 0 });
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = [{ type: "function", function: { name: "weather", parameters } }];
const chat = (question) => [
  { role: "system", content: story.system },
  { role: "user", content: question },
];
const request = (messages, more) => ({ model, messages, user: story.user, ...more });
const short = { max_tokens: story.answerTokensMax };
const create = (messages, more) => client.chat.completions.create(request(messages, more));

async function askAndStream() {
  let text = "";
  for await (const chunk of await create(chat(story.ask), { ...short, stream: true })) {
    text += chunk.choices[0].delta.content ?? "";
  }
  expectAnswer(text, story.dogAnswer);
}

async function runTools() {
  const messages = chat(story.askWeather);
  const { message } = (await create(messages, { tools })).choices[0];
  const results = message.tool_calls.map((call) => ({
    role: "tool",
    tool_call_id: call.id,
    content: story.degrees[JSON.parse(call.function.arguments).city],
  }));
  const answer = await create([...messages, message, ...results], { tools });
  expectAnswer(answer.choices[0].message.content, story.weather);
}

async function streamTools() {
  const stream = client.chat.completions.stream(request(chat(story.askWeather), { tools }));
  const { message } = (await stream.finalChatCompletion()).choices[0];
  const cities = message.tool_calls.map((call) => JSON.parse(call.function.arguments).city);
  assert.deepEqual(cities, Object.keys(story.degrees));
}

async function embed() {
  const answer = await client.embeddings.create({ model: story.embeddingModel, input: ["one", "two"] });
  assert.deepEqual(answer.data.map((item) => item.embedding.length), [384, 384]);
}

if (story.day === "day1") {
  await check("is told about the dog", async () => {
    expectAnswer((await create(chat(story.tell), short)).choices[0].message.content, "Noted.");
  });
} else {
  await check("asks", async () => {
    expectAnswer((await create(chat(story.ask), short)).choices[0].message.content, story.dogAnswer);
  });
  await check("asks and streams", askAndStream);
  if (!story.realModel) {
    await check("runs two tools in parallel", runTools);
    await check("streams two tool calls", streamTools);
    if (story.embeddingModel) await check("embeds in process", embed);
  }
}
