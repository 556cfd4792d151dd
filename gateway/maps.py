"""What the gateway knows about a request, as nginx maps: its stack, its group, its id, and what may be logged of it.

Maps are what the gateway's time goes into. So a value is read by one pattern where one can do, and a pattern's named
group is used as a variable where it was surely matched before. A literal entry ignores case, a pattern does not.

Two readings of an address are compared on purpose: nginx matches locations on the decoded path (`$uri`), the stacks get
the raw one (`$request_uri`). Where the two could lead to different stacks, the request is refused.
"""

from collections.abc import Iterable, Sequence

from gateway.answers import ERROR_PLACE, Lines, block
from gateway.cohorts import COHORTS
from gateway.config import Config
from gateway.routes import UNMATCHED, Group

__all__ = ["plain_pattern", "prefix_pattern", "request_maps", "target"]

# Path segments and characters on which two URL parsers may disagree; "#" ends the path for one of them.
AMBIGUOUS_PATH = r"~*^\S+ [^? ]*(?:/(?:\.|%2e){1,2}(?:[/? ]|$)|%00|%2f|%5c|[\x5c#])"
# What nearly every path looks like is cleared without that search: nothing encoded, no segment that begins with a dot.
PLAIN_PATH = r"~^\S+ (?:/[^? /.%\x5c#][^? /%\x5c#]*)*/?(?:[? ]|$)"
# Method, path and query of the request line, each as far as it is sound.
REQUEST_LINE = (
    r"~^(?:(?<line_method>[A-Z_-]+)|\S+) (?:[a-z]+://[^/? ]+)?"
    r"(?:(?<path>/[!->@-~]*)(?=[? ]|$))?[^? ]*(?:\?(?<query>[^ ]*))?"
)
# Methods that change nothing, RFC 9110 section 9.2.1.
SAFE = ("GET", "HEAD", "OPTIONS")
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
        *ownership_maps(config),
        "",
        *target_maps(config),
        "",
        *fallback_maps(),
        "",
        *location_maps(config),
        "",
        *group_maps(config),
        "",
        *log_maps(),
    ]


def prefix_pattern(prefixes: Iterable[str]) -> str:
    """Return an alternation of the prefixes, the longest first: of two that fit, that one is meant."""
    return "|".join(plain_pattern(prefix) for prefix in sorted(prefixes, key=len, reverse=True))


def outermost(prefix: str, prefixes: Iterable[str]) -> str:
    """Return the pattern of a prefix that leaves longer ones alone: `/api/v2/...` is not `/{name}/...` below `/api`."""
    longer = [other.removeprefix(prefix) for other in prefixes if other.startswith(f"{prefix}/")]
    return plain_pattern(prefix) + "".join(f"(?!{plain_pattern(rest)}/)" for rest in longer)


def plain_pattern(path: str) -> str:
    """Return the pattern of a path; of the characters a checked path may have, only the dot means something."""
    return path.replace(".", r"\.")


def entry(pattern: str, value: str) -> str:
    return f'"{pattern}" {value};'


def request_line_maps() -> Lines:
    """Return what is read from the request line, which no internal redirect changes and no parse error hides."""
    return [
        "# The request line stays what the client sent, also when an error page has changed $uri and $request_method.",
        "# $path and $query are there once $method was read.",
        *block("map $request $method", 'default "";', entry(REQUEST_LINE, "$line_method")),
        *block("map $request $ambiguous", 'default "";', entry(PLAIN_PATH, '""'), entry(AMBIGUOUS_PATH, "1")),
        "# A sane id of the client is kept.",
        *block(
            "map $http_x_request_id $rid",
            "default $request_id;",
            entry(r"~^(?<client_rid>[A-Za-z0-9._-]{1,128})$", "$client_rid"),
        ),
        "# A request without Host (HTTP/1.0) still gets one.",
        *block("map $http_host $public_host", "default $http_host;", '"" $host;'),
        "# A websocket is passed on; no other upgrade is, or a stack would speak what nobody here can read (h2c).",
        *block("map $http_upgrade $upgrade", 'default "";', "websocket websocket;"),
        *block("map $upgrade $connection_upgrade", 'default "";', "websocket upgrade;"),
    ]


