// The Vercel AI SDK as people use it; only the base URL is ours. The first argument after the day chooses the
// provider: `openai` (the user is its `user` option) or `compatible` (the user is in the query string).

import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import * as story from "./checks.mjs";
import { check, expectAnswer } from "./checks.mjs";

const { baseURL, apiKey, user } = story;
const providers = {
  openai: () => ({
    model: createOpenAI({ baseURL, apiKey }).chat(story.model),
    providerOptions: { openai: { user } },
  }),
  compatible: () => ({
    model: createOpenAICompatible({ name: "throughline", baseURL, apiKey, queryParams: { userId: user } })(story.model),
  }),
};
const options = { ...providers[process.argv[3]](), system: story.system, maxRetries: 0 };
const short = { ...options, maxOutputTokens: story.answerTokensMax };
const weather = tool({
  description: "How warm it is in a city.",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => story.degrees[city],
});
const withTools = { ...options, prompt: story.askWeather, tools: { weather }, stopWhen: stepCountIs(3) };

if (story.day === "day1") {
  await check("is told about the dog", async () => {
    expectAnswer((await generateText({ ...short, prompt: story.tell })).text, "Noted.");
  });
} else {
  await check("asks", async () => {
    expectAnswer((await generateText({ ...short, prompt: story.ask })).text, story.dogAnswer);
  });
  await check("asks and streams", async () => {
    expectAnswer(await streamText({ ...short, prompt: story.ask }).text, story.dogAnswer);
  });
  if (!story.realModel) {
    await check("runs two tools in parallel", async () => {
      expectAnswer((await generateText(withTools)).text, story.weather);
    });
    await check("streams and runs two tools", async () => {
      expectAnswer(await streamText(withTools).text, story.weather);
    });
  }
}
