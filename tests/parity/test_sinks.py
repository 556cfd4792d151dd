"""Whatever a replayed stack sends out, by whichever way and library, is noted as the same effect and answered by rules."""

import asyncio
import http.client
import smtplib
import socket
import threading
import time
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import h11
import httpx2
import pytest

from parity.config import SinkAnswer
from parity.sinks import HttpSink, MailSink
from parity.values import Effect, ParityError


@pytest.fixture
def sink() -> Iterator[HttpSink]:
    with HttpSink() as sink:
        yield sink


@pytest.fixture
def mails() -> Iterator[MailSink]:
    with MailSink() as mails:
        yield mails


def raw_call(sink: HttpSink, *pieces: bytes) -> bytes:
    """Return all that the sink says until it closes or has nothing more to say."""
    with socket.create_connection(("127.0.0.1", sink.port), 5) as line:
        for piece in pieces:
            line.sendall(piece)
        line.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: line.recv(65536), b""))


def content(effect: Effect) -> dict[str, Any]:
    return dict(effect.content)


# Calls

PLACES = {
    "by its own address": (b"POST /a?b=c HTTP/1.1\r\nHost: {own}\r\n", "sink"),
    "under another's name": (b"POST /a?b=c HTTP/1.1\r\nHost: Hook.test\r\n", "hook.test"),
    "under another's name and port": (b"POST /a?b=c HTTP/1.1\r\nHost: hook.test:8443\r\n", "hook.test:8443"),
    "as a proxy": (b"POST http://hook.test/a?b=c HTTP/1.1\r\nHost: hook.test\r\n", "hook.test"),
    "as a proxy, over https": (b"POST https://hook.test/a?b=c HTTP/1.1\r\nHost: hook.test\r\n", "hook.test"),
    "as a proxy for itself": (b"POST http://{own}/a?b=c HTTP/1.1\r\nHost: {own}\r\n", "sink"),
}


@pytest.mark.parametrize(("head", "host"), PLACES.values(), ids=PLACES.keys())
def test_a_call_is_noted_with_the_host_it_was_meant_for(sink: HttpSink, head: bytes, host: str) -> None:
    answer = raw_call(sink, head.replace(b"{own}", sink.address.encode()) + b'Content-Length: 8\r\n\r\n{"n": 1}')

    [effect] = sink.take()
    assert effect == Effect("http", {"method": "POST", "host": host, "path": "/a?b=c", "headers": {}, "body": {"n": 1}})
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")


