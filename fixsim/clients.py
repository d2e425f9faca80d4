"""What a venue is told of each session that it accepts: who may log on, for what, and on which terms."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from fixsim.instrument import Frozen
from router.fix.dictionary.validation import FORMS
from router.fix.versions import VERSIONS

CompId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,32}$")]
Throttle = Annotated[int, Field(gt=0, le=100_000)]
MsgType = Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,4}$")]
DIGITS: Final[dict[str, Literal[0, 3, 6, 9]]] = {"s": 0, "ms": 3, "us": 6, "ns": 9}


class CustomTag(Frozen):
    """A tag of the venue's own: in which messages (MsgTypes; none named: in all), of which data type."""

    tag: Annotated[int, Field(ge=1, le=2**31 - 1)]
    type: str = "String"
    messages: Annotated[tuple[MsgType, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _type_is_known(self) -> Self:
        if self.type not in FORMS:
            raise ValueError(f"type = {self.type!r} is none of {', '.join(FORMS)}")
        return self


class Terms(Frozen):
    """How FIX is spoken with a client.

    `timestamp`: decimals of SendingTime(52). `next_expected`: NextExpectedMsgSeqNum(789) in the Logon;
    `last_processed`: LastMsgSeqNumProcessed(369) in every header. `resend_chunk`: so many messages are asked
    for by one ResendRequest, 0 for all that are missing. `refuse_reset`: the client's ResetSeqNumFlag(141)=Y.
    `validation`: framing checks what a session needs, full all that the version's dictionary says.
    """

    version: Literal["FIX.4.2", "FIX.4.4", "FIX.5.0SP2"] = "FIX.4.4"
    username: Annotated[str, Field(pattern=r"^[!-~]{0,64}$")] = ""
    password_file: Annotated[str, Field(min_length=1)] | None = None
    """A file beside the settings, mode 0600; the Logon must then have Username(553) and Password(554)."""
    timestamp: Literal["s", "ms", "us", "ns"] = "ms"
    next_expected: bool = False
    last_processed: bool = False
    resend_chunk: Annotated[int, Field(ge=0, le=100_000)] = 0
    reset_on_logon: bool = False
    reset_on_logout: bool = False
    reset_on_disconnect: bool = False
    refuse_reset: bool = False
    validation: Literal["framing", "full"] = "framing"
    custom_tags: Annotated[tuple[CustomTag, ...], Field(max_length=256, strict=False)] = ()

    @model_validator(mode="after")
    def _terms_fit_the_version(self) -> Self:
        version = VERSIONS[self.version]
        if bool(self.username) != (self.password_file is not None):
            raise ValueError("username and password_file belong together")
        for field, given, has in (
            ("username", bool(self.username), version.credentials),
            ("next_expected", self.next_expected, version.next_expected),
        ):
            if given and not has:
                raise ValueError(f"{field}: {self.version} has no such field in Logon(A)")
        if self.custom_tags and self.validation == "framing":
            raise ValueError('custom_tags: nothing looks at tags with validation = "framing"')
        return self


class Client(Terms):
    """One session a venue accepts: who may log on, and for what.

    The limits of messages a second, None for no limit, are by market time: `max_orders_per_s` counts new
    orders and replaces, `max_cancels_per_s` cancels and mass cancels. `self_match`: which of its own orders
    is cancelled where two of them would trade; None: they trade. `copies`: the clients whose reports a drop
    copy session gets; None: all that send orders to the venue.
    """

    comp_id: CompId
    serves: Literal["orders", "market-data", "drop-copy"]
    cancel_on_disconnect: bool = False
    max_orders_per_s: Throttle | None = None
    max_cancels_per_s: Throttle | None = None
    self_match: Literal["newest", "oldest", "both"] | None = None
    copies: Annotated[tuple[CompId, ...], Field(min_length=1, strict=False)] | None = None

    @model_validator(mode="after")
    def _options_fit_what_it_serves(self) -> Self:
        options = ("cancel_on_disconnect", "max_orders_per_s", "max_cancels_per_s", "self_match")
        given = [name for name in options if getattr(self, name)]
        if given and self.serves != "orders":
            raise ValueError(f'{given[0]} needs serves = "orders", {self.comp_id} serves "{self.serves}"')
        if self.serves != "drop-copy" and self.copies is not None:
            raise ValueError(f'copies needs serves = "drop-copy", {self.comp_id} serves "{self.serves}"')
        return self
