"""The local server: the Supervisely API on a SQLite file, and an agent that runs apps as processes.

    daemon ──▶ __main__ ──▶ server ──▶ app ──▶ routes ──▶ store
                               └─────▶ agent ──▶ launcher ──▶ shim ──▶ the app

Knows the wire protocol, not the spec. A client needs only the modules `home` and `daemon`.
"""
