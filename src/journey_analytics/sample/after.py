"""What follows an attempt in the made-up shop: orders, e-mail, tickets, surveys, and the decoys among the pages.

Continues the world that `world` drew, from the same dice and in a fixed order of calls.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from journey_analytics.sample.world import (
    DAY,
    DECOYS,
    HOUR,
    MINUTE,
    N_PRODUCTS,
    NEVER,
    REGIONS,
    SECOND,
    Bools,
    Decoy,
    Ints,
    SamplePlan,
    Web,
    World,
    autumn_at,
    live,
    new_world,
    next_start,
    restored,
    walk,
)

CAMPAIGNS = ("summer_sale", "autumn_sale", "harvest_days", "winback", "cart-24h", "order_confirmed", "order_shipped")
SUMMER, AUTUMN, HARVEST, WINBACK, REMINDER, CONFIRMED, SHIPPED, NEWSLETTER = range(8)
PROCESSED, DELIVERED, OPEN, CLICK, BOUNCE, DROPPED, UNSUBSCRIBE, SPAMREPORT = range(8)
CHAT, MAIL, FORM = range(3)
CHECKOUT_CSAT, DELIVERY_STARS, RELATIONSHIP_NPS, SUPPORT_CSAT = range(4)
N_SHARED_ACCOUNTS = 6

Table = dict[str, Ints]


@dataclass(frozen=True)
class Shop:
    """The whole made-up world, ready to be written: one table per feed, ordered by moment.

    web(at, who, kind, variant, slot, logged), email(at, who, event, category, message),
    orders(who, placed, paid, shipped, delivered, refunded, cancelled, total, refund),
    tickets(who, channel, topic, created, answered, solved, rated, good, order),
    surveys(who, kind, order, invited, answered, score, remark). NEVER marks what did not happen, -1 what is not known.
    """

    world: World
    web: Table
    email: Table
    orders: Table
    tickets: Table
    surveys: Table
    shared: Ints


def draw_shop(plan: SamplePlan) -> Shop:
    """Draw the whole world of a plan; the same plan gives the same numbers."""
    world = new_world(plan)
    live(world)
    attempts = world.attempts.table(world.end)
    orders = _orders(world, attempts)
    _visit_after_paying(world, orders)
    _campaigns(world, attempts)
    _order_mail(world, attempts, orders)
    tickets = _tickets(world, attempts, orders)
    surveys = _surveys(world, orders, tickets)
    for decoy in DECOYS:
        _plant(world, attempts, decoy)
    shared = np.argsort(world.known_at, kind="stable")[:N_SHARED_ACCOUNTS].astype(np.int64)
    shared = shared[world.known_at[shared] < world.end]
    return Shop(world, world.web.table(world.end), world.email.table(world.end), orders, tickets, surveys, shared)


def _where(happens: Bools, moment: ArrayLike) -> Ints:
    return np.where(happens, moment, NEVER).astype(np.int64)


def _orders(world: World, attempts: Table) -> Table:
    """One order per payment, and one that is cancelled for some of the failed payments."""
    plan, dice = world.plan, world.dice
    paid, begun = restored(attempts, "paid"), restored(attempts, "checked_out")
    failed = (paid == NEVER) & (begun < NEVER) & dice.chance(0.25, len(paid))
    chosen = np.flatnonzero((paid < world.end) | (failed & (begun + 5 * MINUTE < world.end)))
    placed = np.where(paid < NEVER, paid - 45 * SECOND, begun + 4 * MINUTE)[chosen]
    order = np.argsort(placed, kind="stable")
    chosen, placed = chosen[order], placed[order]
    who, paid, n = attempts["who"][chosen].astype(np.int64), paid[chosen], len(chosen)
    is_paid = paid < NEVER
    i = np.flatnonzero(is_paid)
    slot = attempts["slot"][chosen]
    world.web.add(paid[i] - 3 * SECOND, who=who[i], kind=Web.COMPLETED, variant=i, slot=slot[i], logged=1)
    there = world.region[who] == REGIONS.index(plan.late_region)
    in_time = dice.chance(np.where(there, plan.delivered_in_time_there, plan.delivered_in_time), n)
    shipped = paid + dice.whole(5 * HOUR, 16 * HOUR, n)
    taken = np.where(in_time, dice.whole(20 * HOUR, 46 * HOUR, n), dice.whole(54 * HOUR, 120 * HOUR, n))
    delivered = _where(is_paid, paid + taken)
    refunds = is_paid & dice.chance(0.04, n)
    total = 1_490 + dice.wait(6_200, n)
    part = dice.chance(0.3, n)
    return {
        "who": who, "slot": slot.astype(np.int64), "placed": placed, "paid": paid,
        "shipped": _where(is_paid, shipped), "delivered": delivered,
        "refunded": _where(refunds, delivered + dice.whole(4 * DAY, 14 * DAY, n)),
        "cancelled": _where(~is_paid, placed + 2 * DAY), "total": total, "refund": np.where(part, total // 2, total),
        "in_time": in_time.astype(np.int64),
    }  # fmt: skip


def _visit_after_paying(world: World, orders: Table) -> None:
    """Web visits of people who have paid: the parcel, a return, and product pages pushed at them out of order."""
    plan, dice = world.plan, world.dice
    bought = {name: column[orders["paid"] < NEVER] for name, column in orders.items()}
    paid, who, slot, n = bought["paid"], bought["who"], bought["slot"], len(bought["who"])
    looks = dice.chance(0.45, n)
    at = paid + dice.whole(2 * HOUR, 40 * HOUR, n)
    world.web.add(at[looks], who=who[looks], kind=Web.ACCOUNT, variant=0, slot=slot[looks], logged=1)
    returns = (bought["refunded"] < NEVER) | dice.chance(0.05, n)
    at = bought["delivered"] + dice.whole(DAY, 3 * DAY, n)
    world.web.add(at[returns], who=who[returns], kind=Web.RETURNS, variant=0, slot=slot[returns], logged=1)
    pushed = paid // DAY + 1 >= plan.shown_after_paying_from_day
    pushed = dice.chance(np.where(pushed, plan.shown_after_paying, 0.02), n)
    start = paid + dice.whole(HOUR, 44 * HOUR, n)
    whose, at, _ = walk(dice, start[pushed], 6 + dice.count(3.0, int(pushed.sum())), 5 * SECOND, 60 * SECOND)
    product = dice.whole(0, N_PRODUCTS - 1, len(at))
    world.web.add(at, who=who[pushed][whose], kind=Web.PRODUCT, variant=product, slot=slot[pushed][whose], logged=1)


def _send(
    world: World, who: Ints, at: Ints, category: int, opens: ArrayLike, clicks: float = 0.0, complaints: float = 0.0
) -> tuple[Ints, Ints]:
    """Send one e-mail to each, with all that the provider reports of it; returns who clicked, and when."""
    dice, n = world.dice, len(who)
    message = world.n_messages + np.arange(n)
    world.n_messages += n

    def report(chosen: Bools, moment: Ints, event: ArrayLike) -> None:
        kind = np.broadcast_to(np.asarray(event), (n,))[chosen]
        world.email.add(moment[chosen], who=who[chosen], event=kind, category=category, message=message[chosen])

    arrives = ~dice.chance(0.006, n)
    delivered = at + dice.whole(2 * SECOND, 25 * SECOND, n)
    opened = delivered + MINUTE + dice.wait(4 * HOUR, n)
    clicked = opened + dice.whole(6 * SECOND, 80 * SECOND, n)
    complained = delivered + dice.whole(20 * MINUTE, 5 * DAY, n)
    report(np.ones(n, dtype=np.bool_), at, PROCESSED)
    report(arrives, delivered, DELIVERED)
    report(~arrives, delivered, BOUNCE)
    is_opened = arrives & dice.chance(opens, n)
    report(is_opened, opened, OPEN)
    is_clicked = is_opened & dice.chance(clicks, n)
    report(is_clicked, clicked, CLICK)
    complains = arrives & dice.chance(complaints, n)
    report(complains, complained, np.where(dice.chance(0.7, n), UNSUBSCRIBE, SPAMREPORT))
    world.silenced_at[who[complains]] = np.minimum(world.silenced_at[who[complains]], complained[complains])
    return who[is_clicked], clicked[is_clicked] + 2 * SECOND


def _land_from_mail(world: World, who: Ints, at: Ints, category: int) -> None:
    """A click brings the reader to the sale's category and on to a few products."""
    dice = world.dice
    world.web.add(at, who=who, kind=Web.MAIL_LANDING, variant=min(category, NEWSLETTER), slot=0, logged=0)
    whose, moment, _ = walk(dice, at, 1 + dice.count(1.2, len(at)), 8 * SECOND, 60 * SECOND)
    product = dice.whole(0, N_PRODUCTS - 1, len(moment))
    world.web.add(moment, who=who[whose], kind=Web.PRODUCT, variant=product, slot=0, logged=0)


