"""Where may be called: what a URL alone shows, which addresses are public, and which names may enter GitHub's URL."""

import pytest

from shared_rules.errors import BadRequest, InvalidPayload
from shared_rules.targets import (
    TargetPolicy,
    check_github_owner,
    check_github_repo,
    check_github_workflow,
    parse_allowlist,
    parse_dispatch_url,
    parse_target_url,
    workflow_file,
)

PRODUCTION = TargetPolicy(production=True)
DEVELOPMENT = TargetPolicy(production=False)

# Refused everywhere: no http or https URL, or none that says clearly which host it means.
UNUSABLE = {
    "file": "file:///etc/passwd",
    "file with a host": "file://localhost/etc/passwd",
    "gopher": "gopher://127.0.0.1:6379/_FLUSHALL",
    "ftp": "ftp://example.com/x",
    "dict": "dict://127.0.0.1:11211/stats",
    "ldap": "ldap://127.0.0.1/",
    "data": "data:text/plain,hi",
    "javascript": "javascript:alert(1)",
    "unix socket": "http+unix://%2Fvar%2Frun%2Fdocker.sock/info",
    "web socket": "ws://example.com/",
    "no scheme": "example.com/hook",
    "scheme-relative": "//example.com/hook",
    "one slash": "https:/example.com/",
    "three slashes": "https:///example.com/",
    "no host": "https://",
    "no host but a port": "https://:443/",
    "no host but a query": "https://?x=1",
    "user": "https://admin@example.com/",
    "user and password": "https://admin:secret@example.com/",
    "host as user": "https://example.com@127.0.0.1/",
    "encoded host as user": "https://example.com%40@127.0.0.1/",
    "backslash before the at sign": "https://127.0.0.1\\@example.com/",
    "backslash as slash": "https://example.com\\.evil.test/",
    "blank in the host": "https://127.0.0.1 .example.com/",
    "blank in the path": "https://example.com/a b",
    "line break": "https://example.com/\r\nHost: evil.test",
    "tab in the host": "https://127.0\t.0.1/",
    "NUL in the host": "https://example.com\x00.evil.test/",
    "no-break space": "https://example.com/\xa0x",
    "percent in the host": "https://%31%32%37.0.0.1/",
    "empty label": "https://example..com/",
    "two trailing dots": "https://example.com../",
    "only a dot": "https://./",
    "label of 64 characters": f"https://{'a' * 64}.com/",
    "name of 256 characters": f"https://{'a.' * 127}com/",
    "port 0": "https://example.com:0/",
    "port 65536": "https://example.com:65536/",
    "port in words": "https://example.com:https/",
    "signed port": "https://example.com:+443/",
    "empty port": "https://example.com:/",
    "bracket left open": "https://[::1/",
    "bracket without an address": "https://[example.com]/",
    "text after the bracket": "https://[::1]evil.test/",
    "IPv6 zone": "https://[fe80::1%25eth0]/",
    "IPv6 without brackets": "https://::1/",
    "octet over 255": "https://256.1.1.1/",
    "five octets": "https://1.2.3.4.5/",
    "bad octal": "https://0189.0.0.1/",
    "number over 32 bits": "https://4294967296/",
    "name that ends in a number": "https://example.127/",
    "full-width digits": "https://１２７.０.０.１/",
    "circled letters": "https://ⓔxample.com/",
    "angle brackets": "https://<script>/",
}

