"""Star ratings. The model's serialiser turns NaN into null."""

import statistics

from fastapi import FastAPI
from pydantic import BaseModel


class Rating(BaseModel):
    product: str
    average: float
    ratings: int


STARS = {"tea": (4, 5, 4)}

app = FastAPI()


@app.get("/ratings/{product}")
async def rating(product: str) -> Rating:
    stars = STARS.get(product, ())
    average = round(statistics.fmean(stars), 2) if stars else float("nan")
    return Rating(product=product, average=average, ratings=len(stars))
