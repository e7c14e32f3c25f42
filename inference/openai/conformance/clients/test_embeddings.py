"""Vectors of texts from a real sentence model (all-MiniLM-L6-v2), asked for by the SDK, LangChain, LiteLLM and Ollama's client."""

import base64
import math
import struct

import httpx
import litellm
import ollama
import openai
import pytest
from conftest import SENTENCES
from langchain_openai import OpenAIEmbeddings
from openai import OpenAI

MEMORY = "the container was killed because it ran out of memory"
LIMIT = "the pod exceeded its memory limit and was terminated"
CAT = "a cat sleeps on the sofa in the sun"

pytestmark = pytest.mark.usefixtures("sentences")


@pytest.fixture(scope="module")
def client(base_url):
    return OpenAI(base_url=base_url, api_key="x", max_retries=0, timeout=120)


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def check_meaning(memory, limit, cat):
    assert len(memory) == 384 and math.isclose(dot(memory, memory), 1, abs_tol=1e-5)
    assert dot(memory, limit) > 0.5 > 0.2 > dot(memory, cat)


def test_texts_that_mean_the_same_are_near(client):
    # The SDK asks for base64 unless told otherwise, and decodes it itself.
    answer = client.embeddings.create(model=SENTENCES, input=[MEMORY, LIMIT, CAT])
    check_meaning(*(entry.embedding for entry in answer.data))
    assert [entry.index for entry in answer.data] == [0, 1, 2]
    assert answer.usage.prompt_tokens == answer.usage.total_tokens > 20


def test_both_encodings_hold_the_same_numbers(client, base_url):
    floats = client.embeddings.create(model=SENTENCES, input=MEMORY, encoding_format="float").data[0].embedding
    body = {"model": SENTENCES, "input": MEMORY, "encoding_format": "base64", "dimensions": 384}
    packed = httpx.post(base_url + "/embeddings", json=body, timeout=120).json()["data"][0]["embedding"]
    decoded = struct.unpack("<384f", base64.b64decode(packed))
    assert all(math.isclose(a, b, abs_tol=1e-6) for a, b in zip(floats, decoded, strict=True))


def test_a_text_has_the_same_vector_alone_and_in_company(client):
    alone = client.embeddings.create(model=SENTENCES, input=LIMIT).data[0].embedding
    together = client.embeddings.create(model=SENTENCES, input=[CAT, LIMIT, MEMORY]).data[1].embedding
    assert alone == together


def test_it_is_listed_beside_the_model_that_writes(client):
    assert SENTENCES in [model.id for model in client.models.list()]
    assert client.models.retrieve(SENTENCES).id == SENTENCES


def test_what_cannot_be_is_refused(client):
    with pytest.raises(openai.BadRequestError, match="maximum context length") as error:
        client.embeddings.create(model=SENTENCES, input="pod " * 2000)
    assert error.value.code == "context_length_exceeded"
    with pytest.raises(openai.BadRequestError, match="dimensions must be 384"):
        client.embeddings.create(model=SENTENCES, input=CAT, dimensions=7)
    with pytest.raises(openai.BadRequestError, match="none of them empty"):
        client.embeddings.create(model=SENTENCES, input=[CAT, ""])
    with pytest.raises(openai.BadRequestError, match="token ids"):
        client.embeddings.create(model=SENTENCES, input=[[1, 2]])
    with pytest.raises(openai.NotFoundError):
        client.embeddings.create(model="text-embedding-3-small", input=CAT)
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model=SENTENCES, messages=[{"role": "user", "content": "x"}])


def test_langchain_embeds_documents_and_queries(base_url):
    embeddings = OpenAIEmbeddings(base_url=base_url, api_key="x", model=SENTENCES, check_embedding_ctx_length=False)
    limit, cat = embeddings.embed_documents([LIMIT, CAT])
    check_meaning(embeddings.embed_query(MEMORY), limit, cat)


def test_litellm_embeds(base_url):
    answer = litellm.embedding(model=f"openai/{SENTENCES}", api_base=base_url, api_key="x", input=[MEMORY, LIMIT, CAT], encoding_format="float")
    check_meaning(*(entry["embedding"] for entry in answer.data))


def test_ollama_embeds(server):
    answer = ollama.Client(host=server, timeout=120).embed(model=SENTENCES, input=[MEMORY, LIMIT, CAT])
    check_meaning(*answer.embeddings)
