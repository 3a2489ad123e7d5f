"""What the Python client tests share: the story of the two days, and one line per check.

A check prints `ok - NAME` or `not ok - NAME: why`; `tests/clients/run.py` counts these lines.
"""

import os
import sys
import traceback
from collections.abc import Callable

BASE_URL = os.environ["TEST_BASE_URL"]
API_KEY = os.environ["TEST_API_KEY"]
USER = os.environ["TEST_USER"]
DOG = os.environ["TEST_DOG"]
MODEL = os.environ["TEST_MODEL"]
#: With a real model the wording is reported, not asserted, and tools are left out.
REAL_MODEL = os.environ["TEST_REAL_MODEL"] == "yes"
EMBEDDING_MODEL = os.environ.get("TEST_EMBEDDING_MODEL")

SYSTEM = "You are a helpful assistant."
TELL = f"My dog is called {DOG} and I am allergic to penicillin."
ASK = "What is my dog called?"
ASK_WEATHER = "What is my dog called, and how warm is it in Oslo and in Lima?"
DEGREES = {"Oslo": "3 degrees in Oslo", "Lima": "19 degrees in Lima"}
WEATHER = "; ".join(DEGREES.values())
#: Enough for an answer, little enough for a slow machine.
ANSWER_TOKENS_MAX = 16

WEATHER_PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}


def check(name: str, body: Callable[[], None]) -> None:
    try:
        body()
    except Exception as error:  # noqa: BLE001 - whatever a client raises is the finding
        traceback.print_exc()
        print(f"not ok - {name}: {error!r}", flush=True)
    else:
        print(f"ok - {name}", flush=True)


def expect_answer(text: str | None, scripted: str) -> None:
    """A scripted upstream's answer is known; a real model's is only shown."""
    assert text, "the answer is empty"
    if REAL_MODEL:
        print(f"# the model says: {text!r}")
    else:
        assert text == scripted, f"expected {scripted!r}, got {text!r}"


def day() -> str:
    return sys.argv[1]
