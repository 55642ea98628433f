"""How a worker tells the broker that a wake-up was looked after. Needs the extra `scale`."""

from __future__ import annotations

from celery.worker import request
from kombu.transport import virtual


class Request(request.Request):  # type: ignore[misc] # Celery is typed in part
    """Celery's, but for one that cannot be told because the connection is gone.

    kombu (5.7, over Redis) goes on counting that one as in hand, so the worker takes no other, and never notices that
    it has to connect anew. Given back or not, the wake-up is done with: what is due is in the store.
    """

    def acknowledge(self) -> None:
        try:
            super().acknowledge()
        finally:
            message = self.message
            counted = getattr(message.channel, "qos", None)  # RabbitMQ counts by itself
            if not message.acknowledged and isinstance(counted, virtual.QoS):
                virtual.QoS.ack(counted, message.delivery_tag)
