"""langchain-openai: messages, tools, structured output in its three ways, streams, errors."""

import openai
import pytest
from conftest import MODEL
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel


class Person(BaseModel):
    """a person"""

    name: str
    age: int


@tool
def get_pods(namespace: str) -> str:
    """list pods"""
    return "a pod in " + namespace


@pytest.fixture(scope="module")
def model(base_url):
    return ChatOpenAI(base_url=base_url, api_key="x", model=MODEL, temperature=0, max_retries=0, timeout=120)


def test_an_answer_and_its_usage(model):
    answer = model.invoke("Say hello.")
    assert answer.content == "Hello there!" and answer.usage_metadata["output_tokens"] > 0


def test_a_stream(model):
    assert "".join(chunk.content for chunk in model.stream("Say hello.")) == "Hello there!"


def test_a_tool_loop(model):
    bound = model.bind_tools([get_pods])
    question = HumanMessage("Which pods are failing?")
    answer = bound.invoke([question])
    assert isinstance(answer, AIMessage) and answer.tool_calls[0]["args"] == {"namespace": "shop"}
    result = ToolMessage(get_pods.invoke(answer.tool_calls[0]["args"]), tool_call_id=answer.tool_calls[0]["id"])
    assert bound.invoke([question, answer, result]).content == "The pod ads-1 is out of memory."


def test_streamed_calls_add_up(model):
    total = None
    for chunk in model.bind_tools([get_pods]).stream("Which pods are failing?"):
        total = chunk if total is None else total + chunk
    assert total.tool_calls[0]["args"] == {"namespace": "shop"}


@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
def test_structured_output(model, method):
    answer = model.with_structured_output(Person, method=method).invoke("Extract: Ann is 30 years old.")
    assert answer == Person(name="Ann", age=30)


def test_a_schema_that_cannot_be_held_is_an_error_it_knows(model):
    schema = {"title": "x", "description": "d", "type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}}}
    with pytest.raises(openai.BadRequestError, match="Invalid schema for response_format"):
        model.with_structured_output(schema, method="json_schema", strict=False).invoke("x")
