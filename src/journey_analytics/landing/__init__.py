"""Files to `landing.*`: every record read, checked against its feed's contract, and accounted for.

packed          files as bytes, plain or packed
lines           lines of JSON as records
json_marks      a stream of JSON gone through from mark to mark
json_documents  JSON documents as records: the elements of the list that a feed names
nested          what a route leads to in a nested value
named_columns   where a feed's columns stand in a file that names its own
csv_records     CSV as records, in the dialect that a feed declares
parquet_rows    Parquet rows as records, from any depth of a row
readers         files as record batches: every record numbered, nothing guessed
privacy         what may be kept of a person, as SQL
properties      nested values by an allow-list, as SQL
values          scores and money as SQL
rowrules        what can be wrong with a row, and what is worth counting, as SQL
contract        a feed's contract as one SQL pass: texts in, typed columns and reasons out
arrivals        when each file arrived, and what that decides
plain           rows that nothing can be wrong with, told apart by cheap tests, as SQL
fast            plain rows landed as they are read; the rest goes through the contract
deliveries      which files have arrived, and what the ledger knows of them
chunks          what is read of many files, gathered until it is worth a statement
placing         a file that is in its place whole, or not at all
remote          objects of a remote store, listed and fetched
tables          tables of other databases, exported as Parquet
fetching        what a feed brings from elsewhere, brought into the landing folder
drift           what a file's own column names say of the contract
duplicates      rows with the same key, and which of them lands
notes           what is worth counting although no row was refused for it
erasures        who was erased, and how they stay erased
rewriting       a delivered file without some of its records
land            each file loaded once, in one transaction
rejects         the quarantine: looked at, counted, landed again
"""
