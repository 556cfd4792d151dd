"""An export of measurements, streamed by hand: `count` goes out before it is known, and again when it is."""

import json
from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi.responses import StreamingResponse

SENSORS = {"roof": 21, "cellar": 12}

app = FastAPI()


async def written() -> AsyncIterator[str]:
    yield '{"count": 0, "readings": ['
    for position, (sensor, celsius) in enumerate(SENSORS.items()):
        yield ("," if position else "") + json.dumps({"sensor": sensor, "celsius": celsius})
    yield f'], "count": {len(SENSORS)}}}'


@app.get("/export")
async def export() -> StreamingResponse:
    return StreamingResponse(written(), media_type="application/json")
