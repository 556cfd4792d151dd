"""An export of measurements as one document."""

from flask import Flask, jsonify

READINGS = [{"sensor": "roof", "celsius": 21}, {"sensor": "cellar", "celsius": 12}]

app = Flask(__name__)


@app.get("/export")
def export():
    return jsonify(readings=READINGS, count=len(READINGS))
