from messaging import Adapter
class SendGrid(Adapter): name="sendgrid"; channel="email"
