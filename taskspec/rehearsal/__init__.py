"""A server and a time that exist only in this process, so that a spec can be played through before anything is launched.

Knows the wire and the engine; knows no screen, and never the user's state.
"""
