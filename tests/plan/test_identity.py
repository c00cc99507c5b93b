"""Fingerprints and digests of outputs, as recorded states hold them: a change here reruns the tasks of every user."""

from __future__ import annotations

from collections.abc import Callable

from .planning import Pipeline

SPEC = """
variables: {pattern: {default: gpu-*}, nothing: {default: null}, user: {default: 7}}
tasks:
  rule:
    module: owner/train
    version: v1
    agent: {prefer: first, name: "{{ var.pattern }}", gpu: required}
    settings:
      kubernetes: {limitGpus: "{{ 1 + 1 }}", limit_cpus: 4, request_cpus: null}
      multi_user: true
      users: ["{{ var.user }}", 8]
      limit_by_workspace: false
    target: {images_project: 42}
    params: {lr: 0.5, user: "{{ var.user }}"}
    outputs:
      text: {title: "map {{ results.map }}", show_logs: true, description: "{{ var.nothing }}"}
      replace: true
      project: {project_id: "{{ launch.output.project.id }}", project_name: best}
      error: {title: "{{ failure.summary }}"}
    results:
      map: {value: "{{ launch.output.map }}", type: number}
      weights: {file: {folder: "/w/{{ launch.id }}", newest: true}}
  nameless:
    module: 5
    version: v3
    agent: {name: "{{ var.nothing }}"}
    settings: {multi_user: false}
    outputs: {replace: true}
  named: {module: 5, version: v3, agent: any, settings: {}, outputs: {}}
  up: {kind: service, module: owner/serve, version: v2, agent: gpu-1}
  ask: {kind: request, service: "{{ tasks.up }}", method: train, data: {a: ["{{ var.user }}"]}, poll: {until: true}}
  empty: {kind: request, service: 17, method: m, data: {}, timeout: 5s, idempotent: true}
  wait: {kind: wait, wait: {team_file: "/a/{{ var.user }}"}, team: 3, every: 1m}
  people: {kind: wait, wait: {labeling_job: "{{ 40 + 2 }}"}, workspace: 5}
  clone: {kind: api, team: t, call: clone_project, with: {project: 1, name: "n{{ var.user }}"}}
  run: {kind: local, command: [echo, "{{ var.user }}", 1, true], env: {A: 1}}
"""
FINGERPRINTS = {
    "rule": "5c1ebb4907b33066248075b77a3cc22dcc62aa3d2f20a1cd2ebc7daa59b97135",
    "nameless": "f1c824624714c9d46422896850c4fed482cd3b76109e7a10f17dcf06b5bfbb81",
    "named": "50e95dfd1a40d439b0b498a8d6bd38c935b3c12c982791eadc343d3945fdf9e9",
    "up": "059e073d89a77e6c5c153cf3907d0b75b43f97deeffc8cb77a4f1c01a93ddd15",
    "ask": "860fe7644891febc984d1ed9ade85b41cb4946bd5810a9d6b2c551ff6752c85e",
    "empty": "f27fec141d54800cf522c0a0905f4a903e6d6488681d5d063685b0c1c61e8d26",
    "wait": "35c93a849b0da46265cac4673e8ee97feae272b350b64d99bdfd281f214a3dd7",
    "people": "4c44a1b5f6e69b6fb08df2cd16367d4f4b759a123a9709c9097afd205559c437",
    "clone": "aeeac85071830b6f0a0a9399c0be3f286ca9942557527eb1119869c2dfe0de0a",
    "run": "81a24b55b27137971e472a0afa662f14773ca7877e81fee474c39faad7234415",
}
PUBLISHED = {
    "rule": "7a96a41e74d465d4d3b3bb4bdff533bb3cad0ebf3d516e9e3b5470dbce696da8",
}


def test_every_kind_of_task_keeps_its_identity(write: Callable[[str], Pipeline]) -> None:
    found = {"map": 0.9, "weights": {"path": "/w/1", "id": 1, "size": 2}}
    records = write(SPEC).applied({"rule": found}).records.values()
    assert {record.address: record.fingerprint for record in records} == FINGERPRINTS
    assert {record.address: record.published for record in records if record.published} == PUBLISHED
