import OpenAI from "openai";

const client = new OpenAI({
  baseURL: process.env.THROUGHLINE_URL ?? "http://127.0.0.1:8077/v1", // the only line that differs
  defaultHeaders: { "X-Memory-User": process.env.USER_ID ?? "ada" },
});

const answer = await client.chat.completions.create({
  model: process.env.OPENAI_MODEL ?? "gpt-4o-mini",
  messages: [{ role: "user", content: process.argv.slice(2).join(" ") }],
});
console.log(answer.choices[0].message.content);
