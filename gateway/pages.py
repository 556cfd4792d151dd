"""What is served outside the stacks' addresses: a built frontend, or the page that asks both stacks how they are."""

import base64
import hashlib
import html
import re
from pathlib import Path

from gateway.answers import Lines, block, own_headers
from gateway.config import Config

__all__ = ["page", "page_locations", "page_policy"]

TEMPLATE = Path(__file__).with_name("page.html")
TYPES = {
    "text/html": "html htm",
    "text/css": "css",
    "text/javascript": "js mjs",
    "text/plain": "txt",
    "application/json": "json map",
    "application/manifest+json": "webmanifest",
    "application/wasm": "wasm",
    "image/svg+xml": "svg",
    "image/png": "png",
    "image/jpeg": "jpg jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/avif": "avif",
    "image/x-icon": "ico",
    "font/woff": "woff",
    "font/woff2": "woff2",
}


def page(config: Config) -> str:
    """Return the page: one row per prefix, and one per stack that is asked for by X-Stack."""
    health = {stack.name: stack.health for stack in config.stacks}
    rows = [row(prefix + health[name], "") for prefix, name in config.serves.items()]
    if len(config.stacks) > 1:
        first_prefix, first_name = next(iter(config.serves.items()))
        rows += [row(first_prefix + health[first_name], stack.name) for stack in config.stacks]
    links = [*(path for stack in config.stacks for path in stack.pages), *(f"/{name}" for name in config.texts)]
    items = [f'<li><a href="{html.escape(link)}">{html.escape(link)}</a></li>' for link in links]
    text = TEMPLATE.read_text(encoding="utf-8")
    return text.replace("<!-- rows -->", "\n".join(rows)).replace("<!-- links -->", "\n".join(items))


def row(url: str, stack: str) -> str:
    address, asked = html.escape(url), html.escape(stack)
    shown = f"{address} <small>X-Stack: {asked}</small>" if stack else address
    return (
        f'<tr data-url="{address}" data-stack="{asked}"><th scope="row">{shown}</th>'
        '<td class="state">…</td><td class="by"></td><td class="time"></td><td class="facts"></td></tr>'
    )


def page_policy() -> str:
    """Return the page's Content-Security-Policy: its script and style by their hashes, requests to this origin."""
    text = TEMPLATE.read_text(encoding="utf-8")
    sources = {tag: f"'sha256-{inline_hash(text, tag)}'" for tag in ("script", "style")}
    return (
        f"default-src 'none'; script-src {sources['script']}; style-src {sources['style']}; connect-src 'self'; "
        "img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def inline_hash(text: str, tag: str) -> str:
    found = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    if found is None:
        raise ValueError(f"{TEMPLATE.name} has no <{tag}>")
    return base64.b64encode(hashlib.sha256(found[1].encode()).digest()).decode()


def page_locations(config: Config) -> Lines:
    """Return the locations of everything that no stack answers: nothing is left where one has no prefix."""
    if "" in config.serves:
        return []
    return frontend(str(config.frontend)) if config.frontend else state_page(config)


def state_page(config: Config) -> Lines:
    policy = f'add_header Content-Security-Policy "{page_policy()}" always;'
    lines = block(
        "location = /",
        "root pages;",
        "types {}",
        'default_type "text/html; charset=utf-8";',
        *own_headers(policy, "add_header Cache-Control no-cache always;"),
        "try_files /index.html =404;",
    )
    for text in config.texts:
        lines += block(f"location = /{text}", "root pages;", "types {}", 'default_type "text/plain; charset=utf-8";')
    return [*lines, *block("location /", "return 404;")]


def frontend(folder: str) -> Lines:
    """Return a single page app: files as they are, its index.html for any other address."""
    served = [
        f'root "{folder}";',
        *block("types", *(f"{kind} {names};" for kind, names in TYPES.items())),
        "default_type application/octet-stream;",
        "charset utf-8;",
        "charset_types text/css text/javascript text/plain;",
    ]
    return [
        *block('location ~ "/\\.(?!well-known/)"', "return 404;"),
        *block("location = /index.html", *served, *own_headers("add_header Cache-Control no-cache always;")),
        *block("location /", *served, "try_files $uri /index.html;"),
    ]
