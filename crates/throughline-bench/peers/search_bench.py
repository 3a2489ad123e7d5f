"""search_bench.py: exact search by numpy and by faiss over vectors in a file: the ten nearest by inner product.

Reads one request as JSON from standard input, writes one answer as JSON to standard output. Both compute on one thread, as a
recall does.
"""

import json
import os
import sys
import time
from pathlib import Path

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{library}_NUM_THREADS"] = "1"

import faiss  # noqa: E402
import numpy  # noqa: E402

RESULTS = 10
WARMING = 4


def read(path: Path, dimensions: int) -> numpy.ndarray:
    return numpy.fromfile(path, dtype="<f4").reshape(-1, dimensions)


def nearest(vectors: numpy.ndarray, question: numpy.ndarray) -> numpy.ndarray:
    scores = vectors @ question
    best = numpy.argpartition(scores, -RESULTS)[-RESULTS:]
    return best[numpy.argsort(-scores[best])]


def timed(work, inputs) -> tuple[list[float], list]:
    times, answers = [], []
    for each in inputs:
        begin = time.perf_counter()
        answers.append(work(each))
        times.append((time.perf_counter() - begin) * 1000)
    return times, answers


def main() -> None:
    request = json.load(sys.stdin)
    folder, dimensions = Path(request["folder"]), request["dimensions"]
    faiss.omp_set_num_threads(1)
    questions = read(folder / "questions.f32", dimensions)
    cold = questions[: request["cold"]]

    vectors = read(folder / "turns.f32", dimensions)
    timed(lambda question: nearest(vectors, question), questions[:WARMING])
    numpy_ms, found = timed(lambda question: nearest(vectors, question), questions)
    index = faiss.IndexFlatIP(dimensions)
    index.add(vectors)
    del vectors
    timed(lambda question: index.search(question[None], RESULTS), questions[:WARMING])
    faiss_ms, _ = timed(lambda question: index.search(question[None], RESULTS), questions)
    saved = str(folder / "turns.faiss")
    faiss.write_index(index, saved)
    del index
    numpy_cold, _ = timed(lambda question: nearest(read(folder / "turns.f32", dimensions), question), cold)
    faiss_cold, _ = timed(lambda question: faiss.read_index(saved).search(question[None], RESULTS), cold)
    json.dump({
        "numpy_ms": numpy_ms, "faiss_ms": faiss_ms, "numpy_cold_ms": numpy_cold, "faiss_cold_ms": faiss_cold,
        "found": [each.tolist() for each in found],
    }, sys.stdout)


if __name__ == "__main__":
    main()
