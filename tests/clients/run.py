"""run.py: the clients people use, unchanged, against the real program; each lives through two days.

Day 1: the client states a fact. The server stops and starts again. Day 2: in a new conversation the client asks.
Twice: with a scripted upstream that knows only its prompt (chat, streams, tools, embeddings; the server is stopped
by a signal), and with a real model if `--llm-url` names one (plain chat; the server is killed).

Each client asserts what it got. This program asserts what was sent upstream: the evidence of day 1 stands in every
question of day 2, and nothing else of the request has changed. Only the standard library.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "support"))

from upstream import MODEL, Upstream, text_of  # noqa: E402

SYSTEM = "You are a helpful assistant."
API_KEY = "sk-test-of-the-provider"
EMBEDDING_MODEL = "all-MiniLM-L6-v2"
START_SECONDS_MAX = 120
STOP_SECONDS_MAX = 30
CLIENT_SECONDS_MAX = 300
POLL_SECONDS = 0.1


class Client:
    """A client program, its user, and the name of the dog that only this user speaks of."""

    def __init__(self, name: str, dog: str, command: list[str], system: str | None = SYSTEM):
        self.name = name
        self.dog = dog
        self.command = command
        self.system = system
        self.user = f"user-of-{name}"


class Checks:
    def __init__(self) -> None:
        self.passed = 0
        self.failures: list[str] = []

    def expect(self, ok: bool, name: str, why: object = "") -> None:
        if ok:
            self.passed += 1
            print(f"  ok   {name}", flush=True)
        else:
            self.failures.append(f"{name}: {why}")
            print(f"  FAIL {name}: {why}", flush=True)


class Throughline:
    """The program under test, on one data directory and one port, through stops and starts."""

    def __init__(self, program: str, data: Path, upstream_url: str, model_dir: str | None):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = data.parent / "server.log"
        self._command = [program, "serve", "--listen", f"127.0.0.1:{self.port}", "--data", str(data)]
        self._command += ["--upstream", f"{upstream_url}/v1"]
        self._environment = clean_environment()
        # A chat goes on without memory that is late; on a busy machine that would be a failure of the machine.
        self._environment["THROUGHLINE_SERVER_MEMORY_DEADLINE_MS"] = "30000"
        if model_dir:
            self._environment["THROUGHLINE_MODEL_DIR"] = model_dir
        self._process: subprocess.Popen | None = None

    def start(self) -> None:
        # The server ends with us, whatever ends us: it hangs on a pipe that only we hold.
        attached = [sys.executable, str(ROOT / "tests/support/attached.py")]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                attached + self._command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=self._environment
            )
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"the server did not become ready:\n{self.log_tail()}")
            time.sleep(POLL_SECONDS)

    def stop(self) -> int:
        """Asks the server to end and returns its exit code."""
        self._process.stdin.close()
        return self._process.wait(STOP_SECONDS_MAX)

    def kill(self) -> None:
        """Ends the server as a crash would."""
        self._process.send_signal(signal.SIGUSR1)
        self._process.wait(STOP_SECONDS_MAX)

    def end(self) -> None:
        if self._process and self._process.poll() is None:
            self.stop()

    def get(self, path: str) -> dict:
        with urllib.request.urlopen(self.url + path, timeout=STOP_SECONDS_MAX) as answer:
            return json.load(answer)

    def log_tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(self.url + "/readyz", timeout=STOP_SECONDS_MAX) as answer:
                return answer.status == 200
        except (urllib.error.URLError, ConnectionError):
            return False


def main() -> int:
    arguments = parse_arguments()
    clients = client_table(arguments)
    checks = Checks()
    print("with a scripted upstream", flush=True)
    with Upstream() as upstream, server(arguments, upstream) as throughline:
        two_days(clients, throughline, upstream, checks, real_model=None, model_dir=arguments.model_dir)
    if arguments.llm_url:
        print("with a real model", flush=True)
        with Upstream(relay_to=arguments.llm_url) as upstream, server(arguments, upstream) as throughline:
            model = throughline.get("/v1/models")["data"][0]["id"]
            two_days(clients, throughline, upstream, checks, real_model=model, model_dir=arguments.model_dir)
    for failure in checks.failures:
        print(f"failed: {failure}")
    print(f"{checks.passed} passed, {len(checks.failures)} failed", flush=True)
    return 1 if checks.failures else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", required=True, help="the built `throughline`")
    parser.add_argument("--node", type=Path, required=True, help="folder whose node_modules holds the clients")
    parser.add_argument("--model-dir", help="folder of the embedding model; without it recall is lexical")
    parser.add_argument("--llm-url", help="an OpenAI-compatible server with a small model")
    parser.add_argument("--only", help="name of one client")
    return parser.parse_args()


def client_table(arguments: argparse.Namespace) -> list[Client]:
    # Node resolves packages from where a script lies: the scripts run from a copy beside their node_modules.
    scripts = arguments.node / "scripts"
    shutil.rmtree(scripts, ignore_errors=True)
    shutil.copytree(HERE / "node", scripts, ignore=shutil.ignore_patterns("node_modules", "package*", ".npmrc"))
    shutil.copy(ROOT / "examples/node-quickstart/index.mjs", scripts / "quickstart.mjs")
    python, node = [sys.executable], ["node"]
    clients = [
        Client("openai-python", "Biscuit", [*python, str(HERE / "python/openai_client.py")]),
        Client("langchain-python", "Waffle", [*python, str(HERE / "python/langchain_client.py")]),
        Client("openai-node", "Pretzel", [*node, str(scripts / "openai.mjs")]),
        Client("ai-sdk-openai", "Crumpet", [*node, str(scripts / "ai-sdk.mjs"), "{day}", "openai"]),
        Client("ai-sdk-compatible", "Muffin", [*node, str(scripts / "ai-sdk.mjs"), "{day}", "compatible"]),
        Client("node-quickstart", "Strudel", [*node, str(scripts / "quickstart.mjs"), "{sentence}"], system=None),
    ]
    return [client for client in clients if arguments.only in (None, client.name)]


@contextmanager
def server(arguments: argparse.Namespace, upstream: Upstream) -> Iterator[Throughline]:
    with tempfile.TemporaryDirectory(prefix="throughline-clients-") as directory:
        data = Path(directory) / "data"
        throughline = Throughline(arguments.program, data, upstream.url, arguments.model_dir)
        throughline.start()
        try:
            yield throughline
        finally:
            throughline.end()


def two_days(
    clients: list[Client],
    throughline: Throughline,
    upstream: Upstream,
    checks: Checks,
    real_model: str | None,
    model_dir: str | None,
) -> None:
    kind = "real" if real_model else "scripted"
    environment = {
        "TEST_MODEL": real_model or MODEL,
        "TEST_REAL_MODEL": "yes" if real_model else "no",
        "TEST_EMBEDDING_MODEL": EMBEDDING_MODEL if model_dir else "",
    }
    for client in clients:
        run_client(client, "day1", kind, throughline, environment, checks)
    for client in clients:
        checks.expect(*recorded_exchange(client, throughline), "no exchange was recorded")
    if real_model:
        throughline.kill()
    else:
        code = throughline.stop()
        checks.expect(code == 0, "the server ends cleanly when asked", f"exit code {code}")
    throughline.start()
    upstream.take_recorded()
    for client in clients:
        run_client(client, "day2", kind, throughline, environment, checks)
        check_sent(client, clients, upstream.take_recorded(), f"{client.name}, {kind} model", checks)


def run_client(
    client: Client, day: str, kind: str, throughline: Throughline, environment: dict, checks: Checks
) -> None:
    sentence = f"My dog is called {client.dog}." if day == "day1" else "What is my dog called?"
    words = {"{day}": day, "{sentence}": sentence}
    command = [words.get(word, word) for word in client.command]
    if not set(words) & set(client.command):
        command.append(day)
    environment = clean_environment() | environment | {
        "TEST_BASE_URL": f"{throughline.url}/v1",
        "TEST_API_KEY": API_KEY,
        "TEST_USER": client.user,
        "TEST_DOG": client.dog,
        # The quickstart reads what a person would set.
        "THROUGHLINE_URL": f"{throughline.url}/v1",
        "OPENAI_API_KEY": API_KEY,
        "OPENAI_MODEL": environment["TEST_MODEL"],
        "USER_ID": client.user,
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=CLIENT_SECONDS_MAX)
    title = f"{client.name}, {kind} model, {day}"
    lines = done.stdout.splitlines()
    results = [line for line in lines if line.startswith(("ok - ", "not ok - "))]
    for line in lines:
        if line in results:
            checks.expect(line.startswith("ok"), f"{title}: {line.split(' - ', 1)[1]}", "see below")
        else:
            print(f"       {line}")
    failed = done.returncode != 0 or any(line.startswith("not ok") for line in results)
    if failed:
        print(done.stderr[-4000:], throughline.log_tail(), sep="\n", flush=True)
    if not results:
        # The quickstart checks nothing itself: it must print the answer.
        expected = f"Your dog is called {client.dog}." if day == "day2" and kind == "scripted" else ""
        ok = done.returncode == 0 and expected in done.stdout and done.stdout.strip() != ""
        checks.expect(ok, f"{title}: prints the answer", f"exit code {done.returncode}, printed {done.stdout!r}")


def recorded_exchange(client: Client, throughline: Throughline) -> tuple[bool, str]:
    """Waits until the exchange of day 1 stands in the journal: it is written after the answer was sent."""
    query = urllib.parse.urlencode({"user": client.user})
    deadline = time.monotonic() + STOP_SECONDS_MAX
    roles: list[str] = []
    while time.monotonic() < deadline:
        roles = [turn["role"] for turn in throughline.get(f"/api/v1/turns?{query}")["turns"]]
        if "user" in roles and "assistant" in roles:
            break
        time.sleep(POLL_SECONDS)
    return "assistant" in roles, f"{client.name}: the exchange of day 1 is in the journal"


def check_sent(client: Client, clients: list[Client], sent: list[dict], title: str, checks: Checks) -> None:
    """What stood in the requests of day 2 when they reached the model."""
    chats = [request for request in sent if request["path"] == "/v1/chat/completions"]
    questions = [request["body"]["messages"] for request in chats if is_question(request["body"]["messages"])]
    with_tools = [request["body"]["messages"] for request in chats if not is_question(request["body"]["messages"])]
    checks.expect(bool(questions), f"{title}: questions were sent upstream", "none was")
    checks.expect(
        all(client.dog in text_of(messages[-1]) for messages in questions),
        f"{title}: the evidence of day 1 stands in the last user message",
        questions,
    )
    checks.expect(
        all("What is my dog called" in text_of(messages[-1]) for messages in questions),
        f"{title}: the question is still there",
        questions,
    )
    others = [other.dog for other in clients if other is not client]
    everything = json.dumps([request["body"] for request in chats])
    checks.expect(
        not any(dog in everything for dog in others), f"{title}: no other user's memory was sent", everything
    )
    checks.expect(
        all(request["headers"].get("authorization") == f"Bearer {API_KEY}" for request in chats),
        f"{title}: the provider's key was passed on",
        [request["headers"] for request in chats],
    )
    if client.system:
        checks.expect(
            all({"role": "system", "content": client.system} in request["body"]["messages"] for request in chats),
            f"{title}: the caller's own system message is unchanged",
            everything,
        )
    if with_tools:
        checks.expect(
            all(map(results_follow_calls, with_tools)),
            f"{title}: tool results follow their calls, two each",
            with_tools,
        )


def is_question(messages: list[dict]) -> bool:
    return messages[-1]["role"] == "user"


def results_follow_calls(messages: list[dict]) -> bool:
    roles = [message["role"] for message in messages]
    return roles[-3:] == ["assistant", "tool", "tool"] and len(messages[-3]["tool_calls"]) == 2


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def clean_environment() -> dict[str, str]:
    """Ours, without settings that would point a client or the server elsewhere."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("OPENAI_", "THROUGHLINE_", "LANGCHAIN_"))}


if __name__ == "__main__":
    sys.exit(main())
