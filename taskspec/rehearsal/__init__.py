"""A server and a time that exist only in this process: a spec is played through before anything is launched.

Knows the wire and the engine; knows no screen, and never the user's state.
"""
