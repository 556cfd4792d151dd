"""Teams and their members. A path without its slash is sent on to the one with it."""

from flask import Flask, jsonify

TEAMS = {"red": ["Ana", "Bo"], "blue": ["Cy"]}

app = Flask(__name__)


@app.get("/teams/")
def teams():
    return jsonify(list(TEAMS))


@app.get("/teams/<name>/")
def members(name: str):
    return jsonify(team=name, members=TEAMS.get(name, []))
