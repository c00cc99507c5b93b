"""Simulate a server and a clock, to apply a spec without launching anything.

Knows the wire and the engine. Never writes to the screen or to the user's state.
"""
