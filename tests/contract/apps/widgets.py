"""A service with a face: it tells the server about its page by itself."""

import supervisely as sly
from supervisely.app.widgets import Card, Text

text = Text("ripe")
app = sly.Application(layout=Card("Lemons", content=text))
server = app.get_server()


@server.post("/say")
def say() -> dict:
    text.text = "sour"
    return {"said": True}
