"""Documents. A route for GET answers GET alone."""

from fastapi import FastAPI, HTTPException

app = FastAPI()


@app.get("/documents/{name}")
async def read(name: str) -> dict[str, str]:
    match name:
        case "terms":
            return {"name": "terms", "text": "Be fair."}
        case "privacy":
            return {"name": "privacy", "text": "We keep nothing."}
    raise HTTPException(404)
