"""The dashboards, in the order in which they are listed."""

from boards import api, internals, iris, kubernetes, toxicity

DASHBOARDS = [board.DASHBOARD for board in (iris, kubernetes, api, toxicity, internals)]
