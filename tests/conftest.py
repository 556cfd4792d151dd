"""The order in which tests run."""

import pytest

# They start whole systems and mostly wait; at the end of a run that others share they would keep everybody waiting.
SLOW = (
    *("tests/e2e/", "tests/ops/", "tests/architecture/test_retirement.py"),
    *("tests/scheduler/test_proof_small.py", "tests/scheduler/test_cases_served.py", "tests/scheduler/test_model.py"),
    *(
        f"tests_flask/test_{name}.py"
        for name in ("parity_of_this_app", "flips", "flips_in_a_browser", "gateway_pairs", "scheduler_served")
    ),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slow tests first; the order within them and within the others stays."""
    items.sort(key=lambda item: not item.nodeid.startswith(SLOW))
