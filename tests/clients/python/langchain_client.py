"""LangChain's `ChatOpenAI` as people use it; only the base URL is ours. The user is `safety_identifier`."""

from checks import (
    ANSWER_TOKENS_MAX, API_KEY, ASK, ASK_WEATHER, BASE_URL, DEGREES, DOG, MODEL, REAL_MODEL, SYSTEM, TELL, USER,
    WEATHER, check, day, expect_answer,
)
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

llm = ChatOpenAI(
    base_url=BASE_URL,
    api_key=API_KEY,
    model=MODEL,
    max_retries=0,
    max_tokens=ANSWER_TOKENS_MAX,
    extra_body={"safety_identifier": USER},
)


def chat(question: str) -> list:
    return [SystemMessage(SYSTEM), HumanMessage(question)]


@tool
def weather(city: str) -> str:
    """How warm it is in a city."""
    return DEGREES[city]


def tell() -> None:
    expect_answer(llm.invoke(chat(TELL)).content, "Noted.")


def ask() -> None:
    expect_answer(llm.invoke(chat(ASK)).content, f"Your dog is called {DOG}.")


def ask_streaming() -> None:
    text = "".join(chunk.content for chunk in llm.stream(chat(ASK)))
    expect_answer(text, f"Your dog is called {DOG}.")


def run_tools() -> None:
    with_tools = llm.bind_tools([weather])
    messages = chat(ASK_WEATHER)
    asked = with_tools.invoke(messages)
    assert [call["args"]["city"] for call in asked.tool_calls] == list(DEGREES), asked.tool_calls
    messages += [asked, *(weather.invoke(call) for call in asked.tool_calls)]
    expect_answer(with_tools.invoke(messages).content, WEATHER)


if day() == "day1":
    check("is told about the dog", tell)
else:
    check("asks", ask)
    check("asks and streams", ask_streaming)
    if not REAL_MODEL:
        check("runs two tools in parallel", run_tools)