def stack_maps(config: Config) -> Lines:
    """Return who would answer without the ownership table, who else could, and whom X-Stack asks for."""
    faces = [(face.number, plain_pattern(face.prefix)) for face in config.faces]
    raw = [entry(rf"~^{prefix}(?<rest>(?:[/?].*)?)\z", str(number)) for number, prefix in faces]
    decoded = [entry(rf"~^{prefix}(?:[/?]|\z)", str(number)) for number, prefix in faces]
    agreed = [entry(f":{number}:{number}", '""') for number, _ in faces]
    return [
        "# One request may ask for the other stack; any other value is ignored.",
        *block("map $http_x_stack $asked", 'default "";', *(entry(f"~^{s.name}$", s.name) for s in config.stacks)),
        "# The public prefix of the address, by number; and $rest, what follows it, raw, with the query.",
        *block("map $request_uri $face", 'default "";', *raw),
        *block("map $uri $decoded_face", 'default "";', entry(f"~^{ERROR_PLACE}/", "error"), *decoded),
        "# An encoded prefix, such as /%61pi, is read differently by nginx and by the stacks.",
        *block(
            "map $ambiguous:$face:$decoded_face $refused",
            "default 1;",
            '"::" "";',
            *agreed,
            entry("~^:[0-9]*:error$", '""'),
        ),
        "# Whose it is where the ownership table does not name another.",
        *natural_maps(config),
    ]


def natural_maps(config: Config) -> Lines:
    """Return `$natural`: the home of the prefix, or the candidate for groups that were wholly its own when rendered."""
    homes = [f"{face.number} {face.home};" for face in config.faces]
    candidate = config.candidate
    if candidate is None or not config.settled:
        return block("map $face $natural", 'default "";', *homes)
    numbers = [face.number for face in config.faces if face.home != candidate.name]
    settled = [f"{number}:{group} {candidate.name};" for number in numbers for group in sorted(config.settled)]
    return [
        *block("map $face $home", 'default "";', *homes),
        *block("map $face:$group $natural", "default $home;", *settled),
    ]


def ownership_maps(config: Config) -> Lines:
    """Return the visitor's cohort and the name of the file by which another than the natural owner has the request."""
    sticky = config.sticky
    parts, before = [], 0
    for cohort, share in COHORTS.items():
        parts.append(f"{share - before}% {cohort};" if share < 100 else f"* {cohort};")
        before = share
    cookie = f'"{sticky.cookie}=$request_id; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax"'
    return [
        "# A visitor is known by a cookie, else by the address; a token changes too often.",
        *block(
            f"map $cookie_{sticky.cookie} $visitor",
            "default $remote_addr;",
            entry(r"~^(?<known_visitor>[0-9a-f]{32})\z", "$known_visitor"),
        ),
        *block("map $known_visitor $new_cookie", 'default "";', f'"" {cookie};'),
        *block(f'split_clients "{sticky.salt}:$visitor" $cohort', *parts),
        "# Where the table lies now, and which generation of it that is. The link is followed once: `set` would do it twice.",
        *block("map $realpath_root $table", 'default "";', entry("~^(?<place>.*/(?<generation>g[0-9]+))$", "$place")),
        *others_map("$natural", "$rival", config),
        *others_map("$stack", "$other", config),
    ]


def others_map(source: str, name: str, config: Config) -> Lines:
    """Return the map of a stack to the other one, "none" where there is no other."""
    names = [stack.name for stack in config.stacks]
    pairs = zip(names, reversed(names), strict=True) if len(names) > 1 else ()
    return block(f"map {source} {name}", "default none;", *(f"{one} {two};" for one, two in pairs))


def fallback_maps() -> Lines:
    """Return which requests the other stack may be asked: reads that nobody sent to one stack on purpose."""
    return [
        "# What the other stack may be asked when the first is dead: nothing that writes, nothing sent there on purpose.",
        *block("map $method:$asked $may_fall", 'default "";', *(f'"{method}:" 1;' for method in SAFE)),
        *block("map $asked $may_fall_through", 'default "";', '"" 1;'),
    ]


