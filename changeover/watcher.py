"""The supervised watch: `python -m changeover.watcher ROOT`. One line of JSON per event; it also rotates the gateway's log."""

import json
import logging
import signal
import sys
import threading
from pathlib import Path

from changeover.supervision import Supervisor
from changeover.system import GATEWAY, load_system
from changeover.watch import make_watch
from gateway.watch import Event

__all__ = ["main"]


def main(root: Path) -> None:
    """Watch the copy that the environment describes until TERM."""
    logging.basicConfig()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    system = load_system(root)
    supervisor = Supervisor(system.place)
    watch = make_watch(system, tell, observe=False)
    if watch is None:
        return
    watch.reopen = lambda: supervisor.signal(GATEWAY, "USR1")
    tell(watch.beginning())
    watch.run(stop)


def tell(event: Event) -> None:
    print(json.dumps(event.as_json()), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
