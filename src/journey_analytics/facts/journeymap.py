"""The customer journey map as `pipelines/journey.yml` states it: stages, touchpoints, owners, targets, promises.

Only shapes live here. What must hold between the parts (a touchpoint names a stage that exists, and so on) is in
`mapchecks`.
"""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

from pydantic import Field, model_validator

from journey_analytics.facts.fields import Currency, Duration, Link, Name, Share, Strict, Text, Texts, When, Whens
from journey_analytics.facts.funnels import Funnel

DAY = 86_400.0

# The columns of journeys.journeys that a segment may be told by.
SEGMENT_COLUMNS = (
    "device", "country", "entry_touchpoint", "entry_channel", "utm_source", "utm_campaign", "is_first_journey",
    "journey_number", "is_converted", "n_touches", "furthest_stage", "status", "revenue_minor",
)  # fmt: skip

# The columns of journeys.events that a funnel may ask for; what is inside `properties` besides.
EVENT_COLUMNS = (
    "customer_id", "event_at", "event_id", "source", "event_name", "touchpoint", "stage", "channel", "session_id",
    "is_conversion", "is_complaint", "received_at", "loaded_at", "anonymous_id", "user_id", "email_key", "path",
    "referrer", "utm_source", "utm_medium", "utm_campaign", "device", "country", "order_id", "ticket_id",
    "revenue_minor", "currency", "score", "score_kind", "invitation_id",
)  # fmt: skip


class Stage(Strict):
    """One step of the customer's way; a customer moves on by reaching any later one within `within`."""

    id: Name
    name: Text | None = None
    wants: Text
    within: Duration
    owner: Text
    target: Share | None = None


class Target(Strict):
    """What a touchpoint is held to. Shares are 0..1; `nps` is in points."""

    progressed: Share | None = None
    csat: Share | None = None
    thumb: Share | None = None
    stars: Share | None = None
    nps: float | None = Field(default=None, ge=-100, le=100)
    complained_at_most: Share | None = None
    out_of_order_at_most: Share | None = None


class Touchpoint(Strict):
    """One place of contact on the map, and the rules that recognise its events."""

    id: Name
    name: Text
    stage: Name
    channel: Name
    owner: Text
    when: Whens
    surveys: Texts = ()
    target: Target = Target()
    importance: Literal["high", "medium", "low"] = "medium"
    effort: Literal["small", "medium", "large"] = "medium"
    playbook: Link | None = None
    next_action: Text | None = None


class Promise(Strict):
    """What the shop says, measured: from one event to another, within a time or by a date that the order carries."""

    id: Name
    name: Text
    stage: Name | None = None
    owner: Text
    from_: Whens = Field(alias="from")
    to: Whens
    within: Duration | None = None
    due: Text | None = Field(default=None, pattern=r"^properties\.[a-z][a-z0-9_]*$")
    target: Share
    by: Name | None = None
    next_action: Text | None = None

    @model_validator(mode="after")
    def _one_deadline(self) -> Promise:
        if (self.within is None) == (self.due is None):
            raise ValueError("a promise needs exactly one deadline: `within: 2 days` or `due: properties.<name>`")
        return self


class Recovery(Strict):
    """What ought to follow; its absence is a missing touchpoint."""

    id: Name
    name: Text | None = None
    after: Whens
    unless: Whens | None = None
    expect: Name
    within: Duration
    target: Share
    owner: Text
    next_action: Text | None = None


class Segment(Strict):
    """A group of journeys; `where` is a condition over the columns of journeys.journeys."""

    id: Name
    name: Text
    story: Text | None = None
    where: Text


class CalendarEntry(Strict):
    """Something that happened: drawn on trends, and named beside findings that coincide with it."""

    on: datetime.date | None = None
    from_: datetime.date | None = Field(default=None, alias="from")
    to: datetime.date | None = None
    kind: Literal["release", "campaign", "holiday", "outage", "other"]
    name: Text
    touches: Texts = ()

    @model_validator(mode="after")
    def _one_date_or_a_span(self) -> CalendarEntry:
        if (self.on is None) == (self.from_ is None or self.to is None):
            raise ValueError("a calendar entry has either `on`, or both `from` and `to`")
        if self.from_ and self.to and self.to < self.from_:
            raise ValueError(f"the calendar entry ends on {self.to}, before it starts on {self.from_}")
        return self


