"""What the gateway says itself: its errors in the shape of the API, one internal location per status."""

import json

__all__ = [
    "AMBIGUOUS",
    "ERRORS",
    "ERROR_PLACE",
    "UNPORTED_PLACE",
    "Lines",
    "block",
    "error_locations",
    "error_pages",
    "json_body",
    "own_headers",
    "seconds",
    "too_large",
]

Lines = list[str]

# A client that is too slow (408) is missing here: nginx closes its connection without an answer.
ERRORS: dict[int, tuple[str, str]] = {
    400: ("Bad request", "The request could not be read."),
    403: ("Forbidden", "This is not served."),
    404: ("Not found", "No such endpoint."),
    405: ("Method not allowed", "This method is not served here."),
    411: ("Length required", "Send the length of the body, or chunks."),
    412: ("Precondition failed", "The file is another one by now."),
    414: ("URI too long", "The address may be at most 8192 bytes."),
    416: ("Range not satisfiable", "The file has no such part."),
    431: ("Request header fields too large", "A header line may be at most 8192 bytes, all of them 32768."),
    500: ("Internal server error", "The gateway could not handle the request."),
    501: ("Not implemented", "This transfer encoding is not understood."),
    502: ("Bad gateway", "The stack behind this address is not answering. Try again."),
    503: ("Service unavailable", "The gateway is busy. Try again."),
    504: ("Gateway timeout", "The stack behind this address took too long. The request may have been carried out."),
    505: ("HTTP version not supported", "Use HTTP/1.1."),
}
AMBIGUOUS = ("Bad request", "Ambiguous path.")
UNPORTED = ("Not implemented", "The stack that was asked does not have this yet.")
ERROR_PLACE = "/__gateway/errors"
UNPORTED_PLACE = f"{ERROR_PLACE}/501/unported"


def block(head: str, *lines: str) -> Lines:
    """Return a block of the configuration, its lines indented."""
    return [f"{head} {{", *(f"    {line}" if line else "" for line in lines), "}"]


def seconds(value: float) -> str:
    return f"{round(value * 1000)}ms"


def json_body(error: str, message: str) -> str:
    """Return the error body as nginx's quoted string."""
    body = json.dumps({"error": error, "message": message}, separators=(",", ":"))
    if set("'\\$") & set(body):
        raise ValueError(body)
    return f"'{body}'"


def too_large(limit_bytes: int) -> str:
    return json_body("Payload too large", f"The request body may be at most {limit_bytes} bytes.")


def own_headers(*more: str) -> Lines:
    """Return the headers of the gateway's own answers. A location that adds one of its own must repeat them all."""
    return [
        "add_header X-Request-Id $rid always;",
        "add_header X-Served-By none always;",
        "add_header X-Content-Type-Options nosniff always;",
        "add_header Referrer-Policy no-referrer always;",
        "add_header Allow $allow always;",
        *more,
    ]


def error_pages(limit_bytes: int) -> Lines:
    """Return the directives that send each status to its location. A location with its own repeats them all.

    494 is nginx's number for a header that is too large.
    """
    plain = [f"error_page {status} {ERROR_PLACE}/{status};" for status in ERRORS if status != 431]
    return [*plain, f"error_page 413 {ERROR_PLACE}/413/{limit_bytes};", f"error_page 494 =431 {ERROR_PLACE}/431;"]


def error_locations(limits_bytes: list[int]) -> Lines:
    """Return one internal location per answer. `return` with a text is final: no page leads to another.

    A body was accepted or refused before, so here it has no limit: nginx would check it again, and answer 413 in HTML.
    """
    answers = [(str(status), status, json_body(*words)) for status, words in ERRORS.items()]
    answers += [(f"413/{limit}", 413, too_large(limit)) for limit in limits_bytes]
    answers.append((UNPORTED_PLACE.removeprefix(f"{ERROR_PLACE}/"), 501, json_body(*UNPORTED)))
    lines: Lines = []
    for name, status, body in answers:
        lines += block(
            f"location = {ERROR_PLACE}/{name}", "internal;", "client_max_body_size 0;", f"return {status} {body};"
        )
    return lines
