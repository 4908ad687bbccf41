"""Users from a CSV file, some hundred at a time, all or none: `python import.py FILE [DATABASE] [SCHEMA]`."""

import csv
import itertools
import sys
import time

import dbal

AT_ONCE = 500


def main(path: str, url: str = "sqlite:app.db", schema: str = "api/schema") -> None:
    started = time.monotonic()
    with open(path, newline="", encoding="utf-8") as file, dbal.Client(url, schema=schema) as db:
        db.migrate()
        size = max(1, file.seek(0, 2))
        file.seek(0)
        # `tell` is of no use while a file is gone through line by line, so the lines count their bytes.
        done = 0

        def lines():
            nonlocal done
            for line in file:
                done += len(line.encode())
                yield line

        rows, made = csv.DictReader(lines()), 0
        try:
            with db.transaction() as tx:
                while batch := [read(row) for row in itertools.islice(rows, AT_ONCE)]:
                    made += tx.users.create_many(batch, returning=False)["count"]
                    rate = made / max(time.monotonic() - started, 1e-3)
                    print(f"\r{done * 100 // size:3d} %  {made} rows  {rate:,.0f} rows/s", end="", file=sys.stderr)
        except dbal.ValidationError as error:
            print("\nnothing was imported:", file=sys.stderr)
            for fault in error.fields[:20]:
                line = "" if fault.index is None else f"row {made + fault.index + 1}: "
                print(f"  {line}{fault.field}: {fault.message}", file=sys.stderr)
            sys.exit(1)
    print(f"\n{made} users", file=sys.stderr)


def read(row: dict[str, str]) -> dict[str, object]:
    """A line as the schema wants it; an empty cell takes the default."""
    given: dict[str, object] = {name: cell for name, cell in row.items() if cell}
    if "level" in given:
        given["level"] = int(str(given["level"]))
    return given


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
