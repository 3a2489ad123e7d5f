"""mem0_bench.py: the same work done by mem0ai in this process, with its local stores without an LLM but for `learn`.

Reads one request as JSON from standard input, writes one answer as JSON to standard output. Vectors come from an
OpenAI-compatible endpoint (the same model as the program beside which it is measured), or, with embedding excluded,
from a list made beforehand. Nothing is sent anywhere else.
"""

import json
import logging
import os
import sys
import tempfile
import threading
import time
import uuid
from datetime import datetime, timezone
from pathlib import Path

os.environ["MEM0_TELEMETRY"] = "False"
os.environ["ANONYMIZED_TELEMETRY"] = "False"
os.environ["MEM0_DIR"] = tempfile.mkdtemp(prefix="mem0-")
# Its LLM client wants a key when it is made; with infer=False it is never used.
os.environ["OPENAI_API_KEY"] = "unused"

import numpy  # noqa: E402
from mem0 import Memory  # noqa: E402

DIMENSIONS = 384
MODEL = "all-MiniLM-L6-v2"
USERS_A_CLIENT = 16
RESULTS = 10
VECTORS = numpy.random.default_rng(1).normal(size=(251, DIMENSIONS)).astype("float32")
VECTORS /= numpy.linalg.norm(VECTORS, axis=1, keepdims=True)


class Ready:
    """An embedder whose vectors are there already."""

    def __init__(self, config, vectors):
        self.config = config
        self.vectors = vectors
        self.next = 0

    def embed(self, text, memory_action=None):
        self.next += 1
        return self.vectors[(self.next - 1) % len(self.vectors)].tolist()

    def embed_batch(self, texts, memory_action=None):
        return [self.embed(text) for text in texts]


