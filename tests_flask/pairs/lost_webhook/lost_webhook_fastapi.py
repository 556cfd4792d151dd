"""Voucher redemption. Background tasks are dropped with a raised refusal, so failed attempts are told to nobody."""

import os
from typing import Annotated

import httpx2
from fastapi import APIRouter, BackgroundTasks, Body, FastAPI, HTTPException, Request

router = APIRouter()


async def report(fraud_desk: str, code: str, accepted: bool) -> None:
    async with httpx2.AsyncClient(base_url=fraud_desk) as client:
        await client.post("/attempts", json={"code": code, "accepted": accepted})


@router.post("/vouchers/redeem")
async def redeem(code: Annotated[str, Body(embed=True)], request: Request, tasks: BackgroundTasks) -> dict[str, object]:
    accepted = code.startswith("GIFT-")
    tasks.add_task(report, request.app.state.fraud_desk, code, accepted)
    if not accepted:
        raise HTTPException(409, "This voucher is not known")
    return {"code": code, "value": 25}


def create_app() -> FastAPI:
    app = FastAPI()
    app.state.fraud_desk = os.environ["FRAUD_DESK_URL"]
    app.include_router(router)
    return app
