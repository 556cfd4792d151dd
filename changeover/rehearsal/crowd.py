"""The load: visitors of all roles and cohorts in a thread with an event loop of its own."""

import asyncio
import contextlib
import secrets
import threading
from collections.abc import Coroutine, Sequence
from typing import Any, Self, TypeVar

import uvloop

from changeover.problems import FAILED, Problem
from changeover.rehearsal.deeds import DEEDS, Deed, make_runnable_job
from changeover.rehearsal.visitor import BadAnswer, Place, Visitor
from gateway.cohorts import key_in
from shared_rules.policy import Role

__all__ = ["Crowd"]

T = TypeVar("T")
# How many visitors of each cohort, so that each share has traffic; chance would leave small ones without.
COHORTS = {"c1": 1, "c5": 2, "c25": 6, "c50": 6, "c100": 9}
ROLES = (Role.ADMIN, Role.USER, Role.ADMIN, Role.VIEWER)
# Visitors of each prefix that has a stack of its own.
OF_A_PINNED_PREFIX = 3
# Seconds between two deeds of a visitor, on average. The only one of the smallest cohort is slow, as a canary's traffic is thin.
PAUSE_S = 0.13
PAUSES_S = {"c1": 0.3}
# How often the deed is of the group that is being moved.
FOCUS = 0.6
_STOP_S = 30


class Crowd:
    """Runs coroutines in its thread while it is entered. `focus` is the group that visitors prefer."""

    def __init__(self) -> None:
        self.focus = ""
        self.visitors: list[Visitor] = []
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="crowd", daemon=True)
        self._going: list[asyncio.Task[None]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_STOP_S)
        self._loop.close()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what a coroutine returns that is run in the thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def come(self, place: Place, admin_password: str) -> None:
        """Have the admin register everybody, through the gateway; all log in and begin. Raise Problem where that fails."""
        self.call(self._come(place, admin_password))

    def leave(self) -> None:
        """Return when every visitor has its last answer."""
        self.call(self._leave())

    async def _come(self, place: Place, admin_password: str) -> None:
        self.visitors = guest_list(place)
        admin = Visitor(place, 0, Role.ADMIN, place.config.primary.prefix)
        admin.name, admin.password = "admin", admin_password
        try:
            await admin.log_in()
            for visitor in self.visitors:
                await self._introduce(admin, visitor)
        except BadAnswer as error:
            raise Problem(f"The visitors cannot come: {error}", FAILED) from None
        finally:
            await admin.close()
        self._going = [asyncio.create_task(self._visit(visitor)) for visitor in self.visitors]

    async def _introduce(self, admin: Visitor, visitor: Visitor) -> None:
        visitor.password = secrets.token_urlsafe(12)
        body = {"username": visitor.name, "password": visitor.password, "role": visitor.role.value}
        await admin.ask("POST", "/auth/register", body | {"email": f"{visitor.name}@example.com"}, expected=201)
        await visitor.log_in()
        if visitor.role is not Role.VIEWER:
            await make_runnable_job(visitor)

    async def _leave(self) -> None:
        for visitor in self.visitors:
            visitor.gone = True
        await asyncio.gather(*self._going)
        await asyncio.gather(*(visitor.close() for visitor in self.visitors))
        self.visitors, self._going = [], []

    async def _visit(self, visitor: Visitor) -> None:
        mine = [deed for deed in DEEDS if visitor.role in deed.roles]
        while not visitor.gone:
            with contextlib.suppress(BadAnswer):
                await self._choose(visitor, mine).run(visitor)
            await asyncio.sleep(visitor.random.expovariate(1 / visitor.pause_s))

    def _choose(self, visitor: Visitor, mine: Sequence[Deed]) -> Deed:
        there = mine
        if visitor.random.random() < FOCUS:
            there = [deed for deed in mine if deed.group == self.focus] or mine
        return visitor.random.choices(there, [deed.weight for deed in there])[0]


def guest_list(place: Place) -> list[Visitor]:
    """Return the visitors: some of each cohort with its cookie, and some who use a prefix of its own."""
    config = place.config
    wanted = [(config.primary.prefix, cohort) for cohort, count in COHORTS.items() for _ in range(count)]
    wanted += [(prefix, "") for prefix in sorted(place.pinned) for _ in range(OF_A_PINNED_PREFIX)]
    return [
        Visitor(
            place,
            number,
            ROLES[(number - 1) % len(ROLES)],
            prefix,
            cookie=key_in(cohort, config.sticky.salt) if cohort else "",
            pause_s=PAUSES_S.get(cohort, PAUSE_S),
        )
        for number, (prefix, cohort) in enumerate(wanted, 1)
    ]
