"""Stacks started for one check, on one database of their own, with their own sinks: nothing of the running copy is touched."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from changeover.phase_player import Peer
from changeover.project import Project
from parity.config import Stack
from parity.ground import facts_of, lay_ground
from parity.placeholders import fill
from parity.reach.stacks import start_stack
from parity.recording import Header
from parity.sinks import HttpSink, MailSink
from parity.values import ParityError

__all__ = ["Copy", "own_copy"]


@dataclass(frozen=True)
class Copy:
    """The stacks by name, and the variables that they were started with."""

    peers: Mapping[str, Peer]
    environ: Mapping[str, str]


@asynccontextmanager
async def own_copy(project: Project, stacks: Sequence[Stack], folder: Path) -> AsyncIterator[Copy]:
    """Yield the stacks, running over one fresh database below `folder`, where their logs are too. Raise ParityError."""
    parity = project.config.parity
    if parity.reach == "url":
        raise ParityError('Stacks reached by url are somebody else\'s; set parity.reach to "process" for this check.')
    ground = lay_ground(project.config, Header(), folder, book=project.book)
    async with AsyncExitStack() as opened:
        http = opened.enter_context(HttpSink(parity.sink))
        mail = opened.enter_context(MailSink())
        facts = {**facts_of(folder, ground.secret, ground.offset_s), **http.facts, **mail.facts}
        if ground.database:
            opened.callback(ground.database.drop)
            facts["database_url"] = ground.database.url
        environ = {name: fill(value, facts) for name, value in parity.env.items()}
        peers = {}
        for stack in stacks:
            own = environ | {name: fill(value, facts) for name, value in stack.env.items()}
            # Without a prefix, so that pages outside of it can be asked for too.
            bare = stack.model_copy(update={"prefix": "", "live": stack.prefix + stack.live})
            running = await start_stack(
                bare, parity.reach, own, folder, parity.start_s, root=project.root, answer_s=parity.answer_s
            )
            opened.push_async_callback(running.stop)
            peers[stack.name] = Peer(stack, running)
        yield Copy(peers, environ)
