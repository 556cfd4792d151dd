"""The edge: whose request it is, told by peer and proxies."""

import pytest

from shared_rules.edge import client_address

TRUSTED = ("127.0.0.1", "::1", "172.16.0.0/12")


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "real_ip", "expected"),
    [
        pytest.param("203.0.113.7", None, None, "203.0.113.7", id="a peer without headers"),
        pytest.param("203.0.113.7", "10.9.8.7", "10.9.8.7", "203.0.113.7", id="a stranger's headers are not believed"),
        pytest.param("127.0.0.1", None, None, "127.0.0.1", id="a proxy that names nobody"),
        pytest.param("127.0.0.1", "203.0.113.7", None, "203.0.113.7", id="forwarded by a proxy"),
        pytest.param("::1", "203.0.113.7", None, "203.0.113.7", id="a proxy on IPv6"),
        pytest.param("::ffff:127.0.0.1", "203.0.113.7", None, "203.0.113.7", id="a proxy as IPv4 in IPv6"),
        pytest.param("172.30.57.10", "203.0.113.7", None, "203.0.113.7", id="a proxy in a trusted network"),
        pytest.param("172.32.0.1", "203.0.113.7", None, "172.32.0.1", id="next to the trusted network"),
        pytest.param("127.0.0.1", "10.9.8.7, 203.0.113.7", None, "203.0.113.7", id="only the last entry counts"),
        pytest.param("127.0.0.1", "203.0.113.7", "198.51.100.1", "203.0.113.7", id="before X-Real-IP"),
        pytest.param("127.0.0.1", None, "198.51.100.1", "198.51.100.1", id="X-Real-IP alone"),
        pytest.param("127.0.0.1", "", "198.51.100.1", "198.51.100.1", id="an empty list"),
        pytest.param("127.0.0.1", "unknown", None, "127.0.0.1", id="not an address"),
        pytest.param("127.0.0.1", "203.0.113.7, ", None, "127.0.0.1", id="an empty last entry"),
        pytest.param("127.0.0.1", "'; drop table users; --", None, "127.0.0.1", id="not an address at all"),
        pytest.param("127.0.0.1", "2001:DB8:0:0::1", None, "2001:db8::1", id="IPv6 in its short form"),
        pytest.param("127.0.0.1", "::ffff:203.0.113.7", None, "203.0.113.7", id="IPv4 in IPv6"),
        pytest.param("127.0.0.1", "fe80::1%" + "z" * 500, None, "fe80::1", id="a zone as long as an attack"),
        pytest.param(None, "203.0.113.7", None, "unknown", id="a unix socket"),
        pytest.param("", None, None, "unknown", id="an empty peer"),
        pytest.param("testclient", "203.0.113.7", None, "testclient", id="a peer that is no address"),
    ],
)
def test_the_client_is_the_peer_or_whom_a_trusted_proxy_names(
    peer: str | None, forwarded_for: str | None, real_ip: str | None, expected: str
) -> None:
    assert client_address(peer, forwarded_for, real_ip, TRUSTED) == expected


def test_without_trusted_proxies_nobody_is_believed() -> None:
    assert client_address("127.0.0.1", "203.0.113.7", "203.0.113.7", ()) == "127.0.0.1"
