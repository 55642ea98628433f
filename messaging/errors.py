"""What can go wrong, in words for the person who can mend it.

Every error that a user, a plugin or a provider can cause is a `MessagingError`: its text says what happened and
where, its `hint` what to do. The command line prints both on one line and exits with `exit_code`; the server
answers `status`. Anything else that is raised is a bug and keeps its traceback.
"""

from __future__ import annotations

from datetime import datetime, timedelta


class MessagingError(Exception):
    """Something went wrong that a person can mend."""

    #: Exit code of the command line: 1 failed, 3 partly failed, 4 settings, 5 refused by a provider.
    exit_code = 1
    #: HTTP status of the server.
    status = 400

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class InputError(MessagingError):
    """A value, a file or a request is not as it must be."""


class NotFound(MessagingError):
    """There is no such customer, segment, template, campaign or message."""

    status = 404


class Conflict(MessagingError):
    """It contradicts what is already known: the same id with other content, two customers for one address."""

    status = 409


class SettingsError(MessagingError):
    """messaging.toml, an environment variable or a flag is wrong or missing."""

    exit_code = 4
    status = 500


class PartlyFailed(MessagingError):
    """The command did its work, but not for everybody."""

    exit_code = 3


class SourceError(MessagingError):
    """A file a person wrote is wrong at a place: `file`, `line` (1-based) and `column` (1-based) say where."""

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        column: int | None = None,
        hint: str | None = None,
    ) -> None:
        self.file = file
        self.line = line
        self.column = column
        place = ":".join(str(part) for part in (file, line, column) if part is not None)
        super().__init__(f"{place}: {message}" if place else message, hint=hint)
        self.problem = message


class ExpressionError(SourceError):
    """A segment's or trigger's expression cannot be read or makes no sense."""


class TemplateError(SourceError):
    """A template cannot be read, compiled or rendered."""


class TemplateLimit(TemplateError):
    """A template used more time, iterations or output than one message may cost."""


class StoreError(MessagingError):
    """The store could not do what was asked; nothing of it was done."""

    status = 503


class QueueError(MessagingError):
    """The broker cannot be reached."""

    status = 503


class Uncompacted(StoreError):
    """What was asked is done, but what it replaced is still in the store's file, which could not be written anew."""


class StoreBroken(StoreError):
    """The store's file is damaged. It is left as it is: nothing is started empty in its place."""


class Moved(StoreError):
    """All that the store holds was brought to another one, which is worked with since."""


class InUse(StoreError):
    """Others work with the store, and would have to be stopped first."""


class PluginError(MessagingError):
    """A plugin failed. Names the plugin and the distribution it came from."""

    status = 503

    def __init__(self, message: str, *, plugin: str, distribution: str | None = None, hint: str | None = None) -> None:
        self.plugin = plugin
        self.distribution = distribution
        self.problem = message
        origin = f" (from {distribution})" if distribution else ""
        super().__init__(f"plugin {plugin}{origin}: {message}", hint=hint)


class PluginHangs(PluginError):
    """A plugin has not come back. What waits for it is no worse for it: try again later."""


class DeliveryError(MessagingError):
    """Somebody else could not take or tell: raised for the whole of a `deliver` call, not for one message.

    `after`: how long whoever answered asks to be left alone.
    """

    exit_code = 5
    status = 502

    def __init__(self, message: str, *, hint: str | None = None, after: timedelta | None = None) -> None:
        super().__init__(message, hint=hint)
        self.after = after


class AdapterUnusable(DeliveryError):
    """The adapter itself is refused (bad key, closed account, no route): stop, do not burn the audience."""


class AdapterRests(DeliveryError):
    """The adapter `name` is left alone until then: its provider took nothing, as `reason` says. What is due waits."""

    def __init__(self, message: str, *, name: str, until: datetime, reason: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.name = name
        self.until = until
        self.reason = reason


class NotSent(DeliveryError):
    """A request to somebody else surely did not arrive."""


class AddressRefused(NotSent):
    """We do not send requests there: it is private, not https, or no address at all."""


class Untrusted(NotSent):
    """Whoever answers there cannot prove to be who they are said to be: their certificate."""


class Erased(MessagingError):
    """The customer whose it is was erased: nothing of it is kept, and it has no effect."""


class NotYet(DeliveryError):
    """What is needed was not told yet: the event waits for it, and no other with it."""


class Unanswered(DeliveryError):
    """A request to somebody else left, and no answer came."""


class TokenError(MessagingError):
    """A link's token is forged, damaged, or made for something else."""

    status = 404


class RequestRejected(MessagingError):
    """A provider's or a shop's request is not genuine: its signature is missing, wrong, or too old."""

    status = 401


#: What a plugin's code may raise, to be caught where it is called: anything but an interrupt. `sys.exit` ends the
#: plugin's part, never the program.
PLUGIN_FAULTS = (Exception, SystemExit)
