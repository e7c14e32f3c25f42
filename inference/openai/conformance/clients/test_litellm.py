"""LiteLLM, as HolmesGPT uses it: calls, schemas, streams, and errors of the right class."""

import json
import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm  # noqa: E402
import pytest  # noqa: E402
from conftest import MODEL, POD_TOOL  # noqa: E402

PODS = [{"role": "user", "content": "Which pods are failing?"}]


@pytest.fixture(scope="module")
def ask(base_url):
    def ask(messages, **more):
        return litellm.completion(model=f"openai/{MODEL}", api_base=base_url, api_key="x", messages=messages, temperature=1e-8, num_retries=0, **more)
    return ask


def test_an_answer(ask):
    assert ask([{"role": "user", "content": "Say hello."}]).choices[0].message.content == "Hello there!"


def test_thoughts(ask):
    message = ask([{"role": "user", "content": "Is the node full?"}]).choices[0].message
    assert message.content == "Yes, the node is full." and "97 percent" in message.reasoning_content


def test_a_call_and_its_result(ask):
    message = ask(PODS, tools=[POD_TOOL], tool_choice="auto").choices[0].message
    assert json.loads(message.tool_calls[0].function.arguments) == {"namespace": "shop"}
    result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "name": "get_pods", "content": [{"type": "text", "text": "a pod"}]}
    assert ask([*PODS, message.model_dump(), result], tools=[POD_TOOL]).choices[0].message.content == "The pod ads-1 is out of memory."


def test_a_schema_beside_tools_with_nullable_types(ask):
    tool = {"type": "function", "function": {"name": "get_pods", "strict": True, "parameters": {"type": "object", "additionalProperties": False,
        "properties": {"namespace": {"type": ["string", "null"]}, "phase": {"type": ["string", "null"], "enum": ["Running", None]}}, "required": ["namespace", "phase"]}}}
    schema = {"type": "json_schema", "json_schema": {"name": "InvestigationResult", "strict": False, "schema": {"type": "object", "properties": {"cause": {"type": ["string", "null"]}}, "required": ["cause"], "additionalProperties": False}}}
    # Holmes lets the model choose; it is made to call here, since it does not know this form by heart.
    choice = ask(PODS, tools=[tool], tool_choice="required", response_format=schema, max_tokens=600).choices[0]
    arguments = json.loads(choice.message.tool_calls[0].function.arguments)
    assert isinstance(arguments["namespace"], str | None) and arguments["phase"] in ("Running", None)


def test_a_stream(ask):
    chunks = list(ask([{"role": "user", "content": "Say hello."}], stream=True, stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Hello there!"
    assert litellm.stream_chunk_builder(chunks).usage.completion_tokens > 0


def test_a_prompt_that_is_too_long_is_known_as_such(ask):
    # Lengths around numbers that hold 429, which LiteLLM takes for a rate limit.
    for count in [4250, 4290, 4295, 14290]:
        with pytest.raises(litellm.ContextWindowExceededError):
            ask([{"role": "user", "content": "a " * count}])


def test_other_errors_have_their_classes(ask, base_url):
    with pytest.raises(litellm.BadRequestError):
        ask([{"role": "user", "content": "x"}], tools=[{"type": "function", "function": {"name": "f", "strict": True, "parameters": {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}}}}}])
    with pytest.raises(litellm.NotFoundError):
        litellm.completion(model="openai/none", api_base=base_url, api_key="x", messages=PODS, num_retries=0)
