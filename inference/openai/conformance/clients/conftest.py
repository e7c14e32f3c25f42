"""The server's address, and the chats the tiny model knows (see model/transcripts.py)."""

import os

import httpx
import pytest

MODEL = "tiny"
SENTENCES = "minilm"
POD_TOOL = {"type": "function", "function": {"name": "get_pods", "description": "list pods",
    "parameters": {"type": "object", "properties": {"namespace": {"type": "string"}}, "required": ["namespace"], "additionalProperties": False}}}
NODE_TOOL = {"type": "function", "function": {"name": "get_nodes", "description": "list nodes", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture(scope="session")
def server() -> str:
    return os.environ["CONFORMANCE_SERVER"]


@pytest.fixture(scope="session")
def sentences(base_url: str) -> None:
    names = [model["id"] for model in httpx.get(base_url + "/models", timeout=120).json()["data"]]
    if SENTENCES not in names:
        pytest.skip("all-MiniLM-L6-v2 could not be fetched")


@pytest.fixture(scope="session")
def base_url(server: str) -> str:
    return server + "/v1"
