"""Twilio's error codes, sorted by what must become of the message: https://www.twilio.com/docs/api/errors

Sorted are those that a text message can meet. A code that is in no group is about this message alone, and refuses it,
whatever HTTP status it comes with; one below 21000 that comes as 403 or 404 is about the account.
"""

from __future__ import annotations

#: Codes from here on are about messages and numbers; those below about the account, its rights, and the API.
OF_MESSAGES = 21_000
#: The phone's owner wants nothing: 21610 answered STOP, 63014 blocked the sender.
OPTED_OUT = frozenset({21610, 63014})
#: Nothing can ever arrive there: no number, no mobile, a landline (21635, 30006), an unknown handset.
DEAD = frozenset({21211, 21614, 21635, 30005, 30006})
#: This time the phone was not reached: it is off or away (30003, "usually temporary"), or nobody says why (30008).
SOFT = frozenset({30003, 30008})
#: Not now: too many requests (20429), the sender's own queue is full (21611, 30001).
BUSY = frozenset({20429, 21611, 30001})
#: It is us that are refused, and it would be the same for everybody: the account and its key, the sender, the messaging
#: service, the address for statuses. What Twilio refuses by destination (21408 region, 21608 trial, 21612 route, 30034
#: unregistered sender in the USA) is not among them: others can still be reached.
OURS = {
    **dict.fromkeys((20003, 20005, 20006, 20008, 20404), "check TWILIO_ACCOUNT_SID and its token or key"),
    30002: "Twilio has suspended the account: see its console",
    **dict.fromkeys((21212, 21603, 21606), "check [adapters.twilio] from: it must be a number of yours that can text"),
    **dict.fromkeys((21701, 21703, 21704, 21705), "check TWILIO_MESSAGING_SERVICE_SID, and that it has a sender"),
    21609: "check [server] base_url: Twilio cannot post to it",
}
