-- The lower 95 % bound of a share, by Wilson: wilson_low(3, 10) is 0.108. Null where nothing was observed.
create or replace macro wilson_low(good, n) as
case
    when n > 0 then greatest(
        0.0,
        (
            good
            + 1.9207294103470494
            - 1.959963984540054 * sqrt(good * (n - good) / cast(n as double) + 0.9603647051735247)
        )
        / (n + 3.8414588206940988)
    )
end