def location_maps(config: Config) -> Lines:
    """Return the Location of an answer as the client may use it: under the prefix by which it came."""
    # Where there is no prefix, what follows must itself be a path: `?page=2` and `//elsewhere` are not.
    prefixes = prefix_pattern(config.serves) + ("(?=/)" if "" in config.serves else "")
    own = "|".join(rf"{stack.host}:{stack.port}".replace(".", r"\.") for stack in config.stacks)
    publics = [f'{face.number} "{face.prefix}";' for face in config.faces]
    return [
        "# A stack's Location comes back under the prefix the client used; addresses elsewhere stay as they are.",
        *block("map $face $public_prefix", 'default "";', *publics),
        *block(
            "map $upstream_http_location $public_location",
            "default $upstream_http_location;",
            '"" "";',
            entry(rf"~^(?:https?://(?:{own})|(?!//))(?:{prefixes})(?<path1>(?:[/?#].*)?)$", "$public_prefix$path1"),
            entry("~^https?://", "$own_location"),
        ),
        *block(
            "map $public_host|$upstream_http_location $own_location",
            "default $upstream_http_location;",
            entry(
                rf"~^(?<own_host>[^|]+)\|https?://\k<own_host>(?:{prefixes})(?<path2>(?:[/?#].*)?)$",
                "$public_prefix$path2",
            ),
        ),
    ]


def target_maps(config: Config) -> Lines:
    """Return what goes before `$rest` in the raw target, which is never re-encoded; only the prefix may change."""
    paths = [f'{stack.name} "{stack.prefix[1:]}";' for stack in config.stacks]
    lines = [
        "# The prefix (less its slash) of the stack that gets it.",
        *block("map $stack $stack_path", 'default "";', *paths),
        *block("map $other $other_path", 'default "";', *paths),
    ]
    if has_bare(config):
        for stack in ("stack", "other"):
            stripped = entry(rf"~^/?(?<{stack}_rest>.*)$", f"${stack}_rest")
            lines += block(f"map ${stack}_path$rest ${stack}_target", 'default "";', stripped)
    return lines


def has_bare(config: Config) -> bool:
    """Whether a stack has no prefix: then what follows it brings a slash of its own, unless there is nothing."""
    return not all(stack.prefix for stack in config.stacks)


def target(config: Config, stack: str) -> str:
    """Return what follows the host of the `stack` or the `other`.

    Its slash is written out, so that nothing after it can be taken for a part of the host, and nothing is never all.
    """
    return f"/${stack}_target" if has_bare(config) else f"/${stack}_path$rest"


def group_maps(config: Config) -> Lines:
    """Return the group of a request; a preflight belongs where the request it announces belongs."""
    prefixes = "|".join(outermost(prefix, config.serves) for prefix in config.serves)
    return [
        "# Method and path -> route group.",
        *block(
            "map $http_access_control_request_method $announced",
            "default OPTIONS;",
            entry("~^(?<announced_method>[A-Z]+)$", "$announced_method"),
        ),
        *block("map $method $wanted_method", "default $method;", "OPTIONS $announced;"),
        *block(
            "map $wanted_method:$uri $group",
            f"default {UNMATCHED};",
            *(entry(rf"~^{group_pattern(group, prefixes)}\z", group.id) for group in config.routes.groups),
        ),
    ]


def group_pattern(group: Group, prefixes: str) -> str:
    """Return one pattern of all operations of the group: nginx tries pattern after pattern, so few are cheap."""
    paths: dict[str, list[str]] = {}
    for match in group.matches:
        methods = "|".join("GET|HEAD" if method == "GET" else method for method in match.methods)
        paths.setdefault(methods, []).append(match.regex)
    kinds = [f"{either([methods])}:(?:{prefixes}){either(rests)}" for methods, rests in paths.items()]
    return either(kinds)


def either(patterns: Sequence[str]) -> str:
    """Return an alternation, in brackets where it needs them."""
    joined = "|".join(patterns)
    return f"(?:{joined})" if "|" in joined else joined


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
        *block("map $status $logged_status", "default $status;", "000 0;", "009 0;"),
        "# What the gateway's own pages allow.",
        *block("map $status:$method $allow", 'default "";', entry("~^405:(?!TRACE|CONNECT)", '"GET, HEAD"')),
    ]
