"""Ways to make a good request odd or wrong: values, JSON texts, media types, queries, paths, methods, headers.

Every change is still HTTP that a server has to take; broken HTTP tests servers and not what runs on them.
"""

import gzip
import json
import random
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

from parity.values import Headers, Request

__all__ = ["ODD_TEXTS", "changed", "odd_authorization", "odd_value", "with_fault", "written"]

ODD_TEXTS = (
    *("", " ", "0", "-1", "1", "null", "true", "TRUE", "undefined", "NaN", "1e3", "0x10", "１２", "+5", " 7 "),
    *("9999999999999999999999", "2026-02-30", "2026-11-22", "2026-11-22T10:00:00Z", "2026-11-22T10:00:00.5+09:00"),
    *("9999-12-31T23:59:59Z", "0001-01-01", "20261122", "2026-W47-7", "24:00"),
    *(
        "日本語のテキスト",
        "e\u0301",
        "é",
        "\U0001f600\U0001f468\u200d\U0001f469",
        "\u202eabc",
        "\u00a0x\u00a0",
        "ſ",
        "İ",
    ),
    *("\x00", "a\x00b", "\x07", "a\tb", "a\nb", "a\r\nb", "\x7f", "\ufeffx", "\u2028", "\ufffe"),
    *("<b>x</b>", "' OR '1'='1", "a%b_c", "../../etc/passwd", "{{7*7}}", "\\", '"', "a,b;c", "x@y", "x@localhost"),
    *("http://127.0.0.1/bad", "https://example.com/ok", "ftp://x/y", "//x", "javascript:alert(1)", "http://[::1]/"),
    *("x" * 64, "x" * 256, "x" * 5_000, "あ" * 300),
)
_ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 1.0, 1.5, -0.0, 1e20, 1e308, 10**9, 2**31, 2**63, 2**64, 10**25),
    *([], {}, [None], [""], [[]], {"": ""}, ["a", "b", "a"], {"a": {"b": [1, {"c": None}]}}),
)

_DEEPEST = 12


def odd_value(value: Any, chance: random.Random) -> Any:
    """Return something else in place of a JSON value: near to it, of another type, or far off."""
    pick = chance.random()
    if pick < 0.2 and isinstance(value, str):
        around: list[Callable[[str], str]] = [
            *(str.upper, str.title, lambda text: f" {text}", lambda text: f"{text} ", lambda text: text + text),
            *(lambda text: text[:-1], lambda text: text[1:], lambda text: f"{text}\n", lambda text: f"{text}\x00"),
        ]
        return chance.choice(around)(value)[:6_000]
    if pick < 0.35 and isinstance(value, int | float) and not isinstance(value, bool):
        return chance.choice([value + 1, -value, str(value), float(value), value * 1000, value + 0.5, [value]])
    if pick < 0.45:
        return chance.choice([[value], {"value": value}, str(value), not value])
    return chance.choice(ODD_TEXTS) if pick < 0.75 else chance.choice(_ODD_VALUES)


def changed(body: Any, chance: random.Random) -> Any:
    """Return a JSON value with one thing in it changed, left out, added or renamed."""
    places = list(_places(body))
    if not places or chance.random() < 0.04:
        return chance.choice([None, [], {}, "text", 0, [body], {"data": body}, True])
    holder, key = chance.choice(places)
    pick = chance.random()
    if pick < 0.6:
        holder[key] = odd_value(holder[key], chance)
    elif isinstance(holder, dict):
        if pick < 0.75:
            del holder[key]
        elif pick < 0.85:
            holder[chance.choice(["unknown", "", "__proto__", "ID", "extra field"])] = odd_value(holder[key], chance)
        else:
            holder[chance.choice([str(key).upper(), f"{key} ", str(key).replace("_", "-")])] = holder.pop(key)
    else:
        holder.insert(0, odd_value(holder[key], chance))
    return body


def _places(value: Any, depth: int = 0) -> Iterator[tuple[Any, Any]]:
    """Yield each place of a document as its holder and key, as far down as anybody nests on purpose."""
    steps: list[Any] = list(value) if isinstance(value, dict) else []
    if isinstance(value, list):
        steps = list(range(len(value)))
    for step in steps if depth < _DEEPEST else []:
        yield value, step
        yield from _places(value[step], depth + 1)


