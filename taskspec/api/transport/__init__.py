"""The only package that knows `requests` and urllib3."""

from taskspec.api.transport.sending import READ_RETRIES, HttpCall, Timeouts, Transport

__all__ = ["READ_RETRIES", "HttpCall", "Timeouts", "Transport"]
