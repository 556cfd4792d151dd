"""Recorded values are replaced wherever a request may hold them, and nothing else is touched."""

import json

import pytest

from parity.carry.pairing import Pairing, Scalar
from parity.carry.substitution import substitute
from parity.values import Request

A = "9f5c3209-161b-43cb-bd7d-9fdeccee14b3"
B = "0b7efdc5-db2d-40a4-ab73-aa402ab0b369"
C = "11111111-2222-4333-8444-555555555555"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1In0.c2lnbmF0dXJl"
OPAQUE, OWN_OPAQUE = "k3Jd8sLq02mXz71PbYw4", "Zq81mNvB55cYtR03hGfD"
MARKED, OWN_MARKED = "aGk4/3Jd8s+Lq02mXz7w==", "Zq8/1mNv+B55cYtR03hw=="
JSON = (("Content-Type", "application/json"),)
FORM = (("Content-Type", "application/x-www-form-urlencoded"),)


class Known:
    """The pairs of one stack: uuid, token, opaque values and two numbers."""

    def __init__(self, marked: bool = False) -> None:
        self.pairing = Pairing()
        self.pairing.pair_texts(A, B)
        self.pairing.pair_texts(OPAQUE, OWN_OPAQUE)
        if marked:
            self.pairing.pair_texts(MARKED, OWN_MARKED)
        self.pairing.pair_tokens("<jwt-3>", TOKEN)
        self.pairing.pair_numbers("job", 17, 203)
        self.pairing.pair_numbers("user", 17, 5)
        self.pairing.pair_numbers("user", 203, 6)
        self.pairing.pair_numbers("tag", 17, "t-9")

    @property
    def shortest(self) -> int:
        return self.pairing.shortest

    @property
    def has_marks(self) -> bool:
        return self.pairing.has_marks

    has_numbers = True

    def text(self, recorded: str) -> str | None:
        return self.pairing.tokens.get(recorded) or self.pairing.own_text(recorded)

    def number(self, entity: str, recorded: str) -> Scalar | None:
        return self.pairing.own_number(entity, recorded)


@pytest.mark.parametrize(
    ("recorded", "own"),
    [
        pytest.param(f"/jobs/{A}", f"/jobs/{B}", id="uuid in the path"),
        pytest.param(f"/jobs/{A.upper()}", f"/jobs/{B.upper()}", id="uuid in capitals"),
        pytest.param(f"/jobs/job-{A}.json", f"/jobs/job-{B}.json", id="uuid inside a segment"),
        pytest.param(f"/jobs/{A.replace('-', '%2D')}", f"/jobs/{B}", id="uuid with escapes it does not need"),
        pytest.param(f"/jobs?ids={A},{C},{A}", f"/jobs?ids={B},{C},{B}", id="several in one value"),
        pytest.param(f"/jobs?q=a%20b%2F{A}", f"/jobs?q=a%20b%2F{B}", id="next to escapes"),
        pytest.param("/login?t=%3Cjwt-3%3E&x=%2f", f"/login?t={TOKEN}&x=%2f", id="token escaped"),
        pytest.param(f"/p?c={OPAQUE}&n=1", f"/p?c={OWN_OPAQUE}&n=1", id="opaque cursor"),
        pytest.param("/jobs/17", "/jobs/203", id="number after its entity"),
        pytest.param("/users/17/jobs/17", "/users/5/jobs/203", id="numbers of two entities"),
        pytest.param("/jobs/17/runs/17?page=17", "/jobs/203/runs/17?page=17", id="numbers of others stay"),
        pytest.param("/runs?job_id=17&limit=17", "/runs?job_id=203&limit=17", id="number under a key for ids"),
        pytest.param("/runs?jobId=17", "/runs?jobId=203", id="number under a key in camel case"),
        pytest.param("/reports/17?year=2026", "/reports/17?year=2026", id="number of an unknown entity"),
        pytest.param("/a%20b/c+d?x=%e3%81%82+%41", "/a%20b/c+d?x=%e3%81%82+%41", id="nothing known: as it was"),
    ],
)
def test_the_target_carries_our_values_in_the_encoding_it_had(recorded: str, own: str) -> None:
    assert substitute(Request("GET", recorded), Known(), None).request.target == own


@pytest.mark.parametrize(
    ("target", "template", "own"),
    [
        pytest.param("/jobs/17", "/jobs/{job_id}", "/jobs/203", id="a parameter"),
        pytest.param("/jobs/17", "/jobs/17", "/jobs/17", id="fixed text"),
        pytest.param("/17/17", "/{job_id}/{user_id}", "/203/5", id="only the parameters' names say whose"),
        pytest.param(
            "/jobs/17/tags/17", "/jobs/{job_id}/tags/{tag_id}", "/jobs/203/tags/t-9", id="ids of another sort"
        ),
    ],
)
def test_a_template_says_which_numbers_are_ids(target: str, template: str, own: str) -> None:
    assert substitute(Request("GET", target), Known(), template).request.target == own


