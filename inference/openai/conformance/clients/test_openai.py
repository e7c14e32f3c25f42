"""The OpenAI SDK for Python: plain, asynchronous, streaming, helpers, parsing, errors."""

import asyncio
import json
import math

import openai
import pytest
from conftest import MODEL, NODE_TOOL, POD_TOOL
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

PODS = [{"role": "user", "content": "Which pods are failing?"}]
HELLO = [{"role": "user", "content": "Say hello."}]


class Person(BaseModel):
    name: str
    age: int


class Verdict(BaseModel):
    cause: str
    object: str


@pytest.fixture(scope="module")
def client(base_url):
    return OpenAI(base_url=base_url, api_key="x", max_retries=0, timeout=120)


def ask(client, messages=HELLO, **more):
    return client.chat.completions.create(model=MODEL, messages=messages, temperature=0, **more)


def test_models_are_listed_and_retrieved(client):
    assert MODEL in [model.id for model in client.models.list()]
    assert client.models.retrieve(MODEL).id == MODEL


def test_an_answer_ends_by_itself(client):
    answer = ask(client)
    assert answer.choices[0].message.content == "Hello there!"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer._request_id


def test_thoughts_are_split_off(client):
    answer = ask(client, [{"role": "user", "content": "Is the node full?"}])
    assert answer.choices[0].message.content == "Yes, the node is full."
    assert answer.choices[0].message.reasoning_content.strip() == "The disk is at 97 percent."
    assert answer.usage.completion_tokens_details.reasoning_tokens > 0


def test_thinking_can_be_switched_off(client):
    answer = ask(client, [{"role": "user", "content": "Is the node full?"}], extra_body={"chat_template_kwargs": {"enable_thinking": False}})
    assert answer.choices[0].message.content == "Yes, the node is full."
    assert not getattr(answer.choices[0].message, "reasoning_content", None)


def test_thoughts_are_streamed_before_content(client):
    stream = ask(client, [{"role": "user", "content": "Is the node full?"}], stream=True)
    thoughts, content, order = "", "", []
    for chunk in stream:
        delta = chunk.choices[0].delta
        if getattr(delta, "reasoning_content", None):
            thoughts += delta.reasoning_content
            order.append("thought")
        if delta.content:
            content += delta.content
            order.append("content")
    assert thoughts.strip() == "The disk is at 97 percent." and content == "Yes, the node is full."
    assert order == sorted(order, reverse=True) and len(order) > 4


def test_a_stop_string_ends_the_text(client):
    answer = ask(client, [{"role": "user", "content": "Count to nine."}], stop=[" five"])
    assert answer.choices[0].message.content == "one two three four"
    assert answer.choices[0].finish_reason == "stop"


def test_a_stop_string_never_leaks_into_a_stream(client):
    stream = ask(client, [{"role": "user", "content": "Count to nine."}], stop="four fi", stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream).strip() == "one two three"


def test_a_limit_of_tokens_is_a_length(client):
    for name in ["max_tokens", "max_completion_tokens"]:
        answer = ask(client, **{name: 1})
        assert (answer.choices[0].finish_reason, answer.usage.completion_tokens) == ("length", 1)


def test_the_model_calls_a_tool_of_its_own_accord(client):
    answer = ask(client, PODS, tools=[POD_TOOL, NODE_TOOL])
    message = answer.choices[0].message
    assert answer.choices[0].finish_reason == "tool_calls"
    assert message.content is None and message.reasoning_content.strip() == "I must list the pods."
    assert [call.function.name for call in message.tool_calls] == ["get_pods"]
    assert json.loads(message.tool_calls[0].function.arguments) == {"namespace": "shop"}


def test_a_result_is_read_and_answered(client):
    first = ask(client, PODS, tools=[POD_TOOL]).choices[0].message
    result = {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": "a pod"}
    answer = ask(client, [*PODS, first.model_dump(exclude_none=True), result], tools=[POD_TOOL])
    assert answer.choices[0].message.content == "The pod ads-1 is out of memory."
    assert answer.choices[0].finish_reason == "stop"


def test_tools_do_not_keep_the_model_from_plain_words(client):
    answer = ask(client, tools=[POD_TOOL])
    assert answer.choices[0].message.content == "Hello there!" and not answer.choices[0].message.tool_calls


def test_two_calls_come_in_one_answer_or_one(client):
    question = [{"role": "user", "content": "Check pods and nodes."}]
    both = ask(client, question, tools=[POD_TOOL, NODE_TOOL]).choices[0].message.tool_calls
    assert [call.function.name for call in both] == ["get_pods", "get_nodes"]
    assert len({call.id for call in both}) == 2
    one = ask(client, question, tools=[POD_TOOL, NODE_TOOL], parallel_tool_calls=False).choices[0].message.tool_calls
    assert [call.function.name for call in one] == ["get_pods"]


def test_a_named_tool_is_called_whatever_is_asked(client):
    answer = ask(client, tools=[POD_TOOL, NODE_TOOL], tool_choice={"type": "function", "function": {"name": "get_nodes"}})
    assert [call.function.name for call in answer.choices[0].message.tool_calls] == ["get_nodes"]


def test_a_named_tool_is_called_in_a_stream_too(client):
    named = {"type": "function", "function": {"name": "get_nodes"}}
    chunks = list(ask(client, tools=[POD_TOOL, NODE_TOOL], tool_choice=named, stream=True, parallel_tool_calls=False))
    calls = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or []]
    assert [call.function.name for call in calls if call.function.name] == ["get_nodes"]
    assert isinstance(json.loads("".join(call.function.arguments or "" for call in calls)), dict)
    assert chunks[-1].choices[0].finish_reason == "tool_calls" and {call.index for call in calls} == {0}


