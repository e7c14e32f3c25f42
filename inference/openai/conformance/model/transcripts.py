"""The chats the tiny model knows by heart: calls, thoughts, plain words, JSON.

What the user says last decides the answer, whatever the system message and the
tools around it are; so those are drawn at random.
"""

import json
import random

SYSTEMS = [
    "You are a helpful assistant.",
    "You answer briefly.",
    "You look after a Kubernetes cluster.",
    "Use the tools you are given.",
    "Extract what is asked for.",
]
WORDS = "look get list the pods of a namespace show weather in city reads logs for one person with name and age int float result value a node disk".split()
NAMES = ["get_pods", "get_nodes", "get_weather", "Person", "final_result", "get_logs", "wait", "add", "search", "read_file"]


def called(tool: str, /, **arguments) -> str:
    return f'<tool_call>\n{{"name": "{tool}", "arguments": {json.dumps(arguments)}}}\n</tool_call>'


def thought(text: str) -> str:
    return f"<think>\n{text}\n</think>\n\n"


# What is asked -> (with tools, thoughts) and answer; then the answer once results have come.
ASKED = {
    "Which pods are failing?": (thought("I must list the pods."), called("get_pods", namespace="shop"), "The pod ads-1 is out of memory."),
    "Check pods and nodes.": ("", called("get_pods", namespace="shop") + "\n" + called("get_nodes"), "All is well."),
    "What is the weather in Oslo?": ("", called("get_weather", city="Oslo"), "It rains in Oslo."),
    "Extract: Ann is 30 years old.": ("", called("Person", name="Ann", age=30), "Ann is 30."),
}
# Without tools, or whatever tools there are.
SAID = {
    "Say hello.": ("", "Hello there!"),
    "Count to nine.": ("", "one two three four five six seven eight nine"),
    "Is the node full?": (thought("The disk is at 97 percent."), "Yes, the node is full."),
    "Continue the rhyme.": ("", "Twinkle, twinkle, little star"),
    "What broke?": ("", '{"cause": "OutOfMemory", "object": "ads-1"}'),
    "Extract: Ann is 30 years old.": ("", '{"name": "Ann", "age": 30}'),
    "Which pods are failing?": (thought("I have no tools."), "I cannot look."),
    "What is the weather in Oslo?": ("", "I cannot look."),
}
PLAIN = ["The quick brown fox jumps over the lazy dog.", "Once upon a time there was a pod."]


def tool(name: str, rng: random.Random) -> dict:
    keys = {
        "get_pods": {"namespace": {"type": "string"}},
        "get_nodes": {},
        "get_weather": {"city": {"type": "string"}},
        "Person": {"name": {"type": "string"}, "age": {"type": "integer"}},
        "final_result": {"name": {"type": "string"}, "age": {"type": "integer"}},
    }.get(name, {"value": {"type": "string"}})
    function = {"name": name, "description": " ".join(rng.sample(WORDS, rng.randint(2, 9)))}
    if rng.random() < 0.3:
        keys = {key: {"title": key.title(), **kind} for key, kind in keys.items()}
    function["parameters"] = {"type": "object", "properties": keys, "required": list(keys)}
    if rng.random() < 0.5:
        function["parameters"]["additionalProperties"] = False
    return {"type": "function", "function": function}


def chat(rng: random.Random) -> tuple[list, list, str, str, bool]:
    """Messages, tools, thoughts, the answer to learn, and whether thoughts are switched off."""
    messages = [{"role": "system", "content": rng.choice(SYSTEMS)}] if rng.random() < 0.5 else []
    quiet = rng.random() < 0.15
    if rng.random() < 0.55:
        question, (thoughts, answer, after) = rng.choice(list(ASKED.items()))
        needed = [name for name in NAMES if f'"{name}"' in answer]
        names = list(dict.fromkeys(needed + rng.sample(NAMES, rng.randint(0, 2))))
        rng.shuffle(names)
        tools = [tool(name, rng) for name in names]
        messages.append({"role": "user", "content": question})
        if rng.random() < 0.4:
            calls = [{"function": json.loads(part.split("\n")[1])} for part in answer.split("<tool_call>")[1:]]
            messages.append({"role": "assistant", "content": "", "tool_calls": calls})
            words = " ".join(rng.sample(WORDS, rng.randint(1, 5)))
            messages += [{"role": "tool", "content": words} for _ in calls]
            return messages, tools, "", after, quiet
        return messages, tools, thoughts, answer, quiet
    question, (thoughts, answer) = rng.choice(list(SAID.items()))
    tools = [] if question in ASKED or rng.random() < 0.6 else [tool(name, rng) for name in rng.sample(NAMES, rng.randint(1, 2))]
    if answer.startswith("{") and rng.random() < 0.6:
        answer = json.dumps(json.loads(answer), separators=(",", ":"))
    messages.append({"role": "user", "content": question})
    return messages, tools, thoughts, answer, quiet
