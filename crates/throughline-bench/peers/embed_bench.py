"""embed_bench.py: the same embedding model in onnxruntime, fp32: texts a second, and the time of one query.

Reads one request as JSON from standard input, writes one answer as JSON to standard output. The graph is made here from
the model's own weights, so both sides compute the same network; texts are sorted by length, and the faster of two
batch sizes counts. With "threads" it uses so many.
"""

import json
import sys
import time
from pathlib import Path

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file
from tokenizers import Tokenizer

BATCHES = (1, 8)
TOKENS_MAX = 256


class Graph:
    """Nodes and constants of an ONNX graph, named by number."""

    def __init__(self):
        self.nodes, self.constants = [], []

    def constant(self, value: numpy.ndarray) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(numpy.ascontiguousarray(value), name))
        return name

    def add(self, kind: str, *inputs: str, **attributes) -> str:
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name


def export(weights: dict, config: dict) -> bytes:
    heads, hidden = config["num_attention_heads"], config["hidden_size"]
    graph = Graph()

    def linear(x: str, *names: str) -> str:
        weight = numpy.concatenate([weights[f"{name}.weight"] for name in names]).T
        bias = numpy.concatenate([weights[f"{name}.bias"] for name in names])
        return graph.add("Add", graph.add("MatMul", x, graph.constant(weight)), graph.constant(bias))

    def norm(x: str, name: str) -> str:
        scale, shift = (graph.constant(weights[f"{name}.{part}"]) for part in ("weight", "bias"))
        return graph.add("LayerNormalization", x, scale, shift, axis=-1, epsilon=config["layer_norm_eps"])

    def whole(*numbers: int) -> str:
        return graph.constant(numpy.array(numbers, dtype=numpy.int64))

    words = graph.add("Gather", graph.constant(weights["embeddings.word_embeddings.weight"]), "ids")
    length = graph.add("Shape", "ids", start=1, end=2)
    places = weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
    places = graph.add("Slice", graph.constant(places), whole(0), length, whole(0))
    x = norm(graph.add("Add", words, places), "embeddings.LayerNorm")
    shape, flat = whole(0, 0, heads, hidden // heads), whole(0, 0, hidden)
    factor = graph.constant(numpy.float32(1 / numpy.sqrt(hidden // heads)))
    for number in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{number}"
        parts = [
            graph.add("Transpose", graph.add("Reshape", linear(x, f"{layer}.attention.self.{part}"), shape), perm=perm)
            for part, perm in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3]))
        ]
        scores = graph.add("Add", graph.add("Mul", graph.add("MatMul", *parts[:2]), factor), "mask")
        seen = graph.add("MatMul", graph.add("Softmax", scores, axis=-1), parts[2])
        seen = graph.add("Reshape", graph.add("Transpose", seen, perm=[0, 2, 1, 3]), flat)
        x = graph.add("Add", x, linear(seen, f"{layer}.attention.output.dense"))
        x = norm(x, f"{layer}.attention.output.LayerNorm")
        inner = graph.add("Gelu", linear(x, f"{layer}.intermediate.dense"))
        x = norm(graph.add("Add", x, linear(inner, f"{layer}.output.dense")), f"{layer}.output.LayerNorm")
    graph.nodes.append(helper.make_node("Identity", [x], ["states"]))
    ids = helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", "tokens"])
    mask = helper.make_tensor_value_info("mask", TensorProto.FLOAT, ["batch", 1, 1, "tokens"])
    states = helper.make_tensor_value_info("states", TensorProto.FLOAT, ["batch", "tokens", hidden])
    made = helper.make_graph(graph.nodes, "bert", [ids, mask], [states], graph.constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


class Encoder:
    def __init__(self, folder: Path, threads: int):
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(TOKENS_MAX)
        self.tokenizer.enable_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        graph = export(load_file(folder / "model.safetensors"), json.loads((folder / "config.json").read_text()))
        self.session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def embed(self, texts: list[str], batch: int) -> numpy.ndarray:
        order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
        vectors = [None] * len(texts)
        for first in range(0, len(order), batch):
            part = order[first : first + batch]
            encoded = self.tokenizer.encode_batch([texts[at] for at in part])
            ids = numpy.array([each.ids for each in encoded], dtype=numpy.int64)
            seen = numpy.array([each.attention_mask for each in encoded], dtype=numpy.float32)
            mask = (seen[:, None, None, :] - 1) * numpy.float32(1e4)
            states = self.session.run(None, {"ids": ids, "mask": mask})[0]
            means = (states * seen[:, :, None]).sum(axis=1)
            means /= numpy.linalg.norm(means, axis=1, keepdims=True)
            for at, mean in zip(part, means):
                vectors[at] = mean
        return numpy.array(vectors)


def rate(encoder: Encoder, texts: list[str], batch: int, seconds: float) -> float:
    encoder.embed(texts, batch)
    begin, count = time.perf_counter(), 0
    while time.perf_counter() - begin < seconds:
        count += len(encoder.embed(texts, batch))
    return count / (time.perf_counter() - begin)


def main() -> None:
    request = json.load(sys.stdin)
    encoder = Encoder(Path(request["model_dir"]), request["threads"])
    seconds = request["seconds"]
    rates = [max(rate(encoder, texts, batch, seconds) for batch in BATCHES) for texts in request["lists"]]
    times, begin = [], time.perf_counter()
    while time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        encoder.embed([request["query"]], 1)
        times.append((time.perf_counter() - start) * 1000)
    tokens = [numpy.mean([len(each.ids) for each in map(encoder.tokenizer.encode, texts)]) for texts in request["lists"]]
    json.dump({
        "texts_a_second": rates, "query_ms": sorted(times)[len(times) // 2],
        "query_tokens": len(encoder.tokenizer.encode(request["query"]).ids), "mean_tokens": tokens,
        "vector": encoder.embed([request["query"]], 1)[0].tolist(),
    }, sys.stdout)


if __name__ == "__main__":
    main()
