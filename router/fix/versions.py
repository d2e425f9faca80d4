"""The FIX versions that are spoken here, and what each has: a table, which the rest of the code asks.

docs/fix-versions.md says the same for people. FIX 5.0 SP2 is an application version: its sessions are FIXT
1.1, whose Logon names it by DefaultApplVerID(1137).
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Version:
    """One version. `name` is what settings write; `begin_string` is BeginString(8).

    `appl_ver_id`: DefaultApplVerID(1137) of the Logon, "" where there is none.
    `exec_trans_type`: ExecutionReports carry ExecTransType(20); a fill is then ExecType(150)=1 or 2, bust and
    correct are 20=1 and 20=2, and a status is 20=3.
    `mass`: q, r and AF exist, so do 584, 585, 911 and 912; `mass_report_id`: r has MassActionReportID(1369),
    and AffectedOrigClOrdID(1824) in place of OrigClOrdID(41).
    `credentials`: Username(553) and Password(554) are Logon's.
    `new_password`: NewPassword(925) is Logon's. `next_expected`: NextExpectedMsgSeqNum(789) is Logon's.
    `strategy`: TargetStrategy(847) to ParticipationRate(849). `strategy_group`: StrategyParametersGrp(957).
    `parties`: Parties(453), OrderCapacity(528), CopyMsgIndicator(797).
    `last_liquidity`: LastLiquidityInd(851), PriceImprovement(639).
    `listings`: x and y exist, InstrAttrib(870), RoundLot(561), MinTradeVol(562) and Text(58) in f.
    `trading_rules`: MinPriceIncrement(969), TickRules(1205), LotTypeRules(1234), MaxTradeVol(1140).
    `status_req_id`: OrdStatusReqID(790). `rpt_seq`: RptSeq(83) in W and X.
    `max_session_reject`, `max_ord_rej`: the highest SessionRejectReason(373) and OrdRejReason(103), 99 apart;
    `other`: 99 is a code of both. `max_cxl_rej`, `max_restatement`, `max_business_reject`: the highest
    CxlRejReason(102), ExecRestatementReason(378) and BusinessRejectReason(380), 99 apart.
    `max_trading_status`: the highest SecurityTradingStatus(326); `max_tag`: the highest tag.
    """

    name: str
    begin_string: str
    appl_ver_id: str
    exec_trans_type: bool
    mass: bool
    mass_report_id: bool
    credentials: bool
    new_password: bool
    next_expected: bool
    strategy: bool
    strategy_group: bool
    parties: bool
    last_liquidity: bool
    status_req_id: bool
    listings: bool
    trading_rules: bool
    rpt_seq: bool
    max_session_reject: int
    max_ord_rej: int
    other: bool
    max_cxl_rej: int
    max_restatement: int
    max_business_reject: int
    max_trading_status: int
    max_tag: int

    def session_reject_reason(self, reason: int) -> int | None:
        """SessionRejectReason(373), or None where this version has no such code: the field is left out."""
        return reason if reason <= self.max_session_reject or (reason == 99 and self.other) else None

    def ord_rej_reason(self, reason: int) -> int:
        """OrdRejReason(103): a code that this version does not have becomes "other" (99), or 0 in FIX 4.2."""
        if reason <= self.max_ord_rej or (reason == 99 and self.other):
            return reason
        return 99 if self.other else 0

    def cxl_rej_reason(self, reason: int) -> int:
        """CxlRejReason(102): a code that this version does not have becomes 99, or 2 (broker) in FIX 4.2."""
        if reason <= self.max_cxl_rej or (reason == 99 and self.other):
            return reason
        return 99 if self.other else 2

    def restatement_reason(self, reason: int) -> int:
        """ExecRestatementReason(378): what this version lacks becomes 99, or 4 (broker) in FIX 4.2."""
        if reason <= self.max_restatement or (reason == 99 and self.other):
            return reason
        return 99 if self.other else 4

    def business_reject_reason(self, reason: int) -> int:
        """BusinessRejectReason(380): what this version lacks becomes 0, other."""
        return reason if reason <= self.max_business_reject else 0

    def trading_status(self, status: int) -> int:
        """SecurityTradingStatus(326): what this version lacks becomes 18, not available for trading."""
        return status if status <= self.max_trading_status else 18

    def knows_tag(self, tag: int) -> bool:
        """Whether a tag may be the version's own, by its number: user-defined ones are 5000 to 39999."""
        return tag <= self.max_tag and not 5000 <= tag < 40_000

    def needs(self, has: bool, what: str) -> None:
        """ValueError if a message that this version does not have is to be written."""
        if not has:
            raise ValueError(f"{self.name} has no {what}")


FIX42: Final = Version(
    "FIX.4.2", "FIX.4.2", "", exec_trans_type=True, mass=False, mass_report_id=False,
    credentials=False, new_password=False, next_expected=False, strategy=False, strategy_group=False,
    parties=False, last_liquidity=False, status_req_id=False, listings=False, trading_rules=False,
    rpt_seq=False, max_session_reject=11, max_ord_rej=8, other=False,
    max_cxl_rej=3, max_restatement=5, max_business_reject=5, max_trading_status=20, max_tag=446,
)  # fmt: skip
FIX44: Final = Version(
    "FIX.4.4", "FIX.4.4", "", exec_trans_type=False, mass=True, mass_report_id=False,
    credentials=True, new_password=False, next_expected=True, strategy=True, strategy_group=False,
    parties=True, last_liquidity=True, status_req_id=True,
    listings=True, trading_rules=False, rpt_seq=False, max_session_reject=17, max_ord_rej=15, other=True,
    max_cxl_rej=6, max_restatement=10, max_business_reject=7, max_trading_status=23, max_tag=956,
)  # fmt: skip
FIX50SP2: Final = Version(
    "FIX.5.0SP2", "FIXT.1.1", "9", exec_trans_type=False, mass=True, mass_report_id=True,
    credentials=True, new_password=True, next_expected=True, strategy=True, strategy_group=True,
    parties=True, last_liquidity=True, status_req_id=True,
    listings=True, trading_rules=True, rpt_seq=True, max_session_reject=18, max_ord_rej=27, other=True,
    max_cxl_rej=8, max_restatement=14, max_business_reject=18, max_trading_status=27, max_tag=43_123,
)  # fmt: skip

VERSIONS: Final = {version.name: version for version in (FIX42, FIX44, FIX50SP2)}