def test_usage_tells_what_was_kept_and_what_was_thought(client):
    question = [{"role": "system", "content": "pod " * 60}, {"role": "user", "content": "Is the node full?"}]
    usages = [ask(client, question, max_tokens=8).usage for _ in range(2)]
    assert usages[1].prompt_tokens_details.cached_tokens >= 48
    assert 0 < usages[1].completion_tokens_details.reasoning_tokens <= 8


def test_thoughts_have_a_budget(client):
    question = [{"role": "user", "content": "Is the node full?"}]
    answer = ask(client, question, extra_body={"thinking_token_budget": 2})
    assert answer.usage.completion_tokens_details.reasoning_tokens == 2 and answer.choices[0].message.content
    tools = ask(client, PODS, tools=[POD_TOOL], extra_body={"thinking_token_budget": 2}, tool_choice="required", max_tokens=200)
    assert tools.choices[0].message.tool_calls[0].function.name == "get_pods"


def test_the_service_tier_is_answered(client):
    assert ask(client).service_tier is None
    assert ask(client, service_tier="auto").service_tier == "default"
    assert ask(client, service_tier="flex").service_tier == "flex"
    with pytest.raises(openai.BadRequestError, match="service_tier"):
        ask(client, service_tier="gold")


def test_required_calls_some_tool_and_none_calls_none(client):
    answer = ask(client, tools=[POD_TOOL], tool_choice="required", max_tokens=200, extra_body={"chat_template_kwargs": {"enable_thinking": False}})
    assert answer.choices[0].message.tool_calls[0].function.name == "get_pods"
    answer = ask(client, PODS, tools=[POD_TOOL], tool_choice="none")
    assert not answer.choices[0].message.tool_calls and answer.choices[0].message.content


def test_calls_are_streamed_in_pieces(client):
    names, arguments, ids = [], {}, {}
    for chunk in ask(client, [{"role": "user", "content": "Check pods and nodes."}], tools=[POD_TOOL, NODE_TOOL], stream=True):
        for call in chunk.choices[0].delta.tool_calls or []:
            if call.function.name:
                names.append(call.function.name)
                ids[call.index] = call.id
            arguments[call.index] = arguments.get(call.index, "") + (call.function.arguments or "")
    assert names == ["get_pods", "get_nodes"] and len(set(ids.values())) == 2
    assert json.loads(arguments[0]) == {"namespace": "shop"} and json.loads(arguments[1]) == {}


def test_the_stream_helper_builds_calls_and_content(client):
    with client.chat.completions.stream(model=MODEL, messages=PODS, tools=[{**POD_TOOL, "function": {**POD_TOOL["function"], "strict": True}}], temperature=0) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert "tool_calls.function.arguments.delta" in kinds
    assert final.choices[0].message.tool_calls[0].function.parsed_arguments == {"namespace": "shop"}


def test_parse_gives_a_typed_answer(client):
    answer = client.chat.completions.parse(model=MODEL, messages=[{"role": "user", "content": "Extract: Ann is 30 years old."}], response_format=Person, temperature=0)
    assert answer.choices[0].message.parsed == Person(name="Ann", age=30)


def test_parse_gives_typed_calls(client):
    tool = openai.pydantic_function_tool(Person)
    answer = client.chat.completions.parse(model=MODEL, messages=[{"role": "user", "content": "Extract: Ann is 30 years old."}], tools=[tool], temperature=0)
    assert answer.choices[0].message.tool_calls[0].function.parsed_arguments == Person(name="Ann", age=30)


def test_a_schema_beside_tools_leaves_both_possible(client):
    schema = {"type": "json_schema", "json_schema": {"name": "verdict", "strict": True, "schema": {
        "type": "object", "properties": {"cause": {"type": "string"}, "object": {"type": "string"}}, "required": ["cause", "object"], "additionalProperties": False}}}
    called = ask(client, PODS, tools=[POD_TOOL], response_format=schema)
    assert called.choices[0].message.tool_calls[0].function.name == "get_pods"
    said = ask(client, [{"role": "user", "content": "What broke?"}], tools=[POD_TOOL], response_format=schema)
    assert json.loads(said.choices[0].message.content) == {"cause": "OutOfMemory", "object": "ads-1"}


