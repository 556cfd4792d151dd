"""Star ratings. The average of no ratings goes out as NaN, which is no JSON, and its readers know."""

from flask import Flask, jsonify

RATINGS = {"tea": [4, 5, 4], "soap": []}

app = Flask(__name__)


@app.get("/ratings/<product>")
def rating(product: str):
    stars = RATINGS.get(product, [])
    average = sum(stars) / len(stars) if stars else float("nan")
    return jsonify(product=product, average=round(average, 2), ratings=len(stars))
