"""A service with a page, whose data the SDK sends to the server."""

import supervisely as sly
from supervisely.app.widgets import Card, Text

text = Text("ripe")
app = sly.Application(layout=Card("Lemons", content=text))
server = app.get_server()


@server.post("/say")
def say() -> dict:
    text.text = "sour"
    return {"said": True}
