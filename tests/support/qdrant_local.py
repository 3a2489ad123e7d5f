"""Answers Qdrant's REST API from the local mode of its own client, in memory, on 127.0.0.1.

    qdrant_local.py PORT

Each body is read by the models that `qdrant-client` has from Qdrant's OpenAPI description; they forbid unknown fields. What is
wrong by them, or asks for what is not written here, is answered with 400, which fails the test. It is no server: nothing is known
from it about indexes, replicas, crashes or speed.
"""

import json
import re
import sys
import threading
import warnings
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from urllib.parse import parse_qsl, urlsplit

from pydantic import TypeAdapter
from qdrant_client import QdrantClient
from qdrant_client.http import models
from qdrant_client.local import local_collection, payload_value_extractor

# It warns that indexes and exactness mean nothing to it.
warnings.simplefilter("ignore")
# It reads the name of a field anew for each point it filters.
payload_value_extractor.parse_json_path = lru_cache(payload_value_extractor.parse_json_path)
# And it asks each point anew whether a filter admits it: remembered until something is written.
admitted = {}
find_admitted = local_collection.calculate_payload_mask


def remembered(payloads, payload_filter, ids_inv, deleted_per_vector):
    key = (id(payloads), payload_filter and payload_filter.model_dump_json())
    if key not in admitted:
        admitted[key] = find_admitted(payloads, payload_filter, ids_inv, deleted_per_vector)
    return admitted[key].copy()


local_collection.calculate_payload_mask = remembered
client = QdrantClient(":memory:")
one_at_a_time = threading.Lock()
ROUTES = []


class NotFound(Exception):
    pass


def route(method, path, body=None, query=()):
    """Registers what answers; `body` is the model of it, `query` the allowed parameters."""
    pattern = re.compile(path.replace("{c}", "(?P<collection>[a-z0-9_]+)") + "$")

    def register(function):
        ROUTES.append((method, pattern, body and TypeAdapter(body), set(query), function))
        return function

    return register


def known(collection):
    if not client.collection_exists(collection):
        raise NotFound(f"Not found: Collection `{collection}` doesn't exist!")
    return collection


@route("GET", "/")
def about():
    return {"title": "the local mode of qdrant-client", "version": version("qdrant-client")}


@route("GET", "/collections")
def collections():
    return client.get_collections()


@route("GET", "/collections/{c}")
def collection_info(collection):
    return client.get_collection(known(collection))


@route("PUT", "/collections/{c}", models.CreateCollection)
def create_collection(body, collection):
    if client.collection_exists(collection):
        raise ValueError(f"Collection `{collection}` already exists!")
    return client.create_collection(collection, vectors_config=body.vectors)


@route("PUT", "/collections/{c}/index", models.CreateFieldIndex, ["wait"])
def create_index(body, collection):
    return client.create_payload_index(known(collection), body.field_name, body.field_schema)


@route("PUT", "/collections/{c}/points", models.PointsList, ["wait", "ordering"])
def upsert(body, collection):
    return client.upsert(known(collection), body.points, update_mode=body.update_mode)


@route("POST", "/collections/{c}/points", models.PointRequest)
def retrieve(body, collection):
    return client.retrieve(known(collection), body.ids, with_payload=body.with_payload)


@route("POST", "/collections/{c}/points/payload", models.SetPayload, ["wait", "ordering"])
def set_payload(body, collection):
    return client.set_payload(known(collection), body.payload, body.filter)


@route("POST", "/collections/{c}/points/delete", models.PointsSelector, ["wait"])
def delete(body, collection):
    return client.delete(known(collection), body)


@route("POST", "/collections/{c}/points/query", models.QueryRequest)
def query(body, collection):
    return client.query_points(
        known(collection),
        query=body.query,
        query_filter=body.filter,
        search_params=body.params,
        limit=body.limit,
        with_payload=body.with_payload,
    )


@route("POST", "/collections/{c}/points/scroll", models.ScrollRequest)
def scroll(body, collection):
    points, following = client.scroll(
        known(collection), body.filter, limit=body.limit, offset=body.offset, with_payload=body.with_payload
    )
    return {"points": points, "next_page_offset": following}


@route("POST", "/collections/{c}/facet", models.FacetRequest)
def facet(body, collection):
    return client.facet(known(collection), body.key, body.filter, limit=body.limit, exact=bool(body.exact))


READING = {about, collections, collection_info, retrieve, query, scroll, facet}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            with one_at_a_time:
                status, said = 200, self.perform(raw)
        except NotFound as error:
            status, said = 404, {"status": {"error": str(error)}, "time": 0.0}
        except Exception as error:
            status, said = 400, {"status": {"error": f"{type(error).__name__}: {error}"}, "time": 0.0}
        sent = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def perform(self, raw):
        url = urlsplit(self.path)
        for method, pattern, body, allowed, function in ROUTES:
            found = pattern.match(url.path)
            if method != self.command or not found:
                continue
            unknown = {name for name, _ in parse_qsl(url.query)} - allowed
            if unknown:
                raise ValueError(f"unknown parameters: {unknown}")
            if bool(raw) != bool(body):
                raise ValueError("a body is missing, or there should be none")
            arguments = [body.validate_json(raw)] if body else []
            if function not in READING:
                admitted.clear()
            result = TypeAdapter(object).dump_python(function(*arguments, **found.groupdict()), mode="json")
            return result if url.path == "/" else {"result": result, "status": "ok", "time": 0.0}
        raise ValueError(f"{self.command} {url.path} is not answered here")

    do_GET = do_PUT = do_POST = answer

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
