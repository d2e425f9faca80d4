"""FIX tag numbers and message types by the names of the specification (FIX 4.4, volumes 2 to 6).

Only what the router and the simulator speak is listed; a tag that is not here is still carried by the codec.
"""

from typing import Final

SOH: Final = b"\x01"

# Standard header and trailer
BEGIN_STRING: Final = 8
BODY_LENGTH: Final = 9
CHECK_SUM: Final = 10
MSG_SEQ_NUM: Final = 34
MSG_TYPE: Final = 35
POSS_DUP_FLAG: Final = 43
SENDER_COMP_ID: Final = 49
SENDING_TIME: Final = 52
TARGET_COMP_ID: Final = 56
POSS_RESEND: Final = 97
ORIG_SENDING_TIME: Final = 122

# Session messages
BEGIN_SEQ_NO: Final = 7
END_SEQ_NO: Final = 16
NEW_SEQ_NO: Final = 36
REF_SEQ_NUM: Final = 45
TEXT: Final = 58
ENCRYPT_METHOD: Final = 98
HEART_BT_INT: Final = 108
TEST_REQ_ID: Final = 112
GAP_FILL_FLAG: Final = 123
RESET_SEQ_NUM_FLAG: Final = 141
REF_TAG_ID: Final = 371
REF_MSG_TYPE: Final = 372
SESSION_REJECT_REASON: Final = 373

# Orders
ACCOUNT: Final = 1
AVG_PX: Final = 6
CL_ORD_ID: Final = 11
COMMISSION: Final = 12
COMM_TYPE: Final = 13
CUM_QTY: Final = 14
EXEC_ID: Final = 17
EXEC_INST: Final = 18
EXEC_REF_ID: Final = 19
HANDL_INST: Final = 21
LAST_MKT: Final = 30
LAST_PX: Final = 31
LAST_QTY: Final = 32
ORDER_ID: Final = 37
ORDER_QTY: Final = 38
ORD_STATUS: Final = 39
ORD_TYPE: Final = 40
ORIG_CL_ORD_ID: Final = 41
PRICE: Final = 44
SIDE: Final = 54
SYMBOL: Final = 55
TIME_IN_FORCE: Final = 59
TRANSACT_TIME: Final = 60
EX_DESTINATION: Final = 100
CXL_REJ_REASON: Final = 102
ORD_REJ_REASON: Final = 103
MIN_QTY: Final = 110
MAX_FLOOR: Final = 111
EXPIRE_TIME: Final = 126
EXEC_TYPE: Final = 150
LEAVES_QTY: Final = 151
EFFECTIVE_TIME: Final = 168
EXEC_RESTATEMENT_REASON: Final = 378
CXL_REJ_RESPONSE_TO: Final = 434
PARTY_ID_SOURCE: Final = 447
PARTY_ID: Final = 448
PARTY_ROLE: Final = 452
NO_PARTY_IDS: Final = 453
MASS_CANCEL_REQUEST_TYPE: Final = 530
MASS_CANCEL_RESPONSE: Final = 531
MASS_CANCEL_REJECT_REASON: Final = 532
TOTAL_AFFECTED_ORDERS: Final = 533
NO_AFFECTED_ORDERS: Final = 534
AFFECTED_ORDER_ID: Final = 535
MASS_STATUS_REQ_ID: Final = 584
MASS_STATUS_REQ_TYPE: Final = 585
PRICE_IMPROVEMENT: Final = 639
ORD_STATUS_REQ_ID: Final = 790
COPY_MSG_INDICATOR: Final = 797
TARGET_STRATEGY: Final = 847
TARGET_STRATEGY_PARAMETERS: Final = 848
LAST_LIQUIDITY_IND: Final = 851
TOT_NUM_REPORTS: Final = 911
LAST_RPT_REQUESTED: Final = 912

# Instruments
SECURITY_EXCHANGE: Final = 207
SECURITY_REQ_ID: Final = 320
SECURITY_REQUEST_TYPE: Final = 321
SECURITY_RESPONSE_ID: Final = 322
SECURITY_RESPONSE_TYPE: Final = 323
SECURITY_STATUS_REQ_ID: Final = 324
UNSOLICITED_INDICATOR: Final = 325
SECURITY_TRADING_STATUS: Final = 326
TOT_NO_RELATED_SYM: Final = 393
SECURITY_LIST_REQUEST_TYPE: Final = 559
SECURITY_REQUEST_RESULT: Final = 560
ROUND_LOT: Final = 561
MIN_TRADE_VOL: Final = 562
NO_INSTR_ATTRIB: Final = 870
INSTR_ATTRIB_TYPE: Final = 871
INSTR_ATTRIB_VALUE: Final = 872
LAST_FRAGMENT: Final = 893

# Market data
NO_RELATED_SYM: Final = 146
MD_REQ_ID: Final = 262
SUBSCRIPTION_REQUEST_TYPE: Final = 263
MARKET_DEPTH: Final = 264
MD_UPDATE_TYPE: Final = 265
NO_MD_ENTRY_TYPES: Final = 267
NO_MD_ENTRIES: Final = 268
MD_ENTRY_TYPE: Final = 269
MD_ENTRY_PX: Final = 270
MD_ENTRY_SIZE: Final = 271
MD_UPDATE_ACTION: Final = 279
MD_REQ_REJ_REASON: Final = 281

# Business reject
BUSINESS_REJECT_REF_ID: Final = 379
BUSINESS_REJECT_REASON: Final = 380

_WORDS: Final = {"ID": "ID", "MD": "MD"}
_NAMES: Final = {
    value: "".join(_WORDS.get(word, word.capitalize()) for word in name.split("_"))
    for name, value in list(globals().items())
    if isinstance(value, int)
}


def name_of(tag: int) -> str:
    """The tag as error texts show it: `OrderQty(38)`; a tag not listed here is only its number."""
    return f"{_NAMES.get(tag, 'Tag')}({tag})"


# Message types
HEARTBEAT: Final = b"0"
TEST_REQUEST: Final = b"1"
RESEND_REQUEST: Final = b"2"
REJECT: Final = b"3"
SEQUENCE_RESET: Final = b"4"
LOGOUT: Final = b"5"
LOGON: Final = b"A"
ADMIN_TYPES: Final = frozenset(
    {HEARTBEAT, TEST_REQUEST, RESEND_REQUEST, REJECT, SEQUENCE_RESET, LOGOUT, LOGON}
)

EXECUTION_REPORT: Final = b"8"
ORDER_CANCEL_REJECT: Final = b"9"
NEW_ORDER_SINGLE: Final = b"D"
ORDER_CANCEL_REQUEST: Final = b"F"
ORDER_CANCEL_REPLACE_REQUEST: Final = b"G"
ORDER_STATUS_REQUEST: Final = b"H"
ORDER_MASS_STATUS_REQUEST: Final = b"AF"
ORDER_MASS_CANCEL_REQUEST: Final = b"q"
ORDER_MASS_CANCEL_REPORT: Final = b"r"
SECURITY_DEFINITION_REQUEST: Final = b"c"
SECURITY_DEFINITION: Final = b"d"
SECURITY_STATUS_REQUEST: Final = b"e"
SECURITY_STATUS: Final = b"f"
SECURITY_LIST_REQUEST: Final = b"x"
SECURITY_LIST: Final = b"y"
MARKET_DATA_REQUEST: Final = b"V"
MARKET_DATA_SNAPSHOT: Final = b"W"
MARKET_DATA_INCREMENTAL: Final = b"X"
MARKET_DATA_REQUEST_REJECT: Final = b"Y"
BUSINESS_MESSAGE_REJECT: Final = b"j"
