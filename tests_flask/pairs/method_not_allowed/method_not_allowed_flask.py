"""A message board of fixed messages; errors are {"error": ...}."""

from flask import Flask, jsonify
from werkzeug.exceptions import HTTPException

app = Flask(__name__)


@app.errorhandler(HTTPException)
def refuse(error: HTTPException):
    response = error.get_response()
    response.data = app.json.dumps({"error": error.name})
    response.content_type = "application/json"
    return response


@app.get("/messages")
def messages():
    return jsonify(["Welcome", "Be kind"])


@app.post("/messages")
def post():
    return jsonify(queued=True), 202
