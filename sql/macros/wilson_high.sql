-- The upper 95 % bound of a share, by Wilson: wilson_high(3, 10) is 0.603. Null where nothing was observed.
create or replace macro wilson_high(good, n) as
case
    when n > 0 then least(
        1.0,
        (
            good
            + 1.9207294103470494
            + 1.959963984540054 * sqrt(good * (n - good) / cast(n as double) + 0.9603647051735247)
        )
        / (n + 3.8414588206940988)
    )
end
