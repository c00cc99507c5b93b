"""A service without a page: commands, an error, and a shutdown handler."""

import supervisely as sly
from fastapi import Request

app = sly.Application()
server = app.get_server()
app.call_before_shutdown(lambda: sly.logger.info("farewell"))


@server.post("/add")
def add(request: Request) -> dict:
    state = request.state.state
    return {"sum": state["a"] + state["b"], "context": request.state.context, "task": sly.env.task_id()}


@server.post("/user")
def user(request: Request) -> dict:
    return {"login": request.state.api.user.get_my_info().login}


@server.post("/fail")
def fail() -> None:
    raise ValueError("no model is loaded")