# Usable URLs that production refuses.
HOSTILE = {
    "plain http": "http://example.com/hook",
    "loopback": "https://127.0.0.1/",
    "loopback with a port": "https://127.0.0.1:5001/api/health",
    "all of loopback": "https://127.255.255.254/",
    "loopback and http": "http://127.0.0.1:5001/api/auth/users",
    "decimal": "https://2130706433/",
    "octal": "https://0177.0.0.1/",
    "octal in one number": "https://017700000001/",
    "hexadecimal": "https://0x7f000001/",
    "hexadecimal in upper case": "https://0X7F000001/",
    "hexadecimal octets": "https://0x7f.0x0.0x0.0x1/",
    "mixed octets": "https://0x7f.0.0.01/",
    "two parts": "https://127.1/",
    "three parts": "https://127.0.1/",
    "one zero": "https://0/",
    "any address": "https://0.0.0.0/",
    "trailing dot": "https://127.0.0.1./",
    "decimal with a trailing dot": "https://2130706433./",
    "ideographic full stops": "https://127。0。0。1/",
    "IPv6 loopback": "https://[::1]/",
    "IPv6 loopback in full": "https://[0000:0000:0000:0000:0000:0000:0000:0001]/",
    "IPv6 any": "https://[::]/",
    "IPv4-mapped": "https://[::ffff:127.0.0.1]/",
    "IPv4-mapped in hexadecimal": "https://[::ffff:7f00:1]/",
    "IPv4-mapped metadata": "https://[::ffff:169.254.169.254]/",
    "IPv4-compatible": "https://[::127.0.0.1]/",
    "NAT64 of loopback": "https://[64:ff9b::7f00:1]/",
    "NAT64 of metadata": "https://[64:ff9b::169.254.169.254]/",
    "local NAT64": "https://[64:ff9b:1::7f00:1]/",
    "6to4 of loopback": "https://[2002:7f00:1::]/",
    "Teredo": "https://[2001:0:53aa:64c:0:0:80ff:fffe]/",
    "IPv6 unique local": "https://[fd00:ec2::254]/",
    "IPv6 link-local": "https://[fe80::1]/",
    "IPv6 site-local": "https://[fec0::1]/",
    "IPv6 multicast": "https://[ff02::1]/",
    "IPv6 documentation": "https://[2001:db8::1]/",
    "metadata service": "https://169.254.169.254/latest/meta-data/",
    "metadata service in decimal": "https://2852039166/",
    "metadata service in octal": "https://0251.0376.0251.0376/",
    "platform service on a public address": "https://168.63.129.16/",
    "metadata service in 192.0.0.0/24": "https://192.0.0.192/",
    "link-local": "https://169.254.0.1/",
    "private 10": "https://10.0.0.1/",
    "private 10 as two parts": "https://10.1/",
    "private 172.16": "https://172.16.0.1/",
    "last of private 172": "https://172.31.255.255/",
    "private 192.168": "https://192.168.1.1/",
    "carrier-grade NAT": "https://100.64.0.1/",
    "benchmark network": "https://198.18.0.1/",
    "documentation network": "https://203.0.113.7/",
    "multicast": "https://224.0.0.1/",
    "reserved": "https://240.0.0.1/",
    "broadcast": "https://255.255.255.255/",
    "localhost": "https://localhost/",
    "localhost in capitals": "https://LOCALHOST/",
    "localhost with a trailing dot": "https://localhost./",
    "below localhost": "https://db.localhost/",
    "below localhost with a trailing dot": "https://db.localhost./",
    "capitals in the scheme": "HTTPS://127.0.0.1/",
    "question mark instead of a path": "https://127.0.0.1?x=@example.com",
    "fragment instead of a path": "https://127.0.0.1#@example.com",
}

PUBLIC = {
    "a name": "https://example.com/hook?x=1#y",
    "a name with a port": "https://example.com:8443/",
    "capitals": "HTTPS://Example.COM/Hook",
    "trailing dot": "https://example.com./",
    "underscore": "https://my_hook.example.com/",
    "international name": "https://例え.jp/",
    "at sign in the path": "https://example.com/@me",
    "name that starts with an address": "https://127.0.0.1.example.com/",
    "name that starts with localhost": "https://localhost.example.com/",
    "hexadecimal-looking name": "https://0xabc.example.com/",
    "public address": "https://8.8.8.8/",
    "public address in decimal": "https://134744072/",
    "just outside private 172": "https://172.32.0.1/",
    "public IPv6": "https://[2606:4700::1111]/",
    "public IPv4-mapped": "https://[::ffff:8.8.8.8]/",
    "NAT64 of a public address": "https://[64:ff9b::808:808]/",
}


