"""Meeting rooms. A refused change leaves the room as it was."""

import os

from flask import Flask, jsonify, request
from sqlalchemy import create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    pass


class Room(Base):
    __tablename__ = "rooms"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    seats: Mapped[int]


def create_app() -> Flask:
    app = Flask(__name__)
    engine = create_engine(os.environ["DATABASE_URL"])

    @app.get("/rooms")
    def rooms():
        with Session(engine) as session:
            found = session.scalars(select(Room).order_by(Room.id))
            return jsonify([{"id": room.id, "name": room.name, "seats": room.seats} for room in found])

    @app.put("/rooms/<int:room_id>")
    def change(room_id: int):
        body = request.get_json()
        with Session(engine) as session:
            room = session.get(Room, room_id)
            if room is None:
                return jsonify(detail="No such room"), 404
            room.name = body["name"]
            if body["seats"] < 1:
                return jsonify(detail="A room has at least one seat"), 400
            room.seats = body["seats"]
            session.commit()
            return jsonify(id=room.id, name=room.name, seats=room.seats)

    return app
