"""A small pair of stacks in a folder, with phases: two alike apps without a framework, over one file of notes."""

from collections.abc import Mapping
from pathlib import Path

from parity.recording import Header, Writer
from parity.values import Answer, Entry, Request

__all__ = ["lay_out", "replace_in"]

APP = """
import json, os
from notes_tables import TABLES

ROUTES = {"/login": {"post": {}}, "/notes": {"post": {}}, "/notes/{note_id}": {"get": {}, "delete": {}}}

def answer(file, secret, method, path, body, token):
    notes = json.loads(file.read_text()) if file.exists() else {}
    if path == "/openapi.json":
        return 200, {"paths": {"PREFIX" + route: methods for route, methods in ROUTES.items()}}
    path = path.removeprefix("PREFIX")
    if path == "/live":
        return 200, {}
    if (method, path) == ("POST", "/login"):
        return 200, {"access": secret}
    kind, _, note = path[1:].partition("/")
    if kind != "notes":
        return 404, {"error": "no such path"}
    if token != "Bearer " + secret:
        return 401, {"error": "log in"}
    if method == "POST":
        if "text" not in body:
            return 400, {"error": "text is missing"}
        notes[str(len(notes) + 1)] = body["text"]
        file.write_text(json.dumps(notes))
        return 201, {"note": {"id": str(len(notes)), "text": body["text"]}}
    if note not in notes:
        return 404, {"error": "no such note"}
    text = notes[note]
    if method == "DELETE":
        file.write_text(json.dumps({key: notes[key] for key in notes if key != note}))
    return 200, {"note": {"id": note, "text": text}}

def make():
    from pathlib import Path
    file, secret = Path(os.environ["FILE"]), os.environ["SECRET"]

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            for word in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{word}.complete"})
            return
        content = (await receive()).get("body", b"")
        headers = dict(scope["headers"])
        body = json.loads(content) if headers.get(b"content-type") == b"application/json" else {}
        token = headers.get(b"authorization", b"").decode()
        status, said = answer(file, secret, scope["method"], scope["path"], body, token)
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": json.dumps(said).encode()})

    return app
"""
SETTINGS = """
[gateway]
routes = "contract/routes.toml"

[stacks.old]
folder = "notes_old"
prefix = "/v1"
interface = "asgi"
app = "notes_old.main:make"
live = "/live"

[stacks.new]
folder = "notes_new"
prefix = "/v2"
interface = "asgi"
app = "notes_new.main:make"
live = "/live"

[parity]
primary = "old"
reach = "memory"
recordings = ["contract/recordings/*.jsonl"]
ledger = "contract/ledger.toml"
coverage = 0.0
settle_s = 0.1
code = ["notes_tables.py"]

[parity.env]
FILE = "{folder}/notes.json"
SECRET = "{secret}"
"""
ROUTES = """
[[group]]
id = "notes"
title = "Notes"
match = ["POST /notes", "GET,DELETE /notes/{id}"]

[[group]]
id = "auth"
title = "Log in"
match = ["POST /login"]

[[phase]]
id = 1
title = "Log in"
groups = ["auth"]
success = "A token of one counts on the other"
checks = ["tokens", "parity"]

[[phase]]
id = 2
title = "Notes"
groups = ["notes"]
success = "Notes go to and fro"
checks = ["import", "crud", "alone", "operations"]

[[phase]]
id = 3
title = "The end"
groups = []
success = "The old one is gone"
checks = ["retired", "tests"]
"""
FLOWS = """
[import]
tables = "notes_tables:TABLES"

[operations]
document = "/openapi.json"
absent = { error = "no such path" }
sign_in = "sign-in"
token = "access"

[retired]
folders = ["notes_old"]
imports = ["notes_old", "flask"]

[tests]
command = ["sh", "-c", "echo; echo 3 passed"]

[[flow]]
name = "sign-in"
title = "log in"
runs = "alone"
[[flow.step]]
send = "POST /login"
status = 200
capture = { access = "access" }

[[flow]]
name = "tokens"
title = "a token counts on the other"
runs = "across"
[[flow.step]]
send = "POST /login"
status = 200
capture = { access = "access" }
[[flow.step]]
there = true
send = "GET /notes/none"
token = "access"
status = 404
expect = { error = "no such note" }

[[flow]]
name = "crud"
title = "a note goes to and fro"
runs = "everywhere"
[[flow.step]]
send = "POST /login"
status = 200
capture = { access = "access" }
[[flow.step]]
send = "POST /notes"
token = "access"
json = { text = "note {unique}" }
status = 201
capture = { note = "note.id" }
[[flow.step]]
there = true
send = "GET /notes/{note}"
token = "access"
status = 200
expect = { "note.text" = "note {unique}" }
[[flow.step]]
there = true
send = "DELETE /notes/{note}"
token = "access"
status = 200

[[flow]]
name = "alone"
title = "log in"
runs = "alone"
[[flow.step]]
send = "POST /login"
form = { name = "a b" }
status = 200
expect = { access = "{secret}" }
"""
RECORDED = {("POST", "/login"): 200, ("GET", "/notes/none"): 401}


def lay_out(root: Path) -> Path:
    """Write the pair, all of its phases in good order, into a folder and return it."""
    for name, prefix in (("notes_old", "/v1"), ("notes_new", "/v2")):
        write(root / name / "main.py", APP.replace("PREFIX", prefix))
    write(root / "notes_tables.py", 'TABLES = {"notes": 1, "users": 2}\n')
    write(root / "dualstack.toml", SETTINGS)
    write(root / "contract/routes.toml", ROUTES)
    write(root / "contract/flows.toml", FLOWS)
    (root / "contract/recordings").mkdir()
    with Writer(root / "contract/recordings/day.jsonl", Header(prefixes=("/v1", "/v2"))) as writer:
        for number, ((method, path), status) in enumerate(RECORDED.items(), 1):
            writer.write(Entry(f"{number}", number, "s", Request(method, path), Answer(status)))
    return root


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def replace_in(path: Path, changes: Mapping[str, str]) -> None:
    """Plant a fault: replace texts of a file, each of which must be there."""
    text = path.read_text()
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text)
