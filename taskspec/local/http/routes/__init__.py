"""The routes of the server, by subject. A route is a function of a `RouteCall`; its result is sent as JSON."""
