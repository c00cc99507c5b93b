"""taskspec: plan Supervisely app launches in review, apply them exactly once."""

__version__ = "0.1.0"
