-- What the night says about the declared funnels, as its report reads it.
create table marts.funnel_steps(funnel text, segment text, breakdown_value text, step_number bigint, step text, n bigint,
  n_open bigint, n_lost bigint, share_of_first double, low double, high double, share_km double, km_low double, km_high double, share_of_previous double,
  low_of_previous double, high_of_previous double, median_seconds_from_previous double,
  mean_seconds_from_previous double, p90_seconds_from_previous double, median_seconds_from_first double,
  mean_seconds_from_first double, p90_seconds_from_first double, revenue_minor bigint);
create table marts.funnel_comparisons(funnel text, compared text, these text, those text, step_number int, step text,
  n_first bigint, n bigint, share double, low double, high double, those_n_first bigint, those_n bigint,
  those_share double, those_low double, those_high double, difference double, difference_low double,
  difference_high double, verdict text);
create table marts.funnel_instead(funnel text, step_number int, step text, rank int, kind text, touch text,
  within_seconds double, n bigint, n_lost bigint, share double, low double, high double);
