"""The embedded local server: the Supervisely API over a SQLite file, and an agent that runs apps as processes.

    daemon ──▶ __main__ ──▶ server ──▶ app ──▶ routes ──▶ store
                               └─────▶ agent ──▶ launcher ──▶ shim ──▶ the app

Knows the wire, not the spec. A client needs two modules of it: `home` and `daemon`.
"""
