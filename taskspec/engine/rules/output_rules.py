"""Rules for outputs: what is published when a launch ends or is kept. A failure never decides an outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_never

from taskspec.api import TaskInfo
from taskspec.engine.events import error_text
from taskspec.engine.launches.publish import KeptOutputs, Publication
from taskspec.engine.launches.verdict import Verdict, after_scope, launch_scope
from taskspec.engine.protocol.commands import Publish, ReadKeptOutputs
from taskspec.engine.protocol.effects import NO_EFFECTS, Effects, notice, record, submit
from taskspec.engine.protocol.messages import KeptOutputsRead, Published
from taskspec.engine.protocol.run_facts import RunFacts
from taskspec.errors import TaskspecError
from taskspec.plan.lookup_needs import Evidence
from taskspec.specfile.fields.launch_outputs import Output
from taskspec.state import event_bodies
from taskspec.state.model import Outcome, Record
from taskspec.values import Json


def publish_end(facts: RunFacts, key: str, verdict: Verdict, info: TaskInfo) -> Effects:
    """Publish on a launch that has just ended, or on a service that is up."""
    if not facts.task.outputs:
        return NO_EFFECTS
    failed = verdict.outcome is not Outcome.SUCCEEDED
    evaluator, instance = facts.setup.evaluator, facts.instance
    try:
        outputs = evaluator.outputs(instance, after_scope(info, verdict, Evidence(verdict.found)), failed=failed)
        digest = "" if failed else evaluator.outputs_digest(instance, verdict.results)
    except TaskspecError as error:
        return _not_published(facts.address, error)
    return submit(Publish(_publication(facts, key, digest, info.id, outputs, dict(info.output))))


def publish_kept(facts: RunFacts, record_: Record) -> Effects:
    """Publish on a launch that is kept, once the server has answered what it is."""
    return submit(ReadKeptOutputs(KeptOutputs(facts.address, record_)))


def on_outputs(message: KeptOutputsRead | Published, facts: RunFacts) -> Effects:
    match message:
        case KeptOutputsRead(outputs, info, error):
            return _not_published(facts.address, error) if info is None else _kept_read(facts, outputs, info)
        case Published(publication, remark, error):
            if error is not None:
                return _not_published(publication.address, error)
            event = event_bodies.published(publication.address, publication.key, publication.digest)
            return record(event) + notice(publication.address, remark)
        case _:
            assert_never(message)


def _kept_read(facts: RunFacts, outputs: KeptOutputs, info: TaskInfo) -> Effects:
    """Render the outputs, which may read what the launch left outside its output: that is looked up first."""
    evaluator, instance = facts.setup.evaluator, facts.instance
    record_, evidence = outputs.record, Evidence(outputs.found)
    try:
        extra = {"launch": launch_scope(info, evidence), "results": dict(record_.results)}
        rendered = evaluator.outputs(instance, extra, failed=False)
        digest = evaluator.outputs_digest(instance, record_.results)
    except TaskspecError as error:
        return _not_published(facts.address, error)
    if evidence.wanted:
        known = outputs.with_findings(evidence.found)
        return submit(ReadKeptOutputs(known, info, frozenset(evidence.wanted)))
    theirs = {} if record_.published else dict(info.output)  # taskspec may replace what it published before
    return submit(Publish(_publication(facts, record_.key, digest, info.id, rendered, theirs)))


def _publication(
    facts: RunFacts, key: str, digest: str, task_id: int, outputs: Sequence[Output], found: Mapping[str, Json]
) -> Publication:
    may_replace = facts.task.outputs is not None and facts.task.outputs.replace
    return Publication(facts.address, key, digest, task_id, outputs, may_replace, found)


def _not_published(address: str, error: Exception | None) -> Effects:
    return notice(address, f"outputs not published, the next apply tries again: {error_text(error)}")
