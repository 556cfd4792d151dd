"""Support tickets. Without a filter there are the open ones."""

from flask import Flask, jsonify, request

TICKETS = [
    {"number": 1, "state": "open", "team": "billing"},
    {"number": 2, "state": "closed", "team": "billing"},
    {"number": 3, "state": "open", "team": "shipping"},
]

app = Flask(__name__)


@app.get("/tickets")
def tickets():
    wanted = {"state": "open", **request.args.to_dict()}
    return jsonify([ticket for ticket in TICKETS if all(ticket[key] == value for key, value in wanted.items())])
