"""A message board; 404 was given the old body, 405 was forgotten, and only the first route's methods are allowed."""

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

app = FastAPI()


@app.exception_handler(404)
async def not_found(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": "Not Found"}, 404)


@app.get("/messages")
async def read() -> list[str]:
    return ["Welcome", "Be kind"]


@app.post("/messages", status_code=202)
async def write() -> dict[str, bool]:
    return {"queued": True}
