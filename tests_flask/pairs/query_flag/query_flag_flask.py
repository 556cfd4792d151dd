"""To-do lists. Any text in `done` counts as yes, as it always has."""

from flask import Flask, jsonify, request

TODOS = [
    {"title": "Water the plants", "done": False},
    {"title": "Pay the rent", "done": True},
    {"title": "Call the bank", "done": False},
]

app = Flask(__name__)


@app.get("/todos")
def todos():
    with_done = bool(request.args.get("done"))
    return jsonify([todo for todo in TODOS if with_done or not todo["done"]])
