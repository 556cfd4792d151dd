"""The endpoints, a router for each part of the contract."""

from fastapi_app.routers.auth import auth
from fastapi_app.routers.bulk import bulk
from fastapi_app.routers.executions import executions
from fastapi_app.routers.jobs import jobs
from fastapi_app.routers.notifications import notifications
from fastapi_app.routers.preferences import preferences
from fastapi_app.routers.runs import running
from fastapi_app.routers.settings import settings
from fastapi_app.routers.system import system
from fastapi_app.routers.taxonomy import taxonomy
from fastapi_app.routers.users import users

__all__ = ["ALL"]

ALL = (auth, users, preferences, taxonomy, jobs, bulk, running, executions, notifications, settings, system)
