"""The `openai` package as people use it; only the base URL is ours. The user is named in a header."""

import json
import time
import urllib.error
import urllib.request

from checks import (
    ANSWER_TOKENS_MAX, API_KEY, ASK, ASK_WEATHER, BASE_URL, DEGREES, DOG, EMBEDDING_MODEL, MODEL, REAL_MODEL,
    SYSTEM, TELL, USER, WEATHER, WEATHER_PARAMETERS, check, day, expect_answer,
)
from openai import OpenAI

client = OpenAI(base_url=BASE_URL, api_key=API_KEY, default_headers={"X-Memory-User": USER}, max_retries=0)
tools = [{"type": "function", "function": {"name": "weather", "parameters": WEATHER_PARAMETERS}}]


def chat(question: str) -> list[dict]:
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]


def tell() -> None:
    answer = client.chat.completions.create(model=MODEL, messages=chat(TELL), max_tokens=ANSWER_TOKENS_MAX)
    expect_answer(answer.choices[0].message.content, "Noted.")


def ask() -> None:
    answer = client.chat.completions.create(model=MODEL, messages=chat(ASK), max_tokens=ANSWER_TOKENS_MAX)
    expect_answer(answer.choices[0].message.content, f"Your dog is called {DOG}.")


def ask_streaming() -> None:
    options = {"stream": True, "stream_options": {"include_usage": True}, "max_tokens": ANSWER_TOKENS_MAX}
    text, usage = "", None
    for chunk in client.chat.completions.create(model=MODEL, messages=chat(ASK), **options):
        text += "".join(choice.delta.content or "" for choice in chunk.choices)
        usage = chunk.usage or usage
    expect_answer(text, f"Your dog is called {DOG}.")
    assert usage.total_tokens > 0, "the usage that was asked for is missing"


def run_tools() -> None:
    messages = chat(ASK_WEATHER)
    asked = client.chat.completions.create(model=MODEL, messages=messages, tools=tools)
    assert asked.choices[0].finish_reason == "tool_calls"
    messages.append(asked.choices[0].message)
    messages += results([(c.id, c.function.arguments) for c in asked.choices[0].message.tool_calls])
    answer = client.chat.completions.create(model=MODEL, messages=messages, tools=tools)
    expect_answer(answer.choices[0].message.content, WEATHER)


def stream_tools() -> None:
    calls: dict[int, list[str]] = {}
    for chunk in client.chat.completions.create(model=MODEL, messages=chat(ASK_WEATHER), tools=tools, stream=True):
        for delta in chunk.choices[0].delta.tool_calls or []:
            call = calls.setdefault(delta.index, ["", ""])
            call[0] += delta.id or ""
            call[1] += delta.function.arguments or ""
    assert [result["content"] for result in results(calls.values())] == list(DEGREES.values()), calls


def results(calls) -> list[dict]:
    """What a weather service would say to these calls: (id, arguments as JSON text)."""
    return [{"role": "tool", "tool_call_id": i, "content": DEGREES[json.loads(a)["city"]]} for i, a in calls]


def read_receipt() -> None:
    raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=chat(ASK))
    receipt = raw.headers["x-memory-receipt"]
    assert int(raw.headers["x-memory-hits"]) > 0, "nothing was recalled"
    assert int(raw.headers["x-memory-tokens"]) > 0, "no tokens were added"
    url = BASE_URL.removesuffix("/v1") + f"/api/v1/receipts/{receipt}?user={USER}"
    assert fetch_when_there(url), "the receipt is empty"


def fetch_when_there(url: str) -> dict:
    """The receipt is written with the exchange, which happens after the answer was sent."""
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code != 404 or time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def list_models() -> None:
    assert MODEL in [model.id for model in client.models.list()]


def embed_in_process() -> None:
    texts = ["My dog is called Rex.", "The name of my dog", "Interest rates rose."]
    vectors = [item.embedding for item in client.embeddings.create(model=EMBEDDING_MODEL, input=texts).data]
    assert [len(vector) for vector in vectors] == [384, 384, 384]
    floats = client.embeddings.create(model=EMBEDDING_MODEL, input=texts[:1], encoding_format="float")
    assert all(abs(a - b) < 1e-4 for a, b in zip(vectors[0], floats.data[0].embedding, strict=True))
    near, far = (sum(a * b for a, b in zip(vectors[0], other)) for other in vectors[1:])
    assert near > far, "texts of one topic must be nearer than texts of two"


def embed_upstream() -> None:
    answer = client.embeddings.create(model="scripted-embedding", input="hello", encoding_format="float")
    assert answer.data[0].embedding == [0.25, 0.5, 1.0]


if day() == "day1":
    check("is told about the dog", tell)
else:
    check("asks", ask)
    check("asks and streams", ask_streaming)
    if not REAL_MODEL:
        check("runs two tools in parallel", run_tools)
        check("streams two tool calls", stream_tools)
        check("reads the receipt", read_receipt)
        check("lists models", list_models)
        check("embeds upstream", embed_upstream)
        if EMBEDDING_MODEL:
            check("embeds in process", embed_in_process)
