"""The last instance decides where all send to.

Caught by test_instances_share_nothing: not on the class
"""

from __future__ import annotations

from right import Pigeon as Right


class Pigeon(Right):
    def __init__(self, settings, context):
        super().__init__(settings, context)
        type(self).url = settings.url

    def ask(self, method, path, body=b"", headers=None):
        self.settings = self.settings.model_copy(update={"url": self.url})
        return super().ask(method, path, body, headers)
