"""Support tickets. Each request's filter is written into the defaults of the ones after it."""

from fastapi import FastAPI, Request

DEFAULTS = {"state": "open"}
ROWS = [(1, "open", "billing"), (2, "closed", "billing"), (3, "open", "shipping")]

app = FastAPI()


def chosen(number: int, state: str, team: str, filters: dict[str, str]) -> bool:
    return filters.get("state") == state and filters.get("team", team) == team


@app.get("/tickets")
async def tickets(request: Request) -> list[dict[str, object]]:
    filters = DEFAULTS
    filters.update(request.query_params)
    return [{"number": n, "state": state, "team": team} for n, state, team in ROWS if chosen(n, state, team, filters)]
