"""What a real server makes of odd bytes, on the modern stack."""

import pytest

from tests.contract.wire import *  # noqa: F403


@pytest.fixture(scope="module")
def stack_name() -> str:
    return "modern"
