"""What the YAML says: a set-up read, checked and put together before any work starts. Nothing here reads data.

yamlfile      YAML in which every value knows its line
expressions   SQL that people write in YAML, parsed and checked
fields        the vocabulary that every file shares: durations, shares, names
paths         where a value stands within a record
contracts     what a feed's contract may say of its values
arrivals      how a feed's files arrive: when one is whole, where they are fetched from
dialects      how a CSV feed is written
feeds         one feed, as its file in `pipelines/sources/` states it
funnelparts   the parts of a funnel: steps, exclusions, ranges, how ties are taken
presets       what other tools take for granted about a funnel, in our own switches
funnels       a funnel: its steps, and every rule by which they are counted
journeymap    the journey map, as `pipelines/journey.yml` states it
expectations  what may be expected of a feed and of a model
keys          the pseudonymisation key: where it comes from, and what makes it no secret
mapchecks     what must hold between the parts
ready         feeds that a project switches on by their name alone
config        all of it together: a project
"""
