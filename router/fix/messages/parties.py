"""Whose order it is and in what capacity: Parties(453), OrderCapacity(528) and LocateReqd(114).

FIX 4.2 has neither group nor capacity. What its own fields can say is carried by them, as FIX 4.4 volume 6,
appendix G maps them: ExecBroker(76), ClientID(109) and ClearingFirm(439) for the party roles 1, 3 and 4, and
Rule80A(47) for agency, individual, principal and agent for another member. The rest is not said in 4.2.
"""

from functools import lru_cache
from typing import Final

from risk.order import Party
from router.fix import tags
from router.fix.codec import Message
from router.fix.messages.fields import REQUIRED_TAG_MISSING, FieldError, Fields, joined
from router.fix.versions import Version

EXECUTING_FIRM: Final = 1
CLIENT_ID: Final = 3
CLEARING_FIRM: Final = 4
"""PartyRole(452)"""
CAPACITIES: Final = frozenset("AGIPRW")
_FIELD_OF_ROLE: Final = {EXECUTING_FIRM: 76, CLIENT_ID: 109, CLEARING_FIRM: 439}
_ROLE_OF_FIELD: Final = {field: role for role, field in _FIELD_OF_ROLE.items()}
_RULE_80A: Final = frozenset("AIPW")  # the same letter in both fields
_MAX_PARTIES: Final = 100
_NO_ROLE: Final = -1  # a party of which nothing has said yet what it is


Parties = tuple[Party, ...]


@lru_cache(maxsize=1024)
def carried(parties: Parties, order_capacity: str, locate_reqd: bool | None, version: Version) -> bytes:
    """The fields that an order takes along from desk to venue, as a piece of its body."""
    locate = () if locate_reqd is None else ("114=Y" if locate_reqd else "114=N",)
    wanted = (*party_fields(parties, version), *capacity_fields(order_capacity, version), *locate)
    return joined(*wanted) if wanted else b""


def party_fields(parties: Parties, version: Version) -> tuple[str, ...]:
    """Parties as fields; in FIX 4.2 the first of each role that it has a field for."""
    if not parties:
        return ()
    if version.parties:
        group = [part for one in parties for part in _group(one)]
        return (f"453={len(parties)}", *group)
    said = {_FIELD_OF_ROLE[one.role]: one.party_id for one in reversed(parties) if one.role in _FIELD_OF_ROLE}
    return tuple(f"{tag}={said[tag]}" for tag in sorted(said))


def request_parties(parties: Parties, version: Version) -> tuple[str, ...]:
    """Parties of F and H, which have no ClearingFirm(439) in FIX 4.2."""
    if not version.parties:
        parties = tuple(one for one in parties if one.role != CLEARING_FIRM)
    return party_fields(parties, version)


def _group(party: Party) -> tuple[str, ...]:
    return f"448={party.party_id}", f"447={party.source}", f"452={party.role}"


def capacity_fields(order_capacity: str, version: Version) -> tuple[str, ...]:
    if not order_capacity:
        return ()
    if version.parties:
        return (f"528={order_capacity}",)
    return (f"47={order_capacity}",) if order_capacity in _RULE_80A else ()


def read_capacity(fields: Fields, version: Version) -> str:
    """OrderCapacity(528), or what Rule80A(47) says of it in FIX 4.2; "" where neither says anything."""
    if not version.parties:
        rule = fields.text(tags.RULE_80A)
        return rule if rule in _RULE_80A else ""
    capacity = fields.text(tags.ORDER_CAPACITY)
    if capacity and capacity not in CAPACITIES:
        rule = f"is not one of {', '.join(sorted(CAPACITIES))}"
        raise FieldError(tags.ORDER_CAPACITY, capacity.encode("latin-1"), rule)
    return capacity


def read_locate(fields: Fields) -> bool | None:
    """LocateReqd(114): Y where the broker is to locate the stock, N where the desk has; None: not said."""
    return fields.choice(tags.LOCATE_REQD, {b"Y": True, b"N": False})


def read_parties(message: Message, version: Version) -> Parties:
    """The Parties of an order. FieldError if the group does not hold what it announces."""
    if version.parties:
        stated = message.get_int(tags.NO_PARTY_IDS) if _is_count(message) else None
        if stated is None:
            return ()
        found = _members(message)
        if stated != len(found) or not 0 < stated <= _MAX_PARTIES:
            wire = message.get(tags.NO_PARTY_IDS)
            rule = f"does not agree with {len(found)} PartyID(448) (1 to {_MAX_PARTIES})"
            raise FieldError(tags.NO_PARTY_IDS, wire, rule, 16)  # 373=16, incorrect NumInGroup count
        return found
    return tuple(
        Party(value.decode("latin-1"), _ROLE_OF_FIELD[tag])
        for tag, value in message.fields()
        if tag in _ROLE_OF_FIELD
    )


def _is_count(message: Message) -> bool:
    wire = message.get(tags.NO_PARTY_IDS)
    if wire is not None and not (wire.isdigit() and len(wire) < 6):
        raise FieldError(tags.NO_PARTY_IDS, wire, "is not an integer", 6)  # 373=6, incorrect data format
    return wire is not None


def _members(message: Message) -> Parties:
    """The members of the group, each begun by its PartyID(448); Nested parties have other tags."""
    found: list[Party] = []
    for tag, value in message.fields():
        if tag == tags.PARTY_ID:
            found.append(Party(value.decode("latin-1"), _NO_ROLE))
        elif tag == tags.PARTY_ROLE and found:
            if not (value.isdigit() and len(value) < 6):
                raise FieldError(tag, value, "is not an integer", 6)
            found[-1] = found[-1]._replace(role=int(value))
        elif tag == tags.PARTY_ID_SOURCE and found:
            found[-1] = found[-1]._replace(source=value.decode("latin-1"))
    if any(one.role == _NO_ROLE for one in found):
        rule = f"is missing beside a {tags.name_of(tags.PARTY_ID)}"
        raise FieldError(tags.PARTY_ROLE, None, rule, REQUIRED_TAG_MISSING)
    return tuple(found)
