"""Documents. Whoever asks for the head of one gets it."""

from flask import Flask, abort, jsonify
from werkzeug.exceptions import NotFound

TEXTS = {"terms": "Be fair.", "privacy": "We keep nothing."}

app = Flask(__name__)


@app.errorhandler(NotFound)
def not_found(error: NotFound):
    return jsonify(detail="Not Found"), 404


@app.get("/documents/<name>")
def document(name: str):
    if name not in TEXTS:
        abort(404)
    return jsonify(name=name, text=TEXTS[name])
