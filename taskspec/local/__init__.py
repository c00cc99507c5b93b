"""The local server: the Supervisely API on a SQLite file, and an agent that runs apps as processes.

    server_client ──▶ __main__ ──▶ server ──▶ http ──▶ routes ──▶ db
                                     └─────▶ agent ──▶ launcher ──▶ shim ──▶ the app

Knows the wire protocol, not the spec. A client needs only the modules `home` and `server_client`.
"""
