"""Ollama's own client against the addresses below /api."""

import json

import ollama
import pytest
from conftest import MODEL, POD_TOOL


@pytest.fixture(scope="module")
def client(server):
    return ollama.Client(host=server, timeout=120)


def ask(client, question, **more):
    return client.chat(model=MODEL, messages=[{"role": "user", "content": question}], options={"temperature": 0}, **more)


def test_models_are_listed_and_shown(client):
    assert [model.model for model in client.list().models] == [MODEL]
    assert [model.model for model in client.ps().models] == [MODEL]
    shown = client.show(MODEL)
    assert "tools" in shown.capabilities and shown.details.family == "llama"


def test_an_answer_plain_and_streamed(client):
    answer = ask(client, "Say hello.")
    assert answer.message.content == "Hello there!" and answer.done and answer.done_reason == "stop"
    assert answer.eval_count > 0 and answer.total_duration > 0
    parts = list(ask(client, "Say hello.", stream=True))
    assert "".join(part.message.content for part in parts) == "Hello there!" and parts[-1].done


def test_thoughts_and_calls(client):
    answer = ask(client, "Which pods are failing?", tools=[POD_TOOL], think=True)
    assert answer.message.tool_calls[0].function.arguments == {"namespace": "shop"}
    assert answer.message.thinking.strip() == "I must list the pods."
    parts = list(ask(client, "Which pods are failing?", tools=[POD_TOOL], stream=True))
    assert [call.function.name for part in parts for call in part.message.tool_calls or []] == ["get_pods"]
    assert not ask(client, "Is the node full?", think=False).message.thinking


def test_a_result_is_read(client):
    messages = [{"role": "user", "content": "Which pods are failing?"}, {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "get_pods", "arguments": {"namespace": "shop"}}}]},
        {"role": "tool", "tool_name": "get_pods", "content": "a pod"}]
    assert client.chat(model=MODEL, messages=messages, tools=[POD_TOOL], options={"temperature": 0}).message.content == "The pod ads-1 is out of memory."


def test_formats_are_held_to(client):
    assert json.loads(ask(client, "What broke?", format="json").message.content)["cause"] == "OutOfMemory"
    schema = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}, "required": ["name", "age"], "additionalProperties": False}
    assert json.loads(ask(client, "Extract: Ann is 30 years old.", format=schema).message.content) == {"name": "Ann", "age": 30}


def test_generate_with_and_without_template(client):
    assert client.generate(model=MODEL, prompt="Say hello.", options={"temperature": 0}).response == "Hello there!"
    raw = client.generate(model=MODEL, prompt="The quick", raw=True, options={"temperature": 0, "num_predict": 40})
    assert raw.response == " brown fox jumps over the lazy dog."


def test_an_unknown_model_is_an_error(client):
    with pytest.raises(ollama.ResponseError, match="known models") as error:
        client.chat(model="none", messages=[{"role": "user", "content": "x"}])
    assert error.value.status_code == 404
