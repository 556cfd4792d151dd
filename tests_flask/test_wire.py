"""What a real server makes of odd bytes, on the legacy stack."""

import pytest

from tests.contract.wire import *  # noqa: F403


@pytest.fixture(scope="module")
def stack_name() -> str:
    return "legacy"
