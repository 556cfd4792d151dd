"""The contract of the bulk upload, on the modern stack."""

from tests.contract.bulk_upload import *  # noqa: F403
