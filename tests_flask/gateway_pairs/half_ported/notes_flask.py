"""Notes: all of it. An address without its slash is sent on to the one with it."""

import hashlib

from flask import Flask, abort, jsonify, request

NOTES = {1: "buy milk", 2: "call Ana"}

app = Flask(__name__)


@app.get("/api/notes/")
def notes():
    return jsonify(NOTES)


@app.get("/api/notes/<int:number>")
def note(number: int):
    if number not in NOTES:
        abort(404)
    return jsonify(number=number, text=NOTES[number])


@app.post("/api/notes/")
@app.route("/api/notes/<int:number>", methods=["PUT", "PATCH", "DELETE"])
@app.post("/api/import")
def change(number: int = 0):
    body = request.get_data()
    return jsonify(method=request.method, size=len(body), digest=hashlib.sha256(body).hexdigest(), number=number)


@app.get("/api/export")
def export():
    return "\n".join(NOTES.values()), {"Content-Type": "text/csv"}
