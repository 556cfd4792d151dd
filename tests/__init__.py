"""Tests of everything that outlives a stack."""

import pytest

# The cases are collected from other modules than their own, so pytest has to be told to explain their assertions.
pytest.register_assert_rewrite("tests.contract")