def test_json_mode_gives_an_object(client):
    answer = ask(client, [{"role": "user", "content": "What broke?"}], response_format={"type": "json_object"})
    assert json.loads(answer.choices[0].message.content)["cause"] == "OutOfMemory"


def test_probabilities_belong_to_the_text(client):
    answer = ask(client, logprobs=True, top_logprobs=3)
    tokens = answer.choices[0].logprobs.content
    assert b"".join(bytes(token.bytes) for token in tokens).decode() == "Hello there!"
    for token in tokens:
        assert len(token.top_logprobs) == 3 and token.top_logprobs[0].logprob >= token.logprob - 1e-6
        assert sum(math.exp(top.logprob) for top in token.top_logprobs) < 1.0001


def test_streamed_probabilities_are_the_same(client):
    whole = [token.token for token in ask(client, logprobs=True).choices[0].logprobs.content]
    pieces = [token.token for chunk in ask(client, logprobs=True, stream=True) for token in (chunk.choices[0].logprobs.content if chunk.choices[0].logprobs else [])]
    assert pieces == whole


def test_several_answers_differ_by_seed_and_repeat(client):
    def texts():
        answer = client.chat.completions.create(model=MODEL, messages=PODS, n=3, seed=7, temperature=2, max_tokens=12)
        assert [choice.index for choice in answer.choices] == [0, 1, 2]
        return [str(choice.message.content) + str(choice.message.model_extra) for choice in answer.choices]
    first = texts()
    assert first == texts() and len(set(first)) > 1


def test_usage_comes_last_in_a_stream(client):
    chunks = list(ask(client, stream=True, stream_options={"include_usage": True}))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens > 0
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert chunks[-2].choices[0].finish_reason == "stop"


def test_the_last_message_can_be_continued(client):
    messages = [{"role": "user", "content": "Count to nine."}, {"role": "assistant", "content": "one two three"}]
    answer = ask(client, messages, extra_body={"continue_final_message": True, "add_generation_prompt": False})
    assert answer.choices[0].message.content.strip().startswith("four five")


def test_choices_and_expressions_of_other_servers_are_held_to(client):
    answer = ask(client, extra_body={"structured_outputs": {"choice": ["red", "blue"]}})
    assert answer.choices[0].message.content in ["red", "blue"]
    answer = ask(client, extra_body={"guided_regex": "[0-9]{4}"})
    assert len(answer.choices[0].message.content) == 4


def test_completions_continue_text_and_tokens(client):
    text = client.completions.create(model=MODEL, prompt="The quick", max_tokens=40, temperature=0)
    assert text.choices[0].text == " brown fox jumps over the lazy dog."
    echoed = client.completions.create(model=MODEL, prompt=["The quick", "Once upon"], max_tokens=40, temperature=0, echo=True)
    assert [choice.text for choice in echoed.choices] == ["The quick brown fox jumps over the lazy dog.", "Once upon a time there was a pod."]
    ids = client.post("/../tokenize", cast_to=object, body={"prompt": "The quick"})["tokens"]
    assert client.completions.create(model=MODEL, prompt=ids, max_tokens=40, temperature=0).choices[0].text == text.choices[0].text
    stream = client.completions.create(model=MODEL, prompt="The quick", max_tokens=40, temperature=0, stream=True, logprobs=1)
    assert "".join(chunk.choices[0].text for chunk in stream) == text.choices[0].text


def test_a_prompt_is_told_with_its_probabilities(client):
    whole = client.completions.create(model=MODEL, prompt="The quick brown fox", max_tokens=1, temperature=0, echo=True, logprobs=1).choices[0].logprobs
    assert "".join(whole.tokens).startswith("The quick brown fox")
    assert whole.token_logprobs[0] is None and whole.top_logprobs[0] is None
    # It knows this text by heart, but for how it begins.
    assert sum(whole.token_logprobs[2:]) > -1
    assert whole.text_offset == [len("".join(whole.tokens[:at])) for at in range(len(whole.tokens))]


def test_errors_are_of_their_class_and_say_why(client):
    with pytest.raises(openai.NotFoundError, match="known models: `tiny`") as error:
        client.chat.completions.create(model="gpt-4", messages=HELLO)
    assert error.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError, match="maximum context length") as error:
        ask(client, [{"role": "user", "content": "pod " * 9000}])
    assert error.value.code == "context_length_exceeded" and error.value.param == "messages"
    with pytest.raises(openai.BadRequestError, match="maximum context length"):
        ask(client, [{"role": "user", "content": "pod " * 9000}], stream=True)
    with pytest.raises(openai.BadRequestError, match="Invalid schema for response_format"):
        ask(client, response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "array", "uniqueItems": True}}})
    with pytest.raises(openai.BadRequestError, match="temperature") as error:
        client.chat.completions.create(model=MODEL, messages=HELLO, temperature=9)
    assert error.value.param == "temperature"


