"""The configuration as nginx text: a pure function of `Config`. The structure only: listeners, stacks, limits, errors.

Paths in the text are relative to the folder that `nginx -p` names, so the text holds nothing of the machine.
"""

from gateway.answers import (
    AMBIGUOUS,
    ERROR_PLACE,
    UNPORTED_PLACE,
    Lines,
    block,
    error_locations,
    error_pages,
    json_body,
    own_headers,
    seconds,
)
from gateway.config import Config, Stack
from gateway.maps import plain_pattern, prefix_pattern, request_maps, target
from gateway.ownership import movable, seat
from gateway.pages import page, page_locations
from gateway.recording import recording_locations, recording_maps, recording_upstream, way

__all__ = ["CONF", "GATEWAY_HEADERS", "HEALTH", "files", "nginx_conf"]

CONF = "nginx.conf"
HEALTH = "/__gateway/health"
GENERATION = "/__gateway/generation"
# The ownership table: a symbolic link to the present generation of it.
TABLE = "state/current"
MADE_BY = "# Made by `python -m gateway render` from dualstack.toml and the route groups. Do not edit."
LOG_FORMAT = {
    "t": "$msec",
    "rid": '"$rid"',
    "ip": '"$remote_addr"',
    "m": '"$method"',
    "p": '"$path"',
    "q": '"$logged_query"',
    "g": '"$group"',
    "forced": '"$asked"',
    "c": '"$cohort"',
    "o": '"$stack"',
    "by": '"$sent_http_x_served_by"',
    "fb": '"$fell_from"',
    "gen": '"$generation"',
    "s": "$logged_status",
    "us": '"$upstream_status"',
    "ua": '"$upstream_addr"',
    "rt": "$request_time",
    "uct": '"$upstream_connect_time"',
    "uht": '"$upstream_header_time"',
    "urt": '"$upstream_response_time"',
    "bi": "$request_length",
    "bo": "$bytes_sent",
    "done": '"$request_completion"',
}
# What the gateway says to a stack about a request, whatever the client says.
FACTS = {
    "X-Request-Id": "$rid",
    "X-Real-IP": "$remote_addr",
    "X-Forwarded-For": "$remote_addr",
    "X-Forwarded-Proto": "$scheme",
    "X-Forwarded-Host": "$public_host",
    "X-Forwarded-Port": "$server_port",
    "X-Forwarded-Prefix": "$public_prefix",
}
GATEWAY_HEADERS = tuple(FACTS)
# Headers by which a client could pretend to be a proxy or to have asked for something else, and the gateway's own.
CLEARED = (
    "Forwarded",
    "X-Forwarded-Server",
    "X-Forwarded-Ssl",
    "X-Forwarded-Scheme",
    "X-Original-URL",
    "X-Rewrite-URL",
    "Proxy-Connection",
    "Proxy",
    "X-Stack",
)


def files(config: Config, user: str = "") -> dict[str, str]:
    """Return the name and text of each rendered file. `user` is whom a root nginx becomes."""
    return {CONF: nginx_conf(config, user), "pages/index.html": page(config)}


def nginx_conf(config: Config, user: str = "") -> str:
    lines = [
        MADE_BY,
        *([f"user {user};"] if user else []),
        "daemon off;",
        "worker_processes 2;",
        "worker_rlimit_nofile 4096;",
        "worker_shutdown_timeout 30s;",
        "pcre_jit on;",
        "pid run/nginx.pid;",
        "error_log log/error.log notice;",
        "",
        *block("events", "worker_connections 2048;"),
        "",
        *block("http", *http(config)),
    ]
    return "\n".join(lines) + "\n"


def http(config: Config) -> Lines:
    lines = [
        *basics(config),
        "",
        *request_maps(config),
        "",
        *([*recording_maps(config.recording, [stack.name for stack in config.stacks]), ""] if config.recording else []),
        *access_log(),
    ]
    for stack in config.stacks:
        lines += ["", *upstream(stack)]
        if config.recording:
            lines += ["", *recording_upstream(config.recording, stack.name, stack.address, pool(stack))]
    return [*lines, "", *block("server", *server(config))]


