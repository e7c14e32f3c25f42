"""pydantic-ai: agents with tools, and its three kinds of output."""

import pytest
from conftest import MODEL
from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


class Person(BaseModel):
    name: str
    age: int


@pytest.fixture(scope="module")
def model(base_url):
    return OpenAIChatModel(MODEL, provider=OpenAIProvider(base_url=base_url, api_key="x"), settings={"temperature": 0})


def test_an_agent_calls_its_tool_and_answers(model):
    agent = Agent(model)
    asked = []

    @agent.tool_plain
    def get_pods(namespace: str) -> str:
        """list pods"""
        asked.append(namespace)
        return "a pod"

    assert agent.run_sync("Which pods are failing?").output == "The pod ads-1 is out of memory."
    assert asked == ["shop"]


def test_output_by_tool(model):
    assert isinstance(Agent(model, output_type=Person).run_sync("Extract: Ann is 30 years old.").output, Person)


def test_output_by_schema(model):
    assert Agent(model, output_type=NativeOutput(Person)).run_sync("Extract: Ann is 30 years old.").output == Person(name="Ann", age=30)


def test_text_is_streamed(model):
    async def run():
        async with Agent(model).run_stream("Say hello.") as result:
            return [text async for text in result.stream_text()]
    import asyncio
    assert asyncio.run(run())[-1] == "Hello there!"
