"""Files to `landing.*`: every record read, checked against its feed's contract, and accounted for.

readers     files as record batches: every record numbered, nothing guessed
privacy     what may be kept of a person, as SQL
properties  nested values by an allow-list, as SQL
contract    a feed's contract as one SQL pass: texts in, typed columns and reasons out
deliveries  which files have arrived, and what the ledger knows of them
land        each file loaded once, in one transaction
"""