def basics(config: Config) -> Lines:
    limits = config.timeouts
    temporary = [f"{kind}_temp_path run/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")]
    return [
        *temporary,
        "default_type application/json;",
        "server_tokens off;",
        "merge_slashes off;",
        "absolute_redirect off;",
        "# The page for an error of the second stack, asked because the first was dead.",
        "recursive_error_pages on;",
        "map_hash_bucket_size 128;",
        "# Longer than the usual idle time of a client's pool (5 s), so that the client closes first.",
        "keepalive_timeout 15s;",
        "keepalive_requests 100000;",
        f"client_header_timeout {seconds(limits.client_header_s)};",
        f"client_body_timeout {seconds(limits.client_body_s)};",
        "client_body_buffer_size 128k;",
        "large_client_header_buffers 4 8k;",
        f"client_max_body_size {config.body_bytes};",
        "# Below crit a line of error.log quotes the request with its query; access.jsonl has the facts without it.",
        "error_log log/error.log crit;",
    ]


def access_log() -> Lines:
    fields = ",".join(f'"{name}":{value}' for name, value in LOG_FORMAT.items())
    return [
        f"log_format gateway escape=json '{{{fields}}}';",
        "access_log log/access.jsonl gateway buffer=32k flush=200ms;",
    ]


def upstream(stack: Stack) -> Lines:
    return block(f"upstream {stack.name}", f"server {stack.address};", *pool(stack))


def pool(stack: Stack) -> Lines:
    """Return the pool's settings. Its idle end must close first, or a POST meets a connection the server just closed."""
    return ["keepalive 32;", f"keepalive_timeout {seconds(stack.keep_alive_s / 2)};"]


def server(config: Config) -> Lines:
    limits = [config.body_bytes, *(limit.body_bytes for limit in config.larger)]
    return [
        f"listen {config.listen} backlog=2048;",
        "server_name localhost;",
        "",
        *ownership(),
        *block("if ($refused)", f"return 400 {json_body(*AMBIGUOUS)};"),
        "",
        "# For the gateway's own answers; what a stack answers has its own.",
        *own_headers(),
        *error_pages(config.body_bytes),
        "",
        *proxy_settings(config),
        "",
        *stack_locations(config),
        "",
        *page_locations(config),
        "",
        *block(f"location = {HEALTH}", "access_log off;", """return 200 '{"status":"ok"}';"""),
        *block(
            f"location = {GENERATION}",
            "access_log off;",
            *own_headers("add_header Cache-Control no-store always;"),
            """return 200 '{"generation":"$generation"}';""",
        ),
        *(recording_locations(config.recording) if config.recording else []),
        *block("location ^~ /__gateway/", "return 404;"),
        *error_locations(sorted(set(limits))),
    ]


def ownership() -> Lines:
    """Return the decision, made once per request and before a location is chosen: later an error page has changed $uri.

    The table is a folder of empty files behind a symbolic link. The link is read once, so one request sees one table.
    """
    return [
        f"root {TABLE};",
        'set $fell_from "";',
        "set $stack $natural;",
        *block(f"if (-f $table/{seat('$face', '$group', '$cohort', '$rival')})", "set $stack $rival;"),
        *block("if ($asked)", "set $stack $asked;"),
    ]


