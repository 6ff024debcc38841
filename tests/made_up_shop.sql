-- The tables that a night leaves to its report, empty: the schema of the made-up shops of tests/made_up_shop.py.

create schema rules; create schema ops; create schema journeys; create schema marts;
create table rules.settings(name text, value text);
create table rules.stages(stage text, position int, name text, wants text, owner text, within_seconds bigint,
  target_progressed double);
create table rules.touchpoints(touchpoint text, position int, name text, stage text, channel text, owner text,
  importance text,
  effort text, playbook text, next_action text, target_progressed double, target_csat double, target_nps double,
  target_thumb double,
  target_stars double, complained_at_most double, out_of_order_at_most double);
create table rules.promises(promise text, position int, name text, owner text, stage text, within_seconds bigint,
  due_property text,
  by_property text, target double, next_action text);
create table rules.recoveries(recovery text, position int, name text, owner text, touchpoint text,
  within_seconds bigint, target double,
  next_action text);
create table rules.segments(segment text, position int, name text, story text);
create table rules.funnels(funnel text, position int, counted text, rules text[]);
create table rules.calendar(event_on date, until_on date, kind text, name text, touches text[]);
create table ops.schema_version(version int);
create table ops.feeds(source text, is_required boolean, n_files bigint, n_read bigint, n_loaded bigint,
  n_duplicate bigint,
  n_rejected bigint, n_out_of_scope bigint, n_late bigint, n_erased bigint, refused_share double, duplicate_share double, first_event_at timestamp,
  last_event_at timestamp, hours_since_last_event double, n_after_as_of bigint, status text, n_unmapped bigint,
  unmapped_share double);
create table ops.corrections(as_of timestamp, source text, on_date date, n_added bigint, n_removed bigint);
create table ops.rejects(file_id text, source text, file text, row_number bigint, reasons text[], row text);
create table ops.checks(check_id text, scope text, subject text, expectation text, level text, is_met boolean,
  observed text,
  expected text, n_unexpected bigint, sample text);
create table ops.feed_days(source text, on_date date, n_rows bigint, n_refused bigint, n_duplicate bigint,
  rows_vs_same_weekday double);
create table journeys.identities(id_kind text, id text, customer_id text, valid_from timestamp, rule text);
create table journeys.shared_ids(id_kind text, id text, rule text, n_accounts bigint);
create table journeys.event_shapes(shape_id int, source text, event_name text, path text, device text,
  utm_campaign text,
  rule_values text[], n_events bigint, touchpoint text, stage text, channel text, is_conversion boolean,
  is_bot boolean,
  is_internal boolean, is_complaint boolean);
create table journeys.stage_entries(journey_id text, customer_id text, stage text, stage_position int,
  entered_at timestamp,
  window_ends_at timestamp, progressed_at timestamp, next_stage text, status text, is_matured boolean,
  is_judged boolean);
create table marts.stage_metrics(segment text, stage text, stage_position int, n_entered bigint, n_matured bigint,
  n_progressed bigint, n_dropped bigint, n_open bigint, progressed_share_of_matured double, progressed_low double,
  progressed_high double, progressed_share_km double, median_hours_to_progress double, n_csat bigint,
  n_satisfied bigint,
  csat_share double, csat_low double, csat_high double, n_nps bigint, n_promoters bigint, n_detractors bigint,
  nps double,
  nps_low double, nps_high double, n_contacted bigint, contact_share double, n_customers bigint,
  revenue_minor bigint, currency text);
create table marts.touchpoint_metrics(segment text, touchpoint text, stage text, channel text, n_touches bigint,
  n_customers bigint, n_journeys bigint, n_matured bigint, n_progressed bigint, progressed_share_of_matured double,
  progressed_low double, progressed_high double, n_open bigint, n_exits bigint, exit_share_of_dropped double,
  n_csat bigint,
  n_satisfied bigint, csat_share double, csat_low double, csat_high double, n_nps bigint, n_promoters bigint,
  n_detractors bigint, nps double, nps_low double, nps_high double, n_thumb bigint, n_thumb_good bigint,
  thumb_share double,
  thumb_low double, thumb_high double, n_stars bigint, n_stars_good bigint, stars_share double, stars_low double,
  stars_high double, mean_stars double, n_contacted bigint, induced_contact_share double, n_complaints bigint,
  complained_share double, complained_low double, complained_high double, n_out_of_order bigint,
  out_of_order_share double,
  out_of_order_low double, out_of_order_high double, credit_first double, credit_last double, credit_linear double,
  credit_linear_revenue_minor double, currency text);
create table marts.touchpoint_daily(touchpoint text, kpi text, cohort_on date, n_matured bigint, n_good bigint);
create table marts.satisfaction(scope text, id text, metric text, n_invited bigint, n_answered bigint,
  response_share double,
  n_good bigint, n_bad bigint, score double, low double, high double, mean_score double);
create table marts.transitions(from_touchpoint text, to_touchpoint text, n_transitions bigint, n_journeys bigint);
create table marts.paths(path text, n_steps bigint, n_journeys bigint, n_closed bigint, n_converted bigint, converted_share double,
  converted_low double, converted_high double, revenue_minor bigint);
create table marts.promises(promise text, by_value text, week_on date, n_due bigint, n_kept bigint,
  kept_share double,
  kept_low double, kept_high double, n_scored_when_kept bigint, csat_when_kept double, mean_score_when_kept double,
  n_scored_when_broken bigint, csat_when_broken double, mean_score_when_broken double, n_open bigint);
create table marts.promise_metrics(promise text, by_value text, n_due bigint, n_kept bigint, kept_share double,
  kept_low double,
  kept_high double, n_scored_when_kept bigint, csat_when_kept double, mean_score_when_kept double,
  n_scored_when_broken bigint,
  csat_when_broken double, mean_score_when_broken double, n_open bigint);
create table marts.recoveries(recovery text, segment text, n_due bigint, n_met bigint, met_share double,
  met_low double,
  met_high double, n_open bigint);
create table marts.coverage(stage text, channel text, n_touchpoints bigint, n_touches bigint,
  is_instrumented boolean);
create table marts.trend(on_date date, n_journeys_started bigint, n_journeys_matured bigint, n_converted bigint,
  revenue_minor bigint);
create table journeys.shapes(shape_id integer, source text);
create table journeys.shape_rules(shape_id integer, kind text, subject text);
create table journeys.answers(answer_id text, touchpoint text);
create table rules.event_rules(kind text, subject text, source text);
create table marts.identity_report(stitching text, n_customers bigint, n_journeys bigint, n_converted bigint,
  converted_share double, n_converted_stitched bigint, stitched_share_of_converted double, revenue_minor bigint,
  revenue_stitched_minor bigint, currency text, converted_low double, converted_high double);
