"""Every setting of both stacks: one frozen model, read once at the edge by `load_settings` and passed in from there."""

import os
import re
import secrets
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AnyHttpUrl, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from shared_rules.edge import proxy_networks
from shared_rules.targets import parse_allowlist

__all__ = ["BadSetting", "Settings", "load_settings"]

_SECRET_FILE = "jwt-secret"
_MIN_SECRET_BYTES = 32
_WEAK_SECRETS = ("secret", "changeme", "change-me", "default", "your-", "dev-", "password", "jwt-secret-key")

Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[int, Field(ge=1)]


class BadSetting(Exception):
    """A setting that cannot be used. The text is one line: variable, value, what is allowed."""


class Settings(BaseSettings):
    """Environment or `.env`, environment first. Names are the fields' in upper case. Durations are seconds."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_file_encoding="utf-8", env_ignore_empty=True)

    environment: Literal["development", "production"] = "development"
    var_dir: Path = Path("var")
    database_url: str = ""
    modern_database_url: str = ""
    database_timeout_s: Annotated[float, Field(gt=0)] = 30
    sqlite_synchronous: Literal["NORMAL", "FULL"] = "NORMAL"

    jwt_secret_key: str = Field(default="", repr=False)
    jwt_access_token_expires: Seconds = 3600
    jwt_refresh_token_expires: Seconds = 2_592_000
    login_limits: bool = True

    cors_origins: Annotated[tuple[str, ...], NoDecode] = ("http://localhost:5173", "http://127.0.0.1:5173")
    bind_host: str = "127.0.0.1"
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ("127.0.0.1", "::1")
    legacy_port: Port = 5001
    modern_port: Port = 8001
    gateway_port: Port = 8000
    frontend_base_url: str = "http://localhost:5173"
    frontend_dist: Path | None = None
    docs: bool = True
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    scheduler_enabled: bool = True
    scheduler_timezone: str = "Asia/Tokyo"
    scheduler_lease_ttl_s: Annotated[float, Field(gt=0)] = 5
    scheduler_misfire_grace_s: Seconds = 3600
    scheduler_catch_up: Literal["latest", "all", "none"] = "latest"
    scheduler_overlap: Literal["skip", "queue", "allow"] = "skip"
    scheduler_run_timeout_s: Seconds = 10
    scheduler_pull: Literal["owner", "all"] = "owner"
    clock_offset_s: float = 0

    default_github_owner: str = ""
    github_token: str = Field(default="", repr=False)
    github_api_url: str = "https://api.github.com"
    target_allowlist: Annotated[tuple[str, ...], NoDecode] = ()
    outgoing_sink: Annotated[tuple[str, int] | None, NoDecode] = None

    mail_enabled: bool = False
    mail_server: str = "localhost"
    mail_port: Port = 587
    mail_use_tls: bool = True
    mail_username: str = ""
    mail_password: str = Field(default="", repr=False)
    mail_default_sender: str = "cron-job-backend@localhost"

    admin_username: str = "admin"
    admin_email: str = "admin@example.com"
    admin_password: str = Field(default="", repr=False)

    @property
    def zone(self) -> ZoneInfo:
        """The scheduler zone: local dates, cron expressions and next runs are in it."""
        return ZoneInfo(self.scheduler_timezone)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that no log and no report may show; the database's password among them."""
        hidden = [getattr(self, name) for name, field in type(self).model_fields.items() if not field.repr]
        passwords = [urlsplit(url).password for url in (self.database_url, self.modern_database_url)]
        return tuple(filter(None, [*hidden, *passwords, *(unquote(text) for text in passwords if text)]))

    @property
    def production(self) -> bool:
        return self.environment == "production"

    @field_validator("cors_origins", "trusted_proxies", "target_allowlist", mode="before")
    @classmethod
    def _split_commas(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("frontend_dist", mode="before")
    @classmethod
    def _blank_is_none(cls, value: Any) -> Any:
        return value or None

    @field_validator("outgoing_sink", mode="before")
    @classmethod
    def _host_and_port(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})", value)
        if match is None or not 0 < int(match[2]) <= 65535:
            raise ValueError("write host:port, such as 127.0.0.1:9000")
        return match[1].strip("[]"), int(match[2])

    @field_validator("scheduler_timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("name a zone of the tz database, such as Asia/Tokyo") from error
        return value

    @field_validator("target_allowlist")
    @classmethod
    def _readable_allowlist(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        parse_allowlist(value)
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _readable_proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        proxy_networks(value)
        return value

    @field_validator("github_api_url", "frontend_base_url")
    @classmethod
    def _http_url(cls, value: str) -> str:
        AnyHttpUrl(value)
        return value.rstrip("/")

    @model_validator(mode="after")
    def _safe_in_production(self) -> Self:
        if not self.production:
            return self
        if len(self.jwt_secret_key.encode()) < _MIN_SECRET_BYTES or self.jwt_secret_key.lower().startswith(
            _WEAK_SECRETS
        ):
            raise BadSetting(f"JWT_SECRET_KEY: production needs a random secret of at least {_MIN_SECRET_BYTES} bytes.")
        if "*" in self.cors_origins:
            raise BadSetting('CORS_ORIGINS: "*" is not allowed in production; list the origins, separated by commas.')
        if self.clock_offset_s:
            raise BadSetting(f"CLOCK_OFFSET_S: {self.clock_offset_s:g} is not allowed in production; unset it.")
        if self.outgoing_sink:
            raise BadSetting(
                f"OUTGOING_SINK: {':'.join(map(str, self.outgoing_sink))} is not allowed in production; unset it."
            )
        return self


def load_settings(**overrides: Any) -> Settings:
    """Return the settings of environment and `.env`, with database URLs and the development secret filled in.

    Raise BadSetting (one line) on any value that cannot be used. Makes `var_dir` and, outside production and without
    JWT_SECRET_KEY, a secret file beside the database, mode 600, shared by every process that starts there.
    """
    try:
        settings = Settings(_env_file=".env", **overrides)
    except ValidationError as error:
        raise BadSetting(_one_line(error)) from None
    var_dir = settings.var_dir.absolute()
    database_url = _driver_url(settings.database_url or f"sqlite:///{var_dir / 'cron_jobs.db'}")
    modern_url = _driver_url(settings.modern_database_url) if settings.modern_database_url else database_url
    if settings.scheduler_pull == "all" and any(url.startswith("sqlite:") for url in (database_url, modern_url)):
        raise BadSetting('SCHEDULER_PULL: "all" needs PostgreSQL; use "owner", or a DATABASE_URL of postgresql://.')
    var_dir.mkdir(parents=True, exist_ok=True)
    return settings.model_copy(
        update={
            "var_dir": var_dir,
            "database_url": database_url,
            "modern_database_url": modern_url,
            "jwt_secret_key": settings.jwt_secret_key or _secret_beside(database_url, var_dir),
        }
    )


def _one_line(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    variable = str(first["loc"][0]).upper() if first["loc"] else "settings"
    hidden = any(word in variable for word in ("SECRET", "PASSWORD", "TOKEN"))
    value = "" if hidden or first["input"] is None else f'"{first["input"]}" '
    return f"{variable}: {value}cannot be used: {first['msg'].removeprefix('Value error, ').rstrip('.')}."


def _driver_url(url: str) -> str:
    """Return the URL with the one driver we use for its database; raise BadSetting for any other database."""
    scheme, separator, rest = url.partition("://")
    match scheme:
        case "postgres" | "postgresql" | "postgresql+psycopg" if separator:
            return f"postgresql+psycopg://{rest}"
        case "sqlite" if separator and rest.strip("/"):
            return url
    raise BadSetting(
        f'DATABASE_URL: scheme "{scheme}" cannot be used: sqlite:///<file> or postgresql://user@host/name.'
    )


def _secret_beside(database_url: str, var_dir: Path) -> str:
    """Return the secret kept beside the database, making it once; losing the race to make it is fine."""
    folder = Path(database_url.removeprefix("sqlite:///")).parent if database_url.startswith("sqlite:") else var_dir
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _SECRET_FILE
    if not path.exists():
        draft = folder / f".{_SECRET_FILE}-{os.getpid()}-{secrets.token_hex(4)}"
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text()
