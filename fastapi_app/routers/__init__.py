"""The endpoints, a router for each part of the contract."""

from fastapi_app.routers.taxonomy import taxonomy

__all__ = ["ALL"]

ALL = (taxonomy,)
