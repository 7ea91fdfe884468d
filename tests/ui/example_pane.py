"""A pane as a newcomer would add it: this file, and one line in `workbench.ui.widgets.pane_deck.PANES`."""

from workbench.ui.canvas.frame import Frame
from workbench.ui.canvas.palette import Palette
from workbench.ui.widgets.pane import Pane, message, waiting


class ExamplePane(Pane):
    """Shows how many seeds the run has."""

    HELP = "Show the number of seeds."

    def draw(self, frame: Frame, palette: Palette) -> None:
        seeds = f"{len(self.live.seeds)} seeds here" if self.live is not None else ""
        message(frame, palette, seeds or waiting(self.live, ""))
