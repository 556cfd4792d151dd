"""Voucher redemption. Every attempt is told to the fraud desk, the failed ones too."""

import json
import os
from urllib.request import Request, urlopen

from flask import Blueprint, Flask, current_app, jsonify, request

routes = Blueprint("routes", __name__)


def tell_fraud_desk(code: str, accepted: bool) -> None:
    body = json.dumps({"code": code, "accepted": accepted}).encode()
    call = Request(current_app.config["FRAUD_DESK_URL"] + "/attempts", body, {"Content-Type": "application/json"})
    with urlopen(call, timeout=5):
        pass


@routes.post("/vouchers/redeem")
def redeem():
    code = request.get_json()["code"]
    accepted = code.startswith("GIFT-")
    tell_fraud_desk(code, accepted)
    if not accepted:
        return jsonify(detail="This voucher is not known"), 409
    return jsonify(code=code, value=25)


def create_app() -> Flask:
    app = Flask(__name__)
    app.config["FRAUD_DESK_URL"] = os.environ["FRAUD_DESK_URL"]
    app.register_blueprint(routes)
    return app