def written(value: Any, chance: random.Random) -> bytes:
    """Return a JSON value as bytes, its letters escaped at times. Numbers of any size are written."""
    return json.dumps(value, ensure_ascii=chance.random() < 0.3).encode("utf-8", "surrogatepass")


def with_fault(request: Request, chance: random.Random) -> Request:
    """Return the request with one thing about it changed."""
    ways = [_target, _method, _headers, *([_text, _text, _media] if request.body else [_with_body])]
    return chance.choice(ways)(request, chance)


def _text(request: Request, chance: random.Random) -> Request:
    """Change the bytes of the body."""
    body = request.body
    ways: list[Callable[[], bytes]] = [
        lambda: body[: len(body) // 2],
        lambda: body[:-1],
        lambda: body + b",",
        lambda: body + body,
        lambda: b"\xef\xbb\xbf" + body,
        lambda: b" \n" + body + b"\n ",
        lambda: body.replace(b'"', b"'"),
        lambda: body.replace(b":", b":NaN,", 1),
        lambda: body.replace(b'":', b'":NaN,"z":', 1),
        lambda: body.replace(b"{", b'{"name":"first",', 1).replace(b"}", b',"name":"second"}', 1),
        lambda: body.replace(b"}", b",}", 1),
        lambda: body[: len(body) // 2] + b"\xff\xfe" + body[len(body) // 2 :],
        lambda: body.decode("latin-1").encode("utf-16"),
        lambda: b"",
        lambda: b"null",
        lambda: b"[]",
        lambda: b'"\\ud800"',
        lambda: b"[" * 150 + b"]" * 150,
        lambda: b'{"a":' * 3_000 + b"1" + b"}" * 3_000,
        lambda: b"// comment\n" + body,
        lambda: body.replace(b'"', b'"\\u0000', 1),
        lambda: body.replace(b":", b":\\u0000", 1),
    ]
    return Request(request.method, request.target, request.headers, chance.choice(ways)())


_MEDIA = (
    *(
        "",
        "text/plain",
        "text/json",
        "application/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=utf-16",
    ),
    *(
        "application/json; charset=nonsense",
        "application/vnd.api+json",
        "application/problem+json",
        "application/xml",
        "*/*",
    ),
    *(
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "multipart/form-data; boundary=x",
        "json",
        "application/",
    ),
    *("application/octet-stream", "application/json, text/plain", "application/json; charset=latin-1"),
)


def _media(request: Request, chance: random.Random) -> Request:
    kept = tuple((name, value) for name, value in request.headers if name.lower() != "content-type")
    media = chance.choice(_MEDIA)
    headers = (*kept, ("content-type", media)) if media else kept
    if chance.random() < 0.1:
        return Request(
            request.method,
            request.target,
            (*request.headers, ("content-encoding", "gzip")),
            gzip.compress(request.body, mtime=0),
        )
    return Request(request.method, request.target, headers, request.body)


def _with_body(request: Request, chance: random.Random) -> Request:
    body = chance.choice([b"{}", b"[]", b"null", b'{"id":1}', b"a=b", b"x", b"{"])
    media = chance.choice(["application/json", "application/json", "application/x-www-form-urlencoded", "text/plain"])
    kept = tuple((name, value) for name, value in request.headers if name.lower() != "content-type")
    return Request(request.method, request.target, (*kept, ("content-type", media)), body)


def _target(request: Request, chance: random.Random) -> Request:
    path, _, query = request.target.partition("?")
    if chance.random() < 0.5:
        return Request(
            request.method, _odd_path(path, chance) + (f"?{query}" if query else ""), request.headers, request.body
        )
    return Request(request.method, f"{path}?{_odd_query(query, chance)}", request.headers, request.body)


def _odd_path(path: str, chance: random.Random) -> str:
    head, _, last = path.rpartition("/")
    ways = [
        *(f"{path}/", f"{path}//", f"/{path}", path.upper(), f"{path}%20", f"{path}%00", f"{path};v=1", f"{path}.json"),
        *(
            f"{path}/{'x' * 40}",
            f"{head}/%2e%2e/{last}",
            f"{head}//{last}",
            f"{head}/{last}%2F",
            f"{head}/{quote(last)}%ff",
        ),
        *(
            f"{head}/{last.upper()}",
            f"{head}/{'9' * 30}",
            f"{head}/-1",
            f"{head}/0",
            f"{head}/{'x' * 2_000}",
            f"{head}/.",
        ),
        *(f"{head}/{''.join(f'%{ord(c):02x}' for c in last if ord(c) < 128)}", f"{head}/%E6%97%A5", f"{head}/{last}+"),
    ]
    return chance.choice(ways)


def _odd_query(query: str, chance: random.Random) -> str:
    pairs = query.split("&") if query else ["limit=1"]
    one = chance.choice(pairs)
    name = one.partition("=")[0]
    odd = quote(chance.choice(ODD_TEXTS), safe="")
    ways = [
        *(
            f"{query}&{one}",
            f"{one}&{name}={odd}",
            f"{name}={odd}&{one}",
            f"{name}={odd}",
            f"{name}={odd}",
            f"{name}={odd}",
        ),
        *(
            name,
            f"{name}=",
            f"={odd}",
            f"{query}&&",
            f"{query}&unknown={odd}",
            f"{name}[]={odd}",
            f"{name}%5B%5D={odd}",
        ),
        *(
            f"{name}=%zz",
            f"{name}=%ff",
            f"{name}=%00",
            f"{name}=%",
            f"{name}=a+b",
            f"{name}=a%20b",
            f"{name.upper()}={odd}",
        ),
        *(
            query.replace("&", ";"),
            f"{name}={'x' * 3_000}",
            f"{query}?{one}",
            f"{name}=1,2",
            f"{name}={odd}#x".partition("#")[0],
        ),
    ]
    return chance.choice(ways)


_ORIGINS = ("http://localhost:3000", "http://localhost:5173", "https://example.com", "null", "http://127.0.0.1:8000")


def _method(request: Request, chance: random.Random) -> Request:
    pick = chance.choice(
        ["HEAD", "HEAD", "OPTIONS", "OPTIONS", "PREFLIGHT", "PATCH", "PUT", "POST", "DELETE", "GET", "QUERY"]
    )
    if pick != "PREFLIGHT":
        return Request(pick, request.target, request.headers, b"" if pick == "HEAD" else request.body)
    asked: Headers = (
        ("origin", chance.choice(_ORIGINS)),
        ("access-control-request-method", chance.choice([request.method, "PATCH", "FOO"])),
        *([("access-control-request-headers", "authorization, x-other")] if chance.random() < 0.5 else []),
    )
    return Request("OPTIONS", request.target, asked, b"")


def _headers(request: Request, chance: random.Random) -> Request:
    more: list[tuple[str, str]] = [
        *(("accept", "text/html"), ("accept", "application/xml"), ("accept", ""), ("accept-language", "ja")),
        *(("accept-encoding", "gzip"), ("accept-encoding", "br"), ("accept-charset", "utf-16")),
        *(("if-none-match", "*"), ("if-modified-since", "Thu, 01 Jan 2099 00:00:00 GMT"), ("if-match", '"x"')),
        *(("range", "bytes=0-3"), ("x-http-method-override", "DELETE"), ("x-forwarded-for", "203.0.113.9")),
        *(
            ("x-forwarded-proto", "https"),
            ("x-request-id", "explored-1"),
            ("x-request-id", "x" * 300),
            ("cookie", "a=b; a=c"),
        ),
        *(("origin", _ORIGINS[0]), ("origin", _ORIGINS[2]), ("referer", "https://example.com/"), ("x-odd", "é")),
    ]
    return Request(request.method, request.target, (*request.headers, chance.choice(more)), request.body)


def odd_authorization(token: str, chance: random.Random) -> str:
    """Return an Authorization header that should not let anybody in, or is written oddly."""
    ways = [
        *(
            "",
            "Bearer",
            "Bearer ",
            "Bearer x",
            "Bearer a.b.c",
            "Basic YTpi",
            "Bearer null",
            f"bearer {token}",
            f"BEARER {token}",
        ),
        *(
            f"Bearer  {token}",
            f"Token {token}",
            token,
            f"Bearer {token} x",
            f"Bearer {token},Bearer {token}",
            "Bearer é",
        ),
        *(f'Bearer "{token}"', f"JWT {token}", f"Bearer\t{token}"),
    ]
    return chance.choice(ways)