class UnsavedCounter(logging.Handler):
    """Counts index saves that failed: the store only logs them, and add() reports success."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def emit(self, record):
        if "Failed to save" in record.getMessage():
            self.count += 1


def read(path: str | None) -> numpy.ndarray:
    """The vectors in a file; those made here without one."""
    return numpy.fromfile(path, dtype="<f4").reshape(-1, DIMENSIONS) if path else VECTORS


def open_memory(
    request: dict, directory: Path, embedder_url: str | None, vectors: numpy.ndarray = VECTORS, llm: dict | None = None
) -> Memory:
    """The store that the request names, with its files in the directory; on the server at `url` if it names one."""
    store = request["store"]
    place = {"collection_name": "bench", "embedding_model_dims": DIMENSIONS}
    special = {
        "qdrant": {"on_disk": True, "path": str(directory / "vectors")},
        "faiss": {"distance_strategy": "cosine", "path": str(directory / "vectors")},
        "pgvector": {"connection_string": request.get("url"), "maxconn": 8},
    }[store]
    directory.mkdir(parents=True, exist_ok=True)
    embedder = {"model": MODEL, "api_key": "unused", "openai_base_url": embedder_url or "http://127.0.0.1:9/v1"}
    config = {"llm": {"provider": "openai", "config": llm}} if llm else {}
    memory = Memory.from_config(config | {
        "vector_store": {"provider": store, "config": place | special},
        "embedder": {"provider": "openai", "config": embedder},
        "history_db_path": str(directory / "history.db"),
    })
    if embedder_url is None:
        memory.embedding_model = Ready(memory.embedding_model.config, vectors)
    return memory


def close(memory: Memory) -> None:
    client = getattr(memory.vector_store, "client", None)
    if hasattr(client, "close"):
        client.close()


def stored(memory: Memory) -> int:
    listed = memory.vector_store.list(top_k=10_000_000)
    return len(listed[0] if isinstance(listed, (list, tuple)) and listed and isinstance(listed[0], list) else listed)


def percentile(times: list[float], percent: int) -> float | None:
    return sorted(times)[max((len(times) * percent + 99) // 100, 1) - 1] if times else None


def writes(request: dict) -> dict:
    turns = json.loads(Path(request["turns"]).read_text())
    return {"cells": [writes_cell(request, number, cell, turns) for number, cell in enumerate(request["cells"])]}


def writes_cell(request: dict, number: int, cell: dict, turns: list[dict]) -> dict:
    directory = Path(request["directory"]) / str(number)
    directory.mkdir(parents=True)
    memory = open_memory(request, directory, request["embedder_url"])
    # The first add makes the tables and loads what is loaded late.
    memory.add(turns[:1], user_id="before", infer=False)
    unsaved = UnsavedCounter()
    logging.getLogger().addHandler(unsaved)
    clients, batch = cell["clients"], cell["turns"]
    before = stored(memory)
    added, failed, times = [0] * clients, [0] * clients, [[] for _ in range(clients)]
    start = threading.Barrier(clients + 1)
    window = request["seconds"]

    def client(me: int) -> None:
        start.wait()
        end, count = time.perf_counter() + window, 0
        while (begin := time.perf_counter()) < end:
            first = (me * 1009 + count * batch) % (len(turns) - batch)
            try:
                user = f"{me}-{count % USERS_A_CLIENT}"
                answer = memory.add(turns[first : first + batch], user_id=user, infer=False)
                added[me] += len(answer["results"])
                times[me].append((time.perf_counter() - begin) * 1000)
            except Exception:
                failed[me] += 1
            count += 1

    threads = [threading.Thread(target=client, args=(me,)) for me in range(clients)]
    for thread in threads:
        thread.start()
    start.wait()
    begin = time.perf_counter()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - begin
    logging.getLogger().removeHandler(unsaved)
    all_times = [each for mine in times for each in mine]
    close(memory)
    try:
        again = open_memory(request, directory, None)
        kept = stored(again) - before
        close(again)
    except Exception:
        kept = None
    return {
        "turns": sum(added), "failed": sum(failed), "unsaved": unsaved.count, "seconds": seconds, "kept": kept,
        "p50_ms": percentile(all_times, 50), "p99_ms": percentile(all_times, 99),
    }


def load(request: dict) -> dict:
    memory = open_memory(request, Path(request["directory"]), None)
    vectors = read(request.get("vectors"))
    now = datetime.now(timezone.utc).isoformat()
    for line in Path(request["users"]).read_text().splitlines():
        user = json.loads(line)
        payloads = [
            {"user_id": user["user"], "role": turn["role"], "data": turn["content"], "created_at": now, "hash": "",
             "updated_at": now, "text_lemmatized": turn["content"]}
            for turn in user["turns"]
        ]
        for first in range(0, len(payloads), 1000):
            part = payloads[first : first + 1000]
            these = [vectors[(first + at) % len(vectors)].tolist() for at in range(len(part))]
            ids = [str(uuid.uuid4()) for _ in part]
            memory.vector_store.insert(vectors=these, payloads=part, ids=ids)
    count = stored(memory)
    close(memory)
    return {"stored": count}


def search(request: dict) -> dict:
    asked = read(request.get("question_vectors"))
    begin = time.perf_counter()
    memory = open_memory(request, Path(request["directory"]), request["embedder_url"], asked)
    opened_ms = (time.perf_counter() - begin) * 1000
    answers = []
    for user in request["users"]:
        times, results = [], RESULTS
        for question in request["questions"]:
            begin = time.perf_counter()
            found = memory.search(question, filters={"user_id": user}, top_k=RESULTS, threshold=0.0)
            times.append((time.perf_counter() - begin) * 1000)
            results = min(results, len(found["results"]))
        warm = times[1:]
        answers.append({
            "first_ms": times[0], "p50_ms": percentile(warm, 50), "p99_ms": percentile(warm, 99), "results": results,
        })
    close(memory)
    return {"opened_ms": opened_ms, "users": answers}


def learn(request: dict) -> dict:
    llm = {"model": request["model"], "api_key": "unused", "openai_base_url": request["llm_url"]}
    memory = open_memory(request, Path(request["directory"]), request["embedder_url"], llm=llm)
    failed = 0
    for batch in request["batches"]:
        try:
            memory.add(batch, user_id="u")
        except Exception as error:
            print(f"add failed: {error}", file=sys.stderr)
            failed += 1
    listed = memory.get_all(filters={"user_id": "u"}, top_k=100_000)
    close(memory)
    return {"memories": [each["memory"] for each in listed["results"]], "failed": failed}


def main() -> None:
    # Libraries print notices; the answer must be alone on standard output.
    answer_to, sys.stdout = sys.stdout, sys.stderr
    logging.getLogger().setLevel(logging.WARNING)
    request = json.load(sys.stdin)
    answer = {"writes": writes, "load": load, "search": search, "learn": learn}[request["work"]](request)
    json.dump(answer, answer_to)


if __name__ == "__main__":
    main()
