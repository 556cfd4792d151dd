"""The contract of the bulk upload, on both stacks and compared."""

from tests.contract.bulk_upload import *  # noqa: F403
