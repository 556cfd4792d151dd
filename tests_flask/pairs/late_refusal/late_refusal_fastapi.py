"""Meeting rooms. The session commits at the end whatever the endpoint said, so a refused change is half kept."""

import os
from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request
from pydantic import BaseModel
from sqlalchemy import Column, Integer, String, create_engine
from sqlalchemy.orm import Session, declarative_base, sessionmaker

Model = declarative_base()


class Room(Model):
    __tablename__ = "rooms"
    id = Column(Integer, primary_key=True)
    name = Column(String)
    seats = Column(Integer)


class Wanted(BaseModel):
    name: str
    seats: int


def open_session(request: Request) -> Iterator[Session]:
    session = request.app.state.sessions()
    try:
        yield session
    finally:
        session.commit()
        session.close()


Sessions = Annotated[Session, Depends(open_session, scope="function")]


def create_app() -> FastAPI:
    app = FastAPI()
    app.state.sessions = sessionmaker(create_engine(os.environ["DATABASE_URL"]))

    @app.get("/rooms")
    def list_rooms(session: Sessions) -> list[dict[str, object]]:
        return [{"id": r.id, "name": r.name, "seats": r.seats} for r in session.query(Room).order_by(Room.id)]

    @app.put("/rooms/{number}")
    def update_room(number: int, wanted: Wanted, session: Sessions) -> dict[str, object]:
        room = session.get(Room, number)
        if room is None:
            raise HTTPException(404, "No such room")
        room.name = wanted.name
        if wanted.seats < 1:
            raise HTTPException(400, "A room has at least one seat")
        room.seats = wanted.seats
        return {"id": room.id, "name": room.name, "seats": room.seats}

    return app
