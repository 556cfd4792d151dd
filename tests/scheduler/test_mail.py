"""Mail against a real mail server: STARTTLS, login, one recipient, and no smuggled header."""

import smtplib
import socket
import ssl

import pytest

from scheduler.mail import MailConfig, Mailer
from tests.sinks import SmtpSink, tls_for


def config(sink: SmtpSink, **changes) -> MailConfig:
    settings = {"server": "127.0.0.1", "port": sink.port, "sender": "Cron jobs <cron@example.com>", "use_tls": False}
    return MailConfig(**settings | changes)


@pytest.fixture
def sink():
    with SmtpSink() as sink:
        yield sink


def test_a_mail_arrives_as_written(sink):
    Mailer(config(sink)).send("ops@corp.local", "Job failed: 再構築", "Zeile 1\nline 2 " + "x" * 2000 + "\n")

    [mail] = sink.wait_for(1)
    assert (mail.envelope_from, mail.envelope_to) == ("cron@example.com", ("ops@corp.local",))
    assert (mail.to, mail.subject) == ("ops@corp.local", "Job failed: 再構築")
    assert mail.body == "Zeile 1\nline 2 " + "x" * 2000 + "\n"
    assert str(mail.message["From"]) == "Cron jobs <cron@example.com>"
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert mail.message["Message-ID"].endswith("@example.com>")
    assert mail.message["Date"] is not None
    assert (mail.encrypted, mail.login) == (False, None)


def test_a_recipient_s_international_domain_is_sent_as_ascii(sink):
    Mailer(config(sink)).send("ops@例え.jp", "s", "b")

    assert sink.wait_for(1)[0].envelope_to == ("ops@xn--r8jz45g.jp",)


@pytest.mark.parametrize(
    ("to", "subject"),
    [
        ("ops@example.com\r\nBcc: evil@example.com", "s"),
        ("ops@example.com\nBcc: evil@example.com", "s"),
        ("ops@example.com, evil@example.com", "s"),
        ("<ops@example.com> evil@example.com", "s"),
        ("ops@example.com> NOTIFY=NEVER", "s"),
        ("ops", "s"),
        ("", "s"),
        ("ops@example.com", "s\r\nBcc: evil@example.com"),
        ("ops@example.com", "s\nBcc: evil@example.com"),
        ("ops@example.com", "s\r\n\r\nAnother body"),
        ("ops@example.com", "s\rBcc: evil@example.com"),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_what_could_smuggle_in_a_header_or_recipient_is_never_sent(sink, to, subject):
    mailer = Mailer(config(sink))

    with pytest.raises(ValueError, match=r"\w"):
        mailer.send(to, subject, "b")
    mailer.send("ops@example.com", "after", "b")

    assert [mail.subject for mail in sink.wait_for(1)] == ["after"]


def test_a_body_cannot_end_the_message(sink):
    Mailer(config(sink)).send("ops@example.com", "s", "a\r\n.\r\nMAIL FROM:<evil@example.com>\n")

    [mail] = sink.wait_for(1)
    assert mail.body == "a\n.\nMAIL FROM:<evil@example.com>\n"


def test_starttls_and_login_are_used_when_set(tmp_path):
    tls = tls_for("localhost", tmp_path)
    with SmtpSink(tls=tls, login=("cron", "s3cret")) as sink:
        secure = config(sink, server="localhost", use_tls=True, username="cron", password="s3cret")
        Mailer(secure, ssl_context=tls.client).send("ops@example.com", "s", "b")

        [mail] = sink.wait_for(1)
        assert (mail.encrypted, mail.login) == (True, "cron")


def test_a_server_whose_certificate_is_unknown_gets_nothing(tmp_path):
    with SmtpSink(tls=tls_for("localhost", tmp_path), login=("cron", "s3cret")) as sink:
        secure = config(sink, server="localhost", use_tls=True, username="cron", password="s3cret")

        with pytest.raises(ssl.SSLCertVerificationError):
            Mailer(secure).send("ops@example.com", "s", "b")
        assert sink.delivered == []


def test_a_server_without_starttls_gets_nothing_when_it_is_asked_for(sink):
    with pytest.raises(smtplib.SMTPNotSupportedError):
        Mailer(config(sink, use_tls=True)).send("ops@example.com", "s", "b")

    assert sink.delivered == []


def test_a_wrong_password_is_an_error(tmp_path):
    tls = tls_for("localhost", tmp_path)
    with SmtpSink(tls=tls, login=("cron", "s3cret")) as sink:
        wrong = config(sink, server="localhost", use_tls=True, username="cron", password="wr0ng")

        with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
            Mailer(wrong, ssl_context=tls.client).send("ops@example.com", "s", "b")
        assert "wr0ng" not in str(refused.value)


def test_a_refused_mail_is_an_error():
    with SmtpSink(refuses=True) as sink, pytest.raises(smtplib.SMTPDataError):
        Mailer(config(sink)).send("ops@example.com", "s", "b")


def test_a_silent_server_is_given_up(sink):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]

        with pytest.raises(smtplib.SMTPServerDisconnected):
            Mailer(config(sink, port=port, timeout_s=0.2)).send("ops@example.com", "s", "b")


def test_disabled_mail_is_not_sent(sink):
    Mailer(config(sink, enabled=False)).send("ops@example.com", "s", "b")
    Mailer(config(sink)).send("ops@example.com", "after", "b")

    assert [mail.subject for mail in sink.wait_for(1)] == ["after"]


def test_the_password_does_not_show_in_a_representation(sink):
    assert "s3cret" not in repr(config(sink, password="s3cret"))
