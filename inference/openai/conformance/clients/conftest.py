"""The server's address, and the chats the tiny model knows (see model/transcripts.py)."""

import os

import pytest

MODEL = "tiny"
POD_TOOL = {"type": "function", "function": {"name": "get_pods", "description": "list pods",
    "parameters": {"type": "object", "properties": {"namespace": {"type": "string"}}, "required": ["namespace"], "additionalProperties": False}}}
NODE_TOOL = {"type": "function", "function": {"name": "get_nodes", "description": "list nodes", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture(scope="session")
def server() -> str:
    return os.environ["CONFORMANCE_SERVER"]


@pytest.fixture(scope="session")
def base_url(server: str) -> str:
    return server + "/v1"