def proxy_settings(config: Config) -> Lines:
    limits = config.timeouts
    return [
        "proxy_http_version 1.1;",
        "proxy_request_buffering on;",
        "proxy_set_header Upgrade $upgrade;",
        "proxy_set_header Connection $connection_upgrade;",
        "proxy_set_header Host $public_host;",
        *(f"proxy_set_header {name} {value};" for name, value in FACTS.items()),
        *(f'proxy_set_header {name} "";' for name in CLEARED),
        "proxy_hide_header X-Request-Id;",
        "proxy_hide_header X-Served-By;",
        "proxy_hide_header X-Gateway-Generation;",
        "proxy_hide_header X-Fallback-From;",
        "proxy_hide_header Location;",
        "proxy_redirect off;",
        f"proxy_connect_timeout {seconds(limits.connect_s)};",
        f"proxy_send_timeout {seconds(limits.answer_s)};",
        f"proxy_read_timeout {seconds(limits.answer_s)};",
        "# A pooled connection that died is replaced once, but never for a POST that was sent.",
        "proxy_next_upstream error;",
        "proxy_next_upstream_tries 2;",
    ]


def stack_locations(config: Config) -> Lines:
    """Return the stacks' addresses: larger bodies and pages first, since the first matching pattern counts."""
    prefixes = prefix_pattern(config.serves)
    lines: Lines = []
    for limit in config.larger:
        lines += block(
            rf'location ~ "^(?:{prefixes}){plain_pattern(limit.path)}\z"',
            f"client_max_body_size {limit.body_bytes};",
            *forward(config, limit.body_bytes),
        )
    for stack in config.stacks:
        if stack.pages:
            lines += block(
                rf'location ~ "^(?:{prefix_pattern(stack.pages)})(?:/|\z)"',
                *answer_headers(stack.name),
                f"proxy_pass http://{stack.name}$request_uri;",
            )
    lines += block(rf'location ~ "^(?:{prefixes})(?:/|\z)"', *forward(config, config.body_bytes))
    return [*lines, *other_locations(config)]


def forward(config: Config, limit_bytes: int) -> Lines:
    """Return the way to the request's owner; where that one is dead, nginx goes on in `@other`."""
    incomplete = config.candidate and config.candidate.incomplete
    pages = [page for page in error_pages(limit_bytes) if page.split()[1] != "502"]
    return [
        *(intercepted(limit_bytes) if incomplete else [*pages, "error_page 502 = @other;"]),
        *answer_headers("$stack"),
        f"proxy_pass http://{way(config.recording)}{target(config, 'stack')};",
    ]


def intercepted(limit_bytes: int) -> Lines:
    """Return the pages of a pair whose candidate answers 501 for what it lacks.

    nginx then takes a stack's answer for its own error wherever a page is named, so only few are.
    """
    few = [page for page in error_pages(limit_bytes) if page.split()[1] in {"413", "504"}]
    return ["proxy_intercept_errors on;", *few, "error_page 502 = @other;", "error_page 501 = @unported;"]


def other_locations(config: Config) -> Lines:
    """Return where a request goes on that its owner did not answer: to the other stack, or to the error's words."""
    nobody, unported = (f"rewrite ^ {place} last;" for place in (f"{ERROR_PLACE}/502", UNPORTED_PLACE))
    pinned = f"if (!-f $table/{movable('$face')})"
    if config.candidate is None:
        return block("location @other", nobody)
    lines = block("location @other", *block(pinned, nobody), *block("if ($may_fall = '')", nobody), *go_on(config))
    if config.candidate.incomplete:
        lines += block(
            "location @unported",
            *block(pinned, unported),
            *block("if ($may_fall_through = '')", unported),
            *block(f"if ($stack != {config.candidate.name})", unported),
            *go_on(config),
        )
    return lines


def go_on(config: Config) -> Lines:
    way_on = "$other_way" if config.recording else "$other"
    return [
        "set $fell_from $stack;",
        *answer_headers("$other"),
        "add_header X-Fallback-From $fell_from always;",
        f"proxy_pass http://{way_on}{target(config, 'other')};",
    ]


def answer_headers(stack: str) -> Lines:
    """Return the headers that the gateway adds to a stack's answer."""
    return [
        "add_header X-Request-Id $rid always;",
        f"add_header X-Served-By {stack} always;",
        "add_header X-Gateway-Generation $generation always;",
        "add_header Location $public_location always;",
        "add_header Set-Cookie $new_cookie always;",
    ]
