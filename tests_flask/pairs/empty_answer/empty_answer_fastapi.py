"""Bookmarks. An endpoint that returns nothing answers 200 with null."""

from fastapi import FastAPI

app = FastAPI()


@app.put("/bookmarks/{name}")
async def keep(name: str) -> dict[str, object]:
    return {"name": name, "kept": True}


@app.delete("/bookmarks/{name}")
async def drop(name: str) -> None:
    return
