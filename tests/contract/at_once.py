"""Requests at the same time: threads that ask, and the one writing transaction held so that they meet."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from sqlalchemy import Connection

from shared_models.engine import WRITES
from tests.contract.api import Answer, Api

Ask = Callable[[Api], Answer]


def ask_at_once(api: Api, asks: Sequence[Ask]) -> list[Answer]:
    """Return the answers in the order of `asks`. They are not in the transcript: who comes first is not for certain."""
    with ThreadPoolExecutor(len(asks)) as threads:
        return [asked.result(30) for asked in [threads.submit(ask, Api(api.stack, alone=False)) for ask in asks]]


def ask_while_writing(api: Api, asks: Sequence[Ask], change: Callable[[Connection], object]) -> list[Answer]:
    """Return what is answered to those who come while `change` is made, and wait for it if they write."""
    with ThreadPoolExecutor(len(asks)) as threads:
        with writes_held(api) as connection:
            change(connection)
            answers = [threads.submit(ask, Api(api.stack, alone=False)) for ask in asks]
            give_way(api, answers)
        return [answer.result(30) for answer in answers]


@contextmanager
def writes_held(api: Api) -> Iterator[Connection]:
    """Yield a connection in the one writing transaction; nobody else writes until the block ends and commits."""
    with api.stack.engine.connect().execution_options(**WRITES) as connection, connection.begin():
        yield connection


def give_way(api: Api, answers: Sequence[Future[Answer]]) -> None:
    """Let the others get as far as they can: ask for something else until they answer, thirty times at most.

    Those who do not wait as they should have answered by then.
    """
    aside = Api(api.stack, alone=False)
    for _ in range(30):
        if all(answer.done() for answer in answers):
            break
        aside.get("/auth/verify", as_="viewer")