def test_two_libraries_make_the_same_effect(sink: HttpSink) -> None:
    headers = {"Authorization": "Bearer t", "X-Execution-Id": "e1", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection("127.0.0.1", sink.port, timeout=5)
    connection.request("POST", "/hook", body=b'{"a": [1]}', headers=headers)
    connection.getresponse().read()
    connection.close()
    with httpx2.Client(trust_env=False) as client:
        client.post(f"http://{sink.address}/hook", content=b'{"a":[1]}', headers=headers)

    first, second = sink.take()
    assert first == second
    assert first.content["headers"] == {
        "authorization": "Bearer t",
        "x-execution-id": "e1",
        "content-type": "application/json",
    }


def test_a_proxy_of_the_environment_leads_here(sink: HttpSink) -> None:
    with httpx2.Client(proxy=f"http://{sink.address}", trust_env=False) as client:
        client.get("http://hook.test/a")
        with pytest.raises(httpx2.ProxyError):
            client.get("https://hook.test/a")

    assert [(effect.content["method"], effect.content["host"]) for effect in sink.take()] == [
        ("GET", "hook.test"),
        ("CONNECT", "hook.test:443"),
    ]


BODIES = {
    "none": (b"", b"", ""),
    "an object": (b"", b'{"a": 1.0, "b": 12345678901234567890}', {"a": 1.0, "b": 12345678901234567890}),
    "null": (b"Content-Type: application/json\r\n", b"null", None),
    "text": (b"Content-Type: text/plain\r\n", "成功\n".encode(), "成功\n"),
    "a form": (b"Content-Type: application/x-www-form-urlencoded\r\n", b"a=1&b=2", "a=1&b=2"),
    "bytes": (b"", b"\xff\x00", {"base64": "/wA="}),
    "half an object": (b"Content-Type: application/json\r\n", b'{"a": ', '{"a": '),
    "what lies about its coding": (b"Content-Encoding: gzip\r\n", b"plain", "plain"),
}


@pytest.mark.parametrize(("headers", "body", "noted"), BODIES.values(), ids=BODIES.keys())
def test_a_body_is_noted_as_json_text_or_base64(sink: HttpSink, headers: bytes, body: bytes, noted: Any) -> None:
    raw_call(sink, b"POST / HTTP/1.1\r\nHost: h\r\n" + headers + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    [effect] = sink.take()
    assert effect.content["body"] == noted
    assert type(effect.content["body"]) is type(noted)


def test_uploads_differ_only_in_what_is_uploaded(sink: HttpSink) -> None:
    with httpx2.Client(trust_env=False) as client:
        for _ in range(2):
            client.post(f"http://{sink.address}/", files={"file": ("a.csv", b"1,2", "text/csv")})

    first, second = sink.take()
    assert first == second
    assert first.content["headers"]["content-type"] == "multipart/form-data; boundary=boundary"
    assert "1,2" in first.content["body"]


def test_repeated_headers_are_kept_together(sink: HttpSink) -> None:
    raw_call(sink, b"GET / HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-a: 2\r\nConnection: close\r\nAccept: */*\r\n\r\n")

    assert sink.take()[0].content["headers"] == {"x-a": "1, 2"}


def test_chunks_and_waiting_for_100_are_understood(sink: HttpSink) -> None:
    answer = raw_call(
        sink,
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n",
        b"2\r\nab\r\n0\r\n\r\n",
    )

    assert sink.take()[0].content["body"] == "ab"
    assert b"HTTP/1.1 200 " in answer


def test_many_calls_come_over_one_connection(sink: HttpSink) -> None:
    answer = raw_call(sink, b"".join(b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n" % number for number in range(3)))

    assert answer.count(b"HTTP/1.1 200 ") == 3
    assert [effect.content["path"] for effect in sink.take()] == ["/0", "/1", "/2"]


def test_tls_to_the_sink_is_noted_as_a_call_that_cannot_be_read(sink: HttpSink) -> None:
    with httpx2.Client(trust_env=False) as client, pytest.raises(httpx2.TransportError):
        client.get(f"https://{sink.address}/")

    assert [effect.content["method"] for effect in sink.take()] == ["UNREADABLE"]


def test_what_was_taken_is_not_taken_again_but_still_counted(sink: HttpSink) -> None:
    raw_call(sink, b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\n")
    first = sink.take()
    raw_call(sink, b"GET /2 HTTP/1.1\r\nHost: h\r\n\r\n")

    assert [effect.content["path"] for effect in first] == ["/1"]
    assert sink.count == 2
    assert [effect.content["path"] for effect in sink.take()] == ["/2"]
    assert (sink.take(), sink.count) == ([], 2)


# Answers

RULES = (
    SinkAnswer(match="POST api.github.com/repos/*/dispatches", status=204),
    SinkAnswer(match="* */bad", status=500, body="no"),
    SinkAnswer(match="GET hook.test/json", body='{"a": 1}', headers={"X-Own": "1"}),
    SinkAnswer(match="GET hook.test/xml", body="<a/>", headers={"Content-Type": "application/xml"}),
    SinkAnswer(match="GET sink/*", status=302, headers={"Location": "/x"}),
    SinkAnswer(match="* */same", status=304, body="unsent"),
)
ANSWERS = {
    "an address with a star": (b"POST /repos/o/r/a/dispatches", b"api.github.com", 204, {}, b""),
    "another method": (
        b"GET /repos/o/r/a/dispatches",
        b"api.github.com",
        200,
        {"content-type": "application/json"},
        b"{}",
    ),
    "any method and host": (b"PUT /a/bad", b"any.test", 500, {"content-type": "text/plain; charset=utf-8"}, b"no"),
    "a query does not count": (b"PUT /a/bad?x=1", b"any.test", 500, {}, b"no"),
    "JSON names itself": (
        b"GET /json",
        b"hook.test",
        200,
        {"content-type": "application/json", "x-own": "1"},
        b'{"a": 1}',
    ),
    "a type of its own": (b"GET /xml", b"hook.test", 200, {"content-type": "application/xml"}, b"<a/>"),
    "the sink's own name": (b"GET /where", b"{own}", 302, {"location": "/x"}, b""),
    "no body behind a 304": (b"GET /same", b"any.test", 304, {}, b""),
    "no body for a HEAD": (b"HEAD /bad", b"any.test", 500, {"content-length": "2"}, b""),
}


@pytest.mark.parametrize(("line", "host", "status", "headers", "body"), ANSWERS.values(), ids=ANSWERS.keys())
def test_the_first_rule_that_fits_answers(
    line: bytes, host: bytes, status: int, headers: dict[str, str], body: bytes
) -> None:
    with HttpSink(RULES) as sink:
        host = host.replace(b"{own}", sink.address.encode())
        reader = h11.Connection(h11.CLIENT)
        reader.send(h11.Request(method=line.split()[0], target=b"/", headers=[("Host", "h")]))
        reader.send(h11.EndOfMessage())
        reader.receive_data(raw_call(sink, line + b" HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"))
        answer = reader.next_event()
        assert isinstance(answer, h11.Response)
        said = {name.decode(): value.decode() for name, value in answer.headers}
        data = reader.next_event()

    assert (answer.status_code, said | headers) == (status, said)
    assert (bytes(data.data) if isinstance(data, h11.Data) else b"") == body


@pytest.mark.parametrize(
    "answer",
    [
        SinkAnswer(match="*", status=99),
        SinkAnswer(match="*", headers={"A b": "c"}),
        SinkAnswer(match="*", headers={"A": "b\n"}),
    ],
    ids=["status", "header name", "header value"],
)
def test_an_answer_that_cannot_be_sent_is_refused_at_the_start(answer: SinkAnswer) -> None:
    threads = threading.active_count()

    with pytest.raises(
        ParityError, match=r'^The sink\'s answer to "\*" cannot be sent: .*; correct its status or headers\.$'
    ):
        HttpSink([answer])

    assert threading.active_count() == threads


# Mails


def message(**headers: str) -> EmailMessage:
    mail = EmailMessage()
    for name, value in {"From": "App <app@x.test>", "To": "b@x.test", "Subject": "Grüße 成功", **headers}.items():
        mail[name.replace("_", "-")] = value
    mail.set_content("hällo\nworld\n")
    return mail


def deliver(mails: MailSink, *messages: EmailMessage, login: bool = False, **options: Any) -> None:
    with smtplib.SMTP("127.0.0.1", mails.port, timeout=5) as server:
        if login:
            server.login("anybody", "anything")
        for mail in messages:
            server.send_message(mail, **options)


def test_a_mail_is_noted_as_people_read_it(mails: MailSink) -> None:
    deliver(mails, message(Date="Mon, 01 Jan 2024 00:00:00 +0000", Message_ID="<1@x>", X_Own="1"), login=True)

    [effect] = mails.take()
    assert effect.kind == "mail"
    assert content(effect) == {
        "from": "app@x.test",
        "to": ["b@x.test"],
        "subject": "Grüße 成功",
        "headers": {
            "from": "App <app@x.test>",
            "to": "b@x.test",
            "x-own": "1",
            "content-type": 'text/plain; charset="utf-8"',
            "content-transfer-encoding": "8bit",
            "mime-version": "1.0",
        },
        "body": "hällo\nworld\n",
    }


def test_recipients_are_sorted_and_hidden_ones_are_there(mails: MailSink) -> None:
    deliver(mails, message(), to_addrs=["z@x.test", "b@x.test", "hidden@x.test"])

    assert mails.take()[0].content["to"] == ["b@x.test", "hidden@x.test", "z@x.test"]


def test_two_mails_of_one_text_are_one_effect_twice(mails: MailSink) -> None:
    def with_parts() -> EmailMessage:
        mail = message()
        mail.add_alternative("<b>hallo</b>\n", subtype="html")
        mail.add_attachment(b"\x00", maintype="application", subtype="pdf", filename="r.pdf")
        mail.add_attachment(b"\x01", maintype="application", subtype="pdf", filename="r.pdf")
        return mail

    deliver(mails, with_parts(), with_parts())

    first, second = mails.take()
    assert first == second
    assert first.content["headers"]["content-type"] == "multipart/mixed"
    assert first.content["body"] == {
        "text/plain": "hällo\nworld\n",
        "text/html": "<b>hallo</b>\n",
        "application/pdf r.pdf": [{"base64": "AA=="}, {"base64": "AQ=="}],
    }
    assert mails.count == 2


def test_a_mail_of_an_unknown_charset_and_long_lines_is_taken_too(mails: MailSink) -> None:
    text = b"Subject: x\r\nContent-Type: text/plain; charset=klingon\r\n\r\n" + b"a" * 5000 + b"\xff\r\n"
    with smtplib.SMTP("127.0.0.1", mails.port, timeout=5) as server:
        server.sendmail("a@x.test", ["b@x.test"], text)

    assert mails.take()[0].content["body"] == "a" * 5000 + "\ufffd\n"


# Both


def test_settings_can_name_both(sink: HttpSink, mails: MailSink) -> None:
    assert sink.facts == {
        "sink": f"http://127.0.0.1:{sink.port}",
        "sink_host": "127.0.0.1",
        "sink_port": str(sink.port),
    }
    assert mails.facts == {"smtp_host": "127.0.0.1", "smtp_port": str(mails.port)}


def test_a_sink_answers_while_the_runner_s_loop_is_busy(sink: HttpSink, mails: MailSink) -> None:
    async def busy() -> None:
        raw_call(sink, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        deliver(mails, message())

    asyncio.run(busy())

    assert (sink.count, mails.count) == (1, 1)


def test_closing_ends_threads_and_connections() -> None:
    threads = threading.active_count()
    sink, mails = HttpSink(), MailSink()
    with (
        socket.create_connection(("127.0.0.1", sink.port), 5) as one,
        socket.create_connection(("127.0.0.1", mails.port), 5) as other,
    ):
        other.recv(100)
        begun = time.monotonic()
        for listener in (sink, mails, sink, mails):
            listener.close()

        assert (one.recv(1), other.recv(1)) == (b"", b"")
        assert time.monotonic() - begun < 2
    assert threading.active_count() == threads