def each(cases):
    return pytest.mark.parametrize("url", cases.values(), ids=cases.keys())


def test_the_tables_hold_at_least_sixty_hostile_urls_each_once():
    urls = [*UNUSABLE.values(), *HOSTILE.values()]

    assert len(urls) == len(set(urls)) >= 60


@each(UNUSABLE)
@pytest.mark.parametrize("policy", [DEVELOPMENT, PRODUCTION], ids=["development", "production"])
def test_an_unusable_url_is_refused_everywhere(policy, url):
    with pytest.raises(BadRequest) as parsed:
        parse_target_url(url)
    with pytest.raises(BadRequest) as checked:
        policy.check_url(url)

    assert parsed.value.error == checked.value.error == "Invalid target_url"
    assert parsed.value.message.endswith(".")


@each(HOSTILE)
def test_production_refuses_a_hostile_url_and_development_allows_it(url):
    DEVELOPMENT.check_url(parse_target_url(url))

    with pytest.raises(BadRequest) as refused:
        PRODUCTION.check_url(parse_target_url(url))

    assert refused.value.body["error"] == "Invalid target_url"
    assert refused.value.message.endswith(" is not an allowed target.")


@each(PUBLIC)
def test_production_allows_https_to_public_hosts(url):
    PRODUCTION.check_url(parse_target_url(url))


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://127.0.0.1:5001/x", "127.0.0.1"),
        ("https://LocalHost/x", "localhost"),
        ("https://[::1]:8/x", "::1"),
        ("http://example.com/x", "example.com"),
    ],
    ids=["an address", "a name", "IPv6 without brackets", "a name over http"],
)
def test_a_refusal_names_the_host(url, host):
    with pytest.raises(BadRequest) as refused:
        PRODUCTION.check_url(url)

    assert refused.value.body == {"error": "Invalid target_url", "message": f"{host} is not an allowed target."}


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://example.com", "The URL must start with http:// or https://."),
        ("http://a b.com/", "The URL must not contain blanks, control characters or backslashes."),
        ("http://me:pass@example.com/", "The URL must not contain a user name or a password."),
        ("http:///x", "The URL must name a host."),
        ("http://256.1.1.1/", '"256.1.1.1" is not a valid host.'),
        ("http://example.com:99999/", "The port must be a number from 1 to 65535."),
    ],
    ids=["scheme", "blank", "password", "no host", "bad host", "bad port"],
)
def test_the_reason_says_what_is_wrong(url, reason):
    with pytest.raises(BadRequest) as refused:
        parse_target_url(url)

    assert refused.value.body == {"error": "Invalid target_url", "message": reason}


def test_a_url_is_trimmed_and_else_kept_as_sent():
    assert parse_target_url("  HTTP://Example.com/Hook?A=1 ") == "HTTP://Example.com/Hook?A=1"


ADDRESSES = {
    "127.0.0.1": False,
    "10.1.2.3": False,
    "169.254.169.254": False,
    "100.100.100.200": False,
    "192.0.0.192": False,
    "0.0.0.0": False,
    "::1": False,
    "::ffff:10.0.0.1": False,
    "fe80::1%2": False,
    "fd00:ec2::254": False,
    "64:ff9b::a00:1": False,
    "2002:a00:1::": False,
    "8.8.8.8": True,
    "2606:4700::1111": True,
    "::ffff:8.8.8.8": True,
}


