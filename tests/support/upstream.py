"""An OpenAI-compatible upstream for tests: records every request, and answers by script or relays to a real model.

By script it behaves like a model that knows only what stands in its prompt:

* asked `What is my dog called`, it looks for `dog is called NAME` in the whole request and answers with it, or says
  that it does not know;
* offered tools, it calls the first one twice in parallel, for Oslo and for Lima;
* given tool results, it repeats them;
* anything else is `Noted.`

Streams come in small pieces, tool arguments split in the middle, as real servers do. Only the standard library.
"""

import json
import re
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODEL = "scripted-model"
EMBEDDING_MODEL = "scripted-embedding"
CITIES = ["Oslo", "Lima"]
PIECE_CHARACTERS = 5
RELAY_SECONDS_MAX = 300


class Upstream:
    """The server, on a free loopback port, as long as the `with` block lasts."""

    def __init__(self, relay_to: str | None = None):
        self.recorded: list[dict] = []
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"upstream": self, "relay_to": relay_to})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Upstream":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def record(self, request: dict) -> None:
        with self._lock:
            self.recorded.append(request)

    def take_recorded(self) -> list[dict]:
        """All requests since the last call, in the order they came."""
        with self._lock:
            taken, self.recorded = self.recorded, []
            return taken


def text_of(message: dict) -> str:
    """The text of a message whose content is a string, a list of parts or nothing."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", "") for part in content)


def scripted_message(request: dict) -> dict:
    """The assistant message that a request is answered with."""
    messages = request["messages"]
    last = messages[-1]
    if last["role"] == "tool":
        results = [text_of(message) for message in messages if message["role"] == "tool"]
        return {"role": "assistant", "content": "; ".join(results)}
    if request.get("tools"):
        name = request["tools"][0]["function"]["name"]
        calls = [
            {
                "id": f"call_{city.lower()}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps({"city": city})},
            }
            for city in CITIES
        ]
        return {"role": "assistant", "content": None, "tool_calls": calls}
    if "What is my dog called" in text_of(last):
        found = re.search(r"dog is called (\w+)", "\n".join(map(text_of, messages)))
        answer = f"Your dog is called {found.group(1)}." if found else "I do not know."
        return {"role": "assistant", "content": answer}
    return {"role": "assistant", "content": "Noted."}


def usage() -> dict:
    return {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


def stream_events(request: dict):
    """The chunks of a streamed answer, as a server sends them."""
    message = scripted_message(request)
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": request["model"]}

    def chunk(delta: dict, finish: str | None = None) -> dict:
        return head | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    yield chunk({"role": "assistant", "content": "" if message["content"] else None})
    if calls := message.get("tool_calls"):
        for index, call in enumerate(calls):
            opening = call | {"index": index, "function": call["function"] | {"arguments": ""}}
            yield chunk({"tool_calls": [opening]})
        # The arguments of both calls arrive in turns, piece by piece.
        pieces = [list(pieces_of(call["function"]["arguments"])) for call in calls]
        for number in range(max(map(len, pieces))):
            for index, own in enumerate(pieces):
                if number < len(own):
                    delta = {"index": index, "function": {"arguments": own[number]}}
                    yield chunk({"tool_calls": [delta]})
        yield chunk({}, "tool_calls")
    else:
        for piece in pieces_of(message["content"]):
            yield chunk({"content": piece})
        yield chunk({}, "stop")
    if (request.get("stream_options") or {}).get("include_usage"):
        yield head | {"choices": [], "usage": usage()}


def pieces_of(text: str):
    for start in range(0, len(text), PIECE_CHARACTERS):
        yield text[start : start + PIECE_CHARACTERS]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    upstream: Upstream
    relay_to: str | None

    def do_GET(self) -> None:
        if self.relay_to:
            self._relay(None)
        elif self.path.split("?")[0] == "/v1/models":
            model = {"id": MODEL, "object": "model", "created": 1, "owned_by": "test"}
            self._send_json({"object": "list", "data": [model]})
        else:
            self._send_json({"error": {"message": "no such route", "type": "invalid_request_error"}}, 404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        request = json.loads(body)
        headers = {name.lower(): value for name, value in self.headers.items()}
        path = self.path.split("?")[0]
        self.upstream.record({"path": path, "headers": headers, "body": request})
        if self.relay_to:
            self._relay(body)
        elif path == "/v1/embeddings":
            self._send_embeddings(request)
        elif request.get("stream"):
            self._send_stream(request)
        else:
            self._send_completion(request)

    def _send_completion(self, request: dict) -> None:
        message = scripted_message(request)
        finish = "tool_calls" if message.get("tool_calls") else "stop"
        choice = {"index": 0, "message": message, "finish_reason": finish}
        head = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": request["model"]}
        self._send_json(head | {"choices": [choice], "usage": usage()})

    def _send_stream(self, request: dict) -> None:
        self._start_stream("text/event-stream")
        for event in stream_events(request):
            self._send_piece(f"data: {json.dumps(event)}\n\n".encode())
        self._send_piece(b"data: [DONE]\n\n")
        self._send_piece(b"")

    def _send_embeddings(self, request: dict) -> None:
        texts = request["input"] if isinstance(request["input"], list) else [request["input"]]
        data = [{"object": "embedding", "index": i, "embedding": [0.25, 0.5, 1.0]} for i in range(len(texts))]
        self._send_json({"object": "list", "data": data, "model": request["model"], "usage": usage()})

    def _relay(self, body: bytes | None) -> None:
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(self.relay_to + self.path, body, headers)
        try:
            answer = urllib.request.urlopen(request, timeout=RELAY_SECONDS_MAX)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            self._start_stream(answer.headers["content-type"], answer.status)
            while piece := answer.read1(65536):
                self._send_piece(piece)
            self._send_piece(b"")

    def _send_json(self, value: dict, status: int = 200) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _start_stream(self, content_type: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def _send_piece(self, piece: bytes) -> None:
        """One chunk of a chunked body; an empty one ends it."""
        self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        pass
