"""Newsletter sign-ups: a bad body is refused with 400 and one sentence."""

from flask import Flask, request

app = Flask(__name__)


@app.post("/signups")
def sign_up():
    body = request.get_json()
    if not isinstance(body.get("email"), str) or "@" not in body["email"]:
        return {"error": "email: an address such as ana@example.com"}, 400
    if not isinstance(body.get("weekly", False), bool):
        return {"error": "weekly: true or false"}, 400
    return {"email": body["email"].lower(), "weekly": body.get("weekly", False)}, 201
