"""What the gateway knows about a request, as nginx maps: its stack, its group, its id, and what may be logged of it.

Two readings of an address are compared on purpose: nginx matches locations on the decoded path (`$uri`), the stacks get
the raw one (`$request_uri`). Where the two could lead to different stacks, the request is refused.
"""

from collections.abc import Iterable

from gateway.answers import ERROR_PLACE, Lines, block
from gateway.config import Config
from gateway.routes import UNMATCHED

__all__ = ["plain_pattern", "prefix_pattern", "request_maps"]

# Path segments and characters on which two URL parsers may disagree; "#" ends the path for one of them.
AMBIGUOUS_PATH = r"~*^\S+ [^? ]*(?:/(?:\.|%2e){1,2}(?:[/? ]|$)|%00|%2f|%5c|[\x5c#])"
SECRET_QUERY = (
    r"~*(?:token|secret|passw|pwd|key|auth|jwt|session|cookie|credential|signature|code=|eyJ|^[^=&]*%|&[^=&]*%)"
)


def request_maps(config: Config) -> Lines:
    """Return all maps, in the order in which they build on each other."""
    return [
        *request_line_maps(),
        "",
        *stack_maps(config),
        "",
        *target_maps(config),
        "",
        *group_maps(config),
        "",
        *log_maps(),
    ]


def prefix_pattern(prefixes: Iterable[str]) -> str:
    """Return an alternation of the prefixes. What follows it must begin with a slash or end, so the order does not count."""
    return "|".join(plain_pattern(prefix) for prefix in prefixes)


def plain_pattern(path: str) -> str:
    """Return the pattern of a path; of the characters a checked path may have, only the dot means something."""
    return path.replace(".", r"\.")


def entry(pattern: str, value: str) -> str:
    return f'"{pattern}" {value};'


def request_line_maps() -> Lines:
    """Return what is read from the request line, which no internal redirect changes and no parse error hides."""
    return [
        "# The request line stays what the client sent, also when an error page has changed $uri and $request_method.",
        *block("map $request $method", 'default "";', entry(r"~^(?<line_method>[A-Z_-]+) ", "$line_method")),
        *block(
            "map $request $path",
            'default "";',
            entry(r"~^\S+ (?:[a-z]+://[^/? ]+)?(?<line_path>/[!->@-~]*)(?:[? ]|$)", "$line_path"),
        ),
        *block("map $request $query", 'default "";', entry(r"~^\S+ [^? ]*\?(?<line_query>[^ ]*)", "$line_query")),
        *block("map $request $ambiguous", 'default "";', entry(AMBIGUOUS_PATH, "1")),
        "# A sane id of the client is kept.",
        *block(
            "map $http_x_request_id $rid",
            "default $request_id;",
            entry(r"~^(?<client_rid>[A-Za-z0-9._-]{1,128})$", "$client_rid"),
        ),
        "# A request without Host (HTTP/1.0) still gets one.",
        *block("map $http_host $public_host", "default $http_host;", '"" $host;'),
    ]


def stack_maps(config: Config) -> Lines:
    """Return who answers: the stack asked for by X-Stack, else the one whose prefix the address has."""
    addressed = []
    for prefix, name in longest_first(config):
        addressed.append(entry(rf"~^{plain_pattern(prefix)}(?:[/?]|\z)", name))
    agreed = [entry(f"{name}:{name}", '""') for name in sorted(set(config.serves.values()))]
    agreed.append(entry("~:error$", '""'))
    return [
        "# One request may ask for the other stack; any other value is ignored.",
        *block("map $http_x_stack $asked", 'default "";', *(entry(f"~^{s.name}$", s.name) for s in config.stacks)),
        *block("map $request_uri $addressed", 'default "";', *addressed),
        *block("map $uri $addressed_decoded", 'default "";', entry(f"~^{ERROR_PLACE}/", "error"), *addressed),
        *block(
            "map $addressed:$asked $stack",
            "default $addressed;",
            *(entry(f"~^[a-z0-9]+:{s.name}$", s.name) for s in config.stacks),
        ),
        "# An encoded prefix, such as /%61pi, is read differently by nginx and by the stacks.",
        *block("map $addressed:$addressed_decoded $split", "default 1;", '":" "";', *agreed),
        *block("map $ambiguous$split $refused", "default 1;", '"" "";'),
    ]


def target_maps(config: Config) -> Lines:
    """Return the raw target, never re-encoded; only the prefix may change."""
    rests = []
    for number, (prefix, _) in enumerate(longest_first(config), 1):
        rests.append(entry(rf"~^{plain_pattern(prefix)}(?<rest{number}>(?:[/?].*)?)$", f"$rest{number}"))
    return [
        "# What follows the prefix, raw, with the query; and the prefix (less its slash) of the stack that gets it.",
        *block("map $request_uri $rest", 'default "";', *rests),
        *block("map $stack $stack_path", 'default "";', *(f"{s.name} {s.prefix[1:]};" for s in config.stacks)),
    ]


def group_maps(config: Config) -> Lines:
    """Return the group of a request; a preflight belongs where the request it announces belongs."""
    prefixes = prefix_pattern(config.serves)
    entries = []
    for group in config.routes.groups:
        for match in group.matches:
            methods = "|".join("GET|HEAD" if method == "GET" else method for method in match.methods)
            methods = f"(?:{methods})" if "|" in methods else methods
            entries.append(entry(rf"~^{methods}:(?:{prefixes}){match.regex}\z", group.id))
    return [
        "# Method and path -> route group.",
        *block(
            "map $method:$http_access_control_request_method $wanted_method",
            "default $method;",
            entry(r"~^OPTIONS:(?<announced_method>[A-Z]+)$", "$announced_method"),
        ),
        *block("map $wanted_method:$uri $group", f"default {UNMATCHED};", *entries),
    ]


def log_maps() -> Lines:
    """Return what may be written down. A query that may hold a secret is not, nor is one that could hide its names."""
    return [
        "# The log keeps a query unless it may hold a secret; bytes that are not printable ASCII are left out.",
        *block(
            "map $query $logged_query",
            "default $query;",
            entry(SECRET_QUERY, "[redacted]"),
            entry(r"~[^ -~]", "[redacted]"),
        ),
        *block("map $status $logged_status", "default $status;", entry("~^0", "0")),
        "# What the gateway's own pages allow.",
        *block("map $status:$method $allow", 'default "";', entry("~^405:(?!TRACE|CONNECT)", '"GET, HEAD"')),
    ]


def longest_first(config: Config) -> list[tuple[str, str]]:
    return sorted(config.serves.items(), key=lambda item: (-len(item[0]), item[0]))