def _campaigns(world: World, attempts: Table) -> None:
    """Newsletters and campaigns in the order of their days, then the letters to those who went silent."""
    plan, dice, everyone = world.plan, world.dice, np.arange(world.plan.customers)
    autumn = autumn_at(plan, everyone)
    sends = [(day, NEWSLETTER + i) for i, day in enumerate(range(4, plan.days + 1, 14))]
    sends += [(24, SUMMER), (66, HARVEST), (98, HARVEST), *((day, AUTUMN) for day in plan.annoying_sent_on_days)]
    for day, category in sorted(sends):
        at = (day - 1) * DAY + 9 * HOUR + (everyone * 37 % 1800) * SECOND
        chosen = (world.known_at < at) & (world.silenced_at > at) & (at < world.end)
        annoyed = world.hears_autumn & (at > autumn) & (at < autumn + 21 * DAY)
        opens = np.where(annoyed, 0.02, 0.34)
        complaints = plan.usual_complaints
        if category == AUTUMN:
            chosen &= world.hears_autumn & (autumn == at)
            opens, complaints = np.full(len(at), 0.20), plan.annoying_complaints
        elif category == HARVEST:
            chosen &= ~world.hears_autumn & dice.chance(0.85, len(at))
        elif category == SUMMER:
            chosen &= dice.chance(0.8, len(at))
        else:
            chosen &= world.reads_newsletter
        who = np.flatnonzero(chosen)
        clicks = {AUTUMN: 0.03, HARVEST: 0.45, SUMMER: 0.40}.get(category, 0.15)
        _land_from_mail(world, *_send(world, who, at[who], category, opens[who], clicks, complaints), category)
    silent = next_start(attempts) > attempts["at"] + 47 * DAY
    who = attempts["who"].astype(np.int64)
    at = (attempts["at"] // DAY + 40) * DAY + 10 * HOUR + (who * 11 % 900) * SECOND
    silent &= (world.known_at[who] < at) & (world.silenced_at[who] > at) & (at < world.end) & dice.chance(0.6, len(at))
    clicked = _send(world, who[silent], at[silent], WINBACK, 0.36, 0.55, plan.usual_complaints)
    _land_from_mail(world, *clicked, WINBACK)


def _order_mail(world: World, attempts: Table, orders: Table) -> None:
    """Reminders of abandoned carts (none for people who have bought before), and the mails about an order."""
    plan, dice = world.plan, world.dice
    who = attempts["who"].astype(np.int64)
    carted, paid = restored(attempts, "carted"), restored(attempts, "paid")
    is_new = world.bought_at[who] > carted
    due = (carted < world.end - DAY) & (paid > carted + DAY) & (world.known_at[who] < carted) & is_new
    due &= dice.chance(plan.reminded_when_new, len(due))
    at = carted + dice.whole(2 * HOUR, 20 * HOUR, len(due))
    back, clicked = _send(world, who[due], at[due], REMINDER, 0.5, 0.3, plan.usual_complaints)
    world.web.add(clicked, who=back, kind=Web.CART, variant=0, slot=0, logged=1)
    for moment, category in (("paid", CONFIRMED), ("shipped", SHIPPED)):
        sent = orders[moment] < world.end
        at = orders[moment] + MINUTE + 11 * SECOND
        _send(world, orders["who"][sent], at[sent], category, 0.7)


def _tickets(world: World, attempts: Table, orders: Table) -> Table:
    """Chats and e-mails about orders, and questions sent before buying."""
    plan, dice = world.plan, world.dice
    late = orders["in_time"] == 0
    asks = (orders["paid"] < NEVER) & dice.chance(np.where(late, 0.80, 0.48), len(late))
    about = np.flatnonzero(asks)
    created = np.where(
        late[about],
        orders["paid"][about] + dice.whole(49 * HOUR, 53 * HOUR, len(about)),
        orders["delivered"][about] + dice.whole(HOUR, 4 * DAY, len(about)),
    )
    channel = np.where(dice.chance(0.66, len(about)), CHAT, MAIL)
    topic = np.where(late[about], 0, 1 + dice.whole(0, 2, len(about)))
    carted, buyer = restored(attempts, "carted"), attempts["who"].astype(np.int64)
    curious = np.flatnonzero((world.known_at[buyer] < carted) & (carted < world.end) & dice.chance(0.07, len(carted)))
    before = carted[curious] + dice.whole(30 * SECOND, 300 * SECOND, len(curious))
    who = np.concatenate((orders["who"][about], buyer[curious]))
    created = np.concatenate((created, before))
    channel = np.concatenate((channel, np.full(len(curious), FORM)))
    topic = np.concatenate((topic, np.full(len(curious), 4)))
    order = np.concatenate((about, np.full(len(curious), -1)))
    n = len(who)
    quick = dice.chance(np.where(channel == CHAT, plan.chat_answered_in_time, 0.96), n)
    reply = np.where(quick, dice.whole(2, 9, n), dice.whole(13, 95, n)) * MINUTE
    slow = np.where(quick, dice.whole(40, 1_300, n), dice.whole(1_500, 2_600, n)) * MINUTE
    answered = created + np.where(channel == CHAT, reply, slow)
    solved = _where(dice.chance(0.95, n), answered + dice.whole(20 * MINUTE, 20 * HOUR, n))
    rated = _where((solved < NEVER) & dice.chance(0.62, n), solved + dice.whole(20 * MINUTE, 24 * HOUR, n))
    good = dice.chance(np.where(channel == CHAT, plan.chat_thumb_good, plan.mail_thumb_good), n).astype(np.int64)
    table = {
        "who": who, "channel": channel, "topic": topic, "created": created, "answered": answered, "solved": solved,
        "rated": rated, "good": good, "order": order,
    }  # fmt: skip
    by_moment = np.argsort(created, kind="stable")
    by_moment = by_moment[created[by_moment] < world.end]
    return {name: column[by_moment].astype(np.int64) for name, column in table.items()}


def _surveys(world: World, orders: Table, tickets: Table) -> Table:
    """Invitations after payment, delivery, a fortnight and a solved e-mail; about 35 in 100 answer."""
    dice = world.dice
    late = orders["in_time"] == 0
    parts: list[tuple[Ints, Ints, Ints, Ints, Ints]] = []
    plans = ((CHECKOUT_CSAT, "paid", HOUR, 0.6), (DELIVERY_STARS, "delivered", DAY, 0.95))
    for kind, moment, delay, share in (*plans, (RELATIONSHIP_NPS, "delivered", 14 * DAY, 0.4)):
        i = np.flatnonzero((orders[moment] < NEVER) & dice.chance(share, len(late)))
        parts.append((orders["who"][i], i, orders[moment][i] + delay, i * 0 + kind, late[i].astype(np.int64)))
    i = np.flatnonzero(
        (tickets["channel"] == MAIL) & (tickets["solved"] < NEVER) & dice.chance(0.6, len(tickets["who"]))
    )
    parts.append((tickets["who"][i], tickets["order"][i], tickets["solved"][i] + 2 * HOUR, i * 0 + SUPPORT_CSAT, i * 0))
    who, order, invited, asked, was_late = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    n = len(who)
    answered = _where(dice.chance(0.37, n), invited + 5 * MINUTE + dice.wait(20 * HOUR, n))
    score = np.zeros(n, dtype=np.int64)
    csat, in_time, broken = (4, 5, 9, 34, 48), (2, 3, 9, 31, 55), (32, 34, 20, 10, 4)
    nps = (1, 1, 1, 2, 3, 5, 7, 14, 24, 22, 20)
    scales = ((CHECKOUT_CSAT, 0, csat, 1), (DELIVERY_STARS, 0, in_time, 1), (DELIVERY_STARS, 1, broken, 1))
    for which, is_late, weights, lowest in (*scales, (RELATIONSHIP_NPS, 0, nps, 0), (SUPPORT_CSAT, 0, csat, 1)):
        drawn = dice.pick(weights, n) + lowest
        score = np.where((asked == which) & ((was_late == is_late) | (which != DELIVERY_STARS)), drawn, score)
    table = {
        "who": who, "kind": asked, "order": order, "invited": invited, "answered": answered, "score": score,
        "remark": np.where(dice.chance(0.3, n), dice.whole(0, 5, n), -1),
    }  # fmt: skip
    by_moment = np.argsort(invited, kind="stable")
    by_moment = by_moment[invited[by_moment] < world.end]
    return {name: column[by_moment].astype(np.int64) for name, column in table.items()}


def _plant(world: World, attempts: Table, decoy: Decoy) -> None:
    """Show a decoy page to as many people who went on, and as many who did not, as the decoy says."""
    plan, dice = world.plan, world.dice
    considered, carted = restored(attempts, "considered"), restored(attempts, "carted")
    begun, alone = restored(attempts, "checked_out"), next_start(attempts)
    shown = carted if decoy.stage == "decision" else considered
    first, last = ((day - 1) * DAY for day in plan.decoy_days)
    if decoy.stage == "decision":
        went_on = (begun < shown + 5 * DAY) & (begun < NEVER)
        stayed = (carted < NEVER) & (begun == NEVER)
    else:
        went_on = (carted < shown + 10 * DAY) & (carted < NEVER)
        stayed = (considered < NEVER) & (carted == NEVER)
    right = (shown >= first) & (shown < last) & (attempts["slot"] < 2)
    stayed &= alone > shown + 30 * DAY
    luck = np.argsort(dice.unit(len(shown)), kind="stable")
    for group, n in ((went_on, decoy.n_good), (stayed, decoy.n - decoy.n_good)):
        i = luck[(group & right)[luck]][:n]
        logged = (decoy.stage == "decision") & (world.known_at[attempts["who"][i]] < shown[i])
        at = shown[i] + (20 * SECOND if decoy.stage == "decision" else 2 * SECOND)
        world.web.add(at, who=attempts["who"][i], kind=decoy.kind, variant=0, slot=attempts["slot"][i], logged=logged)


@dataclass(frozen=True)
class Deliveries:
    """Which event stands in which day's file: `event` are row numbers of a feed's table, ordered by `day`."""

    event: Ints
    starts: Ints

    def on(self, day: int) -> Ints:
        """Rows of the file of one day (numbered from 0), in order."""
        return self.event[self.starts[day] : self.starts[day + 1]]


def deliver(at: Ints, days: int, *, again: int, next_day: int, late: int, lost: int = -1) -> Deliveries:
    """Spread events over daily files as a vendor does: some twice, some again a day later, some 2 or 3 days late.

    Every `again`-th event is repeated in its own file, every `next_day`-th in the next file, and every `late`-th comes
    only with the file of two or three days later. What happened on day `lost`, and that day's file, never arrive.
    """
    event = np.arange(len(at))
    happened = at // DAY
    file_day = happened + np.where(event % late == 3, 2 + event % 2, 0)
    twice, tomorrow = event[event % again == 17], event[event % next_day == 5]
    event = np.concatenate((event, twice, tomorrow))
    file_day = np.concatenate((file_day, file_day[twice], file_day[tomorrow] + 1))
    kept = (file_day < days) & (file_day != lost) & (happened[event] != lost)
    event, file_day = event[kept], file_day[kept]
    order = np.lexsort((event, file_day))
    return Deliveries(event[order], np.searchsorted(file_day[order], np.arange(days + 1)))


def _snapshots(table: Table, steps: Sequence[str], end: int) -> Table:
    """One snapshot per row and step that happened before `end`, ordered by moment."""
    at = np.concatenate([table[name] for name in steps])
    row = np.tile(np.arange(len(table[steps[0]])), len(steps))
    kept = np.flatnonzero(at < end)
    order = kept[np.lexsort((row[kept], at[kept]))]
    return {"at": at[order], "row": row[order]}


def order_snapshots(shop: Shop) -> Table:
    """Each order as it stood after being placed, paid, shipped, delivered, refunded or cancelled."""
    steps = ("placed", "paid", "shipped", "delivered", "refunded", "cancelled")
    return _snapshots(shop.orders, steps, shop.world.end)


def ticket_snapshots(shop: Shop) -> Table:
    """Each ticket as it stood after being opened, answered, solved or rated."""
    return _snapshots(shop.tickets, ("created", "answered", "solved", "rated"), shop.world.end)


def survey_snapshots(shop: Shop) -> Table:
    """Each invitation as it stood when sent, and when answered."""
    return _snapshots(shop.surveys, ("invited", "answered"), shop.world.end)
