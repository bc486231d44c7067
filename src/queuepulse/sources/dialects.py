"""What a link says to a switch and makes of its answers, for each kind of switch: login, then translation.

Pure: a link brings the bytes of a connection and the time, and sends what it is given to send.
"""

from typing import Final, Protocol

from queuepulse.engine.events import Event
from queuepulse.sources import ami, asterisk, esl, freeswitch

REASON_MAX: Final = 200
"""Characters of a switch's own words that a message to people repeats."""


class LinkTrouble(Exception):
    """The switch cannot be listened to now; the text tells a person what to do."""


class Dialect(Protocol):
    """One switch, over any number of connections, one after the other.

    `is_in` is whether this connection is logged in; `hint` says what on the switch lets us in. Times are
    epoch ms of our clock.
    """

    hint: str
    is_in: bool

    @property
    def trouble(self) -> str:
        """What the switch refuses; empty for nothing."""

    @property
    def greeting(self) -> str:
        """What the switch calls itself."""

    @property
    def malformed(self) -> int:
        """Messages of this connection that could not be read."""

    def opened(self, token: str) -> bytes:
        """A connection is open; `token` is unlike that of any other client. What is sent first."""

    def take(self, piece: bytes, arrived_ms: int) -> bytes:
        """Bytes from the switch; what is sent in return. Raises LinkTrouble if it will not let us in."""

    def advance(self, now_ms: int) -> bytes:
        """Time has come to `now_ms`; what is sent."""

    def due_ms(self) -> int | None:
        """When `advance` has work next."""

    def ping(self) -> bytes:
        """What makes a switch that lives say something."""

    def disconnected(self, now_ms: int) -> None:
        """The connection is gone, or there is none yet."""

    def events(self) -> list[Event]:
        """The events since last asked, in order."""


class Ami:
    """An Asterisk: MD5 login where it offers a challenge, else the plain one."""

    hint = "manager.conf: enabled = yes, bindaddr, port, and permit and deny of the user"

    def __init__(self, translator: asterisk.Translator, username: str, secret: str) -> None:
        self._translator = translator
        self._username = username
        self._secret = secret
        self._parser = ami.AmiParser(asterisk.WANTED)
        self._token = ""
        self._unsent: list[bytes] = []
        self.is_in = False
        self.trouble = ""

    @property
    def malformed(self) -> int:
        return self._parser.malformed

    @property
    def greeting(self) -> str:
        return self._parser.banner or ""

    def opened(self, token: str) -> bytes:
        self._parser = ami.AmiParser(asterisk.WANTED)
        self._token, self._unsent, self.is_in, self.trouble = token, [], False, ""
        challenge = {"Action": "Challenge", "ActionID": f"{token}-challenge", "AuthType": "MD5"}
        return ami.encode_action(challenge)

    def take(self, piece: bytes, arrived_ms: int) -> bytes:
        for message in self._parser.feed(piece):
            if self.is_in:
                if message.get("Response") == "Error" and "Event" not in message:
                    reason = message.get("Message", "")[:REASON_MAX]
                    self.trouble = (
                        f"it refuses what we ask ({reason}): give the user read = system,call,agent"
                    )
                    self.trouble += " and write = reporting in manager.conf"
                self._translator.take(message, arrived_ms)
            else:
                self._log_in(message, arrived_ms)
        if self._parser.banner == "":
            raise LinkTrouble("What answers there is no AMI: check host and port.")
        return self._said()

    def _log_in(self, message: ami.Message, arrived_ms: int) -> None:
        answered, is_good = message.get("ActionID", ""), message.get("Response") == "Success"
        login = {"Action": "Login", "ActionID": f"{self._token}-login", "Username": self._username}
        if answered == f"{self._token}-challenge":
            challenge = message.get("Challenge", "") if is_good else ""
            if challenge:
                login |= {"AuthType": "MD5", "Key": ami.login_key(challenge, self._secret)}
            else:
                login |= {"Secret": self._secret}
            self._unsent.append(ami.encode_action({**login, "Events": "on"}))
        elif answered == login["ActionID"] and is_good:
            self.is_in = True
            self._translator.connected(arrived_ms, self._token)
        elif answered == login["ActionID"]:
            reason = message.get("Message", "")[:REASON_MAX]
            raise LinkTrouble(
                f"The login is refused ({reason}): compare username and secret of the source with the user"
                " in manager.conf, and look at permit and deny there."
            )

    def _said(self) -> bytes:
        self._unsent += [ami.encode_action(action.headers) for action in self._translator.actions()]
        said, self._unsent = b"".join(self._unsent), []
        return said

    def advance(self, now_ms: int) -> bytes:
        self._translator.advance(now_ms)
        return self._said()

    def due_ms(self) -> int | None:
        return self._translator.due_ms()

    def ping(self) -> bytes:
        return ami.encode_action({"Action": "Ping", "ActionID": f"{self._token}-alive"})

    def disconnected(self, now_ms: int) -> None:
        self.is_in = False
        self._translator.disconnected(now_ms)

    def events(self) -> list[Event]:
        return self._translator.events()


class Esl:
    """A FreeSWITCH: the password when it asks for it."""

    hint = "event_socket.conf.xml: listen-ip, listen-port, and apply-inbound-acl"

    def __init__(self, translator: freeswitch.Translator, secret: str) -> None:
        self._translator = translator
        self._secret = secret
        self._parser = esl.EslParser()
        self._unsent: list[bytes] = []
        self.is_in = False
        self.greeting = ""

    @property
    def malformed(self) -> int:
        return self._parser.malformed

    @property
    def trouble(self) -> str:
        told = self._translator.trouble
        return f"it refuses what we ask ({told}): is mod_callcenter loaded?" if told else ""

    def opened(self, token: str) -> bytes:
        self._parser = esl.EslParser()
        self._unsent, self.is_in, self.greeting = [], False, ""
        return b""

    def take(self, piece: bytes, arrived_ms: int) -> bytes:
        for message in self._parser.feed(piece):
            if message.kind == "rejection":
                raise LinkTrouble("The switch rejects our address: look at apply-inbound-acl there.")
            if message.kind == "disconnect":
                raise LinkTrouble("The switch ended the connection.")
            if self.is_in:
                self._translator.take(message, arrived_ms)
            elif message.kind == "auth":
                self.greeting = "FreeSWITCH event socket"
                self._unsent.append(esl.encode_command(f"auth {self._secret}"))
            elif message.kind == "reply":
                self._log_in(message.headers.get("Reply-Text", ""), arrived_ms)
        return self._said()

    def _log_in(self, reply: str, arrived_ms: int) -> None:
        if not reply.startswith("+OK"):
            raise LinkTrouble(
                f"The login is refused ({reply[:REASON_MAX]}): compare secret of the source with password in"
                " event_socket.conf.xml."
            )
        self.is_in = True
        self._translator.connected(arrived_ms)

    def _said(self) -> bytes:
        self._unsent += [esl.encode_command(command) for command in self._translator.actions()]
        said, self._unsent = b"".join(self._unsent), []
        return said

    def advance(self, now_ms: int) -> bytes:
        self._translator.advance(now_ms)
        return self._said()

    def due_ms(self) -> int | None:
        return self._translator.due_ms()

    def ping(self) -> bytes:
        # Subscribed again is as subscribed; the answer to an `api` would be taken for a list.
        return esl.encode_command(freeswitch.SUBSCRIPTION)

    def disconnected(self, now_ms: int) -> None:
        self.is_in = False
        self._translator.disconnected(now_ms)

    def events(self) -> list[Event]:
        return self._translator.events()
