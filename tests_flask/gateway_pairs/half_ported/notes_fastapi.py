"""Notes: reading them is ported, the rest answers 501. An address without its slash is sent on to the one with it."""

from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as Refusal

STORED = {1: "buy milk", 2: "call Ana"}

router = APIRouter(prefix="/api/v2/notes")


@router.get("/")
async def all_notes() -> dict[int, str]:
    return STORED


@router.get("/{key}")
async def one_note(key: int) -> dict[str, object]:
    if key not in STORED:
        raise HTTPException(404, "There is no such note")
    return {"number": key, "text": STORED[key]}


app = FastAPI()
app.include_router(router)


@app.exception_handler(Refusal)
async def refuse(request: Request, refusal: Refusal) -> JSONResponse:
    is_ported = refusal.status_code != 405 and "endpoint" in request.scope
    status = refusal.status_code if is_ported else 501
    return JSONResponse({"detail": refusal.detail}, status)
