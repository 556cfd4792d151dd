"""Harness 1: the gateway in front of two HTTP services. It knows no app.

`dualstack.toml` and the route groups tell it everything.
"""
