"""An entry becomes a HAR entry and comes back without loss."""

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity.har import entry_from_har, entry_to_har, from_har, to_har
from parity.recording import Header
from parity.values import Answer, Entry, ParityError, Request

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
names = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=":"), min_size=1, max_size=8)
headers = st.lists(st.tuples(names, text), max_size=4).map(tuple)
bodies = st.one_of(st.binary(max_size=40), text.map(str.encode))
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
reserved = {"id", "seq", "session", "answer", "har", "base"}
metas = st.dictionaries(text.filter(lambda key: key not in reserved), json_values, max_size=3)
answers = st.builds(
    Answer,
    status=st.integers(0, 599),
    headers=headers,
    body=bodies,
    elapsed_s=st.integers(0, 10**9).map(lambda us: us / 1e6),
    error=text,
)
entries = st.builds(
    Entry,
    id=text,
    seq=st.integers(0, 2**40),
    session=text,
    request=st.builds(
        Request, method=names, target=st.one_of(text, text.map("/{}?".format)), headers=headers, body=bodies
    ),
    answer=st.none() | answers,
    started=text,
    meta=metas,
)


@settings(max_examples=150, deadline=None)
@given(entry=entries, base=st.sampled_from(["http://recorded", "http://recorded/api/v2", "https://user@host:1/x"]))
def test_an_entry_comes_back_without_loss(entry: Entry, base: str) -> None:
    document = json.loads(json.dumps(entry_to_har(entry, base)))

    assert entry == entry_from_har(document, base)


@settings(max_examples=50, deadline=None)
@given(some=st.lists(entries, max_size=3), extra=st.dictionaries(names.map("_{}".format), json_values, max_size=2))
def test_a_document_with_fields_of_others_comes_back_with_them(some: list[Entry], extra: dict[str, Any]) -> None:
    header = Header(prefixes=("/api",), secrets={"PASSWORD": "x"}).to_json()
    document = json.loads(json.dumps(to_har(header, some)))
    for one in document["log"]["entries"]:
        one.update({key: value for key, value in extra.items() if key != "_parity"})
        one["response"]["content"]["comment"] = "theirs"

    block, there = from_har(document)
    again = json.loads(json.dumps(to_har(block, there)))

    assert document == again


def test_duplicate_headers_keep_their_order() -> None:
    pairs = (("set-cookie", "a=1"), ("x", "1"), ("set-cookie", "b=2"))
    entry = Entry("e", 1, "s", Request("GET", "/", pairs), Answer(200, pairs))

    assert entry == entry_from_har(entry_to_har(entry))


def test_a_body_that_is_not_text_is_base64() -> None:
    entry = Entry("e", 1, "s", Request("POST", "/", (), b"\xff\x00"), Answer(200, (), b"\xfe"))
    document = entry_to_har(entry)

    assert document["request"]["postData"] == {"mimeType": "", "text": "/wA=", "encoding": "base64"}
    assert document["response"]["content"] == {"size": 1, "mimeType": "", "text": "/g==", "encoding": "base64"}


def test_a_raw_target_keeps_its_percent_encoding() -> None:
    entry = Entry("e", 1, "s", Request("GET", "/a%2Fb/%e3%81%82?q=a+b&q=%zz#"))

    document = entry_to_har(entry, "http://recorded/api")

    assert document["request"]["url"] == "http://recorded/api/a%2Fb/%e3%81%82?q=a+b&q=%zz#"
    assert entry_from_har(document, "http://recorded/api").request.target == entry.request.target


def test_an_entry_may_name_its_own_base() -> None:
    entry = Entry("e", 1, "s", Request("GET", "/things"), meta={"base": "https://shop.example:8443/api"})

    document = entry_to_har(entry, "http://recorded")

    assert document["request"]["url"] == "https://shop.example:8443/api/things"
    assert entry == entry_from_har(document, "http://recorded")


def test_an_entry_that_does_not_begin_with_its_base_is_refused() -> None:
    document = entry_to_har(Entry("e7", 1, "s", Request("GET", "/things")), "http://recorded/api")

    with pytest.raises(ParityError, match='The entry "e7" has the URL http://recorded/api/things'):
        entry_from_har(document, "http://recorded/other")


@pytest.mark.parametrize(
    "answer",
    [None, Answer(0, error="The connection was reset."), Answer(204)],
    ids=["not recorded", "broken", "empty"],
)
def test_no_answer_a_broken_one_and_an_empty_one_stay_apart(answer: Answer | None) -> None:
    entry = Entry("e", 1, "s", Request("GET", "/"), answer)

    assert answer == entry_from_har(entry_to_har(entry)).answer


def test_a_har_from_elsewhere_is_refused() -> None:
    with pytest.raises(ParityError, match="import it instead"):
        from_har({"log": {"entries": []}})


def test_an_entry_is_a_full_har_entry() -> None:
    document = entry_to_har(Entry("e", 1, "s", Request("GET", "/x?a=1&b"), Answer(200)))

    assert {"startedDateTime", "time", "request", "response", "cache", "timings"} <= set(document)
    assert {"method", "url", "httpVersion", "cookies", "headers", "queryString", "headersSize", "bodySize"} <= set(
        document["request"]
    )
    assert {"status", "statusText", "httpVersion", "cookies", "headers", "content", "redirectURL"} <= set(
        document["response"]
    )
    assert document["request"]["queryString"] == [{"name": "a", "value": "1"}, {"name": "b", "value": ""}]


def test_every_field_of_an_entry_is_carried() -> None:
    carried = {"id", "seq", "session", "request", "answer", "started", "meta"}

    assert carried == {field.name for field in dataclasses.fields(Entry)}
