"""Invoices: the exception is returned where it had to be raised, and becomes an answer with 200."""

from typing import Any

from fastapi import FastAPI, HTTPException

LEDGER = {"2024-001": 120, "2024-002": 80}

app = FastAPI()


@app.get("/invoices")
async def numbers() -> list[str]:
    return list(LEDGER)


@app.get("/invoices/{number}", response_model=None)
async def read(number: str) -> Any:
    total = LEDGER.get(number)
    if total is None:
        return HTTPException(status_code=404, detail=f"No invoice {number}")
    return {"number": number, "total": total}
