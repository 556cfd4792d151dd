"""To-do lists. `done` is a boolean here: false, 0 and no are no."""

from fastapi import FastAPI
from pydantic import BaseModel


class Todo(BaseModel):
    title: str
    done: bool = False


LIST = [Todo(title="Water the plants"), Todo(title="Pay the rent", done=True), Todo(title="Call the bank")]

app = FastAPI()


@app.get("/todos")
async def todos(done: bool = False) -> list[Todo]:
    return [todo for todo in LIST if done or not todo.done]