@pytest.mark.parametrize(("ip", "public"), ADDRESSES.items(), ids=ADDRESSES.keys())
def test_a_name_is_judged_by_the_address_it_resolved_to(ip, public):
    DEVELOPMENT.check_address("hook.example.com", ip)

    if public:
        PRODUCTION.check_address("hook.example.com", ip)
    else:
        with pytest.raises(BadRequest, match=r"^hook\.example\.com is not an allowed target\.$"):
            PRODUCTION.check_address("hook.example.com", ip)


def test_the_allowlist_frees_hosts_addresses_and_networks():
    policy = TargetPolicy(production=True, allowlist=parse_allowlist("Jenkins.internal, 10.1.0.0/16 ,127.0.0.1,::1"))

    for url in ("http://jenkins.internal:8080/x", "https://JENKINS.internal./x", "http://10.1.2.3/", "http://127.1/"):
        policy.check_url(url)
    policy.check_url("https://[::ffff:10.1.2.3]/")
    policy.check_url("https://[::1]/")
    policy.check_address("jenkins.internal", "192.168.0.9")
    policy.check_address("other.example.com", "10.1.2.3")


@pytest.mark.parametrize(
    "url",
    ["http://other.internal/", "https://10.2.0.1/", "https://127.0.0.2/", "http://sub.jenkins.internal/"],
    ids=["another name over http", "outside the network", "beside the address", "below the host"],
)
def test_the_allowlist_frees_nothing_beside_its_entries(url):
    policy = TargetPolicy(production=True, allowlist=parse_allowlist("jenkins.internal,10.1.0.0/16,127.0.0.1"))

    with pytest.raises(BadRequest):
        policy.check_url(url)
    with pytest.raises(BadRequest):
        policy.check_address("other.example.com", "10.2.0.1")


@pytest.mark.parametrize(
    "entry",
    [
        "http://jenkins.internal",
        "jenkins:8080",
        "10.0.0.1/8",
        "10.0.0.0/33",
        "*.internal",
        "127.1",
        "a b",
        "-/-",
        "a..b",
    ],
)
def test_a_bad_entry_of_the_allowlist_is_named(entry):
    with pytest.raises(ValueError, match="is not a host, an address or a network") as raised:
        parse_allowlist(f"good.example.com,{entry},10.0.0.0/8")

    assert f'"{entry}"' in str(raised.value)


def test_an_allowlist_may_be_empty_or_already_split():
    assert parse_allowlist("") == parse_allowlist(" , ") == parse_allowlist(()) == ()
    assert parse_allowlist(["a.example", "10.0.0.0/8"]) == parse_allowlist("a.example,10.0.0.0/8")


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:9/x", "http://[::1]:9", "http://github.internal/api/v3"],
    ids=["an address", "an IPv6 address", "a name"],
)
def test_a_host_the_operator_chose_can_be_trusted(url):
    with pytest.raises(BadRequest):
        PRODUCTION.check_url(url)

    PRODUCTION.trusting(url).check_url(url)


OWNERS = ["acme", "Acme-Corp", "a", "o_corp", "a" * 39, "0x"]
BAD_OWNERS = [
    "",
    "-acme",
    "ac me",
    "acme/web",
    "..",
    ".",
    "a.b",
    "ac%2fme",
    "acme?x",
    "acme#",
    "a" * 40,
    "acme\n",
    "ａｃｍｅ",
    "äcme",
]
REPOS = ["web", "my.repo", "_x", "-x", ".github", "a" * 100, "..."]
BAD_REPOS = ["", ".", "..", "a/b", "../x", "a b", "a%2e", "a?b", "a#b", "a" * 101, "web\n", "wéb", "w:b", "w@b", "w\\b"]
WORKFLOWS = ["deploy.yml", "deploy.yaml", "deploy", "my-flow_2.yml", "a.b.yml", "12345"]
BAD_WORKFLOWS = [
    "",
    ".",
    "..",
    "../x.yml",
    "a/b.yml",
    "a b.yml",
    "a%2f.yml",
    "a?.yml",
    ".yml",
    "a.",
    "a" * 256,
    "x.yml\n",
    "é.yml",
]