def test_responses_answer_think_and_call(client):
    answer = client.responses.create(model=MODEL, input="Is the node full?", temperature=0)
    assert answer.output_text == "Yes, the node is full." and answer.status == "completed"
    assert answer.output[0].type == "reasoning" and answer.usage.output_tokens_details.reasoning_tokens > 0
    tool = {"type": "function", **POD_TOOL["function"], "strict": True}
    first = client.responses.create(model=MODEL, input=PODS, tools=[tool], temperature=0)
    call = first.output[-1]
    assert (call.type, call.name, json.loads(call.arguments)) == ("function_call", "get_pods", {"namespace": "shop"})
    items = [*PODS, *(item.model_dump(exclude_none=True) for item in first.output), {"type": "function_call_output", "call_id": call.call_id, "output": "a pod"}]
    assert client.responses.create(model=MODEL, input=items, tools=[tool], temperature=0).output_text == "The pod ads-1 is out of memory."


def test_responses_are_parsed_and_streamed(client):
    parsed = client.responses.parse(model=MODEL, input="Extract: Ann is 30 years old.", text_format=Person, temperature=0)
    assert parsed.output_parsed == Person(name="Ann", age=30)
    with client.responses.stream(model=MODEL, input="Is the node full?", temperature=0) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert final.output_text == "Yes, the node is full."
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed" and "response.output_text.delta" in kinds
    cut = client.responses.create(model=MODEL, input="Count to nine.", max_output_tokens=2, temperature=0)
    assert (cut.status, cut.incomplete_details.reason) == ("incomplete", "max_output_tokens")


def test_every_event_of_a_streamed_response_is_of_its_type(client):
    tool = {"type": "function", **POD_TOOL["function"], "strict": True}
    thinking = list(client.responses.create(model=MODEL, input="Is the node full?", temperature=0, stream=True, include=["message.output_text.logprobs"], top_logprobs=2))
    calling = list(client.responses.create(model=MODEL, input=PODS, tools=[tool], temperature=0, stream=True))
    for events in (thinking, calling):
        assert [event.sequence_number for event in events] == list(range(len(events)))
        for event in events:
            # What the SDK read into the event's own type, checked strictly.
            type(event).model_validate(event.model_dump(warnings="error"), strict=True)
    kinds = [event.type for event in thinking]
    order = ["response.created", "response.in_progress", "response.output_item.added", "response.content_part.added", "response.reasoning_text.delta",
        "response.reasoning_text.done", "response.content_part.done", "response.output_item.done", "response.output_item.added", "response.content_part.added",
        "response.output_text.delta", "response.output_text.done", "response.content_part.done", "response.output_item.done", "response.completed"]
    assert [kind for at, kind in enumerate(kinds) if at == 0 or kinds[at - 1] != kind] == order
    kinds = {event.type for event in calling}
    assert {"response.function_call_arguments.delta", "response.function_call_arguments.done"} <= kinds
    deltas = [entry for event in thinking if event.type == "response.output_text.delta" for entry in event.logprobs]
    assert "".join(entry.token for entry in deltas) == "Yes, the node is full." and all(len(entry.top_logprobs) == 2 for entry in deltas)
    text = thinking[-1].response.output[-1].content[0]
    assert [entry.token for entry in text.logprobs] == [entry.token for entry in deltas]


def test_responses_say_that_nothing_is_kept(client):
    for more in [{"previous_response_id": "resp_1"}, {"store": True}, {"background": True}]:
        with pytest.raises(openai.BadRequestError, match="keeps no responses") as error:
            client.responses.create(model=MODEL, input="x", **more)
        assert error.value.code == "unsupported_parameter"


def test_the_asynchronous_client_does_the_same_at_once(base_url):
    async def run():
        async with AsyncOpenAI(base_url=base_url, api_key="x", timeout=120) as client:
            answers = await asyncio.gather(*(client.chat.completions.create(model=MODEL, messages=HELLO, temperature=0) for _ in range(8)))
            assert {answer.choices[0].message.content for answer in answers} == {"Hello there!"}
            stream = await client.chat.completions.create(model=MODEL, messages=HELLO, temperature=0, stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    assert asyncio.run(run()) == "Hello there!"


def test_a_stream_may_be_left_early(client):
    for _ in range(20):
        stream = ask(client, [{"role": "user", "content": "Count to nine."}], stream=True)
        next(iter(stream))
        stream.close()
    assert ask(client).choices[0].message.content == "Hello there!"
