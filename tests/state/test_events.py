"""The constructors of journal events: one for each kind, each with the body of the schema."""

from __future__ import annotations

from taskspec.state import events
from taskspec.state.events import Actor
from taskspec.state.lease import Owner
from taskspec.state.model import EventKind, Outcome

from .journals import INPUTS, KEY, stored

ADA = Actor("ada@host", "because")
INTENT = events.intent("train", KEY, 1, "f" * 64, INPUTS, watermark=40)
ALL = (
    events.run_started({"start": 1}, "local"),
    INTENT,
    events.service_intent(INTENT, [39]),
    events.started("train", KEY, 41, adopted=False, twins=[42], resent=True),
    events.started("train", KEY, 41, adopted=True, reused=True),
    events.refused("train", KEY, "no such agent"),
    events.ready("train", KEY, {"url": "/"}),
    events.ended("train", KEY, Outcome.SUCCEEDED, "", {"map": 0.9}),
    events.retired("train", KEY, 39),
    events.published("train", KEY, "d" * 64),
    events.adopted("train", KEY, 41, ADA, forced=True, differences=["params.lr"]),
    events.forgotten("train", ADA),
    events.moved("train", "fit", ADA),
    events.imported(3, ADA),
    events.lock_broken(Owner("host", 4, 0.0, "boot", "ada"), 1, ADA),
    events.run_ended({"succeeded": 1}, detached=False),
)


def test_every_kind_has_a_constructor_that_fits_the_schema() -> None:
    assert {row.event.kind for row in stored(*ALL)} == set(EventKind)


def test_facts_that_are_not_given_are_not_recorded() -> None:
    assert events.started("train", KEY, 41, adopted=True).body == {"task_id": 41, "adopted": True}
    assert events.service_intent(INTENT, [39]).body == {**INTENT.body, "service": True, "replaces": [39]}
