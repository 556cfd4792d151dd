"""A track list in pages. A limit that is no number counts as none given."""

from flask import Flask, jsonify, request

TRACKS = [{"number": n, "title": f"Track {n}"} for n in range(1, 31)]

app = Flask(__name__)


@app.get("/tracks")
def tracks():
    limit = request.args.get("limit", 10, type=int)
    offset = request.args.get("offset", 0, type=int)
    return jsonify(tracks=TRACKS[offset : offset + limit], total=len(TRACKS))
