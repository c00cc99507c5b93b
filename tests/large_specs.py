"""Specs that are too large to keep in the repository: each is generated when a test asks for it.

A small attack is a file in tests/cases/attacks; a large one is an entry of `ATTACKS`.
"""

from __future__ import annotations

HEAD = "taskspec: 1\n"
ONE_TASK = "tasks: {a: {module: ./app}}\n"


def lines(template: str, count: int) -> str:
    """`template` once for each number below `count`; N is the number, M the next one."""
    return "".join(template.replace("M", str(number + 1)).replace("N", str(number)) + "\n" for number in range(count))


def items(template: str, count: int) -> str:
    """The same as items of a flow list."""
    return ",".join(template.replace("N", str(number)) for number in range(count))


def doubled_text(times: int) -> str:
    """Locals t0 to t`times`, each twice as long as the one before."""
    return f"locals:\n  t0: {'x' * 64}\n" + lines('  tM: "{{ local.tN }}{{ local.tN }}"', times)


def one_param(value: str) -> str:
    return f"{HEAD}tasks: {{a: {{module: ./app, params: {{x: {value}}}}}}}\n"


def everything_needs_everything() -> str:
    tasks = (f"  t{number}: {{module: ./app, depends_on: [{items('tN', number)}]}}\n" for number in range(250))
    return f"{HEAD}tasks:\n{''.join(tasks)}"


ATTACKS = {
    "aliases_of_long_text": f"""\
{HEAD}tasks:
  a:
    module: ./app
    params:
      x: &a {"x" * 50_000}
      y: [{items("*a", 5_000)}]
""",
    "cells_misspelt": HEAD
    + f"locals: {{l: [{items('aN', 3_000)}]}}\ntasks:\n  a: {{module: ./app, for_each: '{{{{ local.l }}}}'}}\n"
    + lines("""  bN: {module: ./app, params: {x: "{{ tasks.a['a_N'].id }}"}}""", 2_000),
    "chain_of_many": HEAD
    + "tasks:\n"
    + lines("  tN: {module: ./app, depends_on: [tM]}", 3_000)
    + "  t3000: {module: ./app}\n",
    "cycle_of_many": HEAD
    + "tasks:\n"
    + lines("  tN: {module: ./app, depends_on: [tM]}", 2_999)
    + "  t2999: {module: ./app, depends_on: [t0]}\n",
    "deep_blocks": HEAD + "x-a:\n" + "".join(" " * depth + "a:\n" for depth in range(1, 501)) + ONE_TASK,
    "deep_flow_maps": f"{HEAD}x-{'a: {' * 5_000}a: {'}' * 5_000}\n{ONE_TASK}",
    "defaults_in_every_task": HEAD
    + f"defaults: {{params: {{x: [{items('[]', 10_000)}]}}}}\ntasks:\n"
    + lines("  tN: {module: ./app}", 4_000),
    "enum_of_many": HEAD
    + f"variables: {{s: {{default: zzz, enum: [{items('vN', 20_000)}]}}}}\n"
    + 'tasks: {a: {module: ./app, params: {x: "{{ var.s }}"}}}\n',
    "everything_needs_everything": everything_needs_everything(),
    "huge_hexadecimal": one_param("0x" + "f" * 20_000),
    "huge_integer": one_param("9" * 20_000),
    "huge_octal": one_param("0o" + "7" * 20_000),
    "keys_of_no_meaning": f"{HEAD}tasks:\n  a:\n    module: ./app\n{lines('    paramzN: 1', 8_000)}",
    "literals_in_every_instance": f"""\
{HEAD}tasks:
  a:
    module: ./app
    matrix: {{a: [{items("N", 100)}], b: [{items("N", 100)}]}}
    params: {{x: [{items("[]", 4_000)}]}}
""",
    "locals_in_a_chain": HEAD
    + "locals:\n"
    + lines('  lN: "{{ local.lM }}"', 3_000)
    + '  l3000: 1\ntasks: {a: {module: ./app, params: {x: "{{ local.l0 }}"}}}\n',
    "locals_of_a_million_characters": HEAD + doubled_text(14) + lines('  uN: "{{ local.t14 }}N"', 2_000) + ONE_TASK,
    "names_without_end": f"""\
{HEAD}locals: {{{"a" * 30_000}: 1}}
tasks:
  a: {{module: ./app, depends_on: [{"b" * 30_000}], {"c" * 30_000}: 1}}
""",
    "params_multiplying_locals": f"""\
{HEAD}locals:
  big: "{"a" * 65_000}"
tasks:
  a:
    module: ./app
    for_each: [{items("N", 3_000)}]
    params: {{x: "{"{{ local.big }}" * 250}"}}
""",
    "path_too_long": f"{HEAD}tasks: {{a: {{module: ./{'a' * 5_000}}}, b: {{module: .{'/a' * 5_000}/}}}}\n",
    "pattern_of_many_states": HEAD
    + "variables:\n"
    + lines(f"  vN: {{type: string, pattern: '(a?){{900}}a{{900}}', default: {'a' * 900}}}", 50)
    + ONE_TASK.replace("app", "app, params: {x: [" + items("'{{ var.vN }}'", 50) + "]}"),
    "results_misspelt": HEAD
    + f"tasks:\n  a: {{module: ./app, results: {{{items(' r_N: 1', 3_000).lstrip()}}}}}\n"
    + "  b:\n    module: ./app\n    params:\n"
    + lines("      pN: '{{ tasks.a.results.rN }}'", 3_000),
    "texts_joined_without_end": HEAD
    + doubled_text(13)
    + 'tasks:\n  a:\n    module: ./app\n    params: {x: "'
    + "{{ local.t13 }}" * 3_000
    + '"}\n',
    "texts_without_end": f"""\
{HEAD}locals: {{{"a" * 30_000}: 1}}
tasks:
  {"d" * 30_000}: {{module: ./app}}
  a: {{module: ./app, depends_on: [{"d" * 29_999}], params: {{x: '{{{{ local.{"a" * 3_000} }}}}'}}}}
""",
    "thousands_of_problems": HEAD + "tasks:\n" + lines('  tN: {modul: ./app, parms: {}, "bN": 1}', 1_500),
    "unknown_names_that_nearly_fit": HEAD
    + "tasks:\n"
    + lines("  tasknameN: {module: ./app, depends_on: [taskname_N]}", 600),
}

ERRORS = {
    "attack_thousand_locals_in_a_row": HEAD
    + "locals:\n"
    + lines('  aN: "{{ local.aM }}"', 2_000)
    + '  a2000: "{{ var.x }}"\ntasks:\n  train:\n    module: acme/train\n    version: v1.0.0\n',
}
