"""`fixsim acceptor`."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from typing import Annotated

import typer

from fixsim.acceptance.options import Options, Plan, plans
from risk.errors import SettingsError
from router.fix.versions import VERSIONS

MODES = ("acceptance",)
_SESSIONS, _CHECKS, _NUMBERS, _OTHER = "Sessions", "What is checked", "Sequence numbers", "Other"


def acceptor(
    mode: Annotated[
        str, typer.Option(metavar="acceptance", help="What the acceptor is for: conformance scripts.")
    ] = "acceptance",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The one port of all sessions; 0: any that is free.")
    ] = 0,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    sender_comp_id: Annotated[
        str, typer.Option(metavar="COMPID", help="Our CompID.", rich_help_panel=_SESSIONS)
    ] = "ISLD",
    target_comp_id: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[VERSION:]COMPID",
            rich_help_panel=_SESSIONS,
            help="A peer's CompID, in every version or in one; may be repeated, also within one version."
            " Default: TW in every version, TW42, TW44 and TW50SP2 in their own, and in FIX.4.4"
            " NO_CHECK_FIELDS_HAVE_VALUES, where empty values pass.",
        ),
    ] = None,
    version: Annotated[
        list[str] | None,
        typer.Option(
            metavar="VERSION",
            rich_help_panel=_SESSIONS,
            help=f"A version that is spoken; may be repeated. Default: {', '.join(VERSIONS)}.",
        ),
    ] = None,
    session: Annotated[
        list[str] | None,
        typer.Option(
            metavar="VERSION:COMPID[,OPTION=VALUE...]",
            rich_help_panel=_SESSIONS,
            help="A session with options of its own, by the names below without their dashes, yes or no for"
            " switches: FIX.4.4:TW,validate-empty-values=no,max-latency=10. May be repeated.",
        ),
    ] = None,
    heartbeat: Annotated[
        int | None,
        typer.Option(
            metavar="S",
            rich_help_panel=_SESSIONS,
            help="HeartBtInt(108) of our answer, whatever the Logon asks for; default: as it asks.",
        ),
    ] = None,
    timestamp_precision: Annotated[
        str, typer.Option(metavar="s|ms|us|ns", help="Of SendingTime(52).", rich_help_panel=_SESSIONS)
    ] = "ms",
    logon_timeout: Annotated[
        int, typer.Option(metavar="S", help="By when a Logon must come.", rich_help_panel=_SESSIONS)
    ] = 10,
    logout_timeout: Annotated[
        int,
        typer.Option(
            metavar="S", help="How long our Logout waits for its answer.", rich_help_panel=_SESSIONS
        ),
    ] = 2,
    check_comp_ids: Annotated[
        bool, typer.Option(help="CompIDs of every message, not of the Logon alone.", rich_help_panel=_CHECKS)
    ] = True,
    check_latency: Annotated[
        bool, typer.Option(help="SendingTime(52) against our clock.", rich_help_panel=_CHECKS)
    ] = True,
    max_latency: Annotated[
        int, typer.Option(metavar="S", help="How far it may be off.", rich_help_panel=_CHECKS)
    ] = 120,
    dictionary: Annotated[
        bool,
        typer.Option(help="Messages against the specification, by the rules below.", rich_help_panel=_CHECKS),
    ] = True,
    validate_required: Annotated[
        bool, typer.Option(help="Required fields are there.", rich_help_panel=_CHECKS)
    ] = True,
    validate_values: Annotated[
        bool, typer.Option(help="A value is one of its field's list.", rich_help_panel=_CHECKS)
    ] = True,
    validate_types: Annotated[
        bool, typer.Option(help="A value has its type's form.", rich_help_panel=_CHECKS)
    ] = True,
    validate_groups: Annotated[
        bool, typer.Option(help="Repeating groups: count and order.", rich_help_panel=_CHECKS)
    ] = True,
    validate_field_order: Annotated[
        bool, typer.Option(help="Header, then body, then trailer.", rich_help_panel=_CHECKS)
    ] = True,
    validate_empty_values: Annotated[
        bool, typer.Option(help="No field without a value.", rich_help_panel=_CHECKS)
    ] = True,
    validate_repeated_tags: Annotated[
        bool, typer.Option(help="No field twice outside a group.", rich_help_panel=_CHECKS)
    ] = True,
    validate_unknown_fields: Annotated[
        bool,
        typer.Option(help="Fields below 5000 are known, and the message's.", rich_help_panel=_CHECKS),
    ] = True,
    validate_user_defined_fields: Annotated[
        bool, typer.Option(help="Fields from 5000 on are known.", rich_help_panel=_CHECKS)
    ] = True,
    validate_message_types: Annotated[
        bool, typer.Option(help="The specification has the MsgType.", rich_help_panel=_CHECKS)
    ] = True,
    reset_on_logon: Annotated[
        bool,
        typer.Option(
            help="Every Logon begins at 1 again, but for the first after a control line.",
            rich_help_panel=_NUMBERS,
        ),
    ] = True,
    reset_on_logout: Annotated[
        bool, typer.Option(help="Both numbers are 1 again after a Logout.", rich_help_panel=_NUMBERS)
    ] = False,
    reset_on_disconnect: Annotated[
        bool,
        typer.Option(help="Both numbers are 1 again when a connection ends.", rich_help_panel=_NUMBERS),
    ] = False,
    resend: Annotated[
        bool,
        typer.Option(help="Application messages are sent again, or gap filled.", rich_help_panel=_NUMBERS),
    ] = True,
    resend_chunk: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Most messages that one ResendRequest asks for; 0: all.",
            rich_help_panel=_NUMBERS,
        ),
    ] = 0,
    next_expected: Annotated[
        bool, typer.Option(help="NextExpectedMsgSeqNum(789) in Logons.", rich_help_panel=_NUMBERS)
    ] = False,
    last_processed: Annotated[
        bool, typer.Option(help="LastMsgSeqNumProcessed(369) in every header.", rich_help_panel=_NUMBERS)
    ] = False,
    explain: Annotated[
        bool,
        typer.Option(
            help="Text(58) names field, value and rule, not the bare phrase.", rich_help_panel=_OTHER
        ),
    ] = False,
    logon_refusals: Annotated[
        bool,
        typer.Option(help="A refused Logon gets a Logout, not a bare hang-up.", rich_help_panel=_OTHER),
    ] = False,
    version_in_business_rejects: Annotated[
        bool,
        typer.Option(
            help="DefaultApplVerID(1137) in business rejects of FIX 5.0 SP2.", rich_help_panel=_OTHER
        ),
    ] = False,
    max_message_bytes: Annotated[
        int,
        typer.Option(min=1_000, max=64 << 20, help="The largest message taken.", rich_help_panel=_OTHER),
    ] = 4 << 20,
    exit_on_eof: Annotated[
        bool, typer.Option(help="End when standard input ends.", rich_help_panel=_OTHER)
    ] = False,
) -> None:
    """Be the acceptor that conformance scripts talk to.

    One port, many sessions at once, told apart by BeginString and CompIDs. A NewOrderSingle,
    SecurityDefinition or Email comes back as it was sent; a NewOrderSingle with PossResend whose ClOrdID was
    seen since logon is ignored; other application messages get a BusinessMessageReject.

    Prints `listening on HOST:PORT` once it does. Ends on SIGTERM or Ctrl-C, after logging out.

    Control lines on standard input set a session's next sequence numbers, from the peer and to it, one or
    both: `FIX.4.4 ISLD TW in=5 out=7` (VERSION OURS THEIRS). Each is answered by one line on standard
    output: `ok FIX.4.4 ISLD TW in=5 out=7`, or `error: ...` with what is wrong.
    """
    if mode not in MODES:
        raise SettingsError(f"--mode = {mode!r}: must be {', '.join(MODES)}")
    options = Options(
        heartbeat=heartbeat,
        check_comp_ids=check_comp_ids,
        check_latency=check_latency,
        max_latency=max_latency,
        dictionary=dictionary,
        validate_required=validate_required,
        validate_values=validate_values,
        validate_types=validate_types,
        validate_groups=validate_groups,
        validate_field_order=validate_field_order,
        validate_empty_values=validate_empty_values,
        validate_repeated_tags=validate_repeated_tags,
        validate_unknown_fields=validate_unknown_fields,
        validate_user_defined_fields=validate_user_defined_fields,
        validate_message_types=validate_message_types,
        reset_on_logon=reset_on_logon,
        reset_on_logout=reset_on_logout,
        reset_on_disconnect=reset_on_disconnect,
        next_expected=next_expected,
        last_processed=last_processed,
        resend=resend,
        resend_chunk=resend_chunk,
        timestamp_precision=timestamp_precision,
        logon_timeout=logon_timeout,
        logout_timeout=logout_timeout,
        explain=explain,
        logon_refusals=logon_refusals,
        version_in_business_rejects=version_in_business_rejects,
    )
    asked = plans(sender_comp_id, version or list(VERSIONS), target_comp_id or [], session or [], options)
    _run(asked, host, port, max_message_bytes, exit_on_eof)


def _run(asked: list[Plan], host: str, port: int, max_message_bytes: int, exit_on_eof: bool) -> None:
    """Serve until SIGTERM or SIGINT, or the end of standard input if that is to end it."""
    import uvloop

    from fixsim.acceptance.acceptor import Acceptor
    from fixsim.acceptance.serve import serve
    from router.link import TcpNetwork

    async def until_told() -> None:
        task = asyncio.ensure_future(
            serve(Acceptor(asked), TcpNetwork(), host, port, max_message_bytes, _say, exit_on_eof)
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await task

    uvloop.run(until_told())


def _say(line: str) -> None:
    """A line on standard output, at once; nobody may be reading it."""
    with contextlib.suppress(BrokenPipeError):
        typer.echo(line)
        sys.stdout.flush()
