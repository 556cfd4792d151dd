"""The endpoints, a blueprint for each part of the contract."""

from legacy_flask.blueprints.taxonomy import taxonomy

__all__ = ["ALL"]

ALL = (taxonomy,)