@pytest.mark.parametrize("value", OWNERS)
def test_a_good_owner_passes(value):
    check_github_owner(value)


@pytest.mark.parametrize("value", REPOS)
def test_a_good_repository_passes(value):
    check_github_repo(value)


@pytest.mark.parametrize("value", WORKFLOWS)
def test_a_good_workflow_passes(value):
    check_github_workflow(value)


@pytest.mark.parametrize(
    ("check", "kind", "value"),
    [
        *((check_github_owner, "owner", value) for value in BAD_OWNERS),
        *((check_github_repo, "repository", value) for value in BAD_REPOS),
        *((check_github_workflow, "workflow file", value) for value in BAD_WORKFLOWS),
    ],
)
def test_a_bad_github_name_is_refused(check, kind, value):
    with pytest.raises(BadRequest) as refused:
        check(value)

    message = f'"{value}" is not a valid {kind}.'
    assert refused.value.body == {"error": "Invalid GitHub configuration", "message": message}


@pytest.mark.parametrize("value", ["deploy.sh", "deploy.yml.txt", "deploy.YML", "v1.2"])
def test_a_workflow_with_another_suffix_is_refused(value):
    with pytest.raises(BadRequest) as refused:
        check_github_workflow(value)

    assert refused.value.body == {
        "error": "Invalid github_workflow_name",
        "message": "Workflow file must end with .yml or .yaml.",
    }


@pytest.mark.parametrize(("name", "file"), [("deploy", "deploy.yml"), ("a.yml", "a.yml"), ("a.yaml", "a.yaml")])
def test_a_workflow_without_suffix_gets_yml(name, file):
    assert workflow_file(name) == file


@pytest.mark.parametrize(
    "text",
    [
        "/acme/web/actions/workflows/deploy.yml",
        "https://github.com/acme/web/actions/workflows/deploy.yml",
        "http://ghe.internal:8080/acme/web/actions/workflows/deploy.yml",
        "github.com/acme/web/actions/workflows/deploy.yml",
        " /acme/web/actions/workflows/deploy.yml/ ",
        "https://github.com/acme/web/actions/workflows/deploy.yml?query=branch%3Amain",
    ],
    ids=["path", "with a host", "with a port", "without scheme", "blanks and a slash", "with a query"],
)
def test_a_dispatch_url_names_owner_repository_and_workflow(text):
    assert parse_dispatch_url(text) == ("acme", "web", "deploy.yml")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "acme/web/actions/workflows/deploy.yml",
        "/acme/web/actions/deploy.yml",
        "/acme/actions/workflows/deploy.yml",
        "/acme/web/actions/workflows/",
        "/acme/web/actions/workflows/a/b.yml",
        "https://api.github.com/repos/acme/web/actions/workflows/deploy.yml/dispatches",
        "javascript:/acme/web/actions/workflows/deploy.yml/x",
    ],
)
def test_another_dispatch_url_is_refused(text):
    with pytest.raises(InvalidPayload) as refused:
        parse_dispatch_url(text)

    assert refused.value.body == {
        "error": "Invalid payload",
        "message": "Invalid dispatch URL format. Expected /<owner>/<repo>/actions/workflows/<workflow>.",
    }


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("/ac me/web/actions/workflows/deploy.yml", "Invalid GitHub configuration"),
        ("/acme/../actions/workflows/deploy.yml", "Invalid GitHub configuration"),
        ("/acme/web/actions/workflows/..%2f.yml", "Invalid GitHub configuration"),
        ("/acme/web/actions/workflows/deploy.sh", "Invalid github_workflow_name"),
    ],
    ids=["owner", "repository", "workflow", "suffix"],
)
def test_the_names_in_a_dispatch_url_are_checked_too(text, error):
    with pytest.raises(BadRequest) as refused:
        parse_dispatch_url(text)

    assert refused.value.error == error
