"""The endpoints, a blueprint for each part of the contract."""

from legacy_flask.blueprints.auth import auth
from legacy_flask.blueprints.bulk import bulk
from legacy_flask.blueprints.executions import executions
from legacy_flask.blueprints.jobs import jobs
from legacy_flask.blueprints.notifications import notifications
from legacy_flask.blueprints.preferences import preferences
from legacy_flask.blueprints.runs import running
from legacy_flask.blueprints.settings import settings
from legacy_flask.blueprints.system import system
from legacy_flask.blueprints.taxonomy import taxonomy
from legacy_flask.blueprints.users import users

__all__ = ["ALL"]

ALL = (auth, users, preferences, taxonomy, jobs, bulk, running, executions, notifications, settings, system)
