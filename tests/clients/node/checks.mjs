// What the Node client tests share: the story of the two days, and one line per check.
// A check prints `ok - NAME` or `not ok - NAME: why`; `tests/clients/run.py` counts these lines.

import assert from "node:assert/strict";

const env = process.env;
export const baseURL = env.TEST_BASE_URL;
export const apiKey = env.TEST_API_KEY;
export const user = env.TEST_USER;
export const model = env.TEST_MODEL;
export const embeddingModel = env.TEST_EMBEDDING_MODEL;
// With a real model the wording is reported, not asserted, and tools are left out.
export const realModel = env.TEST_REAL_MODEL === "yes";
export const day = process.argv[2];

export const system = "You are a helpful assistant.";
export const tell = `My dog is called ${env.TEST_DOG} and I am allergic to penicillin.`;
export const ask = "What is my dog called?";
export const askWeather = "What is my dog called, and how warm is it in Oslo and in Lima?";
export const dogAnswer = `Your dog is called ${env.TEST_DOG}.`;
export const degrees = { Oslo: "3 degrees in Oslo", Lima: "19 degrees in Lima" };
export const weather = Object.values(degrees).join("; ");
// Enough for an answer, little enough for a slow machine.
export const answerTokensMax = 16;

export async function check(name, body) {
  try {
    await body();
    console.log(`ok - ${name}`);
  } catch (error) {
    console.error(error);
    process.exitCode = 1;
    console.log(`not ok - ${name}: ${String(error.message).split("\n")[0]}`);
  }
}

/** A scripted upstream's answer is known; a real model's is only shown. */
export function expectAnswer(text, scripted) {
  assert.ok(text, "the answer is empty");
  if (realModel) console.log(`# the model says: ${JSON.stringify(text)}`);
  else assert.equal(text, scripted);
}
