"""Evaluates instances: requests, conditions, results, checks and outputs, for a plan and again just before a launch."""

from __future__ import annotations

from dataclasses import dataclass, replace

from taskspec.plan import conditions, request_builder, result_reader
from taskspec.plan.task_scope import TaskScope
from taskspec.template.included_scope import TaskViews


@dataclass(frozen=True, slots=True)
class Evaluator(TaskScope):
    """A scope, with the functions that evaluate the parts of an instance in it."""

    module_key = request_builder.module_key
    workspace = request_builder.workspace
    users = request_builder.users
    request = request_builder.build_request
    condition = conditions.holds
    reads_absent = conditions.reads_absent_task
    results = result_reader.read_results
    failed_checks = result_reader.failed_checks
    why_not_met = result_reader.why_not_met
    recorded = result_reader.recorded
    outputs = result_reader.rendered_outputs
    outputs_digest = result_reader.outputs_digest

    def starting_from(self, views: TaskViews) -> Evaluator:
        """An evaluator with views of tasks that start from these; what becomes known later changes only its own."""
        return replace(self, views=views.copy(self.renderer, self.base))
