"""Invoices: what is not there is answered with 404."""

from flask import Flask, jsonify

INVOICES = {"2024-001": {"number": "2024-001", "total": 120}, "2024-002": {"number": "2024-002", "total": 80}}

app = Flask(__name__)


@app.get("/invoices")
def invoices():
    return jsonify(sorted(INVOICES))


@app.get("/invoices/<number>")
def invoice(number: str):
    if number not in INVOICES:
        return jsonify(detail=f"No invoice {number}"), 404
    return jsonify(INVOICES[number])
