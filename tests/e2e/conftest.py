"""The whole system behind a page, and a real browser to look at it with."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, sync_playwright

from gateway.config import load
from gateway.flips import Flips
from tests.ops.ground import environment_of_a_copy, open_folder

ROOT = Path(__file__).resolve().parents[2]
FRONTEND = Path(__file__).parent / "frontend"
PASSWORD = "a password of the browser tests"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@dataclass(frozen=True)
class System:
    """Where it answers, a token and the password of its admin, and who serves what on it."""

    url: str
    token: str
    password: str
    flips: Flips


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    """Yield the whole system, started by the command people use, with one PIC team in it."""
    with open_folder() as var_dir:
        environ = environment_of_a_copy(var_dir, FRONTEND_DIST=str(FRONTEND), ADMIN_PASSWORD=PASSWORD)
        changeover = [sys.executable, "-m", "changeover"]
        up = subprocess.run([*changeover, "up"], cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
        assert up.returncode == 0, up.stderr
        try:
            url = f"http://127.0.0.1:{environ['GATEWAY_PORT']}"
            login = httpx2.post(f"{url}/api/auth/login", json={"username": "admin", "password": PASSWORD}).json()
            team = {"name": "Core", "slack_handle": "@core"}
            bearer = {"Authorization": f"Bearer {login['access_token']}"}
            assert httpx2.post(f"{url}/api/pic-teams", json=team, headers=bearer).status_code == 201
            yield System(url, login["access_token"], PASSWORD, Flips.of(load(ROOT, environ), var_dir))
        finally:
            subprocess.run([*changeover, "down"], cwd=ROOT, env=environ, capture_output=True, check=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine and none could be installed")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield chromium
        chromium.close()
