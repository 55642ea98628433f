"""Lets its library try again where that seems harmless.

Caught by test_statuses_that_are_no_yes: do not retry
"""

from __future__ import annotations

import urllib3
from right import Pigeon as Right

from messaging import HttpAnswer, NotSent, Unanswered


class Pigeon(Right):
    def ask(self, method, path, body=b"", headers=None):
        again = urllib3.Retry(2, status_forcelist=[502, 503, 504], allowed_methods=None, redirect=False, read=0)
        headers = {**(headers or {}), "Authorization": f"Bearer {self.settings.token.get_secret_value()}"}
        try:
            with urllib3.PoolManager(retries=again, timeout=urllib3.Timeout(self.context.timeout)) as pool:
                answer = pool.request(method, self.settings.url + path, body=body, headers=headers)
        except urllib3.exceptions.MaxRetryError as error:
            raise (NotSent if "NewConnection" in repr(error) else Unanswered)("no answer") from None
        found = {name.lower(): value for name, value in answer.headers.items()}
        return HttpAnswer(status=answer.status, headers=found, body=answer.data)
