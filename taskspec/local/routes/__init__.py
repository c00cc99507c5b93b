"""Every path the server answers, by subject. A route is a function of a `Call`; its answer is sent as JSON."""
