"""Raw addresses other servers have: /tokenize, /detokenize, /health, request names."""

import httpx


def test_tokens_there_and_back(server):
    tokens = httpx.post(server + "/tokenize", json={"content": "The quick é"}).json()["tokens"]
    assert httpx.post(server + "/detokenize", json={"tokens": tokens}).json()["content"] == "The quick é"
    chat = httpx.post(server + "/tokenize", json={"messages": [{"role": "user", "content": "x"}]}).json()
    assert chat["count"] > 5 and chat["max_model_len"] == 2048


def test_health_and_names(server):
    assert httpx.get(server + "/health").status_code == 200
    assert httpx.get(server + "/v1/models", headers={"x-request-id": "abc-1"}).headers["x-request-id"] == "abc-1"
    assert httpx.get(server + "/v1/models").headers["x-request-id"].startswith("req_")
