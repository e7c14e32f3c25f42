"""instructor: its modes over tools and JSON schemas."""

import instructor
import pytest
from conftest import MODEL
from openai import OpenAI
from pydantic import BaseModel


class Person(BaseModel):
    name: str
    age: int


@pytest.mark.parametrize("mode", [instructor.Mode.TOOLS, instructor.Mode.TOOLS_STRICT, instructor.Mode.JSON_SCHEMA])
def test_a_person_is_extracted(base_url, mode):
    client = instructor.from_openai(OpenAI(base_url=base_url, api_key="x", timeout=120), mode=mode)
    person = client.chat.completions.create(model=MODEL, response_model=Person, temperature=0, max_retries=1,
        messages=[{"role": "user", "content": "Extract: Ann is 30 years old."}])
    assert isinstance(person, Person)
    if mode in (instructor.Mode.TOOLS, instructor.Mode.TOOLS_STRICT):
        assert (person.name, person.age) == ("Ann", 30)


def test_partial_objects_are_streamed(base_url):
    client = instructor.from_openai(OpenAI(base_url=base_url, api_key="x", timeout=120), mode=instructor.Mode.TOOLS)
    people = list(client.chat.completions.create_partial(model=MODEL, response_model=Person, temperature=0,
        messages=[{"role": "user", "content": "Extract: Ann is 30 years old."}]))
    assert people[-1].name == "Ann" and people[-1].age == 30
