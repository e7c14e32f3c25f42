"""The JSON Schema test suite, draft 2020-12: every schema gives valid JSON or a refusal, never anything else.

An answer cut off by `max_tokens` is neither; it says so by its finish reason and is counted.
"""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from conftest import MODEL
from jsonschema import Draft202012Validator

SUITE = Path(__file__).parent.parent / "schemas.json"


def outcome(server: str, name: str, schema, temperature: float) -> tuple[str, float]:
    body = {"model": MODEL, "temperature": temperature, "seed": 1, "max_tokens": 40, "messages": [{"role": "user", "content": "What broke?"}],
            "response_format": {"type": "json_schema", "json_schema": {"name": "suite", "strict": True, "schema": schema}}}
    start = time.monotonic()
    reply = httpx.post(server + "/v1/chat/completions", json=body, timeout=120)
    took = time.monotonic() - start
    if reply.status_code == 400:
        assert reply.json()["error"]["code"] in ("invalid_json_schema", "invalid_value"), reply.text
        return "refused", took
    assert reply.status_code == 200, f"{name}: {reply.text}"
    choice = reply.json()["choices"][0]
    if choice["finish_reason"] == "length":
        return "cut off", took
    answer = json.loads(choice["message"]["content"])
    assert Draft202012Validator(schema).is_valid(answer), f"{name}: {answer}"
    return "valid", took


def test_every_schema_is_held_to_or_refused(server, capsys):
    named = [(entry["name"], entry["schema"]) for entry in json.loads(SUITE.read_text())]
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda pair: outcome(server, *pair, 0), named))
        # Noise goes where a model that knows what it wants does not.
        held = [pair for pair, (found, _) in zip(named, outcomes, strict=True) if found != "refused"]
        noisy = list(pool.map(lambda pair: outcome(server, *pair, 2), held))
    assert all(found != "refused" for found, _ in noisy)
    counts = {kind: sum(found == kind for found, _ in outcomes) for kind in ("valid", "refused", "cut off")}
    slowest, name = max((took, name) for (found, took), (name, _) in zip(outcomes, named, strict=True) if found == "refused")
    with capsys.disabled():
        print(f"\n{len(named)} schemas: {counts}; slowest refusal {slowest:.2f} s ({name})")
    assert counts["valid"] > len(named) / 5
