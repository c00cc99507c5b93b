"""The constructors of journal events: one for each kind, each with the body of the schema."""

from __future__ import annotations

from taskspec.state import event_bodies
from taskspec.state.event_bodies import Actor
from taskspec.state.lease import Owner
from taskspec.state.model import EventKind, Outcome

from .journals import INPUTS, KEY, stored

ADA = Actor("ada@host", "because")
INTENT = event_bodies.intent("train", KEY, 1, "f" * 64, INPUTS, watermark=40)
ALL = (
    event_bodies.run_started({"start": 1}, "local"),
    INTENT,
    event_bodies.service_intent(INTENT, [39]),
    event_bodies.started("train", KEY, 41, adopted=False, twins=[42], resent=True),
    event_bodies.started("train", KEY, 41, adopted=True, reused=True),
    event_bodies.refused("train", KEY, "no such agent"),
    event_bodies.not_sent("train", KEY, "the run was interrupted"),
    event_bodies.ready("train", KEY, {"url": "/"}),
    event_bodies.ended("train", KEY, Outcome.SUCCEEDED, "", {"map": 0.9}),
    event_bodies.retired("train", KEY, 39),
    event_bodies.published("train", KEY, "d" * 64),
    event_bodies.adopted("train", KEY, 41, ADA, forced=True, differences=["params.lr"]),
    event_bodies.forgotten("train", ADA),
    event_bodies.moved("train", "fit", ADA),
    event_bodies.imported(3, ADA),
    event_bodies.lock_broken(Owner("host", 4, 0.0, "boot", "ada"), 1, ADA),
    event_bodies.run_ended({"succeeded": 1}, detached=False),
)


def test_every_kind_has_a_constructor_that_fits_the_schema() -> None:
    assert {row.event.kind for row in stored(*ALL)} == set(EventKind)


def test_facts_that_are_not_given_are_not_recorded() -> None:
    assert event_bodies.started("train", KEY, 41, adopted=True).body == {"task_id": 41, "adopted": True}
    assert event_bodies.service_intent(INTENT, [39]).body == {**INTENT.body, "service": True, "replaces": [39]}
