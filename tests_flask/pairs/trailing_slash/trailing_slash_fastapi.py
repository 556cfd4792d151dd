"""Teams and their members. A path without its slash is not there."""

from fastapi import APIRouter, FastAPI

MEMBERS = {"red": ["Ana", "Bo"], "blue": ["Cy"]}

router = APIRouter(prefix="/teams")


@router.get("/")
async def all_teams() -> list[str]:
    return [*MEMBERS]


@router.get("/{team}/")
async def one_team(team: str) -> dict[str, object]:
    return {"team": team, "members": MEMBERS.get(team, [])}


app = FastAPI(redirect_slashes=False)
app.include_router(router)
