"""What one process of either stack works with besides its database: clock, target policy, runner, mail, courier."""

from dataclasses import dataclass

from scheduler.clock import Clock
from scheduler.courier import Courier
from scheduler.mail import MailConfig, Mailer
from scheduler.outgoing import network_of_one
from scheduler.runner import Runner
from shared_rules.settings import Settings
from shared_rules.targets import TargetPolicy, parse_allowlist

__all__ = ["VERSION", "Services", "build_services"]

VERSION = "0.1.0"


@dataclass(frozen=True)
class Services:
    """Made once per application, closed when it ends."""

    settings: Settings
    clock: Clock
    targets: TargetPolicy
    runner: Runner
    mailer: Mailer
    courier: Courier

    def close(self) -> None:
        """Send what is queued, then stop the threads."""
        self.courier.close()


def build_services(settings: Settings) -> Services:
    """Return the services of these settings. No thread and no connection is opened before the first use."""
    targets = TargetPolicy(settings.production, parse_allowlist(settings.target_allowlist))
    mail = MailConfig(
        server=settings.mail_server,
        port=settings.mail_port,
        sender=settings.mail_default_sender,
        use_tls=settings.mail_use_tls,
        username=settings.mail_username,
        password=settings.mail_password,
        enabled=settings.mail_enabled,
    )
    runner = Runner(
        targets,
        github_api_url=settings.github_api_url,
        github_token=settings.github_token,
        user_agent=f"changeover/{VERSION}",
        network=network_of_one(settings.outgoing_sink) if settings.outgoing_sink else None,
    )
    return Services(settings, Clock(settings.clock_offset_s), targets, runner, Mailer(mail), Courier())
