"""Bookmarks. What was deleted is answered with nothing."""

from flask import Flask, jsonify

app = Flask(__name__)


@app.put("/bookmarks/<name>")
def keep(name: str):
    return jsonify(name=name, kept=True)


@app.delete("/bookmarks/<name>")
def drop(name: str):
    return "", 204
