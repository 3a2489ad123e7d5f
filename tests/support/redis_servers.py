"""redis_servers.py KIND PROGRAM DIRECTORY [NAME=VALUE...]: runs Redis or Valkey until standard input closes.

KIND: `single`; `replicated`, one primary and two replicas; `sentinel`, the same with three Sentinels that call the primary
`mm`; `cluster`, three primaries with a replica each. PROGRAM is a redis-server or valkey-server, each NAME=VALUE a setting.
Servers listen on free loopback ports and keep an append-only file in DIRECTORY.

Prints one line of JSON when all are ready, replicas connected: `url`, and `nodes` with `port`, `pid` and `role` of each.
A line `start PORT` on standard input starts a node again that was killed, and is answered by its pid.
"""

import ctypes
import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

READY_SECONDS_MAX = 60
POLL_SECONDS = 0.05
SLOTS = 16384
PR_SET_PDEATHSIG = 1


class Node:
    def __init__(self, program: str, directory: Path, port: int, settings: list[str], role: str) -> None:
        self.port, self.role = port, role
        self.directory = directory / str(port)
        self.directory.mkdir(parents=True)
        self.command = [program, *settings, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(self.directory)]
        self.start()

    def start(self) -> None:
        log = open(self.directory / "log", "ab")
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=end_with_parent
        )
        wait_until(lambda: self.ask("PING") == "PONG", f"{self.port} answers", self.process)

    def ask(self, *words: str):
        """The answer: a string, a number or a list; None if there is none."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
                parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
                connection.sendall(f"*{len(parts)}\r\n{''.join(parts)}".encode())
                return read(connection.makefile("rb"))
        except OSError:
            return None

    def info(self, name: str) -> str:
        lines = (self.ask("INFO") or "").splitlines()
        return next((line.split(":", 1)[1] for line in lines if line.startswith(name + ":")), "")


def read(stream):
    line = stream.readline().rstrip(b"\r\n").decode()
    kind, rest = line[:1], line[1:]
    if kind == "$":
        return None if rest == "-1" else stream.read(int(rest) + 2)[:-2].decode("utf-8", "replace")
    if kind == "*":
        return [read(stream) for _ in range(int(rest))]
    return int(rest) if kind == ":" else rest


def end_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def wait_until(holds, what: str, process: subprocess.Popen | None = None) -> None:
    deadline = time.monotonic() + READY_SECONDS_MAX
    while not holds():
        if process and process.poll() is not None:
            sys.exit(f"a server ended with {process.returncode} before {what}: see its log")
        if time.monotonic() > deadline:
            sys.exit(f"not so after {READY_SECONDS_MAX} s: {what}")
        time.sleep(POLL_SECONDS)


def free_ports(count: int, below: int) -> list[int]:
    """Free at this moment, and low enough for the port of a cluster's bus, which is 10,000 higher."""
    sockets = []
    while len(sockets) < count:
        candidate = socket.socket()
        candidate.bind(("127.0.0.1", 0))
        port = candidate.getsockname()[1]
        if port >= below:
            candidate.close()
            candidate = socket.socket()
            try:
                candidate.bind(("127.0.0.1", port - 20000))
            except OSError:
                continue
        sockets.append(candidate)
    ports = [candidate.getsockname()[1] for candidate in sockets]
    for candidate in sockets:
        candidate.close()
    return ports


def replicas_are_connected(nodes: list[Node]) -> bool:
    replicas = [node for node in nodes if node.role == "replica"]
    return all(node.info("master_link_status") == "up" for node in replicas)


def make_cluster(nodes: list[Node]) -> None:
    primaries, replicas = nodes[:3], nodes[3:]
    for number, primary in enumerate(primaries):
        slots = range(SLOTS * number // 3, SLOTS * (number + 1) // 3)
        primary.ask("CLUSTER", "ADDSLOTS", *map(str, slots))
    for node in nodes[1:]:
        node.ask("CLUSTER", "MEET", "127.0.0.1", str(nodes[0].port))
    wait_until(
        lambda: all(node.ask("CLUSTER", "INFO").count("cluster_known_nodes:6") for node in nodes),
        "all nodes know each other",
    )
    for primary, replica in zip(primaries, replicas):
        name = primary.ask("CLUSTER", "MYID")
        wait_until(lambda: replica.ask("CLUSTER", "REPLICATE", name) == "OK", "a replica follows its primary")
    wait_until(
        lambda: all("cluster_state:ok" in node.ask("CLUSTER", "INFO") for node in nodes), "the cluster serves"
    )
    # Until all nodes say the same, clients may be sent from one to the other.
    wait_until(lambda: all(len(node.ask("CLUSTER", "SLOTS")[0]) > 3 for node in nodes), "replicas are known")


def run(kind: str, program: str, directory: Path, settings: list[str]) -> None:
    common = ["--appendonly", "yes", "--save", "", "--repl-diskless-sync-delay", "0", "--loglevel", "warning"]
    for setting in settings:
        name, _, value = setting.partition("=")
        common += [f"--{name}", value]
    roles = {"single": ["primary"], "cluster": ["primary"] * 3 + ["replica"] * 3}
    roles = roles.get(kind, ["primary", "replica", "replica"])
    if kind == "cluster":
        common += ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"]
    ports = free_ports(len(roles), 50000 if kind == "cluster" else 65536)
    nodes = []
    for port, role in zip(ports, roles):
        follows = ["--replicaof", f"127.0.0.1 {ports[0]}"] if role == "replica" and kind != "cluster" else []
        nodes.append(Node(program, directory, port, common + follows, role))
    url = f"redis://127.0.0.1:{ports[0]}"
    if kind == "cluster":
        make_cluster(nodes)
        url = "redis+cluster://" + ",".join(f"127.0.0.1:{port}" for port in ports)
    wait_until(lambda: replicas_are_connected(nodes), "replicas are connected")
    if kind == "sentinel":
        sentinels = free_ports(3, 65536)
        for port in sentinels:
            nodes.append(sentinel(program, directory, port, ports[0]))
        wait_until(
            lambda: all(known(node) == "2 2" for node in nodes if node.role == "sentinel"),
            "every Sentinel knows the replicas and the other Sentinels",
        )
        url = "redis+sentinel://" + ",".join(f"127.0.0.1:{port}" for port in sentinels) + "/mm"
    described = [{"port": node.port, "pid": node.process.pid, "role": node.role} for node in nodes]
    print(json.dumps({"url": url, "nodes": described}), flush=True)
    for line in sys.stdin:
        words = line.split()
        if words[:1] == ["start"]:
            node = next(node for node in nodes if node.port == int(words[1]))
            node.process.wait()
            node.start()
            print(node.process.pid, flush=True)
    for node in nodes:
        node.process.kill()
        node.process.wait()


def sentinel(program: str, directory: Path, port: int, primary: int) -> Node:
    configuration = directory / f"sentinel-{port}.conf"
    configuration.write_text(
        f"sentinel monitor mm 127.0.0.1 {primary} 2\n"
        "sentinel down-after-milliseconds mm 1500\n"
        "sentinel failover-timeout mm 6000\n"
    )
    return Node(program, directory, port, [str(configuration), "--sentinel"], "sentinel")


def known(node: Node) -> str:
    """How many replicas and other Sentinels it knows."""
    answer = node.ask("SENTINEL", "MASTER", "mm") or []
    facts = dict(zip(answer[::2], answer[1::2]))
    return f"{facts.get('num-slaves')} {facts.get('num-other-sentinels')}"


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4:])
