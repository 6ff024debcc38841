"""What the shops of `made_up_shop.py` are made of: stages, touchpoints, segments, steps, and names that attack."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """A stage: how many entered and are settled, how many of them moved on, how many are still open."""

    id: str
    name: str
    wants: str
    owner: str
    days: int
    n: int
    moved: float
    n_open: int
    target: float | None
    score: tuple[str, int, int] | None
    hours: float


@dataclass(frozen=True)
class Point:
    """A touchpoint, and what it is held to: `score` is (kind, satisfied share, answers, target)."""

    id: str
    name: str
    stage: str
    channel: str
    owner: str
    n: int
    moved: float
    target: float | None = None
    score: tuple[str, float, int, float] | None = None
    n_open: int = 60
    complained: tuple[float, float] | None = None
    out_of_order: tuple[float, float] | None = None
    playbook: str | None = None
    next_action: str | None = None


Segment = tuple[str, str, str, float, float]
SEGMENTS: tuple[Segment, ...] = (
    ("mobile", "On a phone", "Buys on the way to work, with one thumb.", 0.55, 0.82),
    ("new", "New customers", "Has never bought here and does not know the delivery times.", 0.72, 0.93),
    ("returning", "Returning customers", "Knows what they want.", 0.28, 1.15),
)
STAGES = (
    Stage("awareness", "Awareness", "Is it for me?", "Growth", 14, 2140, 0.46, 310, None, ("csat_5", 300, 240), 30),
    Stage("consideration", "Consideration", "Which one fits?", "Range", 14, 1480, 0.41, 240, 0.38, None, 52),
    Stage("decision", "Decision", "Can I trust them?", "CRM", 7, 690, 0.62, 96, 0.6, ("csat_5", 160, 104), 9.4),
    Stage("purchase", "Purchase", "Pay and be done.", "Tills", 1, 520, 0.58, 14, 0.7, ("csat_5", 410, 180), 0.2),
    Stage("after", "After sale", "Get it, get help.", "Service", 60, 210, 0.27, 390, None, ("stars_5", 380, 262), 640),
)  # fmt: skip
POINTS = (
    Point("search_ad", "Search advertising", "awareness", "ads", "Growth", 820, 0.44, 0.4),
    Point("social_post", "Social posts", "awareness", "social", "Growth", 410, 0.39, 0.4),
    Point("home_page", "Home page", "awareness", "web", "Growth", 1610, 0.48, 0.45, ("csat_5", 0.8, 300, 0.75)),
    Point("product_page", "Product page", "consideration", "web", "Range", 990, 0.42, 0.4, out_of_order=(0.08, 0.05)),
    Point("site_search", "Search on the site", "consideration", "web", "Range", 560, 0.37, 0.35),
    Point("newsletter", "Newsletter", "consideration", "email", "CRM", 470, 0.36, 0.35, complained=(0.064, 0.02)),
    Point("reviews", "Customer reviews", "consideration", "review", "Range", 28, 0.21, 0.4),
    Point("cart", "Cart", "decision", "web", "Tills", 655, 0.63, 0.6),
    Point("cart_reminder", "Reminder after an abandoned cart", "decision", "email", "CRM", 140, 0.31, 0.25),
    Point("chat_before", "Chat first", "decision", "support", "Service", 96, 0.52, 0.5, ("thumb", 0.84, 70, 0.8)),
    Point(
        "payment_mobile", "Payment page, mobile", "purchase", "web", "Tills", 312, 0.38, 0.7,
        ("csat_5", 0.36, 240, 0.8), 9,
        playbook="https://wiki.example/payment", next_action="Compare card entry before and after release 5.12.",
    ),
    Point("payment_desktop", "Payment page, desktop", "purchase", "web", "Tills", 208, 0.81, 0.75, n_open=4),
    Point("order_email", "Order confirmation", "after", "email", "CRM", 205, 0.27, n_open=380),
    Point("delivery", "Delivery", "after", "store", "Logistics", 190, 0.28, None, ("stars_5", 0.69, 380, 0.65), 340),
    Point(
        "support_chat", "Chat with support", "after", "support", "Service", 60, 0.2, None, ("thumb", 0.58, 118, 0.85),
        88,
        playbook="javascript:window.__xss=1", next_action="Answer the first message within ten minutes.",
    ),
    Point("returns", "Returns portal", "after", "web", "Service", 14, 0.14, 0.3, ("csat_5", 0.5, 6, 0.7), 11),
)  # fmt: skip

STEPS = """start search_ad 780|start home_page 990|start social_post 380|search_ad product_page 540
home_page product_page 770|home_page site_search 410
product_page cart 560|product_page exit 610|site_search product_page 300|site_search exit 120
cart payment_mobile 310|cart payment_desktop 205|cart product_page 90|cart cart_reminder 80|cart_reminder cart 44
payment_mobile order_email 118|payment_mobile exit 160|payment_desktop order_email 166|order_email delivery 260
delivery support_chat 60|delivery exit 190|support_chat exit 52|returns exit 6"""
WAYS = """home_page > product_page > cart > payment_desktop=140,112|search_ad > product_page=320,0|home_page=310,0
home_page > product_page > cart > payment_mobile=170,62|social_post > product_page=96,3|social_post=6,0|other=410,58"""

ATTACKS = (
    "<img src=x onerror=window.__xss=1>", "</script><script>window.__xss=1</script>", '"><svg onload=window.__xss=1>',
    "{{7*7}}{% raw %}", "=cmd|' /C calc'!A0", "+1+1", "@SUM(A1)", "\u202egnitekram\u202c \u200bhidden\x07",
    "<!--<script>",
    "line\u2028break", "שלום 123", "A name that goes on " + "and on " * 30, "' onmouseover='window.__xss=1", "=1+1",
    "-2+3",
    "${window.__xss=1}",
)  # fmt: skip