@pytest.mark.parametrize(
    ("recorded", "own"),
    [
        pytest.param(f'{{ "job" : "{A}",\n "n":1.50}}', f'{{ "job" : "{B}",\n "n":1.50}}', id="layout stays"),
        pytest.param(
            f'{{"note":"see {A}, and <jwt-3>"}}', f'{{"note":"see {B}, and {TOKEN}"}}', id="inside a sentence"
        ),
        pytest.param('{"t":"\\u003cjwt-3\\u003e"}', f'{{"t":"{TOKEN}"}}', id="token escaped"),
        pytest.param('{"job_id": 17, "count": 17}', '{"job_id": 203, "count": 17}', id="number by its key"),
        pytest.param('{"job_id":"17"}', '{"job_id":"203"}', id="number as text"),
        pytest.param('{"tag_id":17}', '{"tag_id":"t-9"}', id="number that is text here"),
        pytest.param('{"job_ids":[17, 18,17]}', '{"job_ids":[203, 18,203]}', id="list of numbers"),
        pytest.param(
            '{"users":[{"id":17}],"id":17}', '{"users":[{"id":5}],"id":203}', id="bare ids by what holds them"
        ),
        pytest.param('{"s":"{\\"job_id\\": 17}"}', '{"s":"{\\"job_id\\": 17}"}', id="text that looks like JSON"),
        pytest.param('{"paid":17,"a_id":17}', '{"paid":17,"a_id":17}', id="other numbers stay"),
        pytest.param('{"id":17', '{"id":17', id="broken JSON"),
    ],
)
def test_a_json_body_carries_our_values_and_keeps_its_layout(recorded: str, own: str) -> None:
    done = substitute(Request("PUT", "/jobs/17", JSON, recorded.encode()), Known(), None)

    assert done.request.body.decode() == own


def test_a_value_is_replaced_once_even_if_ours_is_another_recorded_one() -> None:
    body = b'{"user_id":17,"reviewer":{"user_id":203}}'

    assert substitute(Request("POST", "/x", JSON, body), Known(), None).request.body == (
        b'{"user_id":5,"reviewer":{"user_id":6}}'
    )


def test_a_form_carries_our_values() -> None:
    body = f"job_id=17&count=17&ref={A}&token=%3Cjwt-3%3E&note=a+b".encode()

    assert substitute(Request("POST", "/x", FORM, body), Known(), None).request.body == (
        f"job_id=203&count=17&ref={B}&token={TOKEN}&note=a+b".encode()
    )


def test_parts_of_a_form_carry_our_values_and_binary_stays() -> None:
    kind = (("content-type", "multipart/form-data; boundary=x"),)
    part = '--x\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    binary = bytes(range(256))

    def body(job: str, ref: str) -> bytes:
        return (
            (part.format("job_id", job) + part.format("n", "17") + part.format("ref", ref)).encode()
            + binary
            + b"\r\n--x--"
        )

    assert substitute(Request("POST", "/x", kind, body("17", A)), Known(), None).request.body == body("203", B)


def test_a_table_in_text_carries_our_values() -> None:
    kind = (("content-type", "text/csv; charset=utf-8"),)
    body = f"id,name\n{A},あ\n17,b\n".encode()

    assert (
        substitute(Request("POST", "/x", kind, body), Known(), None).request.body == f"id,name\n{B},あ\n17,b\n".encode()
    )


def test_values_with_marks_are_found_whole() -> None:
    body = json.dumps({"cursor": MARKED}).encode()
    target = "/p?cursor=aGk4%2F3Jd8s%2BLq02mXz7w%3D%3D"
    done = substitute(Request("POST", target, JSON, body), Known(marked=True), None)

    assert json.loads(done.request.body) == {"cursor": OWN_MARKED}
    assert done.request.target == "/p?cursor=Zq8%2F1mNv%2BB55cYtR03hw%3D%3D"


def test_headers_carry_our_values_and_the_length_follows() -> None:
    headers = (("Authorization", "Bearer <jwt-3>"), ("Referer", f"http://h/jobs/{A}"), ("Content-Length", "12"), *JSON)
    done = substitute(Request("POST", "/x", headers, b'{"t":"<jwt-3>"}'), Known(), None)

    assert done.request.headers[:2] == (("Authorization", f"Bearer {TOKEN}"), ("Referer", f"http://h/jobs/{B}"))
    assert ("Content-Length", str(len(done.request.body))) in done.request.headers


def test_a_request_that_holds_nothing_known_is_handed_back_itself() -> None:
    request = Request("POST", "/a/b?c=d", (("Accept", "*/*"), *JSON), b'{"name":"a longer-name-with-words"}')

    assert substitute(request, Known(), None).request is request


def test_what_is_not_known_is_named_by_where_it_stands() -> None:
    done = substitute(
        Request("POST", f"/jobs/{C}/runs/9", JSON, f'{{"a":"{C}","t":"<jwt-9>"}}'.encode()), Known(), None
    )

    assert done.unknown_ids == [C, "run 9"]
    assert done.unknown == [C, "<jwt-9>"]
