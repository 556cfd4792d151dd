"""Redaction before disk: secrets of entries become keyed pseudonyms of the same shape, so that equal ones stay equal."""

from parity.redaction.pseudonyms import KEY_FILE, key_id, load_key
from parity.redaction.redactor import POLICY, Redactor
from parity.redaction.scan import Found, scan

__all__ = ["KEY_FILE", "POLICY", "Found", "Redactor", "key_id", "load_key", "scan"]
