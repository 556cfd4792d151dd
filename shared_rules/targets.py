"""Where this service may call: target URLs, the addresses behind them, and the GitHub names that enter a URL.

No name is looked up here: `TargetPolicy.check_url` judges what a URL alone shows, `check_address` what it resolved to.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NoReturn, Self

import idna

from shared_rules.errors import BadRequest, InvalidPayload

__all__ = [
    "AllowedTarget",
    "TargetPolicy",
    "check_github_owner",
    "check_github_repo",
    "check_github_workflow",
    "parse_allowlist",
    "parse_dispatch_url",
    "parse_target_url",
    "workflow_file",
]

AllowedTarget = str | IPv4Network | IPv6Network

_URL = re.compile(r"(?P<scheme>[a-z]+)://(?P<authority>[^/?#]*)(?:[/?#].*)?", re.IGNORECASE)
_UNSAFE = re.compile(r"[\s\x00-\x20\x7f-\xa0\\]")
_AUTHORITY = re.compile(r"(?P<host>\[[^\]]*\]|[^:]*)(?::(?P<port>.*))?")
_LABEL = re.compile(r"[a-z0-9_-]{1,63}")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")

# Spelled out, because what `ipaddress` calls global differs between releases of Python.
_NOT_PUBLIC = tuple(
    ip_network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "168.63.129.16/32",  # a platform's own services, reachable from its virtual machines only
        *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
    )
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")

_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,38}")
_REPO = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,100}")
_WORKFLOW = re.compile(r"[A-Za-z0-9_-](?:[A-Za-z0-9._-]{0,253}[A-Za-z0-9_-])?")
_DISPATCH = re.compile(r"(?:(?:https?://)?[^/?#\s]+)?/([^/?#]+)/([^/?#]+)/actions/workflows/([^/?#]+)/?(?:[?#].*)?")


def parse_target_url(text: str) -> str:
    """Return the URL trimmed, else as sent. Raise Invalid target_url unless it is http or https with a usable host."""
    url = text.strip()
    _scheme_and_host(url)
    return url


def parse_allowlist(entries: str | Iterable[str]) -> tuple[AllowedTarget, ...]:
    """Return the hosts and networks of a comma list (or of its parts). Raise ValueError naming the first bad entry."""
    parts = entries.split(",") if isinstance(entries, str) else entries
    return tuple(_allowed(part.strip()) for part in parts if part.strip())


@dataclass(frozen=True)
class TargetPolicy:
    """Which targets may be called. Outside production every http or https URL may.

    In production only https to public addresses, but for what the allowlist names. A listed network frees the
    addresses in it, and URLs that spell them out; a host that should be called over http must be listed by name.
    """

    production: bool
    allowlist: tuple[AllowedTarget, ...] = ()

    def check_url(self, url: str) -> None:
        """Raise Invalid target_url for what the URL alone forbids; a name may still resolve to a forbidden address."""
        scheme, host = _scheme_and_host(url)
        if not self.production or self._lists_host(host):
            return
        address = _literal(host)
        if address is not None and self._lists_address(address):
            return
        if scheme != "https" or _is_localhost(host) or (address is not None and not _is_public(address)):
            _refuse_host(host)

    def check_address(self, host: str, ip: str) -> None:
        """Raise Invalid target_url unless `ip`, to which `host` was resolved, may be connected to."""
        if not self.production or self._lists_host(host):
            return
        address = ip_address(ip)
        if not self._lists_address(address) and not _is_public(address):
            _refuse_host(host)

    def trusting(self, url: str) -> Self:
        """Return this policy with the host of `url` listed too: for servers the operator chose, not the users."""
        _, host = _scheme_and_host(url)
        return replace(self, allowlist=(*self.allowlist, *parse_allowlist(host)))

    def _lists_host(self, host: str) -> bool:
        return host.lower().removesuffix(".") in self.allowlist

    def _lists_address(self, address: IPv4Address | IPv6Address) -> bool:
        plain = _unmapped(address)
        return any(plain in entry for entry in self.allowlist if not isinstance(entry, str))


def check_github_owner(value: str) -> None:
    _check_name(_OWNER, value, "owner")


def check_github_repo(value: str) -> None:
    _check_name(_REPO, value, "repository")


def check_github_workflow(value: str) -> None:
    """Raise Invalid GitHub configuration on a bad character, Invalid github_workflow_name on a suffix not of YAML."""
    _check_name(_WORKFLOW, value, "workflow file")
    _, dot, suffix = value.rpartition(".")
    if dot and suffix not in {"yml", "yaml"}:
        raise BadRequest("Invalid github_workflow_name", "Workflow file must end with .yml or .yaml.")


def workflow_file(name: str) -> str:
    """Return the name with `.yml` unless it has a suffix."""
    return name if "." in name else f"{name}.yml"


def parse_dispatch_url(text: str) -> tuple[str, str, str]:
    """Return owner, repository and workflow; a host in front is ignored. Raise Invalid payload, or as for each name."""
    match = _DISPATCH.fullmatch(text.strip())
    if match is None:
        raise InvalidPayload(
            "Invalid dispatch URL format. Expected /<owner>/<repo>/actions/workflows/<workflow>.", field="dispatch_url"
        )
    owner, repo, workflow = match.groups()
    check_github_owner(owner)
    check_github_repo(repo)
    check_github_workflow(workflow)
    return owner, repo, workflow


def _check_name(pattern: re.Pattern[str], value: str, kind: str) -> None:
    if not pattern.fullmatch(value):
        raise BadRequest("Invalid GitHub configuration", f'"{value}" is not a valid {kind}.')


def _scheme_and_host(url: str) -> tuple[str, str]:
    """Return both in lower case, the host without brackets and as ASCII. Raise Invalid target_url."""
    if not url.lower().startswith(("http://", "https://")):
        _refuse("The URL must start with http:// or https://.")
    parts = _URL.fullmatch(url)
    if parts is None or _UNSAFE.search(url):
        _refuse("The URL must not contain blanks, control characters or backslashes.")
    if "@" in parts["authority"]:
        _refuse("The URL must not contain a user name or a password.")
    split = _AUTHORITY.fullmatch(parts["authority"])
    if split is None or not split["host"]:
        _refuse("The URL must name a host.")
    if split["port"] is not None and not _is_port(split["port"]):
        _refuse("The port must be a number from 1 to 65535.")
    try:
        return parts["scheme"].lower(), _ascii_host(split["host"])
    except ValueError:
        _refuse(f'"{split["host"]}" is not a valid host.')


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 5 and 0 < int(text) <= 65535


def _ascii_host(text: str) -> str:
    """Return a name or an address as the HTTP client will use it. Raise ValueError."""
    if text.startswith("["):
        if "%" in text:
            raise ValueError(text)
        return str(IPv6Address(text[1:-1]))
    host = text.lower() if text.isascii() else idna.encode(text.lower()).decode("ascii")
    labels = host.removesuffix(".").split(".")
    if len(host) > 254 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(text)
    _literal(host)
    return host


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    """Return the address a host spells out, in every form resolvers take; None for a name.

    `2130706433`, `0x7f.1`, `0177.0.0.1` and `127.1` are all 127.0.0.1. Raise ValueError where a name ends in a number.
    """
    if ":" in host:
        return IPv6Address(host)
    labels = host.removesuffix(".").split(".")
    if not _NUMBER.fullmatch(labels[-1]):
        return None
    if len(labels) > 4 or not all(_NUMBER.fullmatch(label) for label in labels):
        raise ValueError(host)
    *head, last = (_number(label) for label in labels)
    if any(part > 255 for part in head) or last >= 256 ** (4 - len(head)):
        raise ValueError(host)
    return IPv4Address(sum(part << (8 * (3 - place)) for place, part in enumerate(head)) + last)


def _number(label: str) -> int:
    if label.startswith("0x"):
        return int(label[2:] or "0", 16)
    return int(label, 8) if len(label) > 1 and label.startswith("0") else int(label)


def _is_localhost(host: str) -> bool:
    return f".{host.removesuffix('.')}".endswith(".localhost")


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    plain = _unmapped(address)
    if isinstance(plain, IPv6Address):
        if plain in _NAT64:
            return _is_public(IPv4Address(int(plain) & 0xFFFFFFFF))
        if plain not in _GLOBAL_UNICAST:
            return False
    return not any(plain in network for network in _NOT_PUBLIC)


def _unmapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address inside `::ffff:a.b.c.d`, every other address as it is."""
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def _allowed(entry: str) -> AllowedTarget:
    try:
        return ip_network(entry)
    except ValueError:
        pass
    try:
        host = _ascii_host(entry)
        if _literal(host) is None:
            return host.removesuffix(".")
    except ValueError:
        pass
    raise ValueError(f'"{entry}" is not a host, an address or a network.')


def _refuse(reason: str) -> NoReturn:
    raise BadRequest("Invalid target_url", reason)


def _refuse_host(host: str) -> NoReturn:
    _refuse(f"{host} is not an allowed target.")
