"""The page about a gateway before one's own pair: its files and its two scripts, run as they stand there."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx2

from gateway.cohorts import key_in
from tests.gateway.conftest import open_folder
from tests.gateway.echo_stack import EchoStack
from tests.gateway.edge import free_port, wait_for

__all__ = ["open_folder"]

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/howto/gateway-for-your-own-pair.md").read_text()


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def answers(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/__gateway/health", trust_env=False).status_code == 200
    except httpx2.TransportError:
        return False


def test_the_page_can_be_followed(open_folder: Callable[[str], Path]) -> None:
    folder, port = open_folder("page"), free_port()
    (settings, routes), (start, move) = blocks("toml"), blocks("python")
    (folder / "dualstack.toml").write_text(settings)
    (folder / "routes.toml").write_text(routes)
    with ExitStack() as running:
        old, new = (running.enter_context(EchoStack(name)) for name in ("old", "new"))
        ports = {"GATEWAY_PORT": str(port), "OLD_PORT": str(old.port), "NEW_PORT": str(new.port)}
        environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **ports}
        nginx = subprocess.Popen([sys.executable, "-c", start], cwd=folder, env=environ)
        running.callback(nginx.wait)
        running.callback(nginx.terminate)
        wait_for(lambda: answers(f"http://127.0.0.1:{port}"), "the gateway answers")

        moved = subprocess.run(
            [sys.executable, "-c", move], cwd=folder, env=environ, capture_output=True, text=True, check=False
        )
        seen = {
            cohort: httpx2.get(
                f"http://127.0.0.1:{port}/orders", headers={"Cookie": f"gwb={key_in(cohort, '1')}"}
            ).json()
            for cohort in ("c25", "c50")
        }

    assert (moved.stdout.split()[:2], moved.stderr) == (["done", "g0002"], "")
    assert (seen["c25"]["stack"], seen["c25"]["target"]) == ("new", "/v2/orders")
    assert (seen["c50"]["stack"], seen["c50"]["target"]) == ("old", "/orders")
