"""A track list in pages. A limit that is no number falls over, an offset that is none is refused."""

from fastapi import FastAPI, Request

app = FastAPI()


@app.get("/tracks")
async def page(request: Request, offset: int = 0) -> dict[str, object]:
    limit = int(request.query_params.get("limit", 10))
    last = min(30, offset + limit)
    return {"total": 30, "tracks": [{"number": n + 1, "title": f"Track {n + 1}"} for n in range(offset, last)]}
