"""What callers use is counted as quotas say, in bounded memory."""

from __future__ import annotations

import pytest

from roost import UNLIMITED, App, Caller, Quotas, Rate, Tenants
from roost.contract.errors import LimitExceeded, from_problem, problem
from roost.contract.quotas import DEFAULT, Plan
from roost.engine.meter import CALLERS, Meter, Who, meter_for, network, who_is

from .http.agents import Counter, auth

ANN = Caller("ann")
WHO: Who = ("client", "ann")


class Clock:
    at = 100.0

    def __call__(self) -> float:
        return self.at


def meter(quotas: Quotas | Plan, **rest: Quotas) -> tuple[Meter, Clock]:
    clock = Clock()
    return Meter(quotas, clock, **rest), clock


def test_all_of_a_rate_may_come_at_once_and_it_is_given_back_evenly() -> None:
    m, clock = meter(Quotas(calls=Rate(4, 8.0)))
    shown = [m.spend(WHO, ANN, (("calls", 1),)) for _ in range(4)]
    assert shown == ['"calls";r=3;t=2', '"calls";r=2;t=4', '"calls";r=1;t=6', '"calls";r=0;t=8']
    with pytest.raises(LimitExceeded) as refused:
        m.spend(WHO, ANN, (("calls", 1),))
    assert (refused.value.limit, refused.value.status, refused.value.retry_after) == ("quota_calls", 429, 2.0)
    m.spend(("client", "ben"), Caller("ben"), (("calls", 1),))
    clock.at += 2.0
    m.spend(WHO, ANN, (("calls", 1),))
    with pytest.raises(LimitExceeded):
        m.spend(WHO, ANN, (("calls", 1),))
    clock.at += 1000.0
    assert m.spend(WHO, ANN, (("calls", 1),)) == '"calls";r=3;t=2', "what is not used is not saved beyond the rate"
    assert m.refused == {"calls": 2}


def test_what_is_refused_uses_nothing() -> None:
    m, _ = meter(Quotas(calls=Rate(10), bytes=Rate(100)))
    m.spend(WHO, ANN, (("calls", 1), ("bytes", 60)))
    with pytest.raises(LimitExceeded, match="quota of 100 bytes"):
        m.spend(WHO, ANN, (("calls", 1), ("bytes", 60)))
    assert m.figures(WHO, ANN)["calls"]["left"] == 9


def test_one_thing_larger_than_the_whole_rate_takes_all_of_it() -> None:
    m, _ = meter(Quotas(bytes=Rate(100)))
    m.spend(WHO, ANN, (("bytes", 5000),))
    with pytest.raises(LimitExceeded):
        m.spend(WHO, ANN, (("bytes", 1),))


def test_memory_is_bounded_and_who_has_nothing_left_is_forgotten_last() -> None:
    m, clock = meter(Quotas(calls=Rate(1, 10.0)))
    for n in range(CALLERS):
        m.spend(("client", f"old{n}"), ANN, (("calls", 1),))
    clock.at += 11.0
    for n in range(CALLERS + 5):
        m.spend(("client", f"new{n}"), ANN, (("calls", 1),))
    assert m.figures(None, None)["callers"] <= CALLERS
    with pytest.raises(LimitExceeded):
        m.spend(("client", f"new{CALLERS}"), ANN, (("calls", 1),))


def test_seats_are_given_back_once() -> None:
    m, _ = meter(Quotas(sockets=2))
    first, second = m.sit(WHO, ANN), m.sit(WHO, ANN)
    with pytest.raises(LimitExceeded) as refused:
        m.sit(WHO, ANN)
    assert refused.value.limit == "quota_sockets"
    first()
    first()
    third = m.sit(WHO, ANN)
    with pytest.raises(LimitExceeded):
        m.sit(WHO, ANN)
    second()
    third()
    assert m.figures(None, None)["sockets"] == 0


def test_a_tenant_has_quotas_of_its_own() -> None:
    m, _ = meter(UNLIMITED, tenants=Quotas(calls=Rate(2)))
    for name in ("ann", "ben"):
        m.spend(("client", name), Caller(name), (("calls", 1),), "acme")
    with pytest.raises(LimitExceeded, match="the tenant acme has used"):
        m.spend(("client", "cid"), Caller("cid"), (("calls", 1),), "acme")
    m.spend(("client", "dan"), Caller("dan"), (("calls", 1),), "umbrella")


def test_quotas_may_depend_on_the_caller() -> None:
    m, _ = meter(lambda caller: Quotas(calls=Rate(1)) if caller is None else UNLIMITED)
    m.spend(("address", "192.0.2.1"), None, (("calls", 1),))
    with pytest.raises(LimitExceeded):
        m.spend(("address", "192.0.2.1"), None, (("calls", 1),))
    for _ in range(50):
        m.spend(WHO, ANN, (("calls", 1),))


def test_who_is_counted() -> None:
    assert who_is(ANN, "192.0.2.1") == WHO
    assert who_is(None, "192.0.2.1") == ("address", "192.0.2.1")
    assert who_is(Caller("admin", source="operator"), "x") is None
    assert who_is(Caller("app", source="app"), "x") is None
    assert who_is(Caller("address", {}), "x") != who_is(None, "address")
    same = {network("2001:db8::1"), network("2001:db8::ffff"), network("2001:db8:0:0:1:2:3:4%eth0")}
    assert same == {"2001:db8::/64"} and network("::ffff:192.0.2.1") == "192.0.2.1" and network("") == ""


def test_off_on_loopback_and_on_elsewhere_unless_the_app_says() -> None:
    clock = Clock()
    assert meter_for(App([Counter]), clock, exposed=False) is None
    found = meter_for(App([Counter]), clock, exposed=True)
    assert found is not None and found.quotas is DEFAULT
    assert meter_for(App([Counter], quotas=UNLIMITED), clock, exposed=True) is None
    assert meter_for(App([Counter], quotas=Quotas()), clock, exposed=False) is not None
    tenants = Tenants(quotas=Quotas())
    assert meter_for(App([Counter], auth=auth, tenants=tenants, quotas=UNLIMITED), clock, exposed=False) is not None


@pytest.mark.parametrize("wrong", [lambda: Rate(0), lambda: Rate(1, 0.0), lambda: Quotas(sockets=0)])
def test_a_quota_is_positive(wrong: object) -> None:
    with pytest.raises(ValueError, match=r"positive|from 1"):
        wrong()  # type: ignore[operator]  # pyright: ignore[reportCallIssue]


def test_a_client_reads_the_refusal_as_it_was_sent() -> None:
    m, _ = meter(Quotas(calls=Rate(1)))
    m.spend(WHO, ANN, (("calls", 1),))
    with pytest.raises(LimitExceeded) as refused:
        m.spend(WHO, ANN, (("calls", 1),))
    doc = problem(refused.value)
    assert doc["code"] == "limit-quota-calls" and doc["data"]["violated-policies"] == ["calls"]
    again = from_problem(doc)
    assert isinstance(again, LimitExceeded) and again.limit == "quota_calls" and again.retry_after == 60.0