class Conversion(Strict):
    """Which event counts as buying."""

    event: Text
    source: Name | None = None


class JourneyRule(Strict):
    """When one attempt at buying ends."""

    ends_after_silence: Duration = 30 * DAY
    ends_on: Literal["conversion"] = "conversion"


class Session(Strict):
    """How long a visit may be silent."""

    gap: Duration = 1800.0


# What feeds write where they know no id.
PLACEHOLDERS = (
    "null", "none", "nil", "nan", "n/a", "na", "undefined", "unknown", "anonymous", "guest", "-1", "(not set)",
    "[object object]",
)  # fmt: skip


class Identity(Strict):
    """Which ids tell nobody apart: they are listed, and merge nobody.

    `*_shared_above`: how many accounts may use a device, an address, an order or a ticket. `hub_above`: how many other
    ids any id may be seen with. `placeholders`: what feeds write where they know no id, in any case; empty ids and ids
    of zeros alone are always among them.
    """

    device_shared_above: int = Field(default=1, ge=1)
    email_shared_above: int = Field(default=3, ge=1)
    order_shared_above: int = Field(default=1, ge=1)
    ticket_shared_above: int = Field(default=1, ge=1)
    hub_above: int = Field(default=1000, ge=1)
    placeholders: Texts = PLACEHOLDERS


class Bots(Strict):
    """Traffic that is not a customer's: counted, and left out."""

    when: Whens | None = None
    events_per_minute_above: float | None = Field(default=None, gt=0)


class Internal(Strict):
    """The shop's own staff: counted, and left out."""

    users: Texts = ()
    when: Whens | None = None


class OutOfOrder(Strict):
    """How long after buying a touch of an earlier stage is out of order."""

    after_conversion_within: Duration = 2 * DAY


class Contact(Strict):
    """Which channel is support, and how soon after a touch a question counts as induced by it."""

    channel: Name = "support"
    within: Duration = 3 * DAY


class CreditRule(Strict):
    """How credit for a purchase is shared among the touches before it: what counts, and the methods' own settings.

    `direct` names touchpoints or channels that are nobody's work (a typed address); `direct_touches` says whether they
    stay, are taken off the end of a way, or out of it. `draws` and `orders` are how often customers are drawn for the
    intervals, and orders of places for the Shapley values.
    """

    look_back: Duration = 90 * DAY
    clean_up: Literal["unique", "exposure", "first"] = "exposure"
    direct: Texts = ()
    direct_touches: Literal["keep", "trim", "remove"] = "keep"
    half_life: Duration = 7 * DAY
    position: tuple[float, float, float] = (0.4, 0.2, 0.4)
    markov_order: Literal[1, 2, 3] = 1
    campaigns: int = Field(default=10, ge=0, le=100)
    draws: int = Field(default=200, ge=50, le=10_000)
    orders: int = Field(default=200, ge=10, le=100_000)

    @model_validator(mode="after")
    def _has_weights(self) -> CreditRule:
        if min(self.position) < 0 or sum(self.position) <= 0:
            raise ValueError("`position` is three weights (first, between, last), none negative and not all zero")
        return self


class JourneyMap(Strict):
    """The whole of `journey.yml`."""

    shop: Text
    currency: Currency
    exchange_rates: dict[Currency, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    judged_over: Duration | None = None
    conversion: Conversion
    journey: JourneyRule = JourneyRule()
    session: Session = Session()
    identity: Identity = Identity()
    bots: Bots = Bots()
    internal: Internal = Internal()
    complaints: tuple[When, ...] = ()
    complaint_within: Duration = 7 * DAY
    out_of_order: OutOfOrder = OutOfOrder()
    survey_link: Duration = 3 * DAY
    contact: Contact = Contact()
    credit: CreditRule = CreditRule()
    min_cell: int = Field(default=10, ge=1)
    stages: tuple[Stage, ...] = Field(min_length=1)
    touchpoints: tuple[Touchpoint, ...] = Field(min_length=1)
    promises: tuple[Promise, ...] = ()
    recoveries: tuple[Recovery, ...] = ()
    segments: tuple[Segment, ...] = ()
    calendar: tuple[CalendarEntry, ...] = ()
    funnels: tuple[Funnel, ...] = ()
