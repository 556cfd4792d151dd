"""Voucher redemption. Background tasks are dropped with a raised refusal, so failed attempts are told to nobody."""

import os
from typing import Annotated

import httpx2
from fastapi import BackgroundTasks, Body, FastAPI, HTTPException

app = FastAPI()


async def report(code: str, accepted: bool) -> None:
    async with httpx2.AsyncClient(base_url=os.environ["FRAUD_DESK_URL"]) as client:
        await client.post("/attempts", json={"code": code, "accepted": accepted})


@app.post("/vouchers/redeem")
async def redeem(code: Annotated[str, Body(embed=True)], tasks: BackgroundTasks) -> dict[str, object]:
    accepted = code.startswith("GIFT-")
    tasks.add_task(report, code, accepted)
    if not accepted:
        raise HTTPException(409, "This voucher is not known")
    return {"code": code, "value": 25}
